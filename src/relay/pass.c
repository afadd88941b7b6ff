/* SPDX-License-Identifier: ISC */
/*
 * The pass: what a running relay does each time that something has happened, and once a second at least.
 *
 *   look      once a second: for relays that no wakeup told of; whether the spool was replaced
 *   record    results that have waited long enough for others; under load the receivers are told before
 *   send      what may go now, unless the relay ends, gives way to the receiver, or has too many results to record
 *   wait      for answers, a signal, the receiver's wakeup, or the time that one of these steps has set (r->pass)
 */
#include <signal.h>

#include "core/clock.h"
#include "relay/state.h"
#include "spool/relay_lock.h"
#include "spool/wakeup.h"

enum {
	LOOK_MS = 1000,
	END_MS = 5000,         /* for what is on the way, after a signal... */
	RELOAD_MS = 30 * 1000, /* ...and before a reload: nothing new is sent then */
	BEAT_MS = 5000,
	GIVE_UP_MS = 10 * 1000,
};

static int64_t us(int64_t ms)
{
	return ms * 1000;
}

/* ---- when it ends */

static bool anything_in_flight(const struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		if (r->queues[i].n_in_flight)
			return true;
	return false;
}

static bool anything_taken(const struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		if (r->queues[i].taken)
			return true;
	return false;
}

/* With --once: what is due is waited for, but not for the end of a pause, and not for what is due later. */
static bool anything_due(const struct relay *r)
{
	int64_t now = clock_mono_us();

	for (const struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
		if ((q->n_ready || q->more) && q->paused_until <= now && !send_is_held(r, q))
			return true;
	return false;
}

/* Nothing is sent any more. */
static bool is_ending(const struct relay *r)
{
	return r->end_at || (r->drain && send_time_left(r) <= 0);
}

/* With --once: results that can't be recorded for so long are given up; their events are sent again. */
static bool gives_up(const struct relay *r)
{
	return r->drain && r->unwritten_since && clock_mono_us() - r->unwritten_since > us(GIVE_UP_MS) && !anything_in_flight(r);
}

/* What is on the way at r->end_at is sent again, with the same id. */
static bool is_over(const struct relay *r)
{
	return gives_up(r) || (!anything_taken(r) && (is_ending(r) || (r->drain && !anything_due(r)))) ||
		(r->end_at && clock_mono_us() >= r->end_at);
}

/* ---- what other processes know of the relay */

/* A failure is tried again with the next look. */
void pass_tell(struct relay *r)
{
	if (r->drain) /* the lock file's time is enough; the row is that of an earlier relay, which has ended */
		r->told = spool_program_forget(r->db, SPOOL_PROGRAM_RELAY);
	else
		r->told = !r->open || spool_program_tell(r->db, r->self);
}

void pass_beat(struct relay *r)
{
	if (clock_mono_us() - r->beat_at < us(BEAT_MS) && r->beat_at)
		return;
	r->beat_at = clock_mono_us();
	spool_relay_lock_beat(r->db);
}

/* ---- what happens */

void pass_on_signal(void *ctx, int number)
{
	struct relay *r = ctx;
	bool hup = number == SIGHUP && !r->drain;

	if (hup && r->end_at && !r->reload)
		return; /* it is stopping */
	if (hup && !r->may_reload(r->may_reload_ctx)) {
		pass_tell(r);
		return;
	}
	if (!r->end_at || (r->reload && !hup))
		r->end_at = clock_mono_us() + us(hup ? RELOAD_MS : END_MS);
	r->reload = hup;
	log_message(LOG_LEVEL_INFO, r->reload ? "reloading" : "stopping");
}

void pass_look_everywhere(struct relay *r)
{
	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
		q->more = true;
}

void pass_on_wakeup(void *ctx, int fd, unsigned events)
{
	struct relay *r = ctx;

	(void)events;
	if (spool_wakeup_hear(fd))
		watch_pauses(r);
	pass_look_everywhere(r);
}

/* The timer has ended the wait, and the pass comes after it. */
void pass_on_timer(void *ctx)
{
	(void)ctx;
}

/* ---- the pass */

void pass_wait(struct relay *r)
{
	loop_timer_lower(&r->pass, clock_mono_us() + us(LOOK_MS));
	log_release();
	log_hold(); /* each attempt that ends has a line */
	loop_wait(r->loop);
}

/* False when another spool is in this one's place. */
static bool look_for_due(struct relay *r)
{
	if (clock_mono_us() - r->looked_at <= us(LOOK_MS))
		return true;
	r->looked_at = clock_mono_us();
	r->moved = spool_db_moved(r->db);
	overflow_look(r);
	hear_look(r);
	if (!r->drain) /* events that come during a run with --once go with the next one */
		pass_look_everywhere(r);
	if (!r->told && !r->moved)
		pass_tell(r);
	if (!r->moved)
		watch_backlog(r);
	return !r->moved;
}

/* The receiver's own answers wait for what it asks for: that is sent also while the relay gives way. */
static void send_or_give_way(struct relay *r, int64_t now)
{
	bool gives_way = r->start_at > clock_mono_us();

	if (gives_way)
		loop_timer_lower(&r->pass, r->start_at);
	if (is_ending(r) || r->n_results >= RECORD_MOST) /* what can't be recorded is sent again */
		return;
	if (gives_way)
		send_asked(r);
	else
		send_queues(r, now);
}

/* The relay has something to do, or the receiver has too much. */
static bool is_busy(const struct relay *r)
{
	int64_t now = clock_mono_us();

	return r->results || r->end_at || r->start_at > now || r->busy_until > now || anything_taken(r);
}

static void pass_again_and_again(struct relay *r)
{
	int64_t now;

	for (;;) {
		now = clock_now();
		loop_timer_stop(&r->pass);
		watch_clock(r, now);
		if (!look_for_due(r))
			return;
		pass_beat(r);
		if (r->results && clock_mono_us() >= r->record_at && !result_tell(r))
			result_record(r);
		send_or_give_way(r, now);
		if (is_over(r))
			return;
		search_look(r, is_busy(r));
		if (r->end_at)
			loop_timer_lower(&r->pass, r->end_at);
		if (r->results)
			loop_timer_lower(&r->pass, r->record_at);
		pass_wait(r);
	}
}

void pass_until_end(struct relay *r)
{
	pass_again_and_again(r);
	log_release();
}
