/* SPDX-License-Identifier: ISC */
/* A subcommand as data. Its table of options parses the command line, prints --help, and feeds shell completion. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

/* What a value is: how it is read, the type it is stored as, and how a shell completes it. */
enum command_kind {
	COMMAND_FLAG,       /* bool; the option has no value */
	COMMAND_TEXT,       /* const char *; so are the next five */
	COMMAND_FILE,
	COMMAND_ENDPOINT,
	COMMAND_SINK,
	COMMAND_SCHEME,
	COMMAND_SUBCOMMAND,
	COMMAND_NUMBER,     /* int64_t from min to max; max 0: no upper bound */
	COMMAND_DURATION,   /* int64_t, ms; the same bounds */
	COMMAND_AGE,        /* int64_t, ms; a unit is required */
	COMMAND_TIME,       /* int64_t, ms since the epoch */
	COMMAND_WORD,       /* int: the word's place in words */
	COMMAND_HEADERS,    /* struct buf: "NAME: VALUE\n" of each such option; freed after the run */
	COMMAND_WORDS,      /* char **, arguments only: all of them, unchecked; NULL behind the last */
	COMMAND_IDS,        /* char **, arguments only: all of them, each a number from 1; NULL behind the last */
};

/* An option or an argument. All text is static. */
struct command_option {
	const char *name;        /* of an option, without its dashes; NULL: none */
	char letter;             /* of an option; 0: none */
	enum command_kind kind;
	size_t offset;           /* of the value in the command's struct */
	const char *argument;    /* what stands for the value in --help */
	const char *help;
	const char *wrong;       /* what is said of a wrong value, such as "is no ID"; NULL: as the kind has it */
	int64_t min, max;
	const char *const *words; /* NULL behind the last */
};

struct command {
	const char *name;
	const char *purpose;  /* one line, for the list of subcommands */
	const char *usage;    /* what follows the name: one form a line */
	const char *about;    /* paragraphs, with an empty line between two */
	const char *more;     /* printed behind the options; NULL: nothing */
	const char *examples; /* one a line, without "hookspool" */
	const struct command_option *options; /* behind the last, one without name and letter; NULL: only --help */
	struct command_option argument; /* argument == NULL: the command takes none */
	bool argument_optional;
	int usage_status;     /* to exit with after wrong usage; 0: CLI_USAGE */
	size_t size;          /* of the command's struct */
	const void *defaults; /* its values before the command line is read; NULL: all zero */
	int (*run)(const struct cli *cli, void *values); /* returns the exit status */
};

/* All subcommands, in the order of hookspool --help; NULL behind the last. */
extern const struct command *const command_all[];

/* The subcommand of that name. NULL, after a message that suggests the nearest name, where there is none. */
const struct command *command_find(const char *name);

/* Reads argv, whose first word is the subcommand's name, and runs it. Returns the exit status; CLI_USAGE after a message. */
int command_run(const struct command *c, const struct cli *cli, int argc, char **argv);

/* The options of hookspool itself, before the subcommand; its name is empty, and its struct is struct cli. */
extern const struct command command_program;

/*
 * Reads the options of argv, whose first word is a name, into the command's struct, and leaves optind behind them. Stops at the first
 * word that is no option for command_program. *help becomes true at --help. Returns CLI_OK, or the status to exit with, after a message.
 */
int command_take_options(const struct command *c, void *values, int argc, char **argv, bool *help);

/* Reads a decimal number from min to max. False for any other text. */
bool command_read_number(const char *text, int64_t min, int64_t max, int64_t *out);

/* Prints what --help prints. */
void command_help(const struct command *c);

/* True for an option that takes a value. */
bool command_has_value(const struct command_option *o);

/* Calls visit for each option of the command, and for --help, which all commands have. */
void command_each(const struct command *c, void (*visit)(void *ctx, const struct command_option *o), void *ctx);

#endif
