/* SPDX-License-Identifier: ISC */
/*
 * A loop of one thread: descriptors, timers and signals, each with a function that is called when it is due.
 *
 * Every function that is called may start and stop watches and timers, its own too. A watch or timer that was stopped is not
 * called any more, not even for an event that was already there. A library with threads of its own gets a waker that its
 * threads write to and that the loop watches: no other thread may call anything here.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* NULL with errno set. */
struct loop *loop_new(void);

/* Ends all watches. Descriptors stay open, signals stay blocked. NULL is allowed. */
void loop_free(struct loop *l);

/*
 * Waits until something is due, calls the functions of all that is due, each once, and returns. Without a timer it waits for a
 * descriptor or a signal.
 */
void loop_wait(struct loop *l);

/* ---- descriptors */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* events: LOOP_READ, LOOP_WRITE or both, of those that are watched for. An error or a hang-up counts as each of these. */
typedef void loop_on_fd(void *ctx, int fd, unsigned events);

/* Watches the descriptor from now on, in place of an earlier watch of it. One watch a descriptor. False with errno set. */
bool loop_watch(struct loop *l, int fd, unsigned events, loop_on_fd *call, void *ctx);

/* Ends the watch, before the descriptor is closed. One that is not watched is allowed. */
void loop_unwatch(struct loop *l, int fd);

/* ---- timers */

typedef void loop_on_timer(void *ctx);

/* One call at a time. The fields are the loop's. The owner stops it before it frees it. */
struct loop_timer {
	struct loop_timer *before, *after;
	struct loop *loop;
	int64_t at;
	loop_on_timer *call;
	void *ctx;
};

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_on_timer *call, void *ctx);

/* The call comes at that time, clock_mono_us(), in place of the time set before. A time in the past is the next loop_wait(). */
void loop_timer_set(struct loop_timer *t, int64_t at);

/* The same, unless the call comes earlier already. */
void loop_timer_lower(struct loop_timer *t, int64_t at);

/* No call comes. One that is not set, or zero-initialised, is allowed. */
void loop_timer_stop(struct loop_timer *t);

/* ---- signals */

typedef void loop_on_signal(void *ctx, int number);

/* A watch of a signal; several watches of one signal are all called. The fields are the loop's. */
struct loop_signal {
	struct loop_signal *before, *after;
	int number;
	loop_on_signal *call;
	void *ctx;
};

/*
 * Blocks the signal in this thread and calls the function when it comes. Signals of one number that come together may be one
 * call. The process must have no other thread that takes the signal. False with errno set.
 */
bool loop_signal_start(struct loop *l, struct loop_signal *s, int number, loop_on_signal *call, void *ctx);

/* The signal stays blocked. One that was not started, and is zero-initialised, is allowed. */
void loop_signal_stop(struct loop_signal *s);

#endif
