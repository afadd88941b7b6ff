/* SPDX-License-Identifier: ISC */
/* The parts of the module amqp. */
#ifndef AMQP_SINK_H
#define AMQP_SINK_H

#include "sink/amqp_link.h"
#include "sink/worker.h"

/* A channel, and the jobs that wait for it; the thread's. */
struct amqp {
	struct worker *worker;
	struct amqp_place place;
	bool fixed;              /* the routing key is the same for all events */

	amqp_connection_state_t connection; /* NULL: none */
	uint64_t last_tag;       /* the number of the channel's last publication */
	struct worker_job *held; /* that are not published yet */
	unsigned alone;          /* so many are published one at a time */
};

/* Publishes the job as number tag of the channel. A status of the library. */
int amqp_publish(const struct amqp *a, const struct worker_job *j);

/* For hookspool check: asks the server, and waits for it. */
void amqp_check(const struct amqp_place *p, sink_say *say, void *ctx);

#endif
