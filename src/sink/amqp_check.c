/* SPDX-License-Identifier: ISC */
/* hookspool check, sinks of the type amqp: is the server there, and is its acknowledgement durable? */
#include <stdio.h>
#include <string.h>

#include "sink/amqp.h"

enum { CHECK_MS = 5000 };

struct asking {
	const struct amqp_place *place;
	amqp_connection_state_t connection;
	sink_say *say;
	void *ctx;
};

static void say_doubt(const struct asking *a, const char *text)
{
	a->say(a->ctx, SINK_DOUBTFUL, text);
}

static void on_no_worker(void *ctx, int socket)
{
	(void)ctx;
	(void)socket;
}

static bool open_channel(struct asking *a, char why[AMQP_WHY_SIZE])
{
	a->connection = amqp_link_open(a->place, CHECK_MS, on_no_worker, NULL, why);
	return a->connection != NULL;
}

static void close_channel(struct asking *a)
{
	if (a->connection)
		amqp_destroy_connection(a->connection);
	a->connection = NULL;
}

/* An error closes the channel. */
static bool ask_queue(const struct asking *a, bool passive, char why[AMQP_WHY_SIZE])
{
	amqp_queue_declare(a->connection, AMQP_CHANNEL, amqp_cstring_bytes(a->place->queue), passive, 1, 0, 0, amqp_empty_table);
	return amqp_link_ok(amqp_get_rpc_reply(a->connection), "queue", why);
}

/*
 * A passive declaration says whether the queue is there. A declaration as a durable queue then says what is different: RabbitMQ compares
 * `durable` first, then `auto_delete`, then the arguments, of which quorum queues have one.
 */
static void ask_durability(const struct asking *a)
{
	char why[AMQP_WHY_SIZE] = "";

	if (ask_queue(a, false, why) || (strstr(why, "inequivalent arg") && !strstr(why, "'durable'") && !strstr(why, "'auto_delete'")))
		a->say(a->ctx, SINK_FINE, "the queue is durable, and its messages are persistent");
	else if (strstr(why, "'durable'"))
		say_doubt(a, "the queue is not durable, so a delivered event may be lost; declare a durable one, or write queue = \"quorum\" for a new one");
	else if (strstr(why, "'auto_delete'"))
		say_doubt(a, "the queue goes with its last consumer (auto-delete), and delivered events with it; declare one that stays");
	else
		say_doubt(a, "the server does not tell whether the queue is durable; it needs to be");
}

static void ask_place(const struct asking *a)
{
	char why[AMQP_WHY_SIZE];

	if (!amqp_link_prepare(a->connection, a->place, why))
		say_doubt(a, why);
	else if (*a->place->exchange || !a->place->queue)
		a->say(a->ctx, SINK_FINE, "the server does not tell which queues the events go to; they need to be durable");
	else if (a->place->declare != AMQP_QUEUE_NONE)
		a->say(a->ctx, SINK_FINE, "the queue is durable, and its messages are persistent");
	else if (ask_queue(a, true, why))
		ask_durability(a);
	else
		say_doubt(a, "there is no queue of that name, so nothing will be delivered; declare it, or write queue = \"quorum\"");
}

void amqp_check(const struct amqp_place *p, sink_say *say, void *ctx)
{
	char why[AMQP_WHY_SIZE];
	struct asking a = {.place = p, .say = say, .ctx = ctx};

	if (open_channel(&a, why))
		ask_place(&a);
	else
		say_doubt(&a, why);
	close_channel(&a);
}
