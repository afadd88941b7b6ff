/* SPDX-License-Identifier: ISC */
/* What becomes of an attempt by its result: delivered, pending again, dead, or unwanted. Results are recorded in batches. */
#include <stddef.h>
#include <stdio.h>

#include "core/clock.h"
#include "relay/schedule.h"
#include "relay/state.h"
#include "spool/measure.h"

enum {
	RECORD_US = 10 * 1000,     /* a result waits so long for others, to be recorded with them */
	AGAIN_US = 1000 * 1000,    /* pause after a failed recording */
	BUSY_US = 5 * 1000 * 1000, /* the receiver counts as busy so long after it held the lock */
	GIVE_WAY_US = 4000,        /* pause for each result, while the receiver is busy and CPUs are short: receiving comes first */
	BUSY_MOST = 64,            /* results at a time while the receiver is busy: it waits for the lock */
	TELL_FIRST = 8,            /* so many results at a time: receivers are told of deliveries before these are recorded */
};

/* A result takes some microseconds under the lock. */
static unsigned record_most(const struct relay *r)
{
	return clock_mono_us() < r->busy_until ? BUSY_MOST : RECORD_MOST;
}

static void log_attempt(const struct attempt *a, const struct sink_result *got)
{
	static const struct {
		const char *outcome;
		enum log_level level;
	} states[] = {
		[SPOOL_RELAY_PENDING] = {"retried", LOG_LEVEL_WARNING},
		[SPOOL_RELAY_DONE] = {"delivered", LOG_LEVEL_INFO},
		[SPOOL_RELAY_DEAD] = {"dead", LOG_LEVEL_ERROR},
	};
	enum log_level level = states[a->result.state].level;
	char due[CLOCK_TEXT];
	struct log_entry e;

	if (!log_on(level))
		return;
	log_begin(&e, level);
	log_text(&e, "sink", a->queue->sink->name);
	log_text(&e, "outcome", states[a->result.state].outcome);
	log_number(&e, "id", a->event.id);
	log_number(&e, "delivery", a->relay);
	log_number(&e, "attempt", a->message.attempt);
	if (got->status)
		log_number(&e, "status", got->status);
	log_number(&e, "ms", got->ms);
	log_text(&e, "reason", a->result.error);
	log_text(&e, "place", got->place);
	if (a->result.state == SPOOL_RELAY_PENDING)
		log_text(&e, "next", clock_format(a->result.due, due));
	log_end(&e);
}

/* A reply to a person isn't sent again where the first one may have arrived. */
static bool is_retried(const struct attempt *a, const struct sink_result *got)
{
	return got->verdict == SINK_RETRY && !(a->message.at_most_once && got->in_doubt);
}

/* Tells the queue of the result, and sets what the result says about a pause for the spool. */
static void note_pause(struct attempt *a, const struct sink_result *got, int64_t now)
{
	struct queue *q = a->queue;
	const struct sink *s = q->sink;
	int64_t before = q->paused_until, pause;
	char until[CLOCK_TEXT];

	if (got->unsent) {
		queue_note_unsent(q);
		return;
	}
	pause = queue_note(q, got->verdict != SINK_DELIVERED && got->target_failed,
		got->retry_after < s->retry.most ? got->retry_after : s->retry.most);
	if (pause)
		log_message(LOG_LEVEL_WARNING, "sink %s pauses until %s", s->name, clock_format(now + pause, until));
	if (q->paused_until != before)
		q->published = true;
	else if (!q->published || q->failures || q->paused_until > clock_mono_us())
		return; /* a success of an earlier attempt ends no pause */
	else
		q->published = false;
	a->result.pauses = s->name;
	a->result.pause_until = q->published ? now + (q->paused_until - clock_mono_us()) / 1000 : 0;
	a->result.pause_failures = (int)q->failures;
}

static void decide(struct attempt *a, const struct sink_result *got, int64_t now)
{
	const struct sink *s = a->queue->sink;
	int64_t last, next;

	a->result.state = got->verdict == SINK_DELIVERED ? SPOOL_RELAY_DONE : SPOOL_RELAY_DEAD;
	a->result.since = schedule_since(&(struct schedule_times){a->message.attempt, a->since, a->due, a->started, now}, &a->queue->relay->gap);
	last = a->result.since + s->retry.within;
	note_pause(a, got, now);
	a->result.due = now; /* when it died, if it is dead */
	if (!is_retried(a, got))
		return;
	next = schedule_next(&s->retry, a->message.attempt, a->result.since, now, (uint64_t)a->relay << 16 ^ (uint64_t)a->message.attempt);
	if (!next)
		return;
	a->result.due = next;
	if (next < now + got->retry_after)
		a->result.due = now + got->retry_after < last ? now + got->retry_after : last;
	a->result.state = SPOOL_RELAY_PENDING;
}

