/* SPDX-License-Identifier: ISC */
/* What the scripts that complete for bash, zsh and fish have in common. */
#ifndef COMPLETION_H
#define COMPLETION_H

#include "cli/command.h"

/* What the shell completes a value with. */
enum completion {
	COMPLETION_NONE,
	COMPLETION_FILES,
	COMPLETION_WORDS, /* see completion_each_word() */
	COMPLETION_NAMES, /* what "hookspool completion KIND" prints: see completion_names() */
};

/* An argument == NULL, which a command without arguments has, is COMPLETION_NONE. */
enum completion completion_of(const struct command_option *o);

/* "endpoints" or "sinks", for COMPLETION_NAMES. */
const char *completion_names(const struct command_option *o);

/* Calls print for each word that COMPLETION_WORDS stands for. */
void completion_each_word(const struct command_option *o, void (*print)(const char *word));

/* Prints the text as it stands between single quotes of a shell, with a backslash before each character of `special`. */
void completion_print_quoted(const char *text, const char *special);

/* Prints an option's help in the same way, up to the first colon, semicolon or parenthesis. */
void completion_print_hint(const char *help, const char *special);

/* Each prints the script of a shell. */
void completion_bash(void);
void completion_fish(void);
void completion_zsh(void);

#endif
