/* Attempts over HTTP, many at once, by libcurl. */
#ifndef HTTP_H
#define HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/target.h"

struct http;

enum { HTTP_ANSWER_KEPT = 1024 }; /* bytes of an answer's beginning */

/* Borrowed for the length of http_done(). */
struct http_result {
	int status;          /* 0: there was no whole answer */
	const char *error;   /* why not; NULL otherwise */
	struct slice answer;
	int64_t ms;
	int64_t retry_after; /* ms; 0: not said */
};

/* Called by http_wait() for each attempt that has ended. */
typedef void http_done(void *job, const struct http_result *r);

/* NULL when memory is short. */
struct http *http_new(http_done *done);

/* Ends all attempts, without http_done(). */
void http_free(struct http *h);

/*
 * Begins an attempt; target, id and body are borrowed until its end. False when it could not begin: memory is
 * short.
 */
bool http_start(struct http *h, const struct target *t, const char *type, const char *id, struct slice body, void *job);

/* Waits for something to happen, on a descriptor of the caller's too, at most so long; and goes on with the attempts. */
void http_wait(struct http *h, struct pollfd *fds, unsigned n, int64_t ms);

#endif
