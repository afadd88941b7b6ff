/* SPDX-License-Identifier: ISC */
/* What the two halves of the server share: the workers (worker.c), and the main thread (serve.c, watched.c, reload.c). */
#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/waker.h"
#include "gate/fcgi.h"
#include "gate/poller.h"
#include "spool/spool.h"

/*
 * One worker has the turn. It takes all requests that have arrived as one batch: it checks them, stores their events in one
 * commit, and answers. Requests that arrive during that are the next batch. So a request usually stays in one thread. The
 * other workers wait for bodies that are still arriving.
 *
 * A connection belongs to one thread at a time, and changes hands through a poller:
 *
 *   accepted --> the turn <--(armed in `ready`)--> waits for its next request
 *                  |  ^
 *   not all there: |  | all there, or slow for too long
 *                  v  |
 *   PARKED, WAITING, STORING or LINGERING: watched by the main thread in `watch`
 */
enum { SPARE_WORKERS = 2 }; /* besides those that wait for bodies: one has the turn, one turns slow senders away */

enum conn_state {
	CONN_ACTIVE,
	CONN_PARKED,    /* not enough of a request is there */
	CONN_WAITING,   /* its body is still arriving, and max-in-flight such requests are being served */
	CONN_STORING,   /* its event is stored, and its answer waits for sinks: storing.h */
	CONN_LINGERING, /* answered */
};

struct conn {
	int fd;
	bool armed; /* is in `ready` and in server.idle_conns */
	bool busy;  /* its event is being stored */
	bool served; /* it has had a request */
	int64_t used_at; /* clock_mono_us() when it was accepted, or last had an answer */
	bool slow;  /* is to be served although its body is still arriving */
	enum conn_state state;
	int64_t since; /* clock_mono_us() when its request was first waited for, or it began to linger; 0: neither */
	struct fcgi *request;     /* in the state STORING: the request, with */
	struct shared_conf *conf; /* its configuration, and */
	size_t held;              /* the bytes that it holds */
	struct buf early;         /* what was taken of a request of which some was to come */
	int64_t event;            /* the id of its event */
	bool asked;               /* the relay was asked for it */
	struct conn *next, **link;   /* in server.idle_conns; or in server.handed, then in watched.first */
	struct conn *older, **newer; /* in server.conns */
};

/* A configuration in use; freed when the last user lets go. */
struct shared_conf {
	struct conf *conf;
	unsigned users; /* under server.mutex; the server itself is one */
};

struct server {
	int listen_fd;
	struct poller ready; /* the worker that has the turn waits here, for connections and requests */
	struct poller watch; /* the main thread waits here, for signals and slow peers */
	struct waker stop;   /* workers end */
	struct waker chore;  /* a worker shall flush the spool's notes */
	struct waker wake;   /* the main thread looks: one of those that are waiting can be served, or was handed over to wait for sinks */
	struct spool *spool;

	atomic_uint idle;        /* workers that have the turn or wait for it */
	atomic_uint serving;     /* workers that serve requests */
	atomic_uint connections; /* open */
	atomic_uint arriving;    /* requests being served whose body had not all come */
	atomic_uint waiting;     /* connections in that state */
	atomic_uint storing;     /* connections in that state; changed under server.mutex */
	atomic_size_t early;     /* bytes in conn.early of all */
	atomic_bool stopping;
	atomic_bool resting; /* accepting nothing until the main thread's next round */
	atomic_bool shrunk;  /* a worker has ended since memory was last given back */

	pthread_mutex_t turn;
	struct fcgi *batch[FCGI_BATCH]; /* under turn; room for requests, NULL until it is needed */
	int64_t told_at;                /* under turn; clock_mono_us() of the last message that accepting failed; 0: none */
	unsigned most_conns;            /* under turn; above that idle ones are closed for new ones */

	pthread_mutex_t mutex; /* all below */
	struct shared_conf *conf;
	struct conn *conns;  /* all there are, the newest first */
	struct conn *handed; /* to be watched, which the main thread has not taken yet */
	struct conn *idle_conns, **idle_end; /* armed, in the order in which that was done */
	size_t storing_bytes; /* that they hold */
	struct fcgi *rooms[FCGI_BATCH]; /* of requests that were in the state STORING, for the next ones */
	unsigned n_rooms;
	pthread_t threads[CONF_MAX_IN_FLIGHT + SPARE_WORKERS];
	unsigned n_threads;
};

/* Starts one more worker, up to max-in-flight and the spare ones. False when no thread can be created. */
bool worker_add(struct server *s);

/*
 * Watches the connection in `ready`, for the worker that has the turn: for input, and one of whose request some was taken to have that looked at
 * at once. Closes it when that fails.
 */
void worker_arm(struct server *s, struct conn *c);

/* Closes the connection, unless its fd is -1, and frees it. */
void worker_drop(struct server *s, struct conn *c);

/* Hands the connection to the main thread, to wait for the rest of a request, for sinks or for a peer. */
void worker_hand_over(struct server *s, struct conn *c, enum conn_state state);

/* Passes a connection on after fcgi_take() or fcgi_answer(). */
void worker_pass_on(struct server *s, struct conn *c, enum fcgi_next next);

/* Takes over conf, for one user. NULL: no memory. */
struct shared_conf *shared_conf_new(struct conf *conf);

/* The server's current configuration; the caller gives it back with shared_conf_put(). */
struct shared_conf *shared_conf_get(struct server *s);
void shared_conf_put(struct server *s, struct shared_conf *c);

/* Makes c the server's configuration, and lets go of the one before. */
void shared_conf_replace(struct server *s, struct shared_conf *c);

#endif
