/* SPDX-License-Identifier: ISC */
/* Fingerprints of a configuration, by which a running program and the files on the disk are compared. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include "conf/conf.h"

/* A fingerprint being made; NULL throughout, and an empty result, when memory is short. */
struct fingerprint;

struct fingerprint *fingerprint_new(void);

/* Adds n bytes; where one addition ends and the next begins counts. */
void fingerprint_add(struct fingerprint *f, const void *p, size_t n);

/* Writes SHA-256 (FIPS 180-4) in hexadecimal to out, and frees f. */
void fingerprint_end(struct fingerprint *f, char out[CONF_FINGERPRINT]);

/*
 * The ids of all secrets of endpoints, as one fingerprint: 32 bits of each, from which no secret can be found. Empty where one
 * was not read.
 */
void fingerprint_endpoints(const struct conf *c, char out[CONF_FINGERPRINT]);

/* The same for the files that sinks name, which are read for it. Empty where this process may not read one. */
void fingerprint_sinks(const struct conf *c, char out[CONF_FINGERPRINT]);

/* A secret's id: 32 bits of a hash, enough to tell a few apart, too few to tell which text it was. 0 when OpenSSL failed. */
int64_t fingerprint_secret(const char *text, size_t n);

#endif
