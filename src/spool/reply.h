/* SPDX-License-Identifier: ISC */
/* Answers to events that a person or another program gives: each is a delivery to a sink that sends answers. */
#ifndef SPOOL_REPLY_H
#define SPOOL_REPLY_H

#include "conf/sink.h"
#include "spool/deliveries.h"

/* What became of it. */
struct spool_reply {
	bool added;       /* the answer is due; otherwise the delivery that was there stays as it is */
	int64_t delivery; /* the id of the delivery, the new one or the one that was there; 0: the spool has no such event */
	enum spool_relay_state state; /* of the one that was there */
};

/*
 * Makes an answer to the event due at `now` for the sink, durably. An event has one delivery to a sink. Where it is there already,
 * nothing is changed, unless `again` is set and that delivery has ended: another one with this text takes its place and its attempts.
 */
bool spool_reply_put(struct spool_db *db, const struct sink *sink, int64_t event, struct slice text, bool again, int64_t now,
	struct spool_reply *out);

#endif
