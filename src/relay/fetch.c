/* SPDX-License-Identifier: ISC */
/* From the spool into the queues: reads due relays ahead, and leaves out the events that the sink's filters do not want. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/utf8.h"
#include "relay/state.h"
#include "spool/conversation.h"

enum {
	AGAIN_US = 1000 * 1000, /* pause after a failed reading */
	READ_US = 5 * 1000, /* the longest reading; other sinks wait for it */
	SLOW_US = 50 * 1000, /* filtering in one reading that makes the sink's next reading wait, so that others go first */
	READ_SHARE = 10, /* reading that finds nothing takes a tenth of the time at most */
};

/* Whether a sink wants an event. UNKNOWN: memory is short; it is read again. NEVER_KNOWN: a dead letter, as it must not be forgotten;
 * the same where its body is lost. */
enum wanted { WANTED, UNWANTED, UNKNOWN, NEVER_KNOWN, LOST };

struct reading {
	struct relay *relay;
	struct queue *queue;
	int64_t until;   /* clock_mono_us() */
	int64_t filtering; /* us, of texts and bodies */
	int64_t noted; /* the last event whose conversation is known, where the sink wants first messages only */
	bool ok;
	bool too_new; /* there were later events */
	bool unknown; /* some events could not be filtered: memory is short */
};

/* True when the sender is one of these, by id or by a part of the name. */
static bool is_from(const struct strlist *senders, const struct template_values *v)
{
	for (size_t i = 0; i < senders->n; i++) {
		struct slice sender = slice_text(senders->item[i]), id = v->known[TEMPLATE_SENDER_ID];

		if ((id.n == sender.n && memcmp(id.p, sender.p, id.n) == 0) || utf8_contains(v->known[TEMPLATE_SENDER_NAME], sender))
			return true;
	}
	return senders->n == 0;
}

static enum wanted wants_text(const struct sink *s, struct slice text)
{
	static const enum wanted found_wanted[] = {[PATTERN_FOUND] = WANTED, [PATTERN_NOT_FOUND] = UNWANTED, [PATTERN_NO_MEMORY] = UNKNOWN};
	char copy[PATTERN_TEXT_MAX + 1];
	size_t n = pattern_text(text, copy);
	bool found = s->texts.n == 0;

	for (size_t i = 0; !found && i < s->texts.n; i++)
		found = utf8_contains((struct slice){copy, n}, slice_text(s->texts.item[i]));
	if (!found || !s->text_regex)
		return found ? WANTED : UNWANTED;
	return found_wanted[pattern_find(s->text_regex, copy)];
}

/* An event of release 0.1 has no stored text; its endpoint's scheme finds it in the body. */
static enum wanted read_and_filter_text(struct reading *reading, struct attempt *a)
{
	struct relay *r = reading->relay;
	struct slice *text = &a->values.known[TEMPLATE_TEXT];
	int64_t begin = clock_mono_us();
	enum wanted wanted;

	if (!attempt_read_text(a, r->conf, &r->event))
		return UNKNOWN;
	wanted = text->p || a->event.text_known || conf_endpoint(r->conf, a->event.endpoint.p) ? wants_text(reading->queue->sink, *text) : NEVER_KNOWN;
	*text = (struct slice){0}; /* it was borrowed */
	reading->filtering += clock_mono_us() - begin;
	return wanted;
}

static enum wanted meets_conditions(struct reading *reading, const struct attempt *a)
{
	static const enum wanted result_wanted[] = {[CONDITIONS_HOLD] = WANTED, [CONDITIONS_FAIL] = UNWANTED, [CONDITIONS_NO_MEMORY] = UNKNOWN};
	int64_t begin = clock_mono_us();
	enum wanted wanted = result_wanted[conditions_check(&reading->queue->sink->conditions, a->values.body)];

	reading->filtering += clock_mono_us() - begin;
	return wanted;
}

/* Applies the sink's filters. When the spool can't be read, sets reading->ok to false. */
static enum wanted wants(struct reading *reading, struct attempt *a)
{
	const struct sink *s = reading->queue->sink;
	const struct slice *known = a->values.known;
	struct relay *r = reading->relay;
	enum wanted wanted = WANTED;
	bool first = true;

	if (!is_from(&s->senders, &a->values))
		return UNWANTED;
	if (s->conditions.n)
		wanted = meets_conditions(reading, a);
	if (wanted == WANTED && (s->texts.n || s->text_regex))
		wanted = read_and_filter_text(reading, a);
	if (wanted != WANTED || !s->first_message)
		return wanted;
	reading->ok = spool_conversation_first(r->db, known[TEMPLATE_ENDPOINT], known[TEMPLATE_CONVERSATION], a->event.id, &first);
	return !reading->ok ? UNKNOWN : first ? WANTED : UNWANTED;
}

/*
 * True when the event is older than the sink's max-age, at any of its attempts. One that was too old already when they began is one that
 * was replayed.
 */
static bool is_too_old(const struct attempt *a, int64_t max_age)
{
	int64_t sent = a->event.received_at;

	if (!max_age)
		return false;
	clock_read(a->event.sent_at, &sent);
	return clock_now() - sent > max_age && (a->unfiltered || a->since - sent <= max_age);
}

/* Makes the attempt of a row, where the sink wants its event, and adds it to the queue by `add`. */
static void take_row(struct reading *reading, const struct spool_relay_row *row, void (*add)(struct queue *q, struct attempt *a))
{
	struct queue *q = reading->queue;
	struct relay *r = reading->relay;
	struct attempt *a = attempt_new(row, r->name);

	if (a)
		a->version = r->version;
	switch (!a ? UNKNOWN : a->event.body_lost ? LOST : is_too_old(a, q->sink->max_age) ? UNWANTED : a->unfiltered ? wants(reading, a) : WANTED) {
	case WANTED:
		add(q, a);
		break;
	case UNWANTED:
		queue_add_ended(q, a);
		result_unwanted(r, a);
		break;
	case NEVER_KNOWN:
		queue_add_ended(q, a);
		result_unfiltered(r, a);
		break;
	case LOST:
		queue_add_ended(q, a);
		result_lost(r, a);
		break;
	case UNKNOWN:
		reading->unknown = true;
		attempt_free(a);
		break;
	}
}

