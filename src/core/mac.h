/* HMAC-SHA256 (RFC 2104, FIPS 180-4) under keys that are used again and again. */
#ifndef MAC_H
#define MAC_H

#include <stdbool.h>
#include <stddef.h>

enum { MAC_BYTES = 32 };

struct mac_key;

/* A key ready for use, freed by the caller. NULL: no memory, or OpenSSL has no HMAC-SHA256. */
struct mac_key *mac_key_new(const void *key, size_t n);
void mac_key_free(struct mac_key *k);

/* The MAC of n bytes. May be called from many threads with one key. False when OpenSSL failed. */
bool mac_of(const struct mac_key *k, const void *p, size_t n, unsigned char out[MAC_BYTES]);

#endif
