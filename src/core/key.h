/* SPDX-License-Identifier: ISC */
/* Keys of signatures, made once and used again and again: HMAC (RFC 2104, FIPS 180-4) and Ed25519 (RFC 8032). */
#ifndef KEY_H
#define KEY_H

#include <stdbool.h>
#include <stddef.h>

enum key_kind { KEY_HMAC_SHA256, KEY_HMAC_SHA1, KEY_ED25519_PUBLIC, KEY_ED25519_PRIVATE };

enum {
	KEY_SHA256_BYTES = 32,
	KEY_ED25519_BYTES = 32, /* of a public key, and of a private key's seed: RFC 8032 section 5.1.5 */
	KEY_SIGNATURE_MAX = 64, /* Ed25519's; HMAC's are shorter */
};

struct key;

/*
 * A key ready for use from its n bytes, freed by the caller. NULL: no memory, OpenSSL lacks the
 * algorithm, or for Ed25519 the bytes are not KEY_ED25519_BYTES.
 */
struct key *key_new(enum key_kind kind, const void *bytes, size_t n);
void key_free(struct key *k);

/* The length of this key's signatures, in bytes. */
size_t key_signature_size(const struct key *k);

/*
 * Writes the signature of n bytes. May be called from many threads with one key. False when OpenSSL
 * failed, as it does for a public key.
 */
bool key_sign(const struct key *k, const void *message, size_t n, unsigned char out[KEY_SIGNATURE_MAX]);

/*
 * Compares signatures of key_signature_size() bytes each. Returns 1 when one of them is this key's for the n bytes, 0 when none is,
 * -1 when OpenSSL failed. The time it takes tells nothing of the right one.
 */
int key_verify(const struct key *k, const void *message, size_t n, unsigned char (*signatures)[KEY_SIGNATURE_MAX],
	size_t count);

#endif
