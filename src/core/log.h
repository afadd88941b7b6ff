/* SPDX-License-Identifier: ISC */
/* The log, as logfmt or JSON, to stderr or syslog: one line an entry, and only whole lines in each write(2). */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

/* Sets where and how to log from now on. Safe to call while other threads log. Before it: info, logfmt, stderr. */
void log_setup(enum log_level level, enum log_format format, enum log_target target);

/* True when an entry of this level would be written, so that its cost can be saved when not. */
bool log_on(enum log_level level);

/* An entry being built; lives on the caller's stack, nothing to free after log_end(). */
struct log_entry {
	struct buf line;
	enum log_level level;
	enum log_format format;
};

/*
 * log_begin() starts an entry with time and level, the log_* calls add a field each, log_end()
 * writes it and frees it. Values are escaped: no byte of a stranger can start a line or a field.
 * A field with no value (NULL, or a slice with p == NULL) is left out.
 */
void log_begin(struct log_entry *e, enum log_level level);
void log_text(struct log_entry *e, const char *key, const char *value);
void log_slice(struct log_entry *e, const char *key, struct slice value);
void log_number(struct log_entry *e, const char *key, int64_t value);
void log_millis(struct log_entry *e, const char *key, int64_t microseconds);
void log_end(struct log_entry *e);

/*
 * From log_hold() on, the lines of this thread are gathered, and written in pieces of at most PIPE_BUF
 * bytes (POSIX: a pipe takes those whole) until log_release() writes the rest. A line that is longer
 * is written by itself.
 */
void log_hold(void);
void log_release(void);

/* An entry with one field, msg. */
void log_message(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
