/* SPDX-License-Identifier: ISC */
/* Messages to systemd about the state of this process: sd_notify(3)'s protocol without its library. */
#ifndef NOTIFY_H
#define NOTIFY_H

/* Sends state ("READY=1", lines separated by \n) to $NOTIFY_SOCKET; does nothing when there is none. */
void notify_send(const char *state);

/* The state that announces a reload: systemd wants the monotonic time with it. */
void notify_reloading(void);

#endif
