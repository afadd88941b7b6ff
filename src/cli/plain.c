/* Printing what strangers wrote: on one line, with nothing in it that steers a terminal. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "cli/plain.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "core/utf8.h"

/* How many bytes the character at s has, or 0 when it isn't UTF-8. */
static size_t char_length(const char *s, size_t n)
{
	unsigned char c = (unsigned char)*s;
	size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

	return len <= n && utf8_valid(s, len) ? len : 0;
}

static wchar_t code_point(const char *s, size_t len)
{
	static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	unsigned c = (unsigned char)s[0] & mask[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3F);
	return (wchar_t)c;
}

/* Controls, line separators, and the marks, embeddings and isolates that reorder what stands beside them. */
static bool steers(wchar_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F ||
		(c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

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
	size_t len = char_length(text.p + at, text.n - at);
	wchar_t c = len ? code_point(text.p + at, len) : 0;
	int width;

	if (white(text.p[at])) {
		while (at + len < text.n && white(text.p[at + len]))
			len++;
		return (struct glyph){" ", 1, len, 1};
	}
	if (steers(c))
		return (struct glyph){"?", 1, len ? len : 1, 1};
	width = wcwidth(c);
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

void plain_json(FILE *to, struct slice json)
{
	for (size_t at = 0, len; at < json.n; at += len) {
		len = char_length(json.p + at, json.n - at);
		if (len == 0)
			len = 1;
		if (json.p[at] != '\n' && steers(code_point(json.p + at, len)))
			fprintf(to, "\\u%04x", (unsigned)code_point(json.p + at, len));
		else
			fwrite(json.p + at, 1, len, to);
	}
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
