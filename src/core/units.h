/* SPDX-License-Identifier: ISC */
/* The units of the configuration and the command line: sizes with k/m/g, times with s/m/h/d. */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* Reads "250ms", "10s", "5m", "2h", "7d" (a bare number is seconds) into ms. False when it isn't one. */
bool units_duration(const char *text, int64_t *ms);

/* The same with its unit: a bare number could be meant as days. */
bool units_age(const char *text, int64_t *ms);

/* Reads "4096", "64k", "1m", "2g" (powers of 1024) into bytes. False when it isn't one or overflows. */
bool units_size(const char *text, uint64_t *bytes);

#endif
