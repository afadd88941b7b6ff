/* SPDX-License-Identifier: ISC */
/* Runs a function in a child process, which may drop root's privileges while the parent keeps them. */
#ifndef CHILD_H
#define CHILD_H

/*
 * Forks, runs the function in the child, and waits. Returns the function's exit status, or CLI_TEMPFAIL after a message where the
 * child was killed.
 */
int child_run(int (*run)(void *ctx), void *ctx);

#endif
