/* SPDX-License-Identifier: ISC */
/*
 * libfcgi: writes the answer's records.
 *
 * The only file that touches libfcgi and the fields of FCGX_Request marked "don't use". libfcgi never reads from a
 * peer. It adds lengths without a check, takes bytes of padding for records, and would hold a thread for every idle kept connection.
 */
#ifndef LIBFCGI_H
#define LIBFCGI_H

#include <stdbool.h>

#include "core/buf.h"

/* Prepares libfcgi, once a process. Signal dispositions are set after it: it replaces them. False on failure. */
bool libfcgi_init(void);

/*
 * Writes the answer, as CGI, and ends the request `id` on fd, which does not block. False when not all was written: the peer is
 * gone or reads no answers, or memory is short. Waiting for a peer would hold up all others.
 */
bool libfcgi_answer(int fd, unsigned id, const struct buf *answer);

#endif
