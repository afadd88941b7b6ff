/* SPDX-License-Identifier: ISC */
/* What became of an attempt: delivered, to be tried again, dead, or not wanted; and writing that down, some together. */
#include <stddef.h>
#include <stdio.h>

#include "core/clock.h"
#include "relay/running.h"
#include "relay/schedule.h"

enum {
	RECORD_US = 10 * 1000,     /* a result waits for others, to be written with them */
	AGAIN_US = 1000 * 1000,    /* until the next try, when they could not be */
	BUSY_US = 5 * 1000 * 1000, /* that the receiver counts as busy, after it was found committing */
	GIVE_WAY_US = 4000,        /* for each result, while it is and processors are short: receiving comes first */
};

static void log_attempt(const struct attempt *j, const struct attempt_result *a)
{
	static const char *const outcomes[] = {[RELAY_PENDING] = "retried", [RELAY_DONE] = "delivered", [RELAY_DEAD] = "dead"};
	enum log_level level = j->result.state == RELAY_DONE ? LOG_LEVEL_INFO : j->result.state == RELAY_DEAD ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
	char due[CLOCK_TEXT];
	struct log_entry e;

	if (!log_on(level))
		return;
	log_begin(&e, level);
	log_text(&e, "sink", j->queue->sink->name);
	log_text(&e, "outcome", outcomes[j->result.state]);
	log_number(&e, "id", j->event);
	log_number(&e, "delivery", j->relay);
	log_number(&e, "attempt", j->number);
	if (a->status)
		log_number(&e, "status", a->status);
	log_number(&e, "ms", a->ms);
	log_text(&e, "reason", j->result.error);
	if (j->result.state == RELAY_PENDING)
		log_text(&e, "next", clock_format(j->result.due, due));
	log_end(&e);
}

/* An answer to a person isn't sent again where the first one may have arrived. */
static bool again(const struct attempt *j, const struct attempt_result *a)
{
	return a->again && !(j->at_most_once && a->in_doubt);
}

/* Takes note of whether the sink pauses now, and of what the spool is to say of it. */
static void note_pause(struct attempt *j, const struct attempt_result *a, int64_t now)
{
	struct queue *l = j->queue;
	const struct sink *s = l->sink;
	int64_t before = l->paused_until, pause;
	char until[CLOCK_TEXT];

	if (a->unsent) {
		queue_note_unsent(l);
		return;
	}
	pause = queue_note(l, !a->done && a->again, a->retry_after < s->retry.most ? a->retry_after : s->retry.most);
	if (pause)
		log_message(LOG_LEVEL_WARNING, "sink %s pauses until %s", s->name, clock_format(now + pause, until));
	if (l->paused_until != before)
		l->published = true;
	else if (!l->published || l->failures || l->paused_until > clock_mono_us())
		return; /* a success of what was on the way ends no pause */
	else
		l->published = false;
	j->result.pauses = s->name;
	j->result.pause_until = l->published ? now + (l->paused_until - clock_mono_us()) / 1000 : 0;
	j->result.pause_failures = (int)l->failures;
}

static void decide(struct attempt *j, const struct attempt_result *a, int64_t now)
{
	const struct sink *s = j->queue->sink;
	int64_t last;

	j->result.state = a->done ? RELAY_DONE : RELAY_DEAD;
	j->result.since = schedule_since(&(struct schedule_times){j->number, j->since, j->due, j->started, now}, &j->queue->relay->gap);
	last = j->result.since + s->retry.within;
	note_pause(j, a, now);
	if (a->done || !again(j, a))
		return;
	j->result.due = schedule_next(&s->retry, j->number, j->result.since, now, (uint64_t)j->relay << 16 ^ (uint64_t)j->number);
	if (!j->result.due)
		return;
	if (j->result.due < now + a->retry_after)
		j->result.due = now + a->retry_after < last ? now + a->retry_after : last;
	j->result.state = RELAY_PENDING;
}

