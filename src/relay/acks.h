/* SPDX-License-Identifier: ISC */
/*
 * The receivers that wait for deliveries of this relay (spool/ack.h): what they ask for, and what they are told.
 *
 * A receiver can have the relay look into the spool and send what is pending there, and no more. Connections and keys are bounded: a
 * connection beyond that is closed, and for a key beyond that the oldest ones are forgotten.
 */
#ifndef ACKS_H
#define ACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h"
#include "spool/ack.h"

enum { ACKS_CONNECTIONS = 256, ACKS_KEYS = 4096 };

struct acks;
struct queue;

/*
 * Listens for receivers in the spool's directory. The timer is set when there are new keys; it and the loop are borrowed. NULL with
 * errno set. The caller frees it with acks_free(), which closes all connections: the receivers know then that the relay is gone.
 */
struct acks *acks_new(struct loop *l, struct loop_timer *on_keys, const char *dir);
void acks_free(struct acks *a); /* NULL is allowed, here and below */

/* Gives out keys that were not given out yet, the oldest first, `most` at most. Returns their number. */
size_t acks_take(struct acks *a, struct spool_ack_key *out, size_t most);

/* Has acks_take() give the key out again. */
void acks_put_back(struct acks *a, struct spool_ack_key key);

/* Puts the key off until acks_again() for that queue, which is only a name here. */
void acks_put_off(struct acks *a, struct spool_ack_key key, const struct queue *q);

/*
 * Has acks_take() give out the keys again that were put off for the queue: the newest, `most` at most, as the requests of older ones
 * may have ended. True when there may be more.
 */
bool acks_again(struct acks *a, const struct queue *q, size_t most);

/* True when acks_take() has keys to give out. */
bool acks_any(const struct acks *a);

/* True when a receiver waits for the delivery. */
bool acks_has(const struct acks *a, struct spool_ack_key key);

/* Notes what the receivers that wait for the delivery are told. acks_send() must follow. False: none waits for it. */
bool acks_note(struct acks *a, struct spool_ack_key key, enum spool_ack_state state);

/* Tells each receiver all that was noted, in packets. These deliveries are then forgotten. */
void acks_send(struct acks *a);

/* Both, for one delivery. */
void acks_tell(struct acks *a, struct spool_ack_key key, enum spool_ack_state state);

#endif
