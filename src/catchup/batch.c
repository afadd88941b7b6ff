/* SPDX-License-Identifier: ISC */
/* Messages that were fetched, on their way to the spool. */
#include "catchup/batch.h"

#include <stdlib.h>
#include <string.h>

#include "hook/fetched.h"
#include "hook/outcome.h"

enum {
	BATCH_MAX = 500, BATCH_BYTES = 8 << 20, /* of one conversation in memory; beyond that the newest are stored before the others */
	COMMIT_MAX = 32, /* events in a commit: deliveries wait for its end */
};

void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		buf_free(&b->message[i].body);
	free(b->message);
	*b = (struct batch){0};
}

static bool grow_batch(struct batch *b)
{
	size_t size = b->size ? 2 * b->size : 64;
	struct batch_message *larger = realloc(b->message, size * sizeof *larger);

	if (!larger)
		return false;
	b->message = larger;
	b->size = size;
	return true;
}

bool batch_add(struct batch *b, struct catchup_run *r, struct buf *body, int64_t sent_at)
{
	bool ok = (b->n < BATCH_MAX && b->bytes < BATCH_BYTES) || batch_store(b, r);

	if (ok && b->n == b->size && !grow_batch(b))
		ok = run_fail(r, "memory is short");
	if (!ok) {
		buf_free(body);
		return false;
	}
	b->bytes += body->len;
	b->message[b->n++] = (struct batch_message){*body, sent_at};
	*body = (struct buf){0};
	return true;
}

/* ---- to the spool */

static int compare_messages(const void *a, const void *b)
{
	const struct batch_message *x = a, *y = b;

	return x->sent_at < y->sent_at ? -1 : x->sent_at > y->sent_at;
}

/* The endpoint's sinks that take fetched events, in place of those of its relay and its store: no answer waits for them. */
static const struct sink **choose_sinks(const struct endpoint *e, size_t *n)
{
	const struct sink **chosen = calloc(e->n_relay + e->n_store + 1, sizeof *chosen), *sink;

	*n = 0;
	for (size_t i = 0; chosen && (sink = conf_endpoint_sink(e, i)); i++)
		if (sink->catch_up)
			chosen[(*n)++] = sink;
	return chosen;
}

/* Counts each event as new or known. In a dry run the spool is asked for its key. */
static bool count_fetched(struct catchup_run *r, const struct fetched *f, int64_t sent_at)
{
	const struct spool_event *ev = &f->d.stored;
	bool has = ev->duplicate;

	if (!r->spool && !spool_catchup_has(r->db, ev->endpoint, ev->plain_id, ev->key, &has))
		return run_fail(r, "%s", spool_db_error(r->db));
	if (has)
		r->known++;
	else
		run_count_found(r, sent_at);
	return true;
}

/* Reads the messages, and chains those that the endpoint wants. False after run_fail(). */
static bool read_messages(struct catchup_run *r, const struct batch_message *m, size_t n, struct fetched *f, struct spool_event **first)
{
	struct spool_event **last = first;

	for (size_t i = 0; i < n; i++) {
		if (fetched_read(&f[i], r->conf->endpoint, (struct slice){m[i].body.data, m[i].body.len}, r->now)) {
			*last = &f[i].d.stored;
			last = &(*last)->next;
		} else if (f[i].d.outcome == OUTCOME_IGNORED) {
			r->ignored++;
		} else if (f[i].d.outcome == OUTCOME_UNAVAILABLE) {
			return run_fail(r, "memory is short");
		} else {
			run_fail(r, "a message cannot be stored: %s", f[i].d.reason ? f[i].d.reason : outcome_info(f[i].d.outcome)->code);
		}
	}
	return true;
}

static bool store_some(struct catchup_run *r, const struct batch_message *m, size_t n, struct fetched *f)
{
	struct spool_event *first = NULL;
	const struct sink **sinks;
	char why[256];
	size_t n_sinks;
	bool ok = read_messages(r, m, n, f, &first);

	sinks = choose_sinks(r->conf->endpoint, &n_sinks);
	for (struct spool_event *ev = first; ev; ev = ev->next) {
		ev->relay = sinks;
		ev->n_relay = n_sinks;
	}
	if (ok && !sinks)
		ok = run_fail(r, "memory is short");
	if (ok && first && r->spool && !spool_put(r->spool, first, why, sizeof why))
		ok = run_fail(r, "%s", why);
	for (size_t i = 0; ok && i < n; i++)
		if (f[i].d.stored.endpoint)
			ok = count_fetched(r, &f[i], m[i].sent_at);
	free(sinks);
	return ok;
}

bool batch_store(struct batch *b, struct catchup_run *r)
{
	struct fetched *f = b->n ? calloc(COMMIT_MAX, sizeof *f) : NULL;
	bool ok = !b->n || f || run_fail(r, "memory is short");

	if (b->n > 1)
		qsort(b->message, b->n, sizeof *b->message, compare_messages);
	for (size_t at = 0; ok && at < b->n; at += COMMIT_MAX) {
		size_t n = b->n - at < COMMIT_MAX ? b->n - at : COMMIT_MAX;

		ok = store_some(r, b->message + at, n, f);
		for (size_t i = 0; i < n; i++)
			fetched_free(&f[i]);
	}
	free(f);
	batch_free(b);
	return ok;
}
