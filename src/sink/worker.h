/* SPDX-License-Identifier: ISC */
/*
 * A thread for a driver whose library waits, and the messages between the thread and the loop.
 *
 * Each message is copied to a job. The loop reports a message by its deadline, whatever the thread does: a library that hangs holds up
 * no other sink. The job stays the thread's until the thread ends it.
 *
 *   inbox    the loop put it there; nothing was sent
 *   sent     the thread has begun to send it; it waits for the target's acknowledgement
 *   outbox   its result is there, and the loop reports it
 *
 * A deadline, or an error, ends the connection: all that was sent and has no acknowledgement is in doubt.
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"
#include "core/waker.h"
#include "sink/driver.h"

enum worker_text { WORKER_ID, WORKER_TYPE, WORKER_ENDPOINT, WORKER_EVENT, WORKER_ACCOUNT, WORKER_CONVERSATION, WORKER_KEY, WORKER_TEXTS };

enum { WORKER_RESULT_SIZE = 512 };

struct worker_job {
	struct worker_job *next;         /* of the list it is in; the lock's */

	/* the message's copy; a text is "" where there is none */
	const char *text[WORKER_TEXTS];
	struct slice body;
	int64_t deadline;                /* clock_mono_us() */
	uint64_t tag;                    /* the thread's name for it, from worker_begin() */
	bool marked;                     /* by worker_mark() */
	atomic_bool under_way;           /* it may have been sent */
	atomic_bool reported;            /* the loop has given it up */

	/* the loop's */
	struct worker_job *later;        /* of those that are not reported */
	struct sink_message *message;
	int64_t began;

	struct sink_result result;       /* its text is in said */
	char said[WORKER_RESULT_SIZE];
};

/* What a driver does in the thread. */
struct worker_driver {
	/* Takes jobs, and ends each by worker_end(), now or later. */
	void (*send)(void *ctx, struct worker_job *jobs);

	/* Reads what came from the target, and does what is due. Called when fd is readable, and after the wait. */
	void (*receive)(void *ctx);

	/* How long the thread may wait, in ms; -1: until there is something to do. Sets *fd, -1 where none is read by receive(). */
	int (*wait)(void *ctx, int *fd);

	/* Closes the connection, and ends the jobs that were sent by worker_fail_sent(). */
	void (*drop)(void *ctx, const char *why);

	/* Frees ctx; in any thread. */
	void (*free)(void *ctx);

	/* Why no message may have this key; NULL: it may. Not called without a key. */
	const char *(*key_error)(struct slice key);

	/*
	 * Appends to out what the thread gets as the job's body, in place of the message's own; called on the loop's side. NULL: it gets the
	 * message's. False when memory is short.
	 */
	bool (*print)(const struct sink *s, const struct sink_message *m, struct buf *out);
};

struct worker {
	struct sink_target base;
	const struct worker_driver *driver;
	void *ctx;

	/* the loop's */
	struct loop *loop;
	sink_done *done;
	const struct sink *sink;
	const struct template *key;
	struct loop_timer timer;            /* the deadline of the first */
	struct worker_job *first, **last;   /* not reported */
	bool running;
	pthread_t thread;                   /* while it runs */

	/* the lock's */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct worker_job *inbox, **inbox_last, *sent, **sent_last, *outbox, **outbox_last;
	unsigned n_sent;
	int socket;    /* that a deadline shuts down, so that the library's wait ends; -1: none */
	int users;
	bool reset, ending, over;

	struct waker wake_thread, wake_loop;
};

/* ---- the loop's side */

/* A key that is NULL is "" for all messages. NULL with the reason in why; ctx is freed then, too. */
struct worker *worker_new(const struct worker_driver *driver, void *ctx, const struct sink *s, const struct template *key, struct loop *l,
	sink_done *done, char *why, size_t n);

/* A copy of a text that the thread keeps; NULL of NULL. Sets *ok to false when memory is short. */
char *worker_copy(const char *text, bool *ok);

/* The functions of a struct sink_driver. */
void worker_send(struct sink_target *base, struct sink_message *batch);
void worker_stop(struct sink_target *base);
void worker_close(struct sink_target *base);

/* ---- the thread's side; the library's own threads may call these, too */

/* The job is one that was sent, from now on. False for one that was reported already: it is ended, and must not be sent. */
bool worker_begin(struct worker *w, struct worker_job *j, uint64_t tag);

/* The oldest job that was sent and has a tag from `from` to `to`; it is the caller's then. NULL: there is none. */
struct worker_job *worker_take(struct worker *w, uint64_t from, uint64_t to);

/* Marks the job with that id that was sent, if there is one. */
void worker_mark(struct worker *w, const char *id, size_t n);

/* How many jobs wait for an acknowledgement. */
unsigned worker_count_sent(struct worker *w);

/* Ends a job that is the caller's. Texts are copied. */
void worker_end(struct worker *w, struct worker_job *j, const struct sink_result *r);

/* Ends a list of jobs of which nothing was sent. */
void worker_fail(struct worker *w, struct worker_job *jobs, const char *why);

/* Ends all that was sent, in doubt. */
void worker_fail_sent(struct worker *w, const char *why, bool target_failed);

/* Names the socket to shut down at a deadline; -1 before it is closed. */
void worker_set_socket(struct worker *w, int socket);

/* One more, or one less, that may call these functions. The last one frees the worker. */
void worker_use(struct worker *w);
void worker_leave(struct worker *w);

#endif
