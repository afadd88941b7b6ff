/* SPDX-License-Identifier: ISC */
/* Keys of a scheme from the texts of its secrets. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/scheme.h"

#include <string.h>

enum { SECRET_MAX = 4096 }; /* as io_read_secret() bounds it */

bool scheme_has_key(const struct scheme *s)
{
	return scheme_signature_size(s->algorithm) > 0;
}

/*
 * Base64 (RFC 4648 section 4) as the Standard Webhooks libraries take secrets: with or without its padding, and with bits at
 * the end that stand for nothing. None of them takes the URL's alphabet.
 */
static bool decode_loose(const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned held = 0;
	const char *at;

	if (n > 0 && n % 4 == 0)
		for (int i = 0; i < 2 && text[n - 1] == '='; i++)
			n--;
	if (n % 4 == 1)
		return false;
	for (*len = 0; n > 0; n--, text++) {
		at = *text ? strchr(alphabet, *text) : NULL;
		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (*len == max)
			return false;
		out[(*len)++] = (unsigned char)(bits >> held);
	}
	return *len > 0;
}

/* The bytes behind the Standard Webhooks' prefix, decoded. Supabase writes the signature's version before it. */
static bool decode_key(const struct scheme *s, const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	static const char *const prefixes[] = {"v1,", "v1a,", "whsec_", "whpk_", "whsk_"};
	size_t k;

	if (s->key_text == KEY_TEXT_HEX)
		return decode(ENCODING_HEX, text, n, out, max, len);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		k = strlen(prefixes[i]);
		if (n < k || strncmp(text, prefixes[i], k) != 0)
			continue;
		text += k;
		n -= k;
	}
	return decode_loose(text, n, out, max, len);
}

static struct key *key_of_bytes(enum algorithm algorithm, const unsigned char *bytes, size_t n, bool sign, const char **why)
{
	enum key_kind kind = algorithm == ALGORITHM_HMAC_SHA256 ? KEY_HMAC_SHA256 : KEY_HMAC_SHA1;
	struct key *key;

	if (algorithm == ALGORITHM_ED25519) {
		kind = sign ? KEY_ED25519_PRIVATE : KEY_ED25519_PUBLIC;
		if (sign && n == 2 * KEY_ED25519_BYTES)
			n = KEY_ED25519_BYTES;
		*why = "an Ed25519 key has 32 bytes";
		if (n != KEY_ED25519_BYTES)
			return NULL;
	}
	key = key_new(kind, bytes, n);
	*why = "memory is short, or OpenSSL failed";
	return key;
}

static struct key *key_of_text(const struct scheme *s, enum algorithm algorithm, const char *text, size_t n, bool sign, const char **why)
{
	unsigned char bytes[SECRET_MAX];
	struct key *key = NULL;
	size_t len = 0;

	if (s->key_text == KEY_TEXT_PLAIN)
		return key_of_bytes(algorithm, (const unsigned char *)text, n, sign, why);
	if (decode_key(s, text, n, bytes, sizeof bytes, &len))
		key = key_of_bytes(algorithm, bytes, len, sign, why);
	else
		*why = s->key_text == KEY_TEXT_HEX ? "it is not hexadecimal" : "it is not base64, with or without whsec_ before it";
	explicit_bzero(bytes, sizeof bytes);
	return key;
}

struct key *scheme_key(const struct scheme *s, const char *text, size_t n, bool sign, const char **why)
{
	return key_of_text(s, s->algorithm, text, n, sign, why);
}

struct key *scheme_other_key(const struct scheme *s, const char *text, size_t n, const char **why)
{
	return s->other_algorithm ? key_of_text(s, s->other_algorithm, text, n, false, why) : NULL;
}

size_t scheme_signature_size(enum algorithm a)
{
	switch (a) {
	case ALGORITHM_HMAC_SHA256:
		return 32;
	case ALGORITHM_HMAC_SHA1:
		return 20;
	case ALGORITHM_ED25519:
		return 64;
	default:
		return 0;
	}
}
