/* Is this delivery from whom it says? Signature over the raw bytes, Authorization, in constant time. */
#include "hook/verify.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>

static EVP_MAC *hmac;
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Fetching walks OpenSSL's providers; once a process is enough. */
static void fetch(void)
{
	hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	sha256 = EVP_MD_fetch(NULL, OSSL_DIGEST_NAME_SHA2_256, NULL);
}

/* HMAC-SHA256 (RFC 2104, FIPS 180-4). */
static bool mac(const struct secret *secret, const void *body, size_t n, unsigned char out[VERIFY_BYTES])
{
	static char digest[] = OSSL_DIGEST_NAME_SHA2_256;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx;
	size_t len;
	bool ok;

	pthread_once(&once, fetch);
	ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	ok = ctx && EVP_MAC_init(ctx, (const unsigned char *)secret->text, secret->len, params) &&
		EVP_MAC_update(ctx, body, n) && EVP_MAC_final(ctx, out, &len, VERIFY_BYTES) && len == VERIFY_BYTES;
	EVP_MAC_CTX_free(ctx);
	return ok;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(const char *prefix, const char *value, unsigned char out[VERIFY_BYTES])
{
	size_t n = strlen(prefix);

	if (strncmp(value, prefix, n) != 0 || strlen(value + n) != VERIFY_HEX)
		return false;
	for (size_t i = 0; i < VERIFY_BYTES; i++) {
		int high = nibble(value[n + 2 * i]), low = nibble(value[n + 2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

int verify_signature(const struct scheme *scheme, const struct secrets *secrets, const char *value, const void *body,
	size_t n)
{
	unsigned char claimed[VERIFY_BYTES], right[VERIFY_BYTES];

	if (!parse(scheme->prefix, value, claimed))
		return 0;
	for (size_t i = 0; i < secrets->n; i++) {
		if (!mac(&secrets->item[i], body, n, right))
			return -1;
		if (CRYPTO_memcmp(claimed, right, VERIFY_BYTES) == 0)
			return (int)i + 1;
	}
	return 0;
}

static bool digest_of(const void *p, size_t n, unsigned char out[VERIFY_BYTES])
{
	return EVP_Digest(p, n, out, NULL, sha256, NULL) == 1;
}

/* Digests are compared, so that neither the length nor the place of the first difference shows. */
bool verify_authorization(const struct secrets *expected, const char *value)
{
	unsigned char got[VERIFY_BYTES], want[VERIFY_BYTES];
	bool match = false;

	pthread_once(&once, fetch);
	if (!sha256 || !digest_of(value, strlen(value), got))
		return false;
	for (size_t i = 0; i < expected->n; i++)
		match |= digest_of(expected->item[i].text, expected->item[i].len, want) &&
			CRYPTO_memcmp(got, want, VERIFY_BYTES) == 0;
	return match;
}

bool verify_sign(const struct scheme *scheme, const struct secret *secret, const void *body, size_t n, char *out,
	size_t out_size)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char right[VERIFY_BYTES];
	size_t at = strlen(scheme->prefix);

	if (out_size < at + VERIFY_HEX + 1 || !mac(secret, body, n, right))
		return false;
	memcpy(out, scheme->prefix, at);
	for (size_t i = 0; i < VERIFY_BYTES; i++) {
		out[at++] = hex[right[i] >> 4];
		out[at++] = hex[right[i] & 15];
	}
	out[at] = '\0';
	return true;
}
