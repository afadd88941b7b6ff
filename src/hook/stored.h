/* SPDX-License-Identifier: ISC */
/* The headers that are kept of a refused delivery, and a request rebuilt from kept headers and body. */
#ifndef STORED_H
#define STORED_H

#include <stdbool.h>

#include "conf/scheme.h"
#include "core/buf.h"
#include "hook/request.h"

/* Zero-initialised is valid and empty. */
struct stored {
	struct request request; /* its body borrows from what it was made of */
	struct buf text;        /* of the variables */
	char **envp;
};

/*
 * Appends the request's headers as lines "Name: value\n", and as ":query" the URL's where the scheme signs it; but none that
 * is a secret: Authorization, Proxy-Authorization, Cookie, and that of the scheme. False when memory is short, or they
 * are longer than 32 KiB, the most that web servers let through.
 */
bool stored_headers(const struct request *r, const struct scheme *s, struct buf *out);

/*
 * Appends the query as a line ":query: QUERY\n". The value of a parameter that holds the scheme's secret or signature is a "-" there.
 * False when memory is short.
 */
bool stored_query(const struct request *r, const struct scheme *s, struct buf *out);

/*
 * Makes the request from lines "Name: value\n" (":query" is the URL's) and the body, both borrowed. False when memory
 * is short.
 */
bool stored_request(struct slice headers, struct slice body, struct stored *out);
void stored_free(struct stored *s);


#endif
