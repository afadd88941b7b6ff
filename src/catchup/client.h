/* SPDX-License-Identifier: ISC */
/*
 * The HTTP client of a catch-up: one request after the other, by libcurl's easy interface.
 *
 * It keeps the section's rate and the API's allowance, waits where the API says so, tries again after a failure, and counts. Its answers
 * come from a stranger: their size is bounded, no redirect is followed, and private addresses are refused unless allowed.
 */
#ifndef CATCHUP_CLIENT_H
#define CATCHUP_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/catchup.h"
#include "core/buf.h"

enum {
	CATCHUP_REQUESTS_MAX = 300, /* of a run: at 30 a minute, ten minutes */
	CATCHUP_LINK_MAX = 2048,
	CATCHUP_ANSWER_MAX = 8 << 20,
};

/* Ends the waits of a client from another thread. */
struct catchup_stop {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ended;
};

void catchup_stop_init(struct catchup_stop *s);
void catchup_stop_free(struct catchup_stop *s);
void catchup_stop_set(struct catchup_stop *s);
bool catchup_stop_is_set(struct catchup_stop *s);

/* Waits so many ms at most. False when it was ended. */
bool catchup_stop_wait(struct catchup_stop *s, int64_t ms);

enum catchup_verdict {
	CATCHUP_ANSWERED, /* 2xx */
	CATCHUP_GONE,     /* 404 */
	CATCHUP_REFUSED,  /* another status that a repetition would not change; no request after it has a chance */
	CATCHUP_FAILED,   /* no answer, or 5xx, also when it was repeated */
	CATCHUP_LATER,    /* the run's requests or the API's allowance are used up, or the run was ended: it goes on later */
};

struct catchup_answer {
	enum catchup_verdict verdict;
	long status;
	struct buf body; /* reused */
	char link[CATCHUP_LINK_MAX]; /* the header Link; "": none, or a longer one */
};

void catchup_answer_free(struct catchup_answer *a);

struct catchup_client;

/*
 * A client that reads the key's file now. not_before: when it may send its first request, ms since the epoch. NULL with the reason in
 * why, which never has the key in it. The caller frees it.
 */
struct catchup_client *catchup_client_new(const struct catchup *c, struct catchup_stop *stop, int64_t not_before, char *why, size_t why_size);
void catchup_client_free(struct catchup_client *client);

/* Sends a request to the API's address with that path and query. */
void catchup_client_get(struct catchup_client *client, const char *path, struct catchup_answer *a);
void catchup_client_post(struct catchup_client *client, const char *path, struct catchup_answer *a);

/* Why the last answer is none, for people; "": nothing is wrong. It never has the key in it. */
const char *catchup_client_error(const struct catchup_client *client);

/* How many requests it sent, and the time of the next one, ms since the epoch. */
unsigned catchup_client_requests(const struct catchup_client *client);
int64_t catchup_client_next(const struct catchup_client *client);

/* Appends the text with all but unreserved characters percent-encoded (RFC 3986 section 2.3). False when memory is short. */
bool catchup_client_escape(struct buf *out, struct slice text);

#endif
