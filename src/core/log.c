/* SPDX-License-Identifier: ISC */
/* The log, as logfmt or JSON, to stderr or syslog: one line an entry, and only whole lines in each write(2). */
#include "core/log.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/utf8.h"

enum { LINE_ROOM = 512 /* bytes; most lines are shorter */ };

static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_int current_format = LOG_FORMAT_LOGFMT;
static atomic_int current_target = LOG_TARGET_STDERR;

static _Thread_local struct {
	char data[PIPE_BUF];
	size_t len;
	bool on;
} held;

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
	[LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

void log_setup(enum log_level level, enum log_format format, enum log_target target)
{
	if (target == LOG_TARGET_SYSLOG)
		openlog("hookspool", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	atomic_store(&current_level, (int)level);
	atomic_store(&current_format, (int)format);
	atomic_store(&current_target, (int)target);
}

bool log_on(enum log_level level)
{
	return (int)level <= atomic_load(&current_level);
}

/*
 * JSON's escapes (RFC 8259 section 7), which logfmt readers know too. What steers a terminal is escaped; of text that
 * isn't UTF-8, each byte that isn't ASCII.
 */
static void add_quoted(struct buf *b, struct slice v)
{
	bool utf8 = utf8_valid(v.p, v.n);
	size_t clean = 0, len; /* all before is written */
	uint32_t c;

	buf_add(b, "\"", 1);
	for (size_t i = 0; i < v.n; i += len) {
		c = (unsigned char)v.p[i];
		len = utf8 && c >= 0x80 ? utf8_next(v.p + i, v.n - i, &c) : 1;
		if (c != '"' && c != '\\' && !utf8_steers(c) && (c < 0x80 || utf8))
			continue;
		buf_add(b, v.p + clean, i - clean);
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", (char)c);
		else
			buf_printf(b, "\\u%04x", (unsigned)c);
		clean = i + len;
	}
	buf_add(b, v.p + clean, v.n - clean);
	buf_add(b, "\"", 1);
}

static bool plain(struct slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];

		if (!(c >= '+' && c <= ':') && !(c >= '@' && c <= 'Z') && c != '_' && !(c >= 'a' && c <= 'z'))
			return false; /* ASCII: '+' to ':' has , - . / and the digits */
	}
	return v.n > 0;
}

static void add_field_name(struct log_entry *e, const char *key)
{
	static const struct {
		const char *first, *next, *end;
	} marks[] = {
		[LOG_FORMAT_LOGFMT] = {"", " ", "="},
		[LOG_FORMAT_JSON] = {"{\"", ",\"", "\":"},
	};
	const char *start = e->line.len ? marks[e->format].next : marks[e->format].first;

	buf_add_text(&e->line, start);
	buf_add_text(&e->line, key);
	buf_add_text(&e->line, marks[e->format].end);
}

void log_begin(struct log_entry *e, enum log_level level)
{
	char now[CLOCK_TEXT];

	*e = (struct log_entry){.level = level, .format = (enum log_format)atomic_load(&current_format)};
	buf_reserve(&e->line, LINE_ROOM);
	log_text(e, "time", clock_format(clock_now(), now));
	log_text(e, "level", levels[level].name);
}

void log_slice(struct log_entry *e, const char *key, struct slice value)
{
	if (!value.p)
		return;
	add_field_name(e, key);
	if (e->format == LOG_FORMAT_LOGFMT && plain(value))
		buf_add(&e->line, value.p, value.n);
	else
		add_quoted(&e->line, value);
}

void log_text(struct log_entry *e, const char *key, const char *value)
{
	if (value)
		log_slice(e, key, (struct slice){value, strlen(value)});
}

void log_number(struct log_entry *e, const char *key, int64_t value)
{
	add_field_name(e, key);
	buf_add_number(&e->line, value);
}

void log_millis(struct log_entry *e, const char *key, int64_t microseconds)
{
	int us = (int)(microseconds % 1000);
	const char fraction[] = {'.', (char)('0' + us / 100), (char)('0' + us / 10 % 10), (char)('0' + us % 10)};

	add_field_name(e, key);
	buf_add_number(&e->line, microseconds / 1000);
	buf_add(&e->line, fraction, sizeof fraction);
}

static void write_held(void)
{
	if (held.len)
		io_write_all(STDERR_FILENO, held.data, held.len);
	held.len = 0;
}

void log_hold(void)
{
	held.on = true;
}

void log_release(void)
{
	write_held();
	held.on = false;
}

static void write_entry(const struct buf *line)
{
	if (line->len > sizeof held.data - held.len)
		write_held();
	if (held.on && line->len <= sizeof held.data) {
		memcpy(held.data + held.len, line->data, line->len);
		held.len += line->len;
	} else {
		io_write_all(STDERR_FILENO, line->data, line->len);
	}
}

void log_end(struct log_entry *e)
{
	if (e->format == LOG_FORMAT_JSON)
		buf_add(&e->line, "}", 1);
	if (atomic_load(&current_target) == LOG_TARGET_SYSLOG)
		syslog(levels[e->level].priority, "%s", buf_str(&e->line));
	else if (buf_add(&e->line, "\n", 1))
		write_entry(&e->line);
	buf_free(&e->line);
}

void log_message(enum log_level level, const char *fmt, ...)
{
	struct log_entry e;
	struct buf text = {0};
	va_list ap;

	if (!log_on(level))
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	log_begin(&e, level);
	log_text(&e, "msg", buf_str(&text));
	log_end(&e);
	buf_free(&text);
}
