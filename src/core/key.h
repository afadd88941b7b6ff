/* SPDX-License-Identifier: ISC */
/*
 * Keys of signatures, made once and used again and again: HMAC (RFC 2104, FIPS 180-4), SHA-256 of a secret and a text, Ed25519
 * (RFC 8032), RSA (PKCS #1 v1.5, RFC 8017 section 8.2) and ECDSA on P-256 (FIPS 186-5).
 */
#ifndef KEY_H
#define KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum key_kind {
	KEY_HMAC_SHA256,
	KEY_HMAC_SHA1,
	KEY_HMAC_SHA384,
	KEY_HMAC_SHA512,
	KEY_SHA256, /* the hash of the secret with the text behind it */
	KEY_ED25519_PUBLIC,
	KEY_ED25519_PRIVATE,
	KEY_RSA_SHA256,
	KEY_ECDSA_P256,     /* a signature is an ASN.1 sequence in DER: RFC 3279 section 2.2.3 */
	KEY_ECDSA_P256_RAW, /* two numbers of 32 bytes, as JWTs have it: RFC 7518 section 3.4 */
};

enum {
	KEY_SHA256_BYTES = 32,
	KEY_ED25519_BYTES = 32,  /* of a public key, and of a private key's seed: RFC 8032 section 5.1.5 */
	KEY_P256_BYTES = 64,     /* of a raw signature */
	KEY_P256_DER_MIN = 8,    /* of a signature in DER, with two numbers of one byte each... */
	KEY_P256_DER_MAX = 72,   /* ...and of 33 */
	KEY_FIXED_MAX = 64,      /* the longest signature of a kind whose signatures have one length */
	KEY_SIGNATURE_MAX = 512, /* RSA's, of 4096 bits */
	KEY_RSA_BITS_MIN = 2048,
	KEY_RSA_BITS_MAX = 8 * KEY_SIGNATURE_MAX,
};

struct key;

/*
 * A key ready for use from its n bytes, freed by the caller. NULL: no memory, OpenSSL lacks the
 * algorithm, or for Ed25519 the bytes are not KEY_ED25519_BYTES. RSA and ECDSA have key_read().
 */
struct key *key_new(enum key_kind kind, const void *bytes, size_t n);

/*
 * The same for Ed25519, RSA and ECDSA from a text of n bytes: a public key or a certificate in PEM, in DER, or in base64 of DER.
 * With `sign`, a private key, without a passphrase; of Ed25519 that makes a KEY_ED25519_PRIVATE. NULL with *why, static text.
 */
struct key *key_read(enum key_kind kind, const char *text, size_t n, bool sign, const char **why);

/* True for a text that begins as PEM does (RFC 7468). */
bool key_is_pem(const char *text, size_t n);

/* Takes over OpenSSL's key, also where it fails. NULL: memory is short. */
struct evp_pkey_st;
struct key *key_take(enum key_kind kind, struct evp_pkey_st *pkey);

void key_free(struct key *k);

/* The length of this key's signatures in bytes; of ECDSA in DER the longest one's. */
size_t key_signature_size(const struct key *k);

/*
 * Writes the signature of n bytes. Returns its length. May be called from many threads with one key. 0 when OpenSSL
 * failed, as it does for a public key.
 */
size_t key_sign(const struct key *k, const void *message, size_t n, unsigned char out[KEY_SIGNATURE_MAX]);

/*
 * Compares signatures. Returns 1 when one of them is this key's for the n bytes, 0 when none is, -1 when OpenSSL failed. The time
 * it takes tells nothing of the right one.
 */
int key_verify(const struct key *k, const void *message, size_t n, const struct slice *signatures, size_t count);

#endif
