/* SPDX-License-Identifier: ISC */
/* The query of /events.json: cursor, direction and filters. */
#include "page/feed_query.h"

#include <string.h>

#include "core/clock.h"

static bool read_cursor_id(const char **p, const char *end, int64_t *id)
{
	const char *begin = *p;

	*id = 0;
	while (*p < end && **p >= '0' && **p <= '9' && *p - begin < 18)
		*id = *id * 10 + (*(*p)++ - '0');
	return *p > begin;
}

static bool read_cursor(struct slice text, int64_t cursor[2])
{
	const char *p = text.p, *end = text.p + text.n;

	return read_cursor_id(&p, end, &cursor[SPOOL_VIEW_EVENTS]) && p < end && *p++ == '.' && read_cursor_id(&p, end, &cursor[SPOOL_VIEW_REJECTS]) && p == end;
}

/* A time as the commands take it: RFC 3339, a date, or an age. */
static bool read_feed_time(const struct page_call *c, const char *name, int64_t *ms)
{
	struct slice value = page_parameter(c, name);
	char text[64];

	if (!value.p)
		return true;
	if (value.n >= sizeof text)
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return clock_parse(text, clock_now(), ms);
}

static bool is_outcome(struct slice value, const char *word)
{
	return value.n == strlen(word) && memcmp(value.p, word, value.n) == 0;
}

static void read_outcome(const struct page_call *c, struct feed_query *q)
{
	struct slice outcome = page_parameter(c, "outcome");

	q->want[SPOOL_VIEW_EVENTS] = !outcome.p || is_outcome(outcome, "stored");
	q->want[SPOOL_VIEW_REJECTS] = !is_outcome(outcome, "stored") && !q->filter.event.p && !q->filter.account.p && !q->sender.p;
	if (outcome.p && !is_outcome(outcome, "refused"))
		q->filter.code = outcome;
}

static bool wrong_query(struct page_call *c, const char *why)
{
	page_error(c, 400, why);
	return false;
}

bool feed_query_read(struct page_call *c, struct feed_query *q)
{
	struct slice after = page_parameter(c, "after"), before = page_parameter(c, "before");

	*q = (struct feed_query){
		.up = after.p != NULL,
		.has_cursor = after.p || before.p,
		.filter = {.endpoint = page_parameter(c, "endpoint"), .event = page_parameter(c, "event"),
			.account = page_parameter(c, "account"), .since = INT64_MIN, .until = INT64_MAX},
		.sender = page_parameter(c, "sender"),
		.text = page_parameter(c, "text"),
		.limit = (size_t)page_parameter_number(c, "limit", 1, FEED_ROWS, 50),
		.wait_us = page_parameter_number(c, "wait", 0, FEED_WAIT_S, 0) * 1000 * 1000,
	};
	if (after.p && before.p)
		return wrong_query(c, "give after or before, not both");
	if (q->has_cursor && !read_cursor(after.p ? after : before, q->cursor))
		return wrong_query(c, "after and before take the cursor of an earlier answer");
	if (!read_feed_time(c, "since", &q->filter.since) || !read_feed_time(c, "until", &q->filter.until))
		return wrong_query(c, "since and until take a time, a date, or an age as 24h");
	if ((q->sender.p || q->text.p) && !c->conf->page_bodies)
		return wrong_query(c, "page-bodies = false: senders and texts are hidden, and cannot be searched");
	read_outcome(c, q);
	q->filter.no_bodies = !q->text.p;
	return true;
}
