/* SPDX-License-Identifier: ISC */
/* When a catch-up may send its next request. */
#include "catchup/allowance.h"

#include <string.h>
#include <strings.h>

enum {
	LEFT_FOR_OTHERS = 10, /* a tenth of the API's allowance */
	EPOCH = 1000000000,   /* a larger reset is a time since the epoch, a smaller one a number of seconds: the APIs differ */
	SPENT_S = 60,         /* after a refusal that does not say how long: the window of most allowances */
};

const struct allowance_headers allowance_none = {-1, -1, -1, -1};

/* -1: it is no number. */
static int64_t header_number(struct slice value)
{
	int64_t v = 0;
	size_t n = 0;

	while (n < value.n && value.p[n] >= '0' && value.p[n] <= '9' && n < 16)
		v = v * 10 + (value.p[n++] - '0');
	return n > 0 && n < 16 ? v : -1;
}

void allowance_take(struct allowance_headers *h, struct slice line)
{
	const struct {
		const char *name;
		int64_t *to;
	} known[] = {{"X-RateLimit-Limit:", &h->limit}, {"X-RateLimit-Remaining:", &h->remaining}, {"X-RateLimit-Reset:", &h->reset}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t n = strlen(known[i].name);

		if (line.n <= n || strncasecmp(line.p, known[i].name, n) != 0)
			continue;
		while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
			n++;
		*known[i].to = header_number((struct slice){line.p + n, line.n - n});
	}
}

bool allowance_is_spent(const struct allowance_headers *h, long status)
{
	return status == 429 || (status == 403 && (h->remaining == 0 || h->retry_after > 0));
}

/* The ms until the API's window ends; negative: it does not say. A time that is written in whole seconds may be rounded down. */
static int64_t until_reset(const struct allowance_headers *h, int64_t now)
{
	if (h->reset < 0)
		return -1;
	return h->reset < EPOCH ? h->reset * 1000 : h->reset * 1000 > now ? h->reset * 1000 - now : 0;
}

int64_t allowance_wait(const struct allowance_headers *h, long status, const struct rate *rate, int64_t now)
{
	int64_t pace = (rate->per + rate->n - 1) / rate->n, wait = 0, reset = until_reset(h, now);

	if (allowance_is_spent(h, status))
		wait = h->retry_after > ALLOWANCE_WAIT_MAX / 1000 ? ALLOWANCE_WAIT_MAX : h->retry_after > 0 ? h->retry_after * 1000 : reset > 0 ? reset : SPENT_S * 1000;
	else if (h->remaining >= 0 && h->limit > 0 && h->remaining <= h->limit / LEFT_FOR_OTHERS)
		wait = reset >= 0 ? reset : SPENT_S * 1000;
	wait = wait < pace ? pace : wait;
	return wait < ALLOWANCE_WAIT_MAX ? wait : ALLOWANCE_WAIT_MAX;
}