/* False when no more are to be read now. */
static bool take_due(struct reading *reading, const struct spool_relay_row *row)
{
	struct queue *q = reading->queue;
	struct relay *r = reading->relay;

	if (row->judge && q->sink->first_message && row->event.id > reading->noted) {
		reading->too_new = true;
		return true;
	}
	take_row(reading, row, queue_add);
	return reading->ok && !queue_is_full(q) && r->n_results < RECORD_MOST && clock_mono_us() < reading->until;
}

/* Notes new conversations, where the sink wants first messages only. *all: it is known of all events whether they are first. */
static bool know_first(struct reading *reading, bool *all)
{
	struct relay *r = reading->relay;
	bool more = false;

	if (reading->queue->sink->first_message && !spool_conversation_note(r->db, &reading->noted, &more))
		return false;
	*all = !more;
	return true;
}

/* Deliveries that are due later than any schedule or Retry-After allows were stored by a wrong clock. They become due now. */
static bool unwait(struct relay *r, struct queue *q, int64_t now)
{
	int64_t n, longest = q->sink->retry.most > SINK_RETRY_AFTER_MAX_MS ? q->sink->retry.most : SINK_RETRY_AFTER_MAX_MS;

	if (!spool_relay_unwait(r->db, q->sink->name, now, now + longest, &n))
		return false;
	if (n) {
		log_message(LOG_LEVEL_WARNING, "sink %s: %" PRId64 " deliver%s due later than any pause lasts, as a clock was wrong: due now",
			q->sink->name, n, n == 1 ? "y was" : "ies were");
		q->more = true;
	}
	return true;
}

/* Attempts that were read before and are not recorded yet are due still, and skipped. */
static bool read_due(struct reading *reading, int64_t now)
{
	struct relay *r = reading->relay;
	struct queue *q = reading->queue;
	struct spool_relay_iter *it;
	struct spool_relay_row row;
	int n = 0;

	r->version = spool_db_version(r->db);
	it = spool_relay_due(r->db, q->sink->name, now, &q->cursor, queue_knows, q);
	while (spool_relay_next(it, &row) && take_due(reading, &row) && ++n < QUEUE_READ)
		;
	if (!spool_relay_end(it, &q->cursor, &q->more) || !reading->ok)
		return false;
	if (q->more)
		return true;
	/* the next reading begins at the first again: retries and ordered conversations have come due there */
	q->cursor = (struct spool_relay_cursor){0, 0};
	return unwait(r, q, now) && spool_relay_next_due(r->db, q->sink->name, now, &q->next_due);
}

static void pause_reading(struct queue *q, int64_t us)
{
	int64_t until = clock_mono_us() + us;

	q->read_at = q->read_at < until ? until : q->read_at;
}

static bool read_queue(struct relay *r, struct queue *q, int64_t now)
{
	struct reading reading = {.relay = r, .queue = q, .ok = true};
	unsigned before = q->n_ready + r->n_results;
	int64_t begin, took;
	bool all;

	if (!know_first(&reading, &all))
		return false;
	if (!all) {
		loop_timer_lower(&r->pass, 0);
		return true;
	}
	begin = clock_mono_us();
	reading.until = begin + READ_US;
	while (q->more && !queue_is_full(q) && r->n_results < RECORD_MOST && clock_mono_us() < reading.until)
		if (!read_due(&reading, now))
			return false;
	if (reading.too_new) {
		q->more = true;
		loop_timer_lower(&r->pass, 0);
	}
	took = clock_mono_us() - begin;
	if (q->n_ready + r->n_results == before)
		pause_reading(q, READ_SHARE * took);
	else if (reading.filtering > SLOW_US && r->n_queues > 1 && !r->drain)
		pause_reading(q, READ_SHARE * reading.filtering);
	if (q->more && !queue_is_full(q))
		loop_timer_lower(&r->pass, clock_mono_us() + READ_SHARE * took);
	if (reading.unknown) {
		log_message(LOG_LEVEL_ERROR, "sink %s: not all that is due could be read and judged: memory is short", q->sink->name);
		r->failed = r->failed || r->drain;
	}
	return true;
}

void fetch_later(struct relay *r, struct queue *q)
{
	log_message(LOG_LEVEL_ERROR, "sink %s: the spool can't be used: %s", q->sink->name, spool_db_error(r->db));
	q->more = !r->drain;
	r->failed = r->failed || r->drain;
	q->cursor = (struct spool_relay_cursor){0, 0};
	pause_reading(q, AGAIN_US);
	loop_timer_lower(&r->pass, clock_mono_us() + AGAIN_US);
}

void fetch_queue(struct relay *r, struct queue *q, int64_t now)
{
	int64_t begin = clock_mono_us();

	q->more = q->more || (q->next_due && q->next_due <= now);
	if (!q->more || queue_is_full(q))
		return;
	if (begin < q->read_at)
		loop_timer_lower(&r->pass, q->read_at);
	else if (!read_queue(r, q, now))
		fetch_later(r, q);
}

bool fetch_first(struct relay *r, struct queue *q, const struct spool_relay_row *row)
{
	struct reading reading = {.relay = r, .queue = q, .ok = true};

	take_row(&reading, row, queue_add_first);
	return reading.ok && !reading.unknown;
}
