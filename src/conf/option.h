/* SPDX-License-Identifier: ISC */
/*
 * Options as data: one row an option. From the rows libconfuse's tables are built; each value is checked, copied to its field and
 * freed; and `hookspool check --options` prints them.
 *
 * A new option is a field in its section's struct, a row, a place in hookspool.conf(5) and one in hookspool.full.conf.
 */
#ifndef OPTION_H
#define OPTION_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct option_row;

/* How an option is read. The functions that a kind does not need are NULL. */
struct option_kind {
	const char *name;   /* for people: "size", "list of texts" */
	cfg_type_t type;    /* as libconfuse reads it: CFGT_STR, CFGT_INT, CFGT_BOOL, or CFGT_FUNC for include() */
	bool list;
	bool hidden;        /* a value may hold a secret or control characters: no message repeats it */

	/* False for a text that the option does not take. Appends what is wrong and the fix to why, from behind `NAME = "VALUE"` on. */
	bool (*check)(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why);

	/* Copies what the section says to the field. Called where the option has a value. False when memory is short. */
	bool (*read)(const struct option_row *row, cfg_t *sec, void *field);

	void (*free)(void *field);

	/* The i-th of the words that the option takes, NULL behind the last; for a kind whose words are not the row's choices. */
	const char *(*word)(size_t i);
};

struct option_row {
	const char *name;
	const struct option_kind *kind;
	const char *value;          /* the default, as the file would have it; NULL: none */
	size_t offset;              /* of the field in the section's struct */
	int64_t min, max;           /* bounds, in the field's unit; both 0: there are none */
	const char *const *choices; /* ends with NULL */
	const char *fix;            /* what a message says to write; NULL: the kind has it */
	const char *help;           /* one line */
	bool free_text;             /* people read the values: they may have invisible characters, such as a non-breaking space */
};

/* A kind of section. */
struct option_section {
	const char *name; /* NULL: the top level */
	const char *help; /* one line */

	/* The i-th array of rows of the section, NULL behind the last. An array ends with a row without a name. */
	const struct option_row *(*rows)(size_t i);

	/* Checks a section that was just read: reports what is wrong in it. NULL for the top level, whose values are checked one by one. */
	bool (*check)(cfg_t *sec);
};

/*
 * The table for reader_parse(), from sections that end with one without rows; the top level comes first. NULL when memory is short.
 * Free with option_free_table().
 */
cfg_opt_t *option_table(const struct option_section *sections);
void option_free_table(cfg_opt_t *table);

/*
 * The table of these sections alone, for cfg_init(): no value is checked, and no line remembered. For texts of the program itself. It may
 * be used while the configuration is read. Free with option_free_table().
 */
cfg_opt_t *option_table_unchecked(const struct option_section *sections);

/* The reader_check for option_table(). */
bool option_check_value(cfg_t *cfg, cfg_opt_t *opt);

/* The unseen_filter for option_table(). */
bool option_is_free_text(struct slice name);

/* Checks the section's values of these options. False after the first error was reported. */
bool option_check(const struct option_row *rows, cfg_t *sec);

/* Copies the section's values to the fields of base. A field whose option has no value stays as it is. False when memory is short. */
bool option_read(const struct option_row *rows, cfg_t *sec, void *base);

/* Frees the fields of base, which were zero before option_read(), and clears them. */
void option_free(const struct option_row *rows, void *base);

/* The i-th of the words that the option takes. NULL behind the last, and for an option that takes other texts. */
const char *option_word(const struct option_row *row, size_t i);

/* True when the file has the option, and it is not at its default. */
bool option_is_given(cfg_t *sec, const char *name);

/* Reports an error about a section as a whole, with the line of its end. Returns false. */
bool option_refuse(cfg_t *sec, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reports an error about an option, with the line of this value of it. NULL: its first value. Returns false. */
bool option_refuse_value(cfg_t *sec, const char *name, const char *value, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
