/* SPDX-License-Identifier: ISC */
/* hookspool tail --forward: sends stored events to a developer's own URL, with their exact bytes. */
#ifndef FORWARD_H
#define FORWARD_H

#include <stdbool.h>

#include "cli/filter.h"

/* All borrowed for the length of forward_run(). */
struct forward_options {
	const char *url;
	struct slice headers; /* lines "Name: value\n", sent with each event */
	bool once;            /* end when all that came was sent */
	bool json;            /* one JSON object an event, in place of a line */
};

/* True when the text is a URL that events can be sent to: http or https. */
bool forward_url_valid(const char *url);

/*
 * Posts each event that passes the filter, in the order of their ids: its exact body, the kept headers, and the query where the
 * signature covers it. Without an answer, or with 408, 429 or 5xx, the event is sent again until the target takes it. Another
 * status that is not 2xx is a refusal, and the next event follows. SIGINT and SIGTERM end it between two events, and it prints the
 * id to go on from. Returns the status to exit with, after a message unless CLI_OK.
 */
int forward_run(const struct forward_options *o, struct filter *filter, struct spool_db *db);

#endif