static void add_result(struct relay *r, struct attempt *a)
{
	a->result.relay = a->relay;
	a->result.event = a->event.id;
	a->result.at_most_once = a->message.at_most_once;
	a->ended = true;
	if (!r->results)
		r->record_at = clock_mono_us() + RECORD_US;
	*r->last_result = &a->result;
	r->last_result = &a->result.next;
	r->n_results++;
	if (!r->unwritten_since && (r->n_results >= record_most(r) || acks_has(r->acks, (struct spool_ack_key){a->relay, a->event.id})))
		r->record_at = 0;
}

static void say_error(struct attempt *a, const struct sink_result *got)
{
	bool doubt = a->message.at_most_once && got->verdict != SINK_DELIVERED && got->in_doubt;

	if (!got->error && !doubt)
		return;
	snprintf(a->error, sizeof a->error, "%s%s%s", got->error ? got->error : "", got->error && doubt ? "; " : "",
		doubt ? "it may have arrived" : "");
	a->result.error = a->error;
}

static struct attempt *attempt_of_message(struct sink_message *m)
{
	return (struct attempt *)(void *)((char *)m - offsetof(struct attempt, message));
}

/* What the spool keeps as the target's words: its answer, or where it has the message. */
static void keep_target_answer(struct attempt *a, const struct sink_result *got)
{
	struct slice answer = got->answer.n || !got->place ? got->answer : slice_text(got->place);

	if (buf_add(&a->answer, answer.p, answer.n))
		a->result.answer = (struct slice){a->answer.data, a->answer.len};
}

static void note_measured(const struct attempt *a, const struct sink_result *got, int64_t now)
{
	static const enum measure_result results[] = {
		[SPOOL_RELAY_PENDING] = MEASURE_RETRIED, [SPOOL_RELAY_DONE] = MEASURE_DELIVERED, [SPOOL_RELAY_DEAD] = MEASURE_DEAD};

	measure_attempt(a->queue->sink->name, results[a->result.state], got->ms, now - a->since);
}

void result_of(struct sink_message *m, const struct sink_result *got)
{
	static const struct sink_result no_memory = {.verdict = SINK_RETRY, .error = "memory is short"};
	struct attempt *a = attempt_of_message(m);
	struct queue *q = a->queue;
	int64_t now;

	if (got->reply.p && !buf_add(&a->reply, got->reply.p, got->reply.n))
		got = &no_memory;
	now = clock_now();
	watch_clock(q->relay, now);
	decide(a, got, now);
	a->result.at = a->started;
	a->result.ms = got->ms;
	a->result.status = got->status;
	say_error(a, got);
	keep_target_answer(a, got);
	if (got->reply.p) {
		a->result.reply_to = conf_sink(q->relay->conf, q->sink->reply);
		a->result.reply = (struct slice){a->reply.data, a->reply.len};
	}
	log_attempt(a, got);
	note_measured(a, got, now);
	add_result(q->relay, a);
}

void result_unwanted(struct relay *r, struct attempt *a)
{
	a->result.state = SPOOL_RELAY_UNWANTED;
	add_result(r, a);
}

static void give_up(struct relay *r, struct attempt *a, const char *why)
{
	a->result.state = SPOOL_RELAY_DEAD;
	a->result.unjudged = true;
	a->result.at = a->result.due = clock_now();
	a->result.since = a->since;
	a->result.error = why;
	log_attempt(a, &(struct sink_result){0});
	add_result(r, a);
}

void result_unfiltered(struct relay *r, struct attempt *a)
{
	give_up(r, a, "its endpoint is no longer configured, so that its text can't be filtered");
}

void result_lost(struct relay *r, struct attempt *a)
{
	give_up(r, a, "its body is missing or damaged in the spool; hookspool check names the file");
}

static struct attempt *attempt_of_result(struct spool_attempt *result)
{
	return (struct attempt *)(void *)((char *)result - offsetof(struct attempt, result));
}

