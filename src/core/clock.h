/* SPDX-License-Identifier: ISC */
/* Time: milliseconds since the epoch, the monotonic clock, RFC 3339. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum { CLOCK_TEXT = 25 }; /* "2026-05-12T14:33:21.000Z" and its NUL */

/* Wall-clock time in ms since 1970-01-01 UTC. */
int64_t clock_now(void);

/* A clock in microseconds that never jumps; only differences mean something. */
int64_t clock_mono_us(void);

/* Writes ms as RFC 3339 in UTC with milliseconds. Returns out. */
const char *clock_format(int64_t ms, char out[CLOCK_TEXT]);

/*
 * Reads a moment: RFC 3339 ("2026-05-12T14:33:21.5Z", "+02:00" offsets too), a date
 * ("2026-05-12", midnight UTC), or an age before now ("90s", "15m", "2h", "7d", "2h ago").
 * False, and *ms untouched, when the text is none of these.
 */
bool clock_parse(const char *text, int64_t now, int64_t *ms);

/*
 * Reads a provider's time: RFC 3339, a date, a date as HTTP and mail write it, or a number of seconds or milliseconds since the epoch, of
 * seconds with a fraction, too. False, and *ms untouched, when the
 * text is none of these.
 */
bool clock_read(struct slice text, int64_t *ms);

#endif
