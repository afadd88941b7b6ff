/* SPDX-License-Identifier: ISC */
/* What became of a delivery: one enum, one table to HTTP status, code, log level and CGI exit status. */
#include "hook/outcome.h"

#include <sysexits.h>

#define RETRY "Retry-After: 5\r\n" /* seconds; ConnectSafely tries again after 10 and 20 by itself */

static const struct outcome_info table[OUTCOME_COUNT] = {
	[OUTCOME_STORED] = {"stored", 200, "OK", NULL, "", LOG_LEVEL_INFO, EX_OK},
	[OUTCOME_DUPLICATE] = {"duplicate", 200, "OK", NULL, "", LOG_LEVEL_INFO, EX_OK},
	[OUTCOME_IGNORED] = {"ignored", 200, "OK", NULL, "", LOG_LEVEL_INFO, EX_OK},
	[OUTCOME_CHALLENGE] = {"challenge", 200, "OK", NULL, "X-Content-Type-Options: nosniff\r\n", LOG_LEVEL_INFO, EX_OK},
	[OUTCOME_MALFORMED] = {"malformed", 400, "Bad Request", "the body is not a valid event",
		"", LOG_LEVEL_WARNING, EX_DATAERR},
	[OUTCOME_INCOMPLETE] = {"incomplete", 400, "Bad Request", "the body is shorter or longer than its Content-Length",
		"", LOG_LEVEL_WARNING, EX_DATAERR},
	[OUTCOME_UNAUTHORIZED] = {"unauthorized", 401, "Unauthorized", "signature or authorization missing or wrong",
		"WWW-Authenticate: Signature\r\n", LOG_LEVEL_WARNING, EX_NOPERM},
	[OUTCOME_FORBIDDEN] = {"forbidden", 403, "Forbidden", "this caller may not deliver here",
		"", LOG_LEVEL_WARNING, EX_NOPERM},
	[OUTCOME_NOT_FOUND] = {"not_found", 404, "Not Found", "no endpoint has this path",
		"", LOG_LEVEL_WARNING, EX_USAGE},
	[OUTCOME_METHOD] = {"method_not_allowed", 405, "Method Not Allowed", "deliveries are sent with POST",
		"Allow: POST\r\n", LOG_LEVEL_WARNING, EX_USAGE},
	[OUTCOME_TIMEOUT] = {"timeout", 408, "Request Timeout", "the body came too slowly",
		"", LOG_LEVEL_WARNING, EX_TEMPFAIL},
	[OUTCOME_TOO_LARGE] = {"too_large", 413, "Content Too Large", "the body is larger than this endpoint takes",
		"", LOG_LEVEL_WARNING, EX_DATAERR},
	[OUTCOME_CONTENT_TYPE] = {"unsupported_type", 415, "Unsupported Media Type", "the Content-Type must be one that this endpoint takes",
		"", LOG_LEVEL_WARNING, EX_DATAERR},
	[OUTCOME_ENCODING] = {"unsupported_encoding", 415, "Unsupported Media Type", "the signature must be that of the bytes as they are sent, packed or not",
		"Accept-Encoding: identity\r\n", LOG_LEVEL_WARNING, EX_DATAERR},
	[OUTCOME_RATE_LIMITED] = {"rate_limited", 429, "Too Many Requests", "too many deliveries from this address; send it again later",
		"", LOG_LEVEL_WARNING, EX_TEMPFAIL},
	[OUTCOME_HEADER_TOO_LARGE] = {"header_too_large", 431, "Request Header Fields Too Large", "the request's header is larger than 128 KiB",
		"", LOG_LEVEL_WARNING, EX_DATAERR},
	[OUTCOME_BUSY] = {"busy", 503, "Service Unavailable", "too many deliveries in flight; send it again",
		RETRY, LOG_LEVEL_WARNING, EX_TEMPFAIL},
	[OUTCOME_UNAVAILABLE] = {"unavailable", 503, "Service Unavailable", "the event could not be stored; send it again",
		RETRY, LOG_LEVEL_ERROR, EX_TEMPFAIL},
	[OUTCOME_UNACKNOWLEDGED] = {"unacknowledged", 503, "Service Unavailable", "the event is kept, but its sinks have not acknowledged it; send it again",
		RETRY, LOG_LEVEL_WARNING, EX_TEMPFAIL},
};

const struct outcome_info *outcome_info(enum outcome o)
{
	return &table[o];
}

bool outcome_rejected(enum outcome o)
{
	return table[o].status >= 400;
}

bool outcome_noted(enum outcome o)
{
	return outcome_rejected(o) && o != OUTCOME_UNAVAILABLE && o != OUTCOME_UNACKNOWLEDGED && o != OUTCOME_BUSY && o != OUTCOME_RATE_LIMITED;
}