/* A result may make other relays due: the next attempt, the next of the conversation, the reply. */
static void look_for_more(struct relay *r, const struct attempt *a)
{
	if (a->result.state == SPOOL_RELAY_PENDING) {
		a->queue->more = true; /* the next reading finds when the next is due */
	} else if (a->queue->sink->ordered) {
		a->queue->more = true;
		a->queue->cursor = (struct spool_relay_cursor){0, 0};
		a->queue->read_at = 0;
	}
	for (size_t i = 0; a->result.reply_to && i < r->n_queues; i++)
		r->queues[i].more = r->queues[i].more || r->queues[i].sink == a->result.reply_to;
}

static void give_way(struct relay *r, unsigned n, int64_t now)
{
	if (spool_db_contended(r->db))
		r->busy_until = now + BUSY_US;
	if (cpu_pressure_look(&r->cpu_pressure) && now < r->busy_until)
		r->start_at = now + GIVE_WAY_US * (n < BUSY_MOST ? (int64_t)n : BUSY_MOST);
}

/* Tells the receivers that wait for these: of a dead letter only when it can be seen. False: no receiver waits for any. */
static bool tell_receivers(struct relay *r, bool recorded)
{
	bool any = false;

	for (const struct spool_attempt *result = r->results; result; result = result->next)
		if (result->state != SPOOL_RELAY_PENDING && (recorded || result->state != SPOOL_RELAY_DEAD))
			any |= acks_note(r->acks, (struct spool_ack_key){result->relay, result->event},
				result->state == SPOOL_RELAY_DEAD ? SPOOL_ACK_REFUSED : SPOOL_ACK_DELIVERED);
	acks_send(r->acks);
	return any;
}

/* The results that no receiver waits for. */
static unsigned count_unasked(const struct relay *r)
{
	unsigned n = 0;

	for (struct spool_attempt *result = r->results; result; result = result->next)
		n += !attempt_of_result(result)->asked;
	return n;
}

/* Cuts the results of one transaction off the others. Returns their number; *rest becomes the others. */
static unsigned cut_results(struct relay *r, struct spool_attempt **rest)
{
	unsigned n = 1, most = record_most(r);
	struct spool_attempt *last = r->results;

	for (; last->next && n < most; n++)
		last = last->next;
	*rest = last->next;
	last->next = NULL;
	return n;
}

static void join_results(struct relay *r, struct spool_attempt *rest)
{
	struct spool_attempt *last = r->results;

	while (last->next)
		last = last->next;
	last->next = rest;
}

/* Forgets the attempts that were recorded. */
static void drop_results(struct relay *r)
{
	struct spool_attempt *next;

	for (struct spool_attempt *result = r->results; result; result = next) {
		next = result->next;
		look_for_more(r, attempt_of_result(result));
		queue_drop(attempt_of_result(result)->queue, attempt_of_result(result));
	}
}

/* Records those of one transaction. */
static bool record_some(struct relay *r)
{
	struct spool_attempt *rest;
	unsigned n = cut_results(r, &rest);
	bool ok = spool_relay_record(r->db, r->results);

	tell_receivers(r, true); /* after recording, as they may look; also where that failed: the sink has it */
	if (!ok) {
		join_results(r, rest);
		return false;
	}
	give_way(r, count_unasked(r), clock_mono_us());
	drop_results(r);
	r->results = rest;
	r->n_results -= n;
	if (!rest)
		r->last_result = &r->results;
	return true;
}

/*
 * Under load an answer does not wait for the spool's lock, which the commit of the next events holds. The sink has the event: a relay that
 * is killed before it is recorded sends it once more. The results then wait for others, as those that no receiver waits for, unless they are
 * many.
 */
bool result_tell(struct relay *r)
{
	if (r->n_results < TELL_FIRST || r->unwritten_since || !tell_receivers(r, false) || r->n_results >= BUSY_MOST)
		return false;
	r->record_at = clock_mono_us() + RECORD_US;
	return true;
}

void result_record(struct relay *r)
{
	while (r->results)
		if (record_some(r)) {
			r->unwritten_since = 0;
		} else {
			log_message(LOG_LEVEL_ERROR, "results can't be written: %s", spool_db_error(r->db));
			r->record_at = clock_mono_us() + AGAIN_US;
			if (!r->unwritten_since)
				r->unwritten_since = clock_mono_us();
			return;
		}
}
