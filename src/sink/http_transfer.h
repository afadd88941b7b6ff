/* SPDX-License-Identifier: ISC */
/* One request of an http sink: libcurl's options for it, and libcurl's callbacks. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

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
	bool answered;  /* an answer came, perhaps a redirect */
	bool speaks;    /* the answer began with "HTTP/" */
	bool kept;      /* the connection is of an earlier attempt */
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

/* The prepared transfer ends at the deadline, clock_mono_us(), which has not passed. */
bool http_transfer_set_deadline(struct http_transfer *t, int64_t deadline);

/* The transfer has ended: forgets its message. */
void http_transfer_end(struct http_transfer *t);

#endif
