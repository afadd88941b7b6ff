/* SPDX-License-Identifier: ISC */
/* Strict UTF-8 (RFC 3629): what yajl's own check lets through is refused here. */
#include "core/utf8.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

enum { NEEDLE_SHORT = 16 }; /* bytes that are compared at each place of a text; for more, that takes too long */

/*
 * The well-formed sequences, Unicode 15 table 3-7. The first byte fixes the length and the range
 * of the second byte. That excludes overlong forms and surrogates. Further bytes are 80..BF.
 */
static size_t sequence(const unsigned char *s, size_t n)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t len;

	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		len = 2;
	else if (s[0] >= 0xE0 && s[0] <= 0xEF)
		len = 3;
	else if (s[0] >= 0xF0 && s[0] <= 0xF4)
		len = 4;
	else
		return 0;
	switch (s[0]) {
	case 0xE0: low = 0xA0; break;
	case 0xED: high = 0x9F; break;
	case 0xF0: low = 0x90; break;
	case 0xF4: high = 0x8F; break;
	default: break;
	}
	if (n < len || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool utf8_valid(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	uint64_t eight;
	size_t len;

	while (n) {
		while (n >= 8 && (memcpy(&eight, s, 8), !(eight & 0x8080808080808080U))) {
			s += 8;
			n -= 8;
		}
		if (!n)
			break;
		len = *s < 0x80 ? 1 : sequence(s, n);
		if (!len)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

size_t utf8_next(const char *s, size_t n, uint32_t *c)
{
	static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	size_t len = (unsigned char)*s < 0x80 ? 1 : sequence((const unsigned char *)s, n);

	*c = (unsigned char)*s & mask[len];
	for (size_t i = 1; i < len; i++)
		*c = *c << 6 | ((unsigned char)s[i] & 0x3F);
	return len;
}

size_t utf8_encode(uint32_t c, char out[4])
{
	static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3F));
	out[0] = (char)(first[n] | c);
	return n;
}

bool utf8_steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
		(c >= 0x2066 && c <= 0x206F);
}

bool utf8_replace_invalid(struct slice in, struct buf *out)
{
	bool ok = true;
	uint32_t c;

	for (size_t i = 0, len; ok && i < in.n; i += len ? len : 1) {
		len = utf8_next(in.p + i, in.n - i, &c);
		ok = len ? buf_add(out, in.p + i, len) : buf_add(out, "\xEF\xBF\xBD", 3);
	}
	return ok;
}

size_t utf8_cut(const char *s, size_t n, size_t characters)
{
	size_t i = 0;

	while (i < n && characters-- > 0)
		for (i++; i < n && ((unsigned char)s[i] & 0xC0) == 0x80; i++)
			;
	return i;
}

size_t utf8_fit(const char *s, size_t n, size_t bytes)
{
	size_t fit = bytes;

	if (n <= bytes)
		return n;
	while (fit > 0 && ((unsigned char)s[fit] & 0xC0) == 0x80)
		fit--;
	return fit ? fit : bytes;
}

uint32_t utf8_lower(struct slice s, size_t *len)
{
	unsigned char byte = (unsigned char)*s.p;
	uint32_t c;

	*len = 1;
	if (byte < 0x80)
		return (uint32_t)tolower(byte);
	*len = utf8_next(s.p, s.n, &c);
	if (*len)
		return towlower((wint_t)c);
	*len = 1;
	return 0x110000U + byte;
}

static struct slice tail_from(struct slice s, size_t from)
{
	return (struct slice){s.p + from, s.n - from};
}

static bool begins_with(struct slice s, struct slice part)
{
	size_t len, part_len;

	for (; part.n > 0; s = tail_from(s, len), part = tail_from(part, part_len))
		if (s.n == 0 || utf8_lower(s, &len) != utf8_lower(part, &part_len))
			return false;
	return true;
}

/* A character that is looked for, and how long a beginning of the part ends with it (Knuth, Morris and Pratt). */
struct needle {
	uint32_t c;
	size_t border;
};

/* The number of characters. */
static size_t read_needle(struct slice part, struct needle *needle)
{
	size_t n = 0, k = 0, len;

	for (; part.n > 0; part = tail_from(part, len), n++) {
		needle[n] = (struct needle){utf8_lower(part, &len), 0};
		while (n && k && needle[k].c != needle[n].c)
			k = needle[k - 1].border;
		if (n)
			needle[n].border = k += needle[k].c == needle[n].c;
	}
	return n;
}

static bool find_needle(struct slice text, const struct needle *needle, size_t n)
{
	size_t k = 0, len;
	uint32_t c;

	for (; text.n > 0 && k < n; text = tail_from(text, len)) {
		c = utf8_lower(text, &len);
		while (k && needle[k].c != c)
			k = needle[k - 1].border;
		k += needle[k].c == c;
	}
	return k == n;
}

bool utf8_contains(struct slice text, struct slice part)
{
	struct needle *needle = part.n > NEEDLE_SHORT ? malloc(part.n * sizeof *needle) : NULL;
	bool found;
	size_t len;

	if (needle) {
		found = find_needle(text, needle, read_needle(part, needle));
		free(needle);
		return found;
	}
	for (; text.n > 0; text = tail_from(text, len)) {
		if (begins_with(text, part))
			return true;
		utf8_lower(text, &len);
	}
	return false;
}
