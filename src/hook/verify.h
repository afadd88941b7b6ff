/* Is this delivery from whom it says? Signature over the raw bytes, Authorization, in constant time. */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"

enum { VERIFY_HEX = 2 * MAC_BYTES };

/*
 * Checks `value`, the signature header as received, against the n raw body bytes under each secret.
 * Returns which matched, from 1; 0 when none did; -1 when OpenSSL failed (the sender should retry).
 */
int verify_signature(const struct scheme *scheme, const struct secrets *secrets, const char *value, const void *body,
	size_t n);

/*
 * True when the whole value equals one of the expected ones. The time it takes may tell their
 * lengths, and nothing of what they are.
 */
bool verify_authorization(const struct secrets *expected, const char *value);

/* Writes the scheme's header value for the body under the key, NUL-terminated. False when OpenSSL failed. */
bool verify_sign(const struct scheme *scheme, const struct mac_key *key, const void *body, size_t n, char *out,
	size_t out_size);

#endif
