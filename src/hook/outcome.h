/* SPDX-License-Identifier: ISC */
/* What became of a delivery: one enum, one table to HTTP status, code, log level and CGI exit status. */
#ifndef OUTCOME_H
#define OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "core/log.h"

enum outcome {
	OUTCOME_STORED,
	OUTCOME_DUPLICATE,
	OUTCOME_IGNORED,
	OUTCOME_CHALLENGE,
	OUTCOME_MALFORMED,
	OUTCOME_INCOMPLETE,
	OUTCOME_UNAUTHORIZED,
	OUTCOME_FORBIDDEN,
	OUTCOME_NOT_FOUND,
	OUTCOME_METHOD,
	OUTCOME_TIMEOUT,
	OUTCOME_TOO_LARGE,
	OUTCOME_CONTENT_TYPE,
	OUTCOME_ENCODING,
	OUTCOME_RATE_LIMITED,
	OUTCOME_HEADER_TOO_LARGE,
	OUTCOME_BUSY,
	OUTCOME_UNAVAILABLE,
	OUTCOME_UNACKNOWLEDGED,
	OUTCOME_COUNT
};

struct outcome_info {
	const char *code;    /* stable: in the answer's "status", the log, stats and the man page */
	int status;          /* HTTP, RFC 9110 section 15 */
	const char *phrase;  /* HTTP reason phrase */
	const char *message; /* for the sender; NULL where the code says all */
	const char *header;  /* an extra header line that this status requires, with CRLF; or "" */
	enum log_level level;
	int exit_status; /* under CGI; sysexits(3) */
};

/* The row of an outcome; const, never NULL. */
const struct outcome_info *outcome_info(enum outcome o);

/*
 * True when it is kept for `hookspool rejects`. A failure of the receiver is not: the sender tries again, and there is nothing to
 * look into.
 */
bool outcome_noted(enum outcome o);

/* True when the delivery was refused. */
bool outcome_rejected(enum outcome o);

#endif
