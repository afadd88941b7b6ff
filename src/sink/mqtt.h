/* SPDX-License-Identifier: ISC */
/* The parts of the module mqtt. */
#ifndef MQTT_SINK_H
#define MQTT_SINK_H

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "sink/mqtt_options.h"
#include "sink/worker.h"

enum { MQTT_WHY_SIZE = 256 };

/* A connection, and what it is made with: the thread's own copies, as it may outlive the sink. */
struct mqtt {
	struct worker *worker;
	char *host, *user, *client_id, *ca_file; /* NULL: none */
	int port;
	struct buf secret; /* the password; empty: none */
	bool tls;
	bool fixed;        /* the topic is the same for all events */

	/* the thread's */
	struct mosquitto *client; /* NULL: there is no connection */
	int greeting;             /* the server's answer to the connection, a reason code; -1: none yet */
	int goodbye;              /* why the server has ended it; 0: it has not */
	unsigned acknowledged;
};

/* Connects, and waits for the server's answer until the deadline, clock_mono_us(). False with the reason in why: there is no client then. */
bool mqtt_connect(struct mqtt *m, int64_t deadline, char why[MQTT_WHY_SIZE]);

/* Reads and writes what there is. False when the connection has ended, with the reason in why. */
bool mqtt_step(struct mqtt *m, char why[MQTT_WHY_SIZE]);

/* Ends the connection, if there is one. */
void mqtt_disconnect(struct mqtt *m);

/* What the reason code of a PUBACK means. */
struct sink_result mqtt_result(int reason, bool fixed);

#endif
