/* SPDX-License-Identifier: ISC */
/*
 * When a catch-up may send its next request: by the section's rate, by the API's allowance, and by what a refusal says. Others may use
 * the same key: the last tenth of the API's allowance is left to them.
 */
#ifndef CATCHUP_ALLOWANCE_H
#define CATCHUP_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/rate.h"

/* What the headers of one answer say. Negative: nothing. */
struct allowance_headers {
	int64_t limit, remaining; /* X-RateLimit-Limit, X-RateLimit-Remaining: requests */
	int64_t reset;            /* X-RateLimit-Reset: seconds since the epoch, or from now */
	int64_t retry_after;      /* seconds */
};

extern const struct allowance_headers allowance_none;

/* Takes a header line "Name: value", if it is one of these. Numbers of more than 15 digits are passed over. */
void allowance_take(struct allowance_headers *h, struct slice line);

/* True when the API refuses a request because there were too many. GitHub answers 403 then. */
bool allowance_is_spent(const struct allowance_headers *h, long status);

#define ALLOWANCE_WAIT_MAX INT64_C(86400000) /* ms: a day */

/* The ms from `now` (ms since the epoch) until the next request, after an answer with that status. At most ALLOWANCE_WAIT_MAX. */
int64_t allowance_wait(const struct allowance_headers *h, long status, const struct rate *rate, int64_t now);

#endif
