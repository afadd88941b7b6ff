/* SPDX-License-Identifier: ISC */
/* The headers of an HTTP request that depend on the event: those that were stored with it, and the sink's templates. */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include <stddef.h>

#include "core/buf.h"
#include "sink/driver.h"

enum { HTTP_HEADERS_VALUE_MAX = 8 * 1024 }; /* bytes of a header's value: nginx and Apache take no longer lines by default */

enum http_headers_result {
	HTTP_HEADERS_OK,
	HTTP_HEADERS_NO_MEMORY,
	HTTP_HEADERS_REFUSED, /* a value could break the request */
};

/*
 * Appends the headers as "Name: value", each with a NUL, and "" after the last.
 *
 * With pass-headers, first those that were stored with the event, without the ones that the sink sets itself and those between two
 * hosts (RFC 9110 section 7.6.1). Content-Encoding always goes with the event's own bytes. Then the sink's templates; a template that
 * prints nothing gives no header. HTTP_HEADERS_REFUSED with the reason in why.
 */
enum http_headers_result http_headers_make(const struct sink_message *m, const struct sink *s, struct buf *out, char *why, size_t why_size);

#endif
