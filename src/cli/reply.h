/* SPDX-License-Identifier: ISC */
/* Answers to events, for hookspool reply and hookspool mcp. */
#ifndef CLI_REPLY_H
#define CLI_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "spool/db.h"

enum { REPLY_MAX = 64 * 1024 /* bytes of an answer: as many as a program's answer may have */ };

struct reply_request {
	int64_t event;
	const char *sink;  /* that sends answers; NULL: the one of the event's endpoint */
	struct slice text; /* white space around it is left out */
	bool again;        /* also where the event was answered already */
};

/*
 * Makes the answer due, and wakes the relay. Appends one sentence without its full stop to said: what was done, or why not and what
 * to do. Returns CLI_OK when the answer is due; CLI_NO when it cannot be sent, or was before; CLI_TEMPFAIL when the spool can't be used.
 */
int reply_put(const struct conf *conf, struct spool_db *db, const struct reply_request *r, struct buf *said);

#endif
