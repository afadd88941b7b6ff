/* SPDX-License-Identifier: ISC */
/*
 * libfcgi: reads a request's variables out of a stream that the receiver wrote, and writes the answer's records.
 *
 * The only file that touches libfcgi and the fields of FCGX_Request marked "don't use". libfcgi never reads from a
 * peer: it takes bytes for records that no check has seen, and would pin a thread to every idle kept connection.
 */
#ifndef LIBFCGI_H
#define LIBFCGI_H

#include <stdbool.h>

#include "core/buf.h"

/* Prepares libfcgi, once a process. Signal dispositions are set after it: it replaces them. False on failure. */
bool libfcgi_init(void);

/* Room for one request after the other; freed by the caller. NULL: no memory. */
struct libfcgi *libfcgi_new(void);
void libfcgi_free(struct libfcgi *l);

/*
 * Reads the variables of a stream as record_add_variables() makes it. They are valid until libfcgi_close(), which the
 * caller calls before the next stream. False when they cannot be read: memory is short.
 */
bool libfcgi_open(struct libfcgi *l, const struct buf *stream);

/* The variables as "NAME=value", NULL last. */
char *const *libfcgi_variables(const struct libfcgi *l);

/*
 * Writes the answer, as CGI, and ends the request on fd, which does not block. False when not all was written: the peer is
 * gone, or reads no answers. Waiting for that would hold up all others.
 */
bool libfcgi_answer(struct libfcgi *l, int fd, const struct buf *answer);

/* Frees the variables. Nothing happens when none are open. */
void libfcgi_close(struct libfcgi *l);

#endif
