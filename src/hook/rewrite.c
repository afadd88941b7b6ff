/* SPDX-License-Identifier: ISC */
/* Rewrites a JSON text as a program does that parses and prints it. */
#include "hook/rewrite.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "core/utf8.h"

/* Four hexadecimal digits at p; -1: there are none. */
static long code_unit(const char *p, const char *end)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	long v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) { /* the text has no NUL behind it */
		digit = memchr(digits, tolower((unsigned char)p[i]), sizeof digits - 1);
		if (!digit)
			return -1;
		v = v << 4 | (digit - digits);
	}
	return v;
}

static bool put_character(uint32_t c, struct buf *out)
{
	char utf8[4];

	return buf_add(out, utf8, utf8_encode(c, utf8));
}

/* Appends the escape at p as text where possible. *p moves behind it. */
static bool unescape(const char **p, const char *end, struct buf *out)
{
	long high, low;
	const char *s = *p;

	if (end - s >= 2 && s[1] == '/') {
		*p += 2;
		return buf_add(out, "/", 1);
	}
	high = end - s >= 6 && s[1] == 'u' ? code_unit(s + 2, end) : -1;
	low = high >= 0xD800 && high < 0xDC00 && end - s >= 12 && s[6] == '\\' && s[7] == 'u' ? code_unit(s + 8, end) : -1;
	if (low >= 0xDC00 && low < 0xE000) {
		*p += 12;
		return put_character((uint32_t)(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), out);
	}
	if (high >= 0x80 && (high < 0xD800 || high >= 0xE000)) {
		*p += 6;
		return put_character((uint32_t)high, out);
	}
	*p += end - s >= 2 ? 2 : 1;
	return buf_add(out, s, (size_t)(*p - s));
}

/* Appends the character at p, which is not ASCII, as an escape. *p moves behind it. */
static bool escape(const char **p, const char *end, struct buf *out)
{
	uint32_t c;
	size_t n = utf8_next(*p, (size_t)(end - *p), &c);

	if (n == 0) {
		++*p;
		return buf_add(out, *p - 1, 1);
	}
	*p += n;
	if (c < 0x10000)
		return buf_printf(out, "\\u%04x", (unsigned)c);
	c -= 0x10000;
	return buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xD800 + (c >> 10)), (unsigned)(0xDC00 + (c & 0x3FF)));
}

/* Rewrites a string. *p moves from its opening quote behind its closing one. */
static bool rewrite_string(const char **p, const char *end, enum rewrite_text text, struct buf *out)
{
	bool ok = buf_add(out, "\"", 1);
	const char *s;

	for (++*p; ok && *p < end && **p != '"';) {
		s = *p;
		if (*s == '\\' && text == REWRITE_TEXT_UTF8) {
			ok = unescape(p, end, out);
		} else if (*s == '\\') {
			*p += end - s >= 2 ? 2 : 1;
			ok = buf_add(out, s, (size_t)(*p - s));
		} else if (text >= REWRITE_TEXT_ASCII && (unsigned char)*s >= 0x80) {
			ok = escape(p, end, out);
		} else {
			++*p;
			ok = (*s != '/' || text != REWRITE_TEXT_ASCII_SLASHES || buf_add(out, "\\", 1)) && buf_add(out, s, 1);
		}
	}
	if (*p < end)
		++*p;
	return ok && buf_add(out, "\"", 1);
}

bool rewrite_json(struct slice json, enum rewrite_space space, enum rewrite_text text, struct buf *out)
{
	const char *p = json.p, *end = json.n ? json.p + json.n : json.p;
	bool ok = true;

	while (ok && p < end) {
		if (*p == '"') {
			ok = rewrite_string(&p, end, text, out);
			continue;
		}
		if (space == REWRITE_SPACE_KEEP || !memchr(" \t\r\n", *p, 4))
			ok = buf_add(out, p, 1);
		if (ok && space == REWRITE_SPACE_ONE && (*p == ':' || *p == ','))
			ok = buf_add(out, " ", 1);
		p++;
	}
	return ok;
}
