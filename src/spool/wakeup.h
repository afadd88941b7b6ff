/* SPDX-License-Identifier: ISC */
/* How the relay learns at once that there is something to send: a datagram to the socket DIR/relay, sent after a commit. */
#ifndef SPOOL_WAKEUP_H
#define SPOOL_WAKEUP_H

#include <stdbool.h>

#define SPOOL_WAKEUP_SOCKET "relay" /* in the spool's directory; the relay makes it anew when it starts */

/* The sending side; fd is -1 until the first. */
struct spool_wakeup {
	int fd;
};

/*
 * Wakes the relay of that spool, if there is one. hurry: the relay ends the pauses of sinks. Never waits: a relay that is not woken
 * looks by itself within a second. False: there is none.
 */
bool spool_wakeup_send(struct spool_wakeup *p, const char *dir, bool hurry);
void spool_wakeup_close(struct spool_wakeup *p);

/*
 * The relay's side: a descriptor that becomes readable; closed by the caller. A socket that is there is replaced: the
 * caller must have made sure that no other relay runs. -1 with errno set.
 */
int spool_wakeup_listen(const char *dir);

/* Takes what has come. True when one was in a hurry. */
bool spool_wakeup_hear(int fd);

#endif
