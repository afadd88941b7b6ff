/* SPDX-License-Identifier: ISC */
/* Fingerprints of texts and secrets, by which a running program and the files on the disk are compared. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

enum { FINGERPRINT_SIZE = 65 }; /* bytes of a fingerprint as text, with its NUL */

/* A fingerprint being made; NULL throughout, and an empty result, when memory is short. */
struct fingerprint;

struct fingerprint *fingerprint_new(void);

/* Adds n bytes; where one addition ends and the next begins counts. */
void fingerprint_add(struct fingerprint *f, const void *p, size_t n);

/* Writes SHA-256 (FIPS 180-4) in hexadecimal to out, and frees f. */
void fingerprint_end(struct fingerprint *f, char out[FINGERPRINT_SIZE]);

/* A secret's id: 32 bits of a hash, enough to tell a few apart, too few to tell which text it was. 0 when OpenSSL failed. */
int64_t fingerprint_secret(const char *text, size_t n);

#endif
