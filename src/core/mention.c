/* SPDX-License-Identifier: ISC */
/* Search for an id in a text of any encoding. */
#define _GNU_SOURCE /* memmem */
#include "core/mention.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool has_word(const char *p, size_t n, struct slice id)
{
	const char *end = p + n, *begin = p, *at;

	while ((at = memmem(p, (size_t)(end - p), id.p, id.n))) {
		if ((at == begin || !in_word(at[-1])) && (at + id.n == end || !in_word(at[id.n])))
			return true;
		p = at + 1;
	}
	return false;
}

static int hex(const char *p, size_t digits)
{
	int value = 0;

	for (size_t i = 0; i < digits; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return -1;
		value = value * 16 + (isdigit((unsigned char)p[i]) ? p[i] - '0' : tolower((unsigned char)p[i]) - 'a' + 10);
	}
	return value;
}

/* In place: a text only gets shorter. Returns its length. */
static size_t decode_percent(char *p, size_t n)
{
	size_t to = 0;
	int byte;

	for (size_t i = 0; i < n; i++) {
		byte = p[i] == '%' && n - i > 2 ? hex(p + i + 1, 2) : -1;
		i += byte >= 0 ? 2 : 0;
		p[to++] = byte >= 0 ? (char)byte : p[i];
	}
	return to;
}

/* The character of the escape "\uXXXX", or of two that are a surrogate pair, at p; *used becomes its length. -1: it is none. */
static long read_escape(const char *p, size_t n, size_t *used)
{
	int high = n >= 6 && p[1] == 'u' ? hex(p + 2, 4) : -1, low;

	*used = 6;
	if (high < 0xD800 || high > 0xDBFF || n < 12 || p[6] != '\\' || p[7] != 'u')
		return high;
	low = hex(p + 8, 4);
	if (low < 0xDC00 || low > 0xDFFF)
		return high;
	*used = 12;
	return 0x10000 + ((long)(high - 0xD800) << 10) + (low - 0xDC00);
}

/* In place, as above. Of other escapes, the backslash goes. */
static size_t decode_json(char *p, size_t n)
{
	size_t to = 0, used;
	long c;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\\' || i + 1 == n) {
			p[to++] = p[i];
			continue;
		}
		c = read_escape(p + i, n - i, &used);
		if (c >= 0) {
			to += utf8_encode((uint32_t)c, p + to);
			i += used - 1;
		} else {
			p[to++] = p[++i];
		}
	}
	return to;
}

bool mention_find(struct slice text, struct slice id, bool *failed)
{
	size_t n = text.n;
	char *copy;
	bool found;

	if (!id.n || !n)
		return false;
	if (has_word(text.p, n, id))
		return true;
	if (!memchr(text.p, '%', n) && !memchr(text.p, '\\', n))
		return false;
	copy = malloc(n);
	if (!copy) {
		*failed = true;
		return false;
	}
	memcpy(copy, text.p, n);
	n = decode_percent(copy, n);
	found = has_word(copy, n, id);
	if (!found)
		found = has_word(copy, decode_json(copy, n), id);
	free(copy);
	return found;
}
