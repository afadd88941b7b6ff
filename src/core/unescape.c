/* SPDX-License-Identifier: ISC */
/* The text of a JSON string with escapes of lone surrogates. */
#include "core/unescape.h"

#include <stdint.h>
#include <string.h>

#include "core/encode.h"
#include "core/utf8.h"

/* The text has "\\ud" in either case. */
static bool has_surrogate(const char *p, size_t n)
{
	for (const char *end = p + n, *at; (at = memchr(p, '\\', (size_t)(end - p))); p = at + 1)
		if (end - at >= 3 && at[1] == 'u' && (at[2] == 'd' || at[2] == 'D'))
			return true;
	return false;
}

struct slice unescape_inside(const char *json, size_t end, size_t n)
{
	size_t at, slashes;

	if (end >= n + 2 && json[end - 2 - n] == '"' && !memchr(json + end - 1 - n, '\\', n))
		return (struct slice){0}; /* it has no escape at all */
	if (end < 2 || json[end - 1] != '"')
		return (struct slice){0};
	for (at = end - 2; at > 0; at--) {
		if (json[at] != '"')
			continue;
		for (slashes = 0; slashes < at && json[at - 1 - slashes] == '\\'; slashes++)
			;
		if (slashes % 2 == 0)
			break;
	}
	if (json[at] != '"' || !has_surrogate(json + at + 1, end - at - 2))
		return (struct slice){0};
	return (struct slice){json + at + 1, end - at - 2};
}

static bool is_high(uint32_t unit)
{
	return (unit & 0xFC00) == 0xD800;
}

static bool is_low(uint32_t unit)
{
	return (unit & 0xFC00) == 0xDC00;
}

/* The code unit of "\uXXXX" at p; *ok is false where there is another thing. */
static uint32_t unit_at(const char *p, const char *end, bool *ok)
{
	unsigned char bytes[2] = {0};
	size_t n;

	*ok = end - p >= 6 && p[0] == '\\' && p[1] == 'u' && decode(ENCODING_HEX, p + 2, 4, bytes, sizeof bytes, &n);
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static bool add_character(struct buf *b, uint32_t c)
{
	char utf8[4];

	return buf_add(b, utf8, utf8_encode(c, utf8));
}

/* A step through the inside: what the next character is, and the bytes that stand for it. */
struct step {
	uint32_t c;
	bool alone; /* c is a surrogate without its other half */
	bool raw;   /* c is the byte itself */
};

static struct step next(const char **p, const char *end)
{
	static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
	struct step s = {.c = (unsigned char)**p, .raw = true};
	const char *name;
	uint32_t low;
	bool is_unit;

	if (**p != '\\' || end - *p < 2) {
		++*p;
		return s;
	}
	s.raw = false;
	s.c = unit_at(*p, end, &is_unit);
	if (!is_unit) {
		name = (*p)[1] ? strchr(names, (*p)[1]) : NULL;
		s.c = (unsigned char)(name ? meant[name - names] : (*p)[1]);
		*p += 2;
		return s;
	}
	*p += 6;
	s.alone = is_high(s.c) || is_low(s.c);
	if (!is_high(s.c))
		return s;
	low = unit_at(*p, end, &is_unit);
	if (!is_unit || !is_low(low))
		return s;
	*p += 6;
	return (struct step){.c = 0x10000 + ((s.c & 0x3FF) << 10 | (low & 0x3FF))};
}

/* True when the text has a surrogate alone, or a backslash that looks like the escape of one. */
static bool is_marked(struct slice inside)
{
	const char *p = inside.p, *end = p + inside.n;
	size_t seen = 0; /* of "\ud" */

	while (p < end) {
		struct step s = next(&p, end);

		if (s.alone || (seen == 3 && ((s.c >= '8' && s.c <= '9') || (s.c >= 'a' && s.c <= 'f'))))
			return true;
		seen = s.c == '\\' ? 1 : (seen == 1 && s.c == 'u') || (seen == 2 && s.c == 'd') ? seen + 1 : 0;
	}
	return false;
}

bool unescape_add(struct buf *b, struct slice inside, bool exact)
{
	const char *p = inside.p, *end = p + inside.n;
	bool marked = exact && is_marked(inside), ok = true;

	while (ok && p < end) {
		struct step s = next(&p, end);

		if (s.alone)
			ok = marked ? buf_printf(b, "\\u%04x", (unsigned)s.c) : buf_add(b, "?", 1);
		else if (s.c == '\\' && marked)
			ok = buf_add(b, "\\\\", 2);
		else
			ok = s.raw ? buf_add(b, p - 1, 1) : add_character(b, s.c);
	}
	return ok;
}
