/* SPDX-License-Identifier: ISC */
/* The parts of the module nats. */
#ifndef NATS_SINK_H
#define NATS_SINK_H

#include <nats/nats.h>

#include "sink/nats_options.h"
#include "sink/worker.h"

enum { NATS_WHY_SIZE = 256 };

/* A connection, and what it is made with: the thread's own copies, as it may outlive the sink. */
struct nats {
	struct worker *worker;
	char *url, *host, *user, *ca_file, *creds_file; /* NULL: none */
	struct buf secret;   /* the password, or the token; empty: none */
	bool tls;
	bool fixed;          /* the subject is the same for all events */

	/* the thread's */
	natsConnection *connection;
	natsSubscription *replies;
	natsInbox *inbox;
	uint64_t last_tag;
};

/* Connects, within so many ms. NULL with the reason in why. */
natsConnection *nats_connect(const struct nats *n, int64_t ms, char why[NATS_WHY_SIZE]);

/* What the answer to a publication means: a PubAck, an error of JetStream, or no answer. place is written where it is delivered. */
struct sink_result nats_result(natsMsg *answer, bool fixed, char place[WORKER_RESULT_SIZE]);

/* For hookspool check: asks the server, and waits for it. */
void nats_check(const struct nats *n, const struct sink *s, sink_say *say, void *ctx);

#endif
