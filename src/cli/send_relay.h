/* SPDX-License-Identifier: ISC */
/* hookspool send --relay: one attempt of a sink with a sample event, as the Test button of a dashboard makes. */
#ifndef SEND_RELAY_H
#define SEND_RELAY_H

#include "conf/conf.h"
#include "core/buf.h"

/* All borrowed; body.p == NULL: a random event of the endpoint's provider. */
struct send_relay {
	const struct conf *conf;
	const char *sink;
	const char *endpoint; /* the event's endpoint; NULL: the first one that names the sink */
	const char *type;     /* the body's Content-Type; NULL: as the provider's */
	struct slice body;
};

/*
 * Sends it without the spool and without the sink's rate and filters, and prints the answer and how long it took. A program's
 * reply is printed, and not sent. Returns CLI_OK, CLI_NO where it failed, or another exit status after a message.
 */
int send_relay(const struct send_relay *s);

#endif
