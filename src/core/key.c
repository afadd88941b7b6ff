/* SPDX-License-Identifier: ISC */
/* Keys of signatures by OpenSSL: fetched and keyed once, then used again and again. */
#include "core/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL 3.0.3 is the first in which a context begins anew with the key that it has (openssl/openssl#18100). */
static const unsigned long reusing_openssl = 0x30000030L;

/* An HMAC context that no thread uses at the moment; NULL: none. */
struct idle_hmac {
	_Atomic(EVP_MAC_CTX *) ctx;
};

struct key {
	EVP_MAC_CTX *hmac;      /* has the key, and is only copied */
	struct idle_hmac *idle; /* NULL: contexts cannot be used again */
	EVP_MD_CTX *hash;       /* has read the secret, and is only copied; NULL but for KEY_SHA256 */
	EVP_PKEY *pkey;         /* NULL for HMAC and KEY_SHA256 */
	enum key_kind kind;
	size_t size;
};

static EVP_MAC_CTX *hmac_new(const char *digest, const void *bytes, size_t n)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
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

/* The hash of a secret, before the text. */
static EVP_MD_CTX *hash_new(const void *bytes, size_t n)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	if (hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(hash, bytes, n) == 1)
		return hash;
	EVP_MD_CTX_free(hash);
	return NULL;
}

static const char *digest_of(enum key_kind kind)
{
	switch (kind) {
	case KEY_HMAC_SHA1:
		return OSSL_DIGEST_NAME_SHA1;
	case KEY_HMAC_SHA384:
		return OSSL_DIGEST_NAME_SHA2_384;
	case KEY_HMAC_SHA512:
		return OSSL_DIGEST_NAME_SHA2_512;
	default:
		return OSSL_DIGEST_NAME_SHA2_256;
	}
}

struct key *key_new(enum key_kind kind, const void *bytes, size_t n)
{
	struct key *k = NULL;

	switch (kind) {
	case KEY_ED25519_PUBLIC:
		return key_take(kind, EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, n));
	case KEY_ED25519_PRIVATE:
		return key_take(kind, EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, n));
	case KEY_HMAC_SHA256:
	case KEY_HMAC_SHA1:
	case KEY_HMAC_SHA384:
	case KEY_HMAC_SHA512:
	case KEY_SHA256:
		k = calloc(1, sizeof *k);
		break;
	case KEY_RSA_SHA256:
	case KEY_ECDSA_P256:
	case KEY_ECDSA_P256_RAW:
		break;
	}
	if (!k)
		return NULL;
	k->kind = kind;
	if (kind == KEY_SHA256) {
		k->hash = hash_new(bytes, n);
		k->size = KEY_SHA256_BYTES;
	} else {
		k->hmac = hmac_new(digest_of(kind), bytes, n);
		k->idle = OpenSSL_version_num() >= reusing_openssl ? calloc(1, sizeof *k->idle) : NULL;
		k->size = k->hmac ? EVP_MAC_CTX_get_mac_size(k->hmac) : 0;
	}
	if (k->hmac || k->hash)
		return k;
	key_free(k);
	return NULL;
}

static size_t size_of_pkey(enum key_kind kind, const EVP_PKEY *pkey)
{
	switch (kind) {
	case KEY_ED25519_PUBLIC:
	case KEY_ED25519_PRIVATE:
	case KEY_ECDSA_P256_RAW:
		return KEY_FIXED_MAX;
	case KEY_ECDSA_P256:
		return KEY_P256_DER_MAX;
	default:
		return (size_t)EVP_PKEY_get_size(pkey);
	}
}

struct key *key_take(enum key_kind kind, struct evp_pkey_st *pkey)
{
	struct key *k = pkey ? calloc(1, sizeof *k) : NULL;

	if (!k) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	*k = (struct key){.pkey = pkey, .kind = kind, .size = size_of_pkey(kind, pkey)};
	return k;
}

void key_free(struct key *k)
{
	if (!k)
		return;
	if (k->idle)
		EVP_MAC_CTX_free(k->idle->ctx);
	free(k->idle);
	EVP_MAC_CTX_free(k->hmac);
	EVP_MD_CTX_free(k->hash);
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
		EVP_MAC_final(ctx, out, &len, KEY_FIXED_MAX) && len == k->size;
	EVP_MAC_CTX_free(swap_idle(k, ctx));
	return ok;
}

