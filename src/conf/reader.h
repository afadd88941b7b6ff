/* SPDX-License-Identifier: ISC */
/*
 * Reads the files of a configuration into libconfuse's tree. Remembers file and line of each value, for the messages.
 * libconfuse's callbacks have no context, so the state of a load is static: one load at a time.
 */
#ifndef READER_H
#define READER_H

#include <confuse.h>
#include <stdbool.h>

#include "conf/fingerprint.h"
#include "conf/conf_report.h"
#include "conf/unseen.h"
#include "core/strlist.h"

/* Checks a value, or a section that was just read, after reader_on_value() has noted its line. False after an error was reported. */
typedef bool reader_check(cfg_t *cfg, cfg_opt_t *opt);

struct reader_load {
	cfg_opt_t *options; /* of the top level, with those of the sections in it; each has reader_on_value() as its validcb */
	reader_check *check;
	unseen_filter *is_free_text;
	enum conf_secrets secrets;
	conf_report *report;
	void *ctx; /* for report */
};

/*
 * Parses the file and what it includes. Errors go to load->report with file and line. NULL after an error; otherwise the caller
 * calls reader_end(), and cfg_free() when it needs the tree no more. The tree has the main file's name.
 */
cfg_t *reader_parse(const char *file, const struct reader_load *load);

/* Forgets the lines of values and the names of files. */
void reader_end(void);

/* libconfuse's callback after each value of an option and at the end of a section. */
int reader_on_value(cfg_t *cfg, cfg_opt_t *opt);

/* libconfuse's function for include("FILE") and include("DIRECTORY"). */
int reader_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv);

/* True while a load reads the secrets of endpoints: CONF_SECRETS_ALL or CONF_SECRETS_CHECK. */
bool reader_checks_secrets(void);

/* Which secrets the load reads. */
enum conf_secrets reader_secrets(void);

/* Before reader_end(): hands over the paths of the files that were read, and the fingerprint of their texts. Free with strlist_free(). */
void reader_take_files(struct strlist *files, char fingerprint[FINGERPRINT_SIZE]);

/* The tree that is being parsed. */
cfg_t *reader_tree(void);

/*
 * The section, which was just read, with the line of that value of the option, for cfg_error(). Without such a value, the line of
 * the option's first one; without any, the section's end.
 */
cfg_t *reader_at(cfg_t *sec, const char *option, const char *value);

/*
 * True when the section's title is right, and has no control characters. Otherwise reports it, for the section that was just
 * read, with the line where it begins, and the fix.
 */
bool reader_check_title(cfg_t *sec, bool right, const char *fix);

/* Reports a warning with the file and line of cfg. */
void reader_warn(cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reports an error with which the configuration is loaded all the same. */
void reader_fault(cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes `path`, taken from the directory of `file` when it is relative, to out of size n; returns out. */
const char *reader_path(const char *file, const char *path, char *out, size_t n);

#endif
