/* SPDX-License-Identifier: ISC */
/* Printing what strangers wrote: on one line, with nothing in it that steers a terminal. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "cli/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "core/utf8.h"

static bool white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trimmed(struct slice t)
{
	while (t.n && white(*t.p)) {
		t.p++;
		t.n--;
	}
	while (t.n && white(t.p[t.n - 1]))
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

	if (white(text.p[at])) {
		while (at + len < text.n && white(text.p[at + len]))
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

size_t plain_print(FILE *to, struct slice text, size_t columns)
{
	size_t used = 0, limit;

	text = trimmed(text);
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

void plain_cell(FILE *to, struct slice text, size_t columns)
{
	for (size_t used = plain_print(to, text, columns); used < columns; used++)
		fputc(' ', to);
}

void plain_field(const char *name, struct slice value)
{
	if (!value.p)
		return;
	printf("%-13s ", name);
	plain_print(stdout, value, 0);
	putchar('\n');
}

void plain_headers(struct slice headers)
{
	const char *line = headers.p, *end = headers.n ? headers.p + headers.n : headers.p, *next;

	for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
		plain_field("header", (struct slice){line, (size_t)(next - line)});
}

void plain_json(FILE *to, struct slice json)
{
	size_t clean = 0; /* all before is written */
	uint32_t c;

	for (size_t at = 0, len; at < json.n; at += len) {
		len = utf8_next(json.p + at, json.n - at, &c);
		if (len == 0)
			len = 1; /* not UTF-8, which JSON is */
		else if (json.p[at] == '\n' || !utf8_steers(c))
			continue;
		fwrite(json.p + clean, 1, at - clean, to);
		fprintf(to, "\\u%04x", len == 1 ? (unsigned)(unsigned char)json.p[at] : (unsigned)c);
		clean = at + len;
	}
	fwrite(json.p + clean, 1, json.n - clean, to);
}

const char *plain_url(const char *url, int *before)
{
	const char *authority = strstr(url, "://") + 3, *host = authority + strcspn(authority, "/?#");

	while (host > authority && host[-1] != '@')
		host--;
	*before = (int)(authority - url);
	return host;
}

size_t plain_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}
