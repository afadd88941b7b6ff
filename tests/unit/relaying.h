/* SPDX-License-Identifier: ISC */
/* What unit tests of the relay's parts share: attempts of their own, and a driver that the test is. */
#ifndef RELAYING_H
#define RELAYING_H

#include "unit.h"

#include "core/clock.h"
#include "relay/attempt.h"
#include "sink/driver.h"
#include "sink/type.h"

static inline struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

/* The attempt of a relay that was stored and due at `since`, with the number of attempts before it. */
static inline struct attempt *make_attempt(int64_t id, int64_t since, int attempts, const char *reply)
{
	struct spool_relay_row row = {.id = id, .since = since, .due = since, .attempts = attempts, .reply = text(reply),
		.event = {.id = id + 100, .received_at = since, .endpoint = text("/e"), .event = text("message.received"), .account = text("acc"),
			.headers = text("Content-Type: application/json\n"), .body = text("{\"text\":\"hello\"}")}};
	struct attempt *a = attempt_new(&row, "spool");

	assert_non_null(a);
	return a;
}

#endif
