/* SPDX-License-Identifier: ISC */
/* Fingerprints of texts and secrets, by which a running program and the files on the disk are compared. */
#include "conf/fingerprint.h"

#include <openssl/evp.h>
#include <string.h>

#include "core/encode.h"
#include "core/key.h"

struct fingerprint *fingerprint_new(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1)
		return (struct fingerprint *)md;
	EVP_MD_CTX_free(md);
	return NULL;
}

void fingerprint_add(struct fingerprint *f, const void *p, size_t n)
{
	const uint64_t length = n;

	if (f && EVP_DigestUpdate((EVP_MD_CTX *)f, &length, sizeof length) == 1)
		EVP_DigestUpdate((EVP_MD_CTX *)f, p, n);
}

void fingerprint_end(struct fingerprint *f, char out[FINGERPRINT_SIZE])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	*out = '\0';
	if (f && EVP_DigestFinal_ex((EVP_MD_CTX *)f, hash, NULL) == 1)
		encode(ENCODING_HEX, hash, KEY_SHA256_BYTES, out);
	EVP_MD_CTX_free((EVP_MD_CTX *)f);
}

int64_t fingerprint_secret(const char *text, size_t n)
{
	static const char message[] = "hookspool secret id";
	unsigned char h[KEY_SIGNATURE_MAX];
	struct key *key = key_new(KEY_HMAC_SHA256, text, n);
	int64_t id = 0;

	if (key && key_sign(key, message, sizeof message - 1, h))
		id = 1 + ((int64_t)h[0] << 24 | h[1] << 16 | h[2] << 8 | h[3]);
	key_free(key);
	return id;
}
