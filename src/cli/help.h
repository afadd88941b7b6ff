/* SPDX-License-Identifier: ISC */
/* hookspool help: the list of subcommands, and the help of one. */
#ifndef HELP_H
#define HELP_H

#include <stdio.h>

/* Prints the usage of hookspool and the list of its subcommands. */
void help_list(FILE *to);

#endif