static bool hash_sign(const struct key *k, const void *message, size_t n, unsigned char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_MD_CTX_copy_ex(ctx, k->hash) == 1 && EVP_DigestUpdate(ctx, message, n) == 1 &&
		EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static const EVP_MD *pkey_digest(const struct key *k)
{
	return k->kind == KEY_ED25519_PUBLIC || k->kind == KEY_ED25519_PRIVATE ? NULL : EVP_sha256();
}

/* The two numbers of a signature in DER, of 32 bytes each. */
static bool raw_of_der(const unsigned char *der, size_t n, unsigned char out[KEY_P256_BYTES])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, KEY_P256_BYTES / 2) > 0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + KEY_P256_BYTES / 2, KEY_P256_BYTES / 2) > 0;

	ECDSA_SIG_free(pair);
	return ok;
}

/* The other way round. Returns the length, at most KEY_P256_DER_MAX; 0: memory is short. */
static size_t der_of_raw(const char *raw, unsigned char out[KEY_P256_DER_MAX])
{
	const unsigned char *bytes = (const unsigned char *)raw;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes, KEY_P256_BYTES / 2, NULL), *s = BN_bin2bn(bytes + KEY_P256_BYTES / 2, KEY_P256_BYTES / 2, NULL);
	int n = -1;

	if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
		r = s = NULL; /* the pair owns them */
		n = i2d_ECDSA_SIG(pair, &out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return n > 0 ? (size_t)n : 0;
}

static size_t pkey_sign(const struct key *k, const void *message, size_t n, unsigned char *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = KEY_SIGNATURE_MAX;
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, pkey_digest(k), NULL, k->pkey) == 1 &&
		EVP_DigestSign(ctx, out, &len, message, n) == 1;

	EVP_MD_CTX_free(ctx);
	if (ok && k->kind == KEY_ECDSA_P256_RAW) {
		unsigned char der[KEY_P256_DER_MAX];

		ok = len <= sizeof der;
		if (ok) {
			memcpy(der, out, len);
			ok = raw_of_der(der, len, out);
		}
		len = KEY_P256_BYTES;
	}
	return ok ? len : 0;
}

size_t key_sign(const struct key *k, const void *message, size_t n, unsigned char out[KEY_SIGNATURE_MAX])
{
	if (k->pkey)
		return pkey_sign(k, message, n, out);
	return (k->hmac ? hmac_sign : hash_sign)(k, message, n, out) ? k->size : 0;
}

/* All are compared, in the same time for any result. */
static int secret_verify(const struct key *k, const void *message, size_t n, const struct slice *signatures, size_t count)
{
	unsigned char right[KEY_FIXED_MAX];
	int match = 0;

	if (!(k->hmac ? hmac_sign : hash_sign)(k, message, n, right))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (signatures[i].n == k->size)
			match |= CRYPTO_memcmp(signatures[i].p, right, k->size) == 0;
	return match;
}

/* Its input is public, so it need not take constant time. */
static int pkey_verify(const struct key *k, const void *message, size_t n, struct slice signature)
{
	unsigned char der[KEY_P256_DER_MAX];
	EVP_MD_CTX *ctx;
	int rc = -1;

	if (k->kind == KEY_ECDSA_P256_RAW) {
		if (signature.n != KEY_P256_BYTES)
			return 0;
		signature = (struct slice){(const char *)der, der_of_raw(signature.p, der)};
		if (!signature.n)
			return -1;
	}
	ctx = EVP_MD_CTX_new();
	if (ctx && EVP_DigestVerifyInit(ctx, NULL, pkey_digest(k), NULL, k->pkey) == 1)
		rc = EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, message, n) == 1;
	EVP_MD_CTX_free(ctx);
	return rc;
}

int key_verify(const struct key *k, const void *message, size_t n, const struct slice *signatures, size_t count)
{
	int rc = 0;

	if (!k->pkey)
		return secret_verify(k, message, n, signatures, count);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = pkey_verify(k, message, n, signatures[i]);
	return rc;
}
