/* SPDX-License-Identifier: ISC */
/* One request of an http sink, as libcurl is asked for it, and what libcurl tells of it on the way. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "conf/cidr.h"
#include "sink/driver.h"
#include "sink/http_target.h"

enum { HTTP_ANSWER_KEPT = 1024 /* bytes of an answer's beginning */ };

/* One attempt; its CURL handle is used again for the next. */
struct http_transfer {
	struct http_transfer *next; /* of all that are free, or on the way */
	CURL *easy;
	struct http_target *target;    /* borrowed */
	const struct cidrs *forbidden; /* borrowed: addresses that the sink may not reach */
	struct sink_message *message;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	char answer[HTTP_ANSWER_KEPT];
	size_t answer_len, read;
	long status;    /* of the last answer whose header was complete; 0: none */
	bool refused;   /* the address is a private one */
	bool begun;     /* the request may have been sent */
	bool answered;  /* it was, by a redirect perhaps */
	bool speaks;    /* an answer began as HTTP's do */
	bool kept;      /* over a connection of an attempt before this one */
	bool repeated;  /* libcurl wanted to send it once more */
};

/* NULL when memory is short. */
struct http_transfer *http_transfer_new(struct http_target *target, const struct cidrs *forbidden);
void http_transfer_free(struct http_transfer *t);

/*
 * Prepares t->easy for the message; more are headers as http_headers_make() makes them, copied. The message's body is borrowed until
 * the transfer's end. False when memory is short or OpenSSL failed.
 */
bool http_transfer_prepare(struct http_transfer *t, struct sink_message *m, const char *more);

/* The transfer has ended: forgets its message. */
void http_transfer_end(struct http_transfer *t);

#endif
