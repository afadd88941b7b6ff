/* HMAC-SHA256 by OpenSSL: fetched and keyed once, copied for each use. */
#include "core/mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* What OpenSSL calls a context is the key's schedule here: it is only ever copied. */
struct mac_key *mac_key_new(const void *key, size_t n)
{
	static char sha256[] = OSSL_DIGEST_NAME_SHA2_256;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

	EVP_MAC_free(hmac); /* the context keeps it */
	if (ctx && EVP_MAC_init(ctx, key, n, params))
		return (struct mac_key *)ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

void mac_key_free(struct mac_key *k)
{
	EVP_MAC_CTX_free((EVP_MAC_CTX *)k);
}

bool mac_of(const struct mac_key *k, const void *p, size_t n, unsigned char out[MAC_BYTES])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup((const EVP_MAC_CTX *)k);
	size_t len;
	bool ok = ctx && EVP_MAC_update(ctx, p, n) && EVP_MAC_final(ctx, out, &len, MAC_BYTES) && len == MAC_BYTES;

	EVP_MAC_CTX_free(ctx);
	return ok;
}