static void add(struct relay *r, struct attempt *j)
{
	j->result.relay = j->relay;
	j->result.event = j->event;
	if (!r->results)
		r->record_at = clock_mono_us() + RECORD_US;
	*r->last_result = &j->result;
	r->last_result = &j->result.next;
	if (++r->n_results == RECORD_MOST)
		r->record_at = 0;
}

static void say_error(struct attempt *j, const struct attempt_result *a)
{
	bool doubt = j->at_most_once && a->in_doubt;

	if (!a->error && !doubt)
		return;
	snprintf(j->error, sizeof j->error, "%s%s%s", a->error ? a->error : "", a->error && doubt ? "; " : "",
		doubt ? "it may have arrived" : "");
	j->result.error = j->error;
}

void result_of(void *attempt, const struct attempt_result *a)
{
	static const struct attempt_result no_memory = {.again = true, .error = "memory is short"};
	struct attempt *j = attempt;
	struct queue *l = j->queue;
	int64_t now;

	if (a->reply.p && !buf_add(&j->reply, a->reply.p, a->reply.n))
		a = &no_memory;
	now = clock_now();
	watch_clock(l->relay, now);
	decide(j, a, now);
	j->result.at = j->started;
	j->result.ms = a->ms;
	j->result.status = a->status;
	say_error(j, a);
	if (buf_add(&j->answer, a->answer.p, a->answer.n))
		j->result.answer = (struct slice){j->answer.data, j->answer.len};
	if (a->reply.p) {
		j->result.reply_to = conf_sink(l->relay->conf, l->sink->reply);
		j->result.reply = (struct slice){j->reply.data, j->reply.len};
	}
	log_attempt(j, a);
	add(l->relay, j);
}

void result_unwanted(struct relay *r, struct attempt *j)
{
	j->result.state = RELAY_UNWANTED;
	add(r, j);
}

void result_unjudged(struct relay *r, struct attempt *j)
{
	j->result.state = RELAY_DEAD;
	j->result.unjudged = true;
	j->result.at = clock_now();
	j->result.since = j->since;
	j->result.error = "its endpoint is no longer configured, so that its text can't be filtered";
	log_attempt(j, &(struct attempt_result){0});
	add(r, j);
}

static struct attempt *attempt_of(struct spool_attempt *a)
{
	return (struct attempt *)(void *)((char *)a - offsetof(struct attempt, result));
}

/* It may have made others due: its own next attempt, the next of its conversation, its reply. */
static void look_for_more(struct relay *r, const struct attempt *j)
{
	if (j->result.state == RELAY_PENDING) {
		j->queue->more = true; /* only so is it known when the next is due */
	} else if (j->queue->sink->ordered) {
		j->queue->more = true;
		j->queue->cursor = (struct spool_relay_cursor){0, 0};
		j->queue->read_at = 0;
	}
	for (size_t i = 0; j->result.reply_to && i < r->n_queues; i++)
		r->queues[i].more = r->queues[i].more || r->queues[i].sink == j->result.reply_to;
}

static void give_way(struct relay *r, int64_t now)
{
	if (spool_db_contended(r->db))
		r->busy_until = now + BUSY_US;
	if (cpu_pressure_look(&r->cpu_pressure) && now < r->busy_until)
		r->start_at = now + GIVE_WAY_US * (r->n_results < RECORD_MOST ? (int64_t)r->n_results : RECORD_MOST);
}

void result_record(struct relay *r)
{
	struct spool_attempt *a, *next;

	if (!r->results)
		return;
	if (!spool_relay_record(r->db, r->results)) {
		log_message(LOG_LEVEL_ERROR, "results can't be written: %s", spool_db_error(r->db));
		r->record_at = clock_mono_us() + AGAIN_US;
		if (!r->unwritten_since)
			r->unwritten_since = clock_mono_us();
		return;
	}
	r->unwritten_since = 0;
	give_way(r, clock_mono_us());
	for (a = r->results; a; a = next) {
		next = a->next;
		look_for_more(r, attempt_of(a));
		queue_drop(attempt_of(a)->queue, attempt_of(a));
	}
	r->results = NULL;
	r->last_result = &r->results;
	r->n_results = 0;
}
