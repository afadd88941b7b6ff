/* SPDX-License-Identifier: ISC */
/* The target of an http sink: its URL and secrets. Only the relay reads them; the receiver must not. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/key.h"
#include "sink/driver.h"

struct http_target {
	const struct sink *sink; /* borrowed */
	char *url;
	struct curl_slist *headers; /* of every attempt */
	struct key **keys;          /* each signs messages; n_keys == 0: unsigned */
	size_t n_keys;
	bool fresh;                 /* the next attempt opens a connection */
	bool http1;                 /* attempts use HTTP/1.1 */
};

/*
 * Reads the sink's secrets into t, and checks what libcurl is given later. False with the reason in why; http_target_free() is due
 * either way.
 */
bool http_target_init(struct http_target *t, const struct sink *sink, char *why, size_t why_size);
void http_target_free(struct http_target *t);

/*
 * The headers of one message, in front of t->headers, which stay t's: freed by http_target_free_headers(). The message's id is that
 * of Standard Webhooks ("webhook-id"); more as http_headers_make() makes it, or NULL; now in ms since the epoch. NULL when memory is
 * short or OpenSSL failed.
 */
struct curl_slist *http_target_headers(const struct http_target *t, const struct sink_message *m, const char *more, int64_t now);
void http_target_free_headers(const struct http_target *t, struct curl_slist *headers);

#endif
