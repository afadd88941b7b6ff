/* SPDX-License-Identifier: ISC */
/* Bytes as text: hexadecimal and base64 (RFC 4648 sections 8, 4 and 5), strict. */
#include "core/encode.h"

#include <openssl/evp.h>
#include <string.h>

size_t encode_size(enum encoding e, size_t n)
{
	switch (e) {
	case ENCODING_HEX:
		return 2 * n;
	case ENCODING_BASE64URL:
		return (4 * n + 2) / 3;
	default:
		return (n + 2) / 3 * 4;
	}
}

static const char standard_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode_base64url(const unsigned char *p, size_t n, char *out)
{
	unsigned bits = 0, held = 0;

	for (; n > 0; n--) {
		bits = bits << 8 | *p++;
		for (held += 8; held >= 6; held -= 6)
			*out++ = url_alphabet[bits >> (held - 6) & 63];
	}
	if (held)
		*out++ = url_alphabet[bits << (6 - held) & 63];
	*out = '\0';
}

void encode(enum encoding e, const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	if (e == ENCODING_BASE64) {
		EVP_EncodeBlock((unsigned char *)out, p, (int)n);
		return;
	}
	if (e == ENCODING_BASE64URL) {
		encode_base64url(p, n, out);
		return;
	}
	for (; n > 0; n--, p++) {
		*out++ = digits[*p >> 4];
		*out++ = digits[*p & 15];
	}
	*out = '\0';
}

/* Without branches: signatures are random, so the processor would predict them wrong. */
static int nibble(char c)
{
	unsigned digit = (unsigned)c - '0', letter = ((unsigned)c | 0x20) - 'a';
	int value = letter < 6 ? (int)letter + 10 : -1;

	return digit < 10 ? (int)digit : value;
}

static bool decode_hex(const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	int high, low, all = 0;

	if (n % 2 || n / 2 > max)
		return false;
	*len = n / 2;
	for (; n > 0; n -= 2, text += 2) {
		high = nibble(text[0]);
		low = nibble(text[1]);
		all |= high | low;
		*out++ = (unsigned char)((unsigned)high << 4 | (unsigned)low);
	}
	return all >= 0;
}

/* Reads digits of six bits each. *rest becomes the bits at the end that are no whole byte. */
static bool decode_digits(const char *alphabet, const char *text, size_t n, unsigned char *out, size_t max, size_t *len, unsigned *rest)
{
	unsigned bits = 0, held = 0;
	const char *at;

	if (n % 4 == 1)
		return false;
	for (*len = 0; n > 0; n--, text++) {
		at = *text ? strchr(alphabet, *text) : NULL;
		if (!at)
			return false;
		bits = bits << 6 | (unsigned)(at - alphabet);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (*len == max)
			return false;
		out[(*len)++] = (unsigned char)(bits >> held);
	}
	*rest = bits & ((1U << held) - 1);
	return true;
}

/* The number of "=" at the end of base64, at most 2. */
static size_t base64_padding(const char *text, size_t n)
{
	return n > 0 && n % 4 == 0 && text[n - 1] == '=' ? 1 + (text[n - 2] == '=') : 0;
}

/* Bits at the end that stand for nothing must be 0: RFC 4648 section 3.5. */
static bool decode_base64(const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	unsigned rest;

	return n % 4 == 0 && decode_digits(standard_alphabet, text, n - base64_padding(text, n), out, max, len, &rest) && !rest;
}

static bool decode_base64url(const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	unsigned rest;

	return decode_digits(url_alphabet, text, n, out, max, len, &rest) && !rest;
}

bool decode_loose(const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	unsigned rest;

	return decode_digits(standard_alphabet, text, n - base64_padding(text, n), out, max, len, &rest);
}

bool decode(enum encoding e, const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	if (e == ENCODING_BASE64URL)
		return decode_base64url(text, n, out, max, len);
	return (e == ENCODING_HEX ? decode_hex : decode_base64)(text, n, out, max, len);
}
