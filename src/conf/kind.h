/* SPDX-License-Identifier: ISC */
/* The kinds of options that several sections have. The type of an option's field is behind each. */
#ifndef KIND_H
#define KIND_H

#include <stdint.h>

#include "conf/option.h"

extern const struct option_kind kind_text;     /* char *, freed by option_free() */
extern const struct option_kind kind_path;     /* char *; a relative path starts at the directory of the section's file */
extern const struct option_kind kind_secret_path; /* the same; the file has a secret, which is not read here */
extern const struct option_kind kind_secret_paths; /* struct strlist; several of them */
extern const struct option_kind kind_file;        /* the same; the file must be there when the option is used */
extern const struct option_kind kind_bool;     /* bool */
extern const struct option_kind kind_count;    /* unsigned, within min and max */
extern const struct option_kind kind_size;     /* size_t, bytes */
extern const struct option_kind kind_time;     /* int64_t, ms */
extern const struct option_kind kind_age;      /* int64_t, ms; the same in days and hours */
extern const struct option_kind kind_keep;     /* int64_t, ms; "forever" is 0 */
extern const struct option_kind kind_mode;     /* mode_t, octal */
extern const struct option_kind kind_choice;   /* unsigned or an enum: the position in row->choices */
extern const struct option_kind kind_choices;  /* unsigned: bit i is set for row->choices[i] */
extern const struct option_kind kind_list;     /* struct strlist */
extern const struct option_kind kind_rate;     /* struct rate */
extern const struct option_kind kind_burst;    /* unsigned: the burst of a struct rate, which the same section must have */
extern const struct option_kind kind_template; /* struct template *, of plain text */
extern const struct option_kind kind_conditions; /* struct conditions */
extern const struct option_kind kind_pattern;  /* struct pattern * */
extern const struct option_kind kind_ranges;   /* struct cidrs */
extern const struct option_kind kind_include;  /* no field */

/* Bounds of rows. */
#define KIND_SIZE_MAX INT32_MAX
#define KIND_SECOND INT64_C(1000)
#define KIND_MINUTE (60 * KIND_SECOND)
#define KIND_HOUR (60 * KIND_MINUTE)
#define KIND_DAY (24 * KIND_HOUR)
#define KIND_YEARS (3650 * KIND_DAY)

/* Appends the bounds of the option's values for people, such as "1 to 1024" or "at most 1h"; nothing where there are none. */
void kind_print_bounds(struct buf *out, const struct option_row *row);

/* The position of `word` in a NULL-terminated list, or -1. */
int kind_position(const char *const *words, const char *word);

/* Reads a time of 1 ms to `max` ms. */
bool kind_read_time(const char *text, int64_t max, int64_t *ms);

/* Appends a time as the file would have it, such as "10s" or "365d". */
void kind_print_time(struct buf *out, int64_t ms);

/*
 * The i-th file with a secret that the option names in the fields of base. NULL behind the last, and for an option of another kind than
 * kind_secret_path and kind_secret_paths.
 */
const char *kind_secret_file(const struct option_row *row, const void *base, size_t i);

/* Functions of the kinds above, for kinds that a section has of its own. */
bool kind_read_text(const struct option_row *row, cfg_t *sec, void *field);
bool kind_read_path(const struct option_row *row, cfg_t *sec, void *field);
bool kind_read_list(const struct option_row *row, cfg_t *sec, void *field);
bool kind_check_choice(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why);
bool kind_read_count(const struct option_row *row, cfg_t *sec, void *field);
void kind_free_text(void *field);
void kind_free_list(void *field);

#endif
