/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type amqp, beside those of all sinks. */
#ifndef AMQP_OPTIONS_H
#define AMQP_OPTIONS_H

#include "conf/sink.h"
#include "sink/broker_url.h"

/* The queue that the sink declares. */
enum amqp_queue { AMQP_QUEUE_NONE, AMQP_QUEUE_CLASSIC, AMQP_QUEUE_QUORUM };

enum { AMQP_SHORT_MAX = 255 /* AMQP 0-9-1 section 4.2.5.3: a short string */ };

struct amqp_options {
	struct broker_url url;        /* its path is the virtual host */
	char *password_file;          /* of the URL's user; NULL: guest */
	char *ca_file;                /* the certificates to trust; NULL: the system's */
	char *exchange;               /* "": the default exchange */
	struct template *routing_key;
	enum amqp_queue queue;
	bool fixed;                   /* the routing key is the same for all events */
};

/* The options of a sink of this type. */
static inline const struct amqp_options *amqp_options(const struct sink *s)
{
	return s->options;
}

#endif
