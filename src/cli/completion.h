/* SPDX-License-Identifier: ISC */
/* hookspool completion: what bash, zsh and fish need to complete subcommands and options. */
#ifndef COMPLETION_H
#define COMPLETION_H

/* Prints the script of the shell that argv[1] names, for these subcommands (NULL behind the last). Returns the exit status. */
int completion_run(const char *const *subcommands, int argc, char **argv);

#endif
