/* SPDX-License-Identifier: ISC */
/* Work in a child process, which may give up root's privileges while its parent keeps them. */
#ifndef CHILD_H
#define CHILD_H

/* Forks, runs the function in the child, and waits. Returns the function's exit status; CLI_TEMPFAIL, with a message, where it has none. */
int child_run(int (*run)(void *ctx), void *ctx);

#endif
