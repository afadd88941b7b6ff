/* SPDX-License-Identifier: ISC */
/* Where a sink's attempts go, with the secrets that the receiver must not have: read by the relay alone. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "core/key.h"

struct target {
	const struct sink *sink; /* borrowed */
	char *url;
	struct curl_slist *headers; /* of every attempt */
	struct key *key;            /* that signs; NULL: unsigned */
	bool fresh;                 /* the next attempt opens a connection */
	bool http1;                 /* it does without HTTP/2 */
};

/*
 * Reads the secrets of a sink of the type http into t, and checks what libcurl is given later; of others there is nothing.
 * False with the reason in why; target_free() is due either way.
 */
bool target_init(struct target *t, const struct sink *sink, char *why, size_t why_size);
void target_free(struct target *t);

/*
 * The headers of one attempt, in front of t->headers, which stay t's: freed by target_free_headers(). id is the event's
 * (Standard Webhooks, "webhook-id"), more as headers_make() makes it or NULL, now in ms since the epoch. NULL when memory is
 * short or OpenSSL failed.
 */
struct curl_slist *target_headers(const struct target *t, const char *type, const char *id, const char *more, struct slice body, int64_t now);
void target_free_headers(const struct target *t, struct curl_slist *headers);

#endif
