/* SPDX-License-Identifier: ISC */
/* Fingerprints of the secrets of a loaded configuration. */
#ifndef LOADED_H
#define LOADED_H

#include "conf/conf.h"

/*
 * The ids of all secrets of endpoints, as one fingerprint: 32 bits of each, from which no secret can be found. Empty where one
 * was not read.
 */
void loaded_endpoints(const struct conf *c, char out[FINGERPRINT_SIZE]);

/*
 * The ids of the signing secrets of endpoints, as " 1a2b 3c4d ", in hexadecimal. They are in the counters of deliveries, too. Empty
 * where there are none, or more than fit.
 */
void loaded_ids(const struct conf *c, char *out, size_t n);

/* The same as loaded_endpoints() for the files that sinks name, which are read for it. Empty where this process may not read one. */
void loaded_sinks(const struct conf *c, char out[FINGERPRINT_SIZE]);

#endif
