/* SPDX-License-Identifier: ISC */
/* What is recorded of an answered delivery: a log line, counters, and the refused deliveries. */
#include "hook/log_delivery.h"

#include "core/utf8.h"
#include "hook/acknowledge.h"
#include "hook/refusals.h"
#include "spool/measure.h"

enum { SENDERS_TEXT = 1024 }; /* bytes of a text in the line of a delivery that was taken */

static void note_reject(const struct request *r, struct spool *s, const struct delivery *d)
{
	struct spool_reject reject = {
		.endpoint = d->endpoint ? d->endpoint->path : NULL,
		.code = outcome_info(d->outcome)->code,
		.reason = d->reason,
		.remote_addr = r->remote_addr,
		.path = d->endpoint ? NULL : r->path,
		.method = d->method,
		.content_type = d->content_type,
		.is_signed = d->is_signed,
		.received_at = d->received_at,
		.bytes = (int64_t)r->body.len,
	};

	if (d->quarantined) {
		reject.body = d->outcome == OUTCOME_CHALLENGE ? (struct slice){d->challenge.secret.data, d->challenge.secret.len}
			: (struct slice){r->body.data, r->body.len};
		reject.headers = (struct slice){d->headers.data, d->headers.len};
	}
	spool_reject(s, &reject);
}

/* Logs the beginning of a text; a shorter one for a refused delivery. */
static void log_cut(struct log_entry *e, const char *key, struct slice text, const struct delivery *d)
{
	if (text.p)
		text.n = utf8_fit(text.p, text.n, outcome_rejected(d->outcome) ? REFUSALS_TEXT : SENDERS_TEXT);
	log_slice(e, key, text);
}

/* A duplicate with other bytes than its event: answered as one, and counted apart. */
static bool is_altered(const struct delivery *d)
{
	return d->outcome == OUTCOME_DUPLICATE && d->stored.altered;
}

static void write_log(const struct request *r, const struct conf *c, const struct delivery *d)
{
	const struct outcome_info *info = outcome_info(d->outcome);
	bool is_worth_a_look = is_altered(d) || d->store > STORE_DONE;
	enum log_level level = is_worth_a_look ? LOG_LEVEL_WARNING : info->level;
	struct log_entry e;

	if (!log_on(level) || ((outcome_rejected(d->outcome) || d->outcome == OUTCOME_CHALLENGE) &&
	    !refusals_pass(d->endpoint ? d->endpoint->path : "", d->outcome, r->remote_addr, d->answered)))
		return;
	log_begin(&e, level);
	if (d->endpoint)
		log_text(&e, "endpoint", d->endpoint->path);
	if (d->endpoint)
		log_text(&e, "name", d->endpoint->name);
	else
		log_cut(&e, "path", slice_text(r->path), d);
	log_text(&e, "outcome", info->code);
	if (d->outcome == OUTCOME_METHOD)
		log_cut(&e, "method", slice_text(d->method), d);
	if (d->outcome == OUTCOME_CONTENT_TYPE || (d->note && !outcome_rejected(d->outcome)))
		log_cut(&e, "content_type", slice_text(r->content_type), d);
	if (d->id)
		log_number(&e, "id", d->id);
	log_cut(&e, "event", d->event.field[FIELD_EVENT], d);
	log_cut(&e, "key", d->event.id, d);
	log_cut(&e, "sender", d->event.field[FIELD_SENDER_NAME], d);
	if (d->secret)
		log_number(&e, "secret", d->secret);
	log_number(&e, "bytes", (int64_t)r->body.len);
	log_millis(&e, "ms", d->answered - d->started);
	log_text(&e, "store", acknowledge_word(d->store));
	if (d->store != STORE_NOT_ASKED)
		log_millis(&e, "store_ms", d->store_us);
	log_text(&e, "remote", r->remote_addr);
	log_text(&e, "reason", d->reason);
	log_text(&e, "note", d->note);
	if (c->log_bodies && !outcome_rejected(d->outcome) && !d->quarantined && (d->event.field[FIELD_EVENT].p || d->note))
		log_slice(&e, "body", (struct slice){r->body.data, r->body.len});
	log_end(&e);
}

static enum measure_group group_of(enum outcome o)
{
	if (outcome_rejected(o))
		return outcome_info(o)->status < 500 ? MEASURE_REFUSED : MEASURE_FAILED;
	return o == OUTCOME_STORED ? MEASURE_STORED : o == OUTCOME_DUPLICATE ? MEASURE_DUPLICATE : MEASURE_OTHER;
}

static void count_delivery(const struct request *r, struct spool *s, const struct delivery *d)
{
	spool_count(s, &(struct spool_tally){
		.endpoint = d->endpoint ? d->endpoint->path : NULL,
		.code = is_altered(d) ? "altered" : outcome_info(d->outcome)->code,
		.secret = d->secret ? d->endpoint->secrets.item[d->secret - 1].id : 0,
		.bytes = (int64_t)r->body.len,
		.at = d->received_at,
		.again = d->id && d->stored.duplicate ? d->id : 0,
	});
	measure_answer(group_of(d->outcome), d->answered - d->started, r->body.len);
}

void log_delivery(const struct request *r, const struct conf *c, struct spool *s, const struct delivery *d)
{
	write_log(r, c, d);
	count_delivery(r, s, d);
	if (outcome_noted(d->outcome) || d->quarantined)
		note_reject(r, s, d);
}
