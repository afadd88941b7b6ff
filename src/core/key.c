/* SPDX-License-Identifier: ISC */
/* Keys of signatures by OpenSSL: fetched and keyed once, then used again and again. */
#include "core/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdlib.h>

/* OpenSSL 3.0.3 is the first in which a context begins anew with the key that it has (openssl/openssl#18100). */
static const unsigned long reusing_openssl = 0x30000030L;

/* An HMAC context that no thread uses at the moment; NULL: none. */
struct idle_hmac {
	_Atomic(EVP_MAC_CTX *) ctx;
};

struct key {
	EVP_MAC_CTX *hmac;      /* has the key, and is only copied */
	struct idle_hmac *idle; /* NULL: contexts cannot be used again */
	EVP_PKEY *pkey;         /* NULL for HMAC */
	size_t size;
};

static EVP_MAC_CTX *hmac_new(char *digest, const void *bytes, size_t n)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

	EVP_MAC_free(hmac); /* the context keeps it */
	if (ctx && EVP_MAC_init(ctx, bytes, n, params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

struct key *key_new(enum key_kind kind, const void *bytes, size_t n)
{
	static char sha256[] = OSSL_DIGEST_NAME_SHA2_256, sha1[] = OSSL_DIGEST_NAME_SHA1;
	struct key *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	switch (kind) {
	case KEY_HMAC_SHA256:
	case KEY_HMAC_SHA1:
		k->hmac = hmac_new(kind == KEY_HMAC_SHA256 ? sha256 : sha1, bytes, n);
		k->idle = OpenSSL_version_num() >= reusing_openssl ? calloc(1, sizeof *k->idle) : NULL;
		k->size = k->hmac ? EVP_MAC_CTX_get_mac_size(k->hmac) : 0;
		break;
	case KEY_ED25519_PUBLIC:
		k->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, n);
		k->size = KEY_SIGNATURE_MAX;
		break;
	case KEY_ED25519_PRIVATE:
		k->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, n);
		k->size = KEY_SIGNATURE_MAX;
		break;
	}
	if (k->hmac || k->pkey)
		return k;
	key_free(k);
	return NULL;
}

void key_free(struct key *k)
{
	if (!k)
		return;
	if (k->idle)
		EVP_MAC_CTX_free(k->idle->ctx);
	free(k->idle);
	EVP_MAC_CTX_free(k->hmac);
	EVP_PKEY_free(k->pkey);
	free(k);
}

size_t key_signature_size(const struct key *k)
{
	return k->size;
}

/* Leaves a context for the next use, and returns the one that was left before. */
static EVP_MAC_CTX *swap_idle(const struct key *k, EVP_MAC_CTX *ctx)
{
	return k->idle ? atomic_exchange(&k->idle->ctx, ctx) : ctx;
}

/* Copying the context takes a dozen allocations, so one is kept for the next use. */
static bool hmac_sign(const struct key *k, const void *message, size_t n, unsigned char *out)
{
	EVP_MAC_CTX *ctx = swap_idle(k, NULL);
	size_t len;
	bool ok;

	if (!ctx)
		ctx = EVP_MAC_CTX_dup(k->hmac);
	ok = ctx && EVP_MAC_init(ctx, NULL, 0, NULL) && EVP_MAC_update(ctx, message, n) &&
		EVP_MAC_final(ctx, out, &len, KEY_SIGNATURE_MAX) && len == k->size;
	EVP_MAC_CTX_free(swap_idle(k, ctx));
	return ok;
}

bool key_sign(const struct key *k, const void *message, size_t n, unsigned char out[KEY_SIGNATURE_MAX])
{
	size_t len = KEY_SIGNATURE_MAX;
	EVP_MD_CTX *ctx;
	bool ok;

	if (k->hmac)
		return hmac_sign(k, message, n, out);
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		EVP_DigestSign(ctx, out, &len, message, n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* All are compared, in the same time for any result. */
static int hmac_verify(const struct key *k, const void *message, size_t n, unsigned char (*signatures)[KEY_SIGNATURE_MAX],
	size_t count)
{
	unsigned char right[KEY_SIGNATURE_MAX];
	int match = 0;

	if (!hmac_sign(k, message, n, right))
		return -1;
	for (size_t i = 0; i < count; i++)
		match |= CRYPTO_memcmp(signatures[i], right, k->size) == 0;
	return match;
}

/* Its input is public, so it need not take constant time. */
static int ed25519_verify(const struct key *k, const void *message, size_t n, const unsigned char *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc = -1;

	if (ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1)
		rc = EVP_DigestVerify(ctx, signature, k->size, message, n) == 1;
	EVP_MD_CTX_free(ctx);
	return rc;
}

int key_verify(const struct key *k, const void *message, size_t n, unsigned char (*signatures)[KEY_SIGNATURE_MAX],
	size_t count)
{
	int rc = 0;

	if (k->hmac)
		return hmac_verify(k, message, n, signatures, count);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = ed25519_verify(k, message, n, signatures[i]);
	return rc;
}
