/* SPDX-License-Identifier: ISC */
/* The state of a running relay, as its files share it. */
#ifndef STATE_H
#define STATE_H

#include "conf/conf.h"
#include "core/cpu_pressure.h"
#include "hook/event.h"
#include "hook/searching.h"
#include "relay/acks.h"
#include "relay/alerts.h"
#include "relay/queue.h"
#include "relay/relay.h"
#include "relay/schedule.h"
#include "spool/program.h"

enum { RECORD_MOST = 512 /* results in one transaction; no more attempts while there are so many */ };

struct relay {
	const struct conf *conf;
	struct spool_db *db; /* NULL: there is none yet */
	bool open; /* it is */
	struct loop *loop;
	struct loop_timer pass; /* the next look at the queues, see relay.c */
	struct loop_signal signals[3];
	struct queue *queues;
	size_t n_queues;
	/* Round robin: the queue served first in the next pass, so that one with many unwanted events cannot fill the results each time. */
	size_t first;
	int wakeup;
	struct spool_db *ear; /* hears what other machines tell; NULL: it does not */
	int ear_fd;           /* of it; -1: none */
	int64_t hear_at;      /* clock_mono_us(): it is connected again */
	struct catchup_thread *catchup; /* NULL: none */
	struct spool_db *overflow; /* of this machine, where the spool is a server; NULL: not open */
	struct spool *server;      /* the server, for what is in the overflow; NULL: not open */
	int64_t overflow_after;    /* the event of the overflow that was moved last */
	int64_t overflow_begun;    /* clock_mono_us(), with the first event of it */
	bool overflow_told;        /* that it can't be drained */
	bool overflow_unwiped;     /* its files may have bytes of events that were moved */
	int64_t overflow_wipe_at;  /* clock_mono_us(): not before that */
	struct acks *acks; /* receivers that wait; NULL: with --once, or it could not listen */
	char name[16]; /* of the spool */
	int64_t version; /* spool_db_version() before the last reading began */
	struct spool_attempt *results, **last_result;
	unsigned n_results;
	int64_t record_at; /* clock_mono_us(): the results are recorded */
	int64_t start_at;  /* the same: more may be sent */
	int64_t busy_until; /* the same: the receiver counts as busy */
	int64_t end_at; /* the same: the relay ends at the latest; 0: not yet */
	int64_t began; /* the same: the relay began */
	int64_t beat_at, looked_at; /* the same: the last beat, the last look */
	int64_t clock_ahead; /* ms, of clock_now() before clock_mono_us() */
	struct schedule_gap gap; /* the last time in which nothing was sent */
	struct cpu_pressure cpu_pressure;
	relay_may_reload *may_reload;
	void *may_reload_ctx;
	bool reload, drain;
	struct spool_program *self;
	bool told; /* self is registered in the spool */
	bool moved; /* another spool is in its place */
	bool failed; /* with --once: something could not be read, filtered or recorded */
	int64_t unwritten_since; /* clock_mono_us(); 0: the last results were recorded */
	struct alerts alerts;
	struct event event; /* for fields that the spool has no column for; reused */
	struct searching_index *search; /* NULL: it is not being built */
	int64_t search_at; /* clock_mono_us(): the next step */
	struct cpu_pressure search_pressure; /* since the last step */
	bool search_told;  /* that it can't be built */
};

/* ---- fetch.c: from the spool into the queues */

/* Reads what is due for the queue, until there is enough ahead. The pass comes when it has to be called again. */
void fetch_queue(struct relay *r, struct queue *q, int64_t now);

/*
 * Makes the attempt of a row, where the sink wants its event, and puts it before the others that are ready. False: whether the sink
 * wants it can't be found out now.
 */
bool fetch_first(struct relay *r, struct queue *q, const struct spool_relay_row *row);

/*
 * The spool could not be used for the queue: logs why, and has the queue read from the beginning a second later, or with --once by
 * the next run.
 */
void fetch_later(struct relay *r, struct queue *q);

/* ---- overflow.c: what the server did not take in time */

/* Moves events from the overflow to the server, for a short time. */
void overflow_look(struct relay *r);
void overflow_close(struct relay *r);

/* ---- hear.c: what other machines tell */

/* Connects, where there is no connection. */
void hear_look(struct relay *r);
void hear_close(struct relay *r);

/* ---- asked.c: what receivers wait for */

/* Has the deliveries that receivers ask for sent first, and tells the receivers of those that have ended already. */
void asked_look(struct relay *r);

/* ---- send.c: from the queues to the drivers */

/* Sends all that may go now; now is ms since the epoch. The pass comes when more may. */
void send_queues(struct relay *r, int64_t now);

/* Sends of these only what receivers wait for. */
void send_asked(struct relay *r);

/* With --once: the time in which more is sent, ms. What is on the way then is waited for. */
int64_t send_time_left(const struct relay *r);

/* With --once: the queue's rate lets the next attempt go too late for this run. */
bool send_is_held(const struct relay *r, const struct queue *q);

/* ---- pass.c: what a running relay does, see there */

/* Passes until the relay has ended, or r->moved. */
void pass_until_end(struct relay *r);

/* Waits on the loop, at most until the next look. */
void pass_wait(struct relay *r);

/* Has the next pass look for what is due. */
void pass_look_everywhere(struct relay *r);

/* A loop_on_signal(), loop_on_fd() and loop_on_timer() of the relay. */
void pass_on_signal(void *relay, int number);
void pass_on_wakeup(void *relay, int fd, unsigned events);
void pass_on_timer(void *relay);

/* Tells the spool of this process; r->told says whether that went well. */
void pass_tell(struct relay *r);

/* Sets the time of the lock file, a few seconds after the last time. A relay that hangs stops doing so. */
void pass_beat(struct relay *r);

/* ---- watch.c: what changes around a running relay */

/* Finds the gap before this relay: the time since the last attempt. Corrects times that a wrong clock wrote. False on an error of r->db. */
bool watch_begin(struct relay *r);

/*
 * The clock may be set while the relay runs, or go on while the machine sleeps: what passed on it alone is no delivery's time, and
 * what was stored by a clock that was ahead is due now.
 */
void watch_clock(struct relay *r, int64_t now);

/* Ends the pauses that the administrator has removed from the spool. */
void watch_pauses(struct relay *r);

/* Once a second: looks after the file of measurements, and once a minute notes what is pending. */
void watch_backlog(struct relay *r);

/* ---- search.c: the search index */

/* Without the option, removes the index. */
void search_begin(struct relay *r);

/* Goes on building it for a few milliseconds, when it is time. The pass comes when it is time again. */
void search_look(struct relay *r, bool busy);

/* The same at the end of a run with --once, for a longer time. */
void search_drain(struct relay *r);
void search_close(struct relay *r);

/* ---- result.c: what became of an attempt */

/* A sink_done(): decides what becomes of the attempt, and logs it. */
void result_of(struct sink_message *m, const struct sink_result *got);

/* The sink doesn't want the event: the relay is forgotten, and nothing is sent. */
void result_unwanted(struct relay *r, struct attempt *a);

/* The event's text is unknown, as its endpoint was removed, and the sink filters by it: a dead letter, nothing is sent. */
void result_unfiltered(struct relay *r, struct attempt *a);

/* The event's body is missing or damaged on the disk: a dead letter, nothing is sent. */
void result_lost(struct relay *r, struct attempt *a);

/* Tells the receivers that wait, where there are many results. True: the results wait for others. */
bool result_tell(struct relay *r);

/* Records the results in the spool. After a failure they stay for the next time. */
void result_record(struct relay *r);

#endif
