/* SPDX-License-Identifier: ISC */
/* A signed event, and what becomes of it. */
#ifndef PUT_H
#define PUT_H

#include "unit.h"

#include "spool/spool.h"

static inline struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

static inline struct spool_event event(const char *endpoint, const char *key, const char *body)
{
	return (struct spool_event){
		.endpoint = endpoint, .event = text("message.received"), .key = text(key),
		.identity = SPOOL_IDENTITY_SIGNED, .headers = text("H: v\n"),
		.body = text(body), .remote_addr = "192.0.2.1", .received_at = 1000, .secret = 1,
	};
}

enum put_result { STORED, DUPLICATE, FAILED };

static inline enum put_result put(struct spool *s, const char *endpoint, const char *key, const char *body, int64_t *id)
{
	struct spool_event ev = event(endpoint, key, body);
	char why[256] = "";

	if (!spool_put(s, &ev, why, sizeof why)) {
		assert_true(why[0] != '\0');
		return FAILED;
	}
	*id = ev.id;
	return ev.duplicate ? DUPLICATE : STORED;
}

#endif
