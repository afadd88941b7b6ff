/* SPDX-License-Identifier: ISC */
/* Output that is safe for a terminal, and what only a terminal gets: local times, colours, a width. */
#define _GNU_SOURCE /* tm_gmtoff, wcwidth */
#include "cli/terminal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/utf8.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice without_blanks(struct slice t)
{
	while (t.n && is_blank(*t.p)) {
		t.p++;
		t.n--;
	}
	while (t.n && is_blank(t.p[t.n - 1]))
		t.n--;
	return t;
}

/* One character as it will be printed. */
struct glyph {
	const char *s;
	size_t bytes; /* printed */
	size_t taken; /* of the text */
	size_t columns;
};

static struct glyph next_glyph(struct slice text, size_t at)
{
	uint32_t c;
	size_t len = utf8_next(text.p + at, text.n - at, &c);
	int width;

	if (is_blank(text.p[at])) {
		while (at + len < text.n && is_blank(text.p[at + len]))
			len++;
		return (struct glyph){" ", 1, len, 1};
	}
	if (len == 0 || utf8_steers(c))
		return (struct glyph){"?", 1, len ? len : 1, 1};
	width = wcwidth((wchar_t)c);
	return (struct glyph){text.p + at, len, len, width < 0 ? 1 : (size_t)width};
}

static bool fits(struct slice text, size_t columns)
{
	size_t used = 0;
	struct glyph g;

	for (size_t at = 0; columns && at < text.n && used <= columns; at += g.taken) {
		g = next_glyph(text, at);
		used += g.columns;
	}
	return used <= columns;
}

size_t terminal_print(FILE *to, struct slice text, size_t columns)
{
	size_t used = 0, limit;

	text = without_blanks(text);
	limit = fits(text, columns) ? columns : columns - 1; /* a place for the ellipsis */
	for (size_t at = 0; at < text.n;) {
		struct glyph g = next_glyph(text, at);

		if (limit < columns && used + g.columns > limit) {
			fputs("…", to);
			return used + 1;
		}
		fwrite(g.s, 1, g.bytes, to);
		at += g.taken;
		used += g.columns;
	}
	return used;
}

void terminal_cell(FILE *to, struct slice text, size_t columns)
{
	for (size_t used = terminal_print(to, text, columns); used < columns; used++)
		fputc(' ', to);
}

void terminal_field(const char *name, struct slice value)
{
	if (!value.p)
		return;
	printf("%-13s ", name);
	terminal_print(stdout, value, 0);
	putchar('\n');
}

void terminal_headers(struct slice headers)
{
	const char *line = headers.p, *end = headers.n ? headers.p + headers.n : headers.p, *next;

	for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
		terminal_field("header", (struct slice){line, (size_t)(next - line)});
}

void terminal_json(FILE *to, struct slice json)
{
	struct buf safe = {0};

	if (json_escape(json, &safe))
		fwrite(safe.data, 1, safe.len, to);
	buf_free(&safe);
}

const char *terminal_url(const char *url, int *before)
{
	const char *authority = strstr(url, "://") + 3, *host = authority + strcspn(authority, "/?#");

	while (host > authority && host[-1] != '@')
		host--;
	*before = (int)(authority - url);
	return host;
}

size_t terminal_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static bool is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

const char *terminal_time(int64_t ms, char out[TERMINAL_TIME])
{
	time_t s = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;
	size_t n;
	long east;

	if (!is_terminal() || !localtime_r(&s, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		return clock_format(ms, out);
	n = strftime(out, TERMINAL_TIME, "%Y-%m-%d %H:%M:%S", &tm);
	east = labs(tm.tm_gmtoff) / 60;
	snprintf(out + n, TERMINAL_TIME - n, "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+', east / 60, east % 60);
	return out;
}

int terminal_time_width(void)
{
	return is_terminal() ? 25 : CLOCK_TEXT - 1;
}

const char *terminal_colour(enum terminal_colour c)
{
	static const char *const codes[] = {
		[TERMINAL_PLAIN] = "\033[0m", [TERMINAL_GREEN] = "\033[32m", [TERMINAL_YELLOW] = "\033[33m", [TERMINAL_RED] = "\033[31m"};
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return is_terminal() && !(no && *no) && term && strcmp(term, "dumb") != 0 ? codes[c] : "";
}
