/* SPDX-License-Identifier: ISC */
/* The time of a signature, where it is written as a date. */
#ifndef MOMENT_H
#define MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/*
 * Reads a date of RFC 3339, "2026-11-27T09:00:00.5Z", with an offset too, or of HTTP, "Fri, 27 Nov 2026 09:00:00 GMT" (RFC 9110 section
 * 5.6.7), into *ms since the epoch. The form is strict: a zone must be there, and no byte before or behind.
 */
bool moment_read(struct slice text, int64_t *ms);

#endif
