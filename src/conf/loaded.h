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

/* The same for the files that sinks name, which are read for it. Empty where this process may not read one. */
void loaded_sinks(const struct conf *c, char out[FINGERPRINT_SIZE]);

#endif
