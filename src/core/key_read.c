/* SPDX-License-Identifier: ISC */
/* Keys of public-key signatures from PEM, DER, and base64 of DER. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "core/key.h"

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "core/encode.h"

enum { DER_MAX = 4096, GROUP_MAX = 64 };

static const char pem_begin[] = "-----BEGIN ";

bool key_is_pem(const char *text, size_t n)
{
	return n >= sizeof pem_begin - 1 && memcmp(text, pem_begin, sizeof pem_begin - 1) == 0;
}

/* The key of a certificate, of which only the first counts. */
static EVP_PKEY *of_certificate(struct slice bytes, bool pem)
{
	BIO *in = BIO_new_mem_buf(bytes.p, (int)bytes.n);
	X509 *certificate = !in ? NULL : pem ? PEM_read_bio_X509(in, NULL, NULL, NULL) : d2i_X509_bio(in, NULL);
	EVP_PKEY *pkey = certificate ? X509_get_pubkey(certificate) : NULL;

	X509_free(certificate);
	BIO_free(in);
	return pkey;
}

/* Without a callback for a passphrase, so that nothing is asked on a terminal. */
static EVP_PKEY *of_key(struct slice bytes, bool pem, bool sign)
{
	const unsigned char *at = (const unsigned char *)bytes.p;
	size_t left = bytes.n;
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(&pkey, pem ? "PEM" : "DER", NULL, NULL,
		sign ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, NULL, NULL);

	if (decoder && !OSSL_DECODER_from_data(decoder, &at, &left)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_DECODER_CTX_free(decoder);
	return pkey;
}

/* The bytes of base64 with white space in it; n == 0: it is none. */
static struct slice bytes_of_base64(const char *text, size_t n, char *compact, unsigned char *out)
{
	size_t k = 0, len = 0;

	for (size_t i = 0; i < n && k < DER_MAX; i++)
		if (!strchr(" \t\r\n", text[i]))
			compact[k++] = text[i];
	return (struct slice){(const char *)out, decode(ENCODING_BASE64, compact, k, out, DER_MAX, &len) ? len : 0};
}

static EVP_PKEY *read_pkey(const char *text, size_t n, bool sign)
{
	unsigned char bytes[DER_MAX];
	char compact[DER_MAX];
	struct slice der = {text, n};
	EVP_PKEY *pkey = NULL;
	bool pem = key_is_pem(text, n);

	if (!pem && n && *text != '\x30') /* a sequence in DER */
		der = bytes_of_base64(text, n, compact, bytes);
	if (der.n && !sign)
		pkey = of_certificate(der, pem);
	if (der.n && !pkey)
		pkey = of_key(der, pem, sign);
	ERR_clear_error();
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(compact, sizeof compact);
	return pkey;
}

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[GROUP_MAX];
	size_t n;

	return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &n) &&
		(strcmp(group, SN_X9_62_prime256v1) == 0 || strcmp(group, "P-256") == 0);
}

/* NULL where the key is of this kind, or what is wrong with it. */
static const char *find_key_mistake(enum key_kind kind, const EVP_PKEY *pkey)
{
	switch (kind) {
	case KEY_RSA_SHA256:
		if (!EVP_PKEY_is_a(pkey, "RSA"))
			return "it is a key, but not one of RSA";
		if (EVP_PKEY_get_bits(pkey) < KEY_RSA_BITS_MIN || EVP_PKEY_get_bits(pkey) > KEY_RSA_BITS_MAX)
			return "an RSA key has 2048 to 4096 bits";
		return NULL;
	case KEY_ECDSA_P256:
	case KEY_ECDSA_P256_RAW:
		return is_p256(pkey) ? NULL : "it is a key, but not one of ECDSA on the curve P-256";
	default:
		return EVP_PKEY_is_a(pkey, "ED25519") ? NULL : "it is a key, but not one of Ed25519";
	}
}

struct key *key_read(enum key_kind kind, const char *text, size_t n, bool sign, const char **why)
{
	EVP_PKEY *pkey = read_pkey(text, n, sign);
	struct key *key;

	*why = sign ? "it is no private key without a passphrase in PEM, DER, or base64 of DER"
		: "it is no public key or certificate in PEM, DER, or base64 of DER";
	if (!pkey)
		return NULL;
	*why = find_key_mistake(kind, pkey);
	if (*why) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	if (kind == KEY_ED25519_PUBLIC && sign)
		kind = KEY_ED25519_PRIVATE;
	key = key_take(kind, pkey);
	*why = "memory is short";
	return key;
}
