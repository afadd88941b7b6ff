/* SPDX-License-Identifier: ISC */
/* Keys of a scheme from the texts of its secrets. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/scheme.h"

#include <string.h>

enum { SECRET_MAX = 4096 }; /* as io_read_secret() bounds it */

/* The keys of the algorithms that have one, and the lengths of their signatures. */
static const struct {
	enum key_kind kind;
	size_t min, max;
} key_kinds[] = {
	[ALGORITHM_HMAC_SHA256] = {KEY_HMAC_SHA256, 32, 32},
	[ALGORITHM_HMAC_SHA1] = {KEY_HMAC_SHA1, 20, 20},
	[ALGORITHM_ED25519] = {KEY_ED25519_PUBLIC, 64, 64},
	[ALGORITHM_HMAC_SHA384] = {KEY_HMAC_SHA384, 48, 48},
	[ALGORITHM_HMAC_SHA512] = {KEY_HMAC_SHA512, 64, 64},
	[ALGORITHM_SHA256] = {KEY_SHA256, 32, 32},
	[ALGORITHM_RSA_SHA256] = {KEY_RSA_SHA256, KEY_RSA_BITS_MIN / 8, KEY_RSA_BITS_MAX / 8},
	[ALGORITHM_ECDSA_P256_SHA256] = {KEY_ECDSA_P256, KEY_P256_DER_MIN, KEY_P256_DER_MAX},
	[ALGORITHM_JWT_HS256] = {KEY_HMAC_SHA256, 32, 32},
	[ALGORITHM_JWT_RS256] = {KEY_RSA_SHA256, KEY_RSA_BITS_MIN / 8, KEY_RSA_BITS_MAX / 8},
	[ALGORITHM_JWT_ES256] = {KEY_ECDSA_P256_RAW, KEY_P256_BYTES, KEY_P256_BYTES},
};

bool scheme_has_key(const struct scheme *s)
{
	return key_kinds[s->algorithm].max > 0;
}

bool scheme_signature_fits(enum algorithm a, size_t n)
{
	return n >= key_kinds[a].min && n <= key_kinds[a].max && n > 0;
}

size_t scheme_signature_size(enum algorithm a)
{
	return key_kinds[a].min == key_kinds[a].max ? key_kinds[a].max : 0;
}

/* Keys of these kinds are read from PEM or DER. */
static bool is_pkey(enum algorithm a)
{
	switch (key_kinds[a].kind) {
	case KEY_RSA_SHA256:
	case KEY_ECDSA_P256:
	case KEY_ECDSA_P256_RAW:
		return true;
	default:
		return false;
	}
}

bool scheme_has_public_key(const struct scheme *s)
{
	return s->algorithm == ALGORITHM_ED25519 || is_pkey(s->algorithm);
}

bool scheme_is_jwt(const struct scheme *s)
{
	return s->algorithm == ALGORITHM_JWT_HS256 || s->algorithm == ALGORITHM_JWT_RS256 || s->algorithm == ALGORITHM_JWT_ES256;
}

/*
 * The bytes behind the Standard Webhooks' prefix, decoded as its libraries do: none of them takes the URL's alphabet. Supabase writes the
 * signature's version before it.
 */
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
	return decode_loose(text, n, out, max, len) && *len > 0;
}

/* An Ed25519 key of 32 bytes, or in DER. */
static struct key *ed25519_of_bytes(const unsigned char *bytes, size_t n, bool sign, const char **why)
{
	if (sign && n == 2 * KEY_ED25519_BYTES)
		n = KEY_ED25519_BYTES;
	*why = "memory is short, or OpenSSL failed";
	if (n == KEY_ED25519_BYTES)
		return key_new(sign ? KEY_ED25519_PRIVATE : KEY_ED25519_PUBLIC, bytes, n);
	if (n > KEY_ED25519_BYTES && bytes[0] == 0x30) /* a sequence in DER */
		return key_read(KEY_ED25519_PUBLIC, (const char *)bytes, n, sign, why);
	*why = "an Ed25519 key has 32 bytes";
	return NULL;
}

static struct key *key_of_bytes(enum algorithm a, const unsigned char *bytes, size_t n, bool sign, const char **why)
{
	if (a == ALGORITHM_ED25519)
		return ed25519_of_bytes(bytes, n, sign, why);
	*why = "memory is short, or OpenSSL failed";
	return key_new(key_kinds[a].kind, bytes, n);
}

static struct key *key_of_text(const struct scheme *s, enum algorithm algorithm, const char *text, size_t n, bool sign, const char **why)
{
	unsigned char bytes[SECRET_MAX];
	struct key *key = NULL;
	size_t len = 0;

	if (is_pkey(algorithm) || (algorithm == ALGORITHM_ED25519 && (key_is_pem(text, n) || (s->key_text == KEY_TEXT_PLAIN && n != KEY_ED25519_BYTES))))
		return key_read(key_kinds[algorithm].kind, text, n, sign, why);
	if (algorithm == ALGORITHM_JWT_HS256 && key_is_pem(text, n)) {
		*why = "it is a key in PEM, and HS256 has a shared secret"; /* a public key would be a secret that all know */
		return NULL;
	}
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

size_t scheme_short_key(const struct scheme *s, const char *text, size_t n)
{
	unsigned char bytes[SECRET_MAX];

	if (s->algorithm != ALGORITHM_JWT_HS256)
		return 0;
	if (s->key_text != KEY_TEXT_PLAIN && !decode_key(s, text, n, bytes, sizeof bytes, &n))
		return 0;
	explicit_bzero(bytes, sizeof bytes);
	return n < KEY_SHA256_BYTES ? n : 0;
}

struct key *scheme_other_key(const struct scheme *s, const char *text, size_t n, const char **why)
{
	return s->other_algorithm ? key_of_text(s, s->other_algorithm, text, n, false, why) : NULL;
}
