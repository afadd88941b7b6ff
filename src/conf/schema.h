/* SPDX-License-Identifier: ISC */
/* The options there are, their defaults, and the checks that can name file and line. */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <confuse.h>
#include <stddef.h>

#include "conf/conf.h"

/*
 * Parses the file and what it includes into libconfuse's tree; every error goes to report with
 * file and line. NULL after an error; otherwise the caller calls cfg_free().
 */
cfg_t *schema_parse(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx);

/* True while a parse checks the secrets of endpoints: they are CONF_SECRETS_ALL or CONF_SECRETS_CHECK. */
bool schema_checks_secrets(void);

/* Hands over the paths of the files that the last schema_parse() read, and the fingerprint of their texts. Free with strlist_free(). */
void schema_take_files(struct strlist *files, char fingerprint[CONF_FINGERPRINT]);

/* The tree that is being parsed. */
cfg_t *schema_tree(void);

/*
 * The section, which was just read, with the line where that value of the option is, for cfg_error(). When the option has no
 * such value, it is its first one, and when it has none, the section's end.
 */
cfg_t *schema_at(cfg_t *sec, const char *option, const char *value);

/*
 * True when the section's title is right, and has no control characters. Otherwise reports it, for the section that was just
 * read, with the line where it begins, and the fix.
 */
bool schema_check_title(cfg_t *sec, bool right, const char *fix);

/* Reports a warning with the file and line where the parser is. */
void schema_warn(cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for an error that the configuration is loaded with all the same. */
void schema_fault(cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes `path`, taken from the directory of `file` when it is relative, to out of size n; returns out. */
const char *schema_path(const char *file, const char *path, char *out, size_t n);

/* The position of `word` in a NULL-terminated list, or -1. */
int schema_choice(const char *const *words, const char *word);

/* Reads "90d", or "forever" as 0, into ms. False when it is neither. */
bool schema_keep(const char *text, int64_t *ms);

/* Copies the words of an option, freed by strlist_free(); false when memory is short. */
bool schema_strlist(cfg_t *sec, const char *name, struct strlist *out);

extern const char *const schema_journals[];    /* as enum journal */
extern const char *const schema_log_levels[];  /* as enum log_level */
extern const char *const schema_log_formats[]; /* as enum log_format */
extern const char *const schema_log_targets[]; /* as enum log_target */

#endif
