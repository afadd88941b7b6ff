/* SPDX-License-Identifier: ISC */
/*
 * A delivery whose answer waits for sinks (`store`): what it waits for, and what the answer becomes.
 *
 *   acknowledge_begin() --> WAITING --> DONE      all sinks have acknowledged
 *                              |   \--> REFUSED   a sink refused the event
 *                              |    \-> NO_RELAY  no relay sends to the sink
 *                              \------> PENDING   store-wait, or the time to answer, is over
 *
 * The event is in the spool in each of these states. With store-required, all but DONE make the outcome OUTCOME_UNACKNOWLEDGED.
 */
#ifndef ACKNOWLEDGE_H
#define ACKNOWLEDGE_H

#include "hook/handle.h"
#include "spool/ack.h"

/* Begins to wait, after handle_store(), where the event is in the spool and has sinks to wait for. */
void acknowledge_begin(struct delivery *d);

/* The deliveries to ask the relay for; returns their number. */
size_t acknowledge_keys(const struct delivery *d, struct spool_ack_key out[ENDPOINT_STORES]);

/* Takes the relay's answer, when it is for this delivery. */
void acknowledge_take(struct delivery *d, const struct spool_ack *ack);

/* Ends waiting. Nothing happens where it has ended. */
void acknowledge_end(struct delivery *d, enum store_state state);

/* For CGI: asks the relay of the spool in dir, and returns when d waits no more. */
void acknowledge_wait(struct delivery *d, const char *dir);

/* The word for the log; NULL: the delivery waits for no sink. */
const char *acknowledge_word(enum store_state state);

#endif
