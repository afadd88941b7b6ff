/* SPDX-License-Identifier: ISC */
/* A client of FastCGI for one small request: hookspool's own programs ask a receiver by it. */
#ifndef FCGI_CLIENT_H
#define FCGI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum fcgi_client_end {
	FCGI_CLIENT_ANSWERED,
	FCGI_CLIENT_SILENT, /* no whole answer came in time */
	FCGI_CLIENT_CLOSED, /* the connection ended without one */
	FCGI_CLIENT_OTHER,  /* what came is too long, or no answer of FastCGI */
};

/* Appends a variable of the request. False when memory is short. */
bool fcgi_client_variable(struct buf *variables, const char *name, const char *value);

/*
 * Sends the request over the connection and reads the answer, as CGI text, into out. Variables and body may have 65535 bytes each.
 * FCGI_CLIENT_CLOSED where they have more.
 */
enum fcgi_client_end fcgi_client_ask(int fd, struct slice variables, struct slice body, int64_t timeout_ms, struct buf *out);

#endif
