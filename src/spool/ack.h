/* SPDX-License-Identifier: ISC */
/*
 * Acknowledgements: the receiver asks the relay to be told when a sink has acknowledged, and the relay answers.
 *
 *   receiver: connect --> ask for deliveries (packets of keys) --> read answers (packets of acks) --> ...
 *   relay:    listen --> accept --> read what is asked for --> answer each key once --> ...
 *
 * The socket is DIR/ack, of the type SOCK_SEQPACKET, in the spool's directory. A process that cannot write to the spool cannot
 * connect to it, cannot put another in its place, and so cannot forge an answer. A relay that ends closes its connections, so that
 * the receiver waits for none that is gone. A key is only a name: the relay reads the delivery itself from the spool.
 * Both sides bound what they take: packets have at most SPOOL_ACK_MOST entries, and a packet of any other size ends the connection.
 * No function of this file waits.
 */
#ifndef SPOOL_ACK_H
#define SPOOL_ACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_ACK_SOCKET "ack" /* in the spool's directory; the relay makes it anew when it starts */

enum { SPOOL_ACK_MOST = 256 }; /* entries of one packet */

/* A delivery of an event to a sink: the row in the spool. The id of a relay is used again, the two together are not. */
struct spool_ack_key {
	int64_t relay, event;
};

enum spool_ack_state {
	SPOOL_ACK_DELIVERED, /* the sink has acknowledged, or does not want the event */
	SPOOL_ACK_REFUSED,   /* the delivery is a dead letter, or was dropped */
	SPOOL_ACK_UNKNOWN,   /* this relay will not send it: its configuration lacks the sink */
	SPOOL_ACK_STATES
};

struct spool_ack {
	struct spool_ack_key key;
	int64_t state; /* enum spool_ack_state; the reader checks it */
};

/* The connection was closed, or the other side does not keep to the protocol: close the descriptor. */
enum { SPOOL_ACK_GONE = -1 };

/* ---- the receiver */

/* Connects to the relay of that spool; closed by the caller. -1 with errno set: no relay runs there, or it takes no more. */
int spool_ack_connect(const char *dir);

enum spool_ack_asked {
	SPOOL_ACK_ASKED,
	SPOOL_ACK_LATER, /* the relay has not read what it was asked before: ask again later */
	SPOOL_ACK_LOST,  /* the relay is gone */
};

/* Asks for n deliveries, 1 to SPOOL_ACK_MOST. */
enum spool_ack_asked spool_ack_ask(int fd, const struct spool_ack_key *key, size_t n);

/* Reads one packet of answers. Returns their number; 0: none has come; SPOOL_ACK_GONE. Their states are checked. */
int spool_ack_read(int fd, struct spool_ack out[SPOOL_ACK_MOST]);

/* ---- the relay */

/* A listening descriptor, closed by the caller. The caller has made sure that no other relay runs. -1 with errno set. */
int spool_ack_listen(const char *dir);

/* A receiver's connection, closed by the caller; -1: there is no further one. */
int spool_ack_accept(int listen_fd);

/* Reads one packet of what is asked for. Returns its entries; 0: none has come; SPOOL_ACK_GONE. */
int spool_ack_asked(int fd, struct spool_ack_key out[SPOOL_ACK_MOST]);

/* Answers n keys, 1 to SPOOL_ACK_MOST. False: the receiver is gone, or reads no answers; close the descriptor. */
bool spool_ack_answer(int fd, const struct spool_ack *ack, size_t n);

#endif
