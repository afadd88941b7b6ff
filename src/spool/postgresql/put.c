/* SPDX-License-Identifier: ISC */
/* Stores a batch of events: put.h has the story. */
#include "spool/postgresql/put.h"

#include <stdio.h>

#include "core/log.h"
#include "spool/postgresql/put_transaction.h"

enum { AGAIN_MOST = 3 };

static void settle(const struct put_transaction *t)
{
	for (size_t i = t->from; i < t->to; i++)
		t->b->item[i].ev->settled = true;
}

static void refuse_event(const struct put_transaction *t)
{
	struct spool_event *ev = t->b->item[t->from].ev;

	ev->settled = ev->refused = true;
	log_message(LOG_LEVEL_ERROR, "endpoint %s: an event is not stored, as %s", ev->endpoint, t->why);
}

static bool put_range(struct put_transaction *t, size_t from, size_t to, bool *relayed)
{
	enum put_end end = PUT_AGAIN;
	size_t middle = from + (to - from) / 2;

	t->from = from;
	t->to = to;
	for (int i = 0; i < AGAIN_MOST && end == PUT_AGAIN; i++)
		end = put_transaction_run(t);
	switch (end) {
	case PUT_STORED:
		settle(t);
		*relayed = *relayed || t->relayed;
		return true;
	case PUT_REFUSED:
		if (to - from > 1)
			return put_range(t, from, middle, relayed) && put_range(t, middle, to, relayed);
		refuse_event(t);
		return true;
	case PUT_AGAIN:
	case PUT_FAILED:
		break;
	}
	return false;
}

/* Whether no event of the batch needs more than the statement of new ones. */
static bool may_be_quick(const struct put_rows *b)
{
	bool ok = true;

	for (size_t i = 0; ok && i < b->n; i++)
		ok = !b->item[i].is_unsigned && !b->item[i].ev->reject && !b->item[i].ev->kept;
	return ok;
}

/* Settles the events that are new, and leaves the others in the batch. False: the server's state is not known. */
static bool put_new(struct put_transaction *t, bool *relayed)
{
	struct put_rows *b = t->b;
	enum put_end end;

	for (size_t i = 0; i < b->n; i++)
		b->item[i].is_new = false;
	t->quick = true;
	t->from = 0;
	t->to = b->n;
	end = put_transaction_run(t);
	t->quick = false;
	if (end == PUT_STORED) {
		*relayed = *relayed || t->relayed;
		put_rows_settle_new(b);
	}
	return end != PUT_FAILED;
}

bool put_batch(struct put_link *l, struct put_rows *b, int64_t until, bool *relayed, char *why, size_t n)
{
	struct put_transaction t = {.l = l, .b = b, .until = until};

	if ((!may_be_quick(b) || put_new(&t, relayed)) && (b->n == 0 || put_range(&t, 0, b->n, relayed)))
		return true;
	snprintf(why, n, "%s", t.why);
	return false;
}
