/* SPDX-License-Identifier: ISC */
/* A connection to RabbitMQ, with one channel whose publications are confirmed. All functions wait, each for a bounded time. */
#ifndef AMQP_LINK_H
#define AMQP_LINK_H

#if __has_include(<rabbitmq-c/amqp.h>) /* since 0.12 */
#include <rabbitmq-c/amqp.h>
#else
#include <amqp.h>
#endif

#include "sink/amqp_options.h"
#include "core/buf.h"

enum {
	AMQP_CHANNEL = 1,
	AMQP_WHY_SIZE = 400,
	AMQP_HEARTBEAT_S = 30,
};

/* What a connection is made with: copies of a sink's options. */
struct amqp_place {
	char *host, *user, *vhost, *exchange, *ca_file; /* NULL: none */
	char *queue;         /* the name, where the routing key is the same for all events; NULL: it isn't */
	struct buf password; /* empty: none */
	enum amqp_queue declare;
	int port;
	bool tls;
};

/* Connects and logs in, within so many ms, and opens the channel. on_socket is told the socket, before anything waits on it. NULL with the reason. */
amqp_connection_state_t amqp_link_open(const struct amqp_place *p, int64_t ms, void (*on_socket)(void *ctx, int socket), void *ctx, char why[AMQP_WHY_SIZE]);

/* Prepares the channel: confirms, the exchange, the queue that is to be declared. False with the reason in why. */
bool amqp_link_prepare(amqp_connection_state_t c, const struct amqp_place *p, char why[AMQP_WHY_SIZE]);

/* Writes what the server or the library said of the last call. True: it went well. */
bool amqp_link_ok(amqp_rpc_reply_t r, const char *what, char why[AMQP_WHY_SIZE]);

/* Bytes for the library, which does not change them. */
amqp_bytes_t amqp_link_bytes(const char *p, size_t n);

#endif
