/* Is this delivery from whom it says? Signature over the raw bytes, Authorization, in constant time. */
#include "hook/verify.h"

#include <openssl/crypto.h>
#include <string.h>

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse(const char *prefix, const char *value, unsigned char out[MAC_BYTES])
{
	size_t n = strlen(prefix);

	if (strncmp(value, prefix, n) != 0 || strlen(value + n) != VERIFY_HEX)
		return false;
	for (size_t i = 0; i < MAC_BYTES; i++) {
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
	unsigned char claimed[MAC_BYTES], right[MAC_BYTES];

	if (!parse(scheme->prefix, value, claimed))
		return 0;
	for (size_t i = 0; i < secrets->n; i++) {
		if (!mac_of(secrets->item[i].key, body, n, right))
			return -1;
		if (CRYPTO_memcmp(claimed, right, MAC_BYTES) == 0)
			return (int)i + 1;
	}
	return 0;
}

bool verify_authorization(const struct secrets *expected, const char *value)
{
	size_t n = strlen(value);
	bool match = false;

	for (size_t i = 0; i < expected->n; i++)
		match |= expected->item[i].len == n && CRYPTO_memcmp(expected->item[i].text, value, n) == 0;
	return match;
}

bool verify_sign(const struct scheme *scheme, const struct mac_key *key, const void *body, size_t n, char *out,
	size_t out_size)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char right[MAC_BYTES];
	size_t at = strlen(scheme->prefix);

	if (out_size < at + VERIFY_HEX + 1 || !mac_of(key, body, n, right))
		return false;
	memcpy(out, scheme->prefix, at);
	for (size_t i = 0; i < MAC_BYTES; i++) {
		out[at++] = hex[right[i] >> 4];
		out[at++] = hex[right[i] & 15];
	}
	out[at] = '\0';
	return true;
}
