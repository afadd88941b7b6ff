/* SPDX-License-Identifier: ISC */
/* The headers of an HTTP attempt that depend on the event: those it came with, and the sink's templates. */
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
 * Appends the headers as "Name: value", each with a NUL, and "" behind the last. First those that were kept with the event,
 * because its fields or its proof came from them, where the sink's pass-headers says so: not the ones that the sink sends by
 * itself, and none that is a matter between two hosts. Content-Encoding goes with the event's own bytes in any case. Then the
 * sink's templates; one that prints nothing is left out. HTTP_HEADERS_REFUSED with the reason in why.
 */
enum http_headers_result http_headers_make(const struct sink_message *m, const struct sink *s, struct buf *out, char *why, size_t why_size);

#endif
