/* SPDX-License-Identifier: ISC */
/* Attempts over HTTP, many at once, by libcurl. */
#ifndef HTTP_H
#define HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/sending.h"
#include "sink/http_target.h"

struct http;

enum {
	HTTP_ANSWER_KEPT = 1024,                     /* bytes of an answer's beginning */
	HTTP_RETRY_AFTER_MAX_MS = 7 * 86400 * 1000, /* what is heeded of a longer Retry-After */
};

/* NULL when memory is short. */
struct http *http_new(sending_done *done);

/* Ends all attempts, without sending_done(). */
void http_free(struct http *h);

/* What is sent; all is borrowed until the attempt's end. */
struct http_message {
	const char *type; /* Content-Type */
	const char *id;   /* of the event */
	const char *headers; /* more of them, see headers_make(); NULL: none */
	struct slice body;
	bool at_most_once;        /* it must not arrive twice: it gets a connection of its own */
};

/*
 * Begins an attempt, which is one request, and those of the redirects that are followed. A 2xx answer is success; where there
 * was none, after 401, 403 and 407, and after those that the sink's retry-on has, it may be tried again. False when it could not begin: memory is short.
 */
bool http_start(struct http *h, struct target *t, const struct http_message *m, void *attempt);

/* Ends an attempt before it began, with sending_done(): what is to be sent can't be, and never will. */
void http_refuse(struct http *h, void *attempt, const char *error);

/* Waits for something to happen, on a descriptor of the caller's too (at most 4), at most so long; and goes on with the attempts. */
void http_wait(struct http *h, struct pollfd *fds, unsigned n, int64_t ms);

#endif
