/* SPDX-License-Identifier: ISC */
/* A running relay, as its files share it. */
#ifndef RUNNING_H
#define RUNNING_H

#include "conf/conf.h"
#include "core/cpu_pressure.h"
#include "hook/event.h"
#include "relay/queue.h"
#include "relay/relay.h"
#include "relay/schedule.h"
#include "relay/sending.h"
#include "sink/exec.h"
#include "sink/http.h"
#include "spool/program.h"

enum { RECORD_MOST = 64 /* results at a time */ };

struct relay {
	const struct conf *conf;
	struct spool_db *db; /* NULL: not open */
	struct http *http;
	struct exec *exec;
	struct queue *queues;
	size_t n_queues;
	/* Round robin: the queue served first in the next pass, so that one with many unwanted events cannot fill the results each time. */
	size_t first;
	int lock, wakeup, signals;
	char name[16]; /* of the spool */
	struct spool_attempt *results, **last_result;
	unsigned n_results;
	int64_t record_at; /* when they are written, clock_mono_us() */
	int64_t start_at;  /* the same, when more may be started */
	int64_t busy_until; /* the same, for the receiver as far as is known */
	int64_t end_at; /* the same, at the latest; 0: not yet */
	int64_t began; /* the same */
	int64_t beat_at; /* the same, of the last one */
	int64_t clock_ahead; /* ms, of clock_now() before clock_mono_us() */
	struct schedule_gap gap; /* the last in which nothing was tried */
	struct cpu_pressure cpu_pressure;
	relay_may_reload *may_reload;
	void *may_reload_ctx;
	bool reload, drain;
	struct spool_program *self;
	bool told; /* the spool has what self says */
	bool moved; /* another spool is at its place */
	bool failed; /* with --once: not all could be read, judged or written down */
	int64_t unwritten_since; /* clock_mono_us(); 0: the last results could be written */
	struct event event; /* for fields that the spool has no column for; reused */
};

/* ---- fetch.c: from the spool into the queues */

/* Reads what is due for the queue, until there is enough ahead. *wait is lowered to when it has to be called again. */
void fetch_queue(struct relay *r, struct queue *l, int64_t now, int64_t *wait);

/* The spool could not be used for the queue: says why, and has it read from the beginning a second later, or by the next run. */
void fetch_later(struct relay *r, struct queue *l, int64_t *wait);

/* ---- watch.c: what changes around a running relay */

/* Finds the gap before this relay: the time since the last attempt. Mends what a wrong clock wrote. False on an error of r->db. */
bool watch_begin(struct relay *r);

/*
 * The clock may be set while the relay runs, or go on while the machine sleeps: what passed on it alone is no delivery's time, and
 * what was stored by a clock that was ahead is due now.
 */
void watch_clock(struct relay *r, int64_t now);

/* Ends the pauses that were written down, and are no longer there: the administrator ended them. */
void watch_pauses(struct relay *r);

/* ---- result.c: what became of an attempt */

/* An sending_done(): decides what becomes of the attempt, and says so in the log. */
void result_of(void *attempt, const struct attempt_result *a);

/* The sink doesn't want it: it is forgotten, and not sent. */
void result_unwanted(struct relay *r, struct attempt *j);

/* Nobody can say any more whether the sink wants it: it is a dead letter, and not sent. */
void result_unjudged(struct relay *r, struct attempt *j);

/* Writes the results; where that fails, they wait for the next time. */
void result_record(struct relay *r);

#endif
