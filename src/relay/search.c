/* SPDX-License-Identifier: ISC */
/*
 * The search index, which the relay builds beside its work: a few milliseconds at a time, and rarely while it or the receiver is busy.
 */
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "relay/state.h"

static const int64_t
	STEP_US = 4 * 1000,
	PAUSE_US = 12 * 1000,           /* between two steps of a relay that has nothing to do: a quarter of one processor */
	BUSY_PAUSE_US = 100 * 1000,     /* ...of one that has */
	PRESSED_PAUSE_US = 200 * 1000,  /* ...and of one that waits for a processor: a fiftieth of one */
	LOOK_US = 5 * 1000 * 1000,      /* when there was nothing to add */
	HELD_US = 60 * 1000 * 1000,     /* another process builds it, or it failed */
	DRAIN_US = 2 * 1000 * 1000;     /* of a run with --once */

enum { LEAST = 4096 /* ids: searches read what is newer, in some 0.1 s */ };

static void tell_search(struct relay *r)
{
	if (!r->search_told)
		log_message(LOG_LEVEL_WARNING, "%s; searches read all events", spool_db_error(r->db));
	r->search_told = true;
}

/* False when there is nothing to build for a while. */
static bool begin_index(struct relay *r)
{
	enum search_begun begun;

	if (r->search)
		return true;
	begun = searching_index_begin(r->db, r->conf, &r->search);
	if (begun == SEARCH_FAILED)
		tell_search(r);
	if (begun != SEARCH_BEGUN)
		search_close(r);
	return begun == SEARCH_BEGUN;
}

/* Builds until that time. *pause becomes how long the next step can wait. */
static enum searching_step step(struct relay *r, int64_t until, int64_t *pause)
{
	enum searching_step did = SEARCHING_FAILED;
	int64_t added = 0;

	*pause = HELD_US;
	if (!begin_index(r))
		return SEARCHING_DONE;
	did = searching_index_step(r->search, LEAST, until, &added);
	if (did == SEARCHING_FAILED) {
		tell_search(r);
		search_close(r);
		return SEARCHING_DONE;
	}
	*pause = did == SEARCHING_DONE ? LOOK_US : 0;
	return did;
}

void search_look(struct relay *r, bool busy)
{
	int64_t now = clock_mono_us(), pause;

	if (!r->conf->search_index || r->drain)
		return;
	if (now >= r->search_at) {
		if (step(r, now + STEP_US, &pause) == SEARCHING_MORE)
			pause = cpu_pressure_look(&r->search_pressure) ? PRESSED_PAUSE_US : busy ? BUSY_PAUSE_US : PAUSE_US;
		r->search_at = clock_mono_us() + pause;
	}
	loop_timer_lower(&r->pass, r->search_at);
}

void search_drain(struct relay *r)
{
	int64_t until = clock_mono_us() + DRAIN_US, pause;

	if (r->conf->search_index && r->drain && !r->moved)
		step(r, until, &pause);
}

void search_begin(struct relay *r)
{
	if (!r->conf->search_index && !spool_search_drop(r->db))
		log_message(LOG_LEVEL_WARNING, "the search index can't be removed: %s", strerror(errno));
}

void search_close(struct relay *r)
{
	searching_index_free(r->search);
	r->search = NULL;
}
