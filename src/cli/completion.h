/* SPDX-License-Identifier: ISC */
/* What the scripts that complete for bash, zsh and fish have in common. */
#ifndef COMPLETION_H
#define COMPLETION_H

#include "cli/command.h"

/* How a shell's script says what it completes a value with: nothing, files, names of the configuration, or one of these words. */
struct completion_format {
	const char *none, *files;
	const char *names, *names_end; /* around "endpoints" or "sinks": what "hookspool completion" prints them for */
	const char *words, *words_end; /* around the words */
	const char *word, *word_end;   /* around each */
};

/* True when a shell can complete the value of an option or an argument. A command without arguments has an argument of no kind. */
bool completion_is_possible(const struct command_option *o);

/* Prints in that format what the value is completed with. */
void completion_print_values(const struct completion_format *f, const struct command_option *o);

/* Prints the text as it stands between single quotes of a shell, with a backslash before each character of `special`. */
void completion_print_quoted(const char *text, const char *special);

/* Prints an option's help in the same way, up to the first colon, semicolon or parenthesis. */
void completion_print_hint(const char *help, const char *special);

/* Each prints the script of a shell. */
void completion_bash(void);
void completion_fish(void);
void completion_zsh(void);

#endif
