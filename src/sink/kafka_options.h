/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type kafka, beside those of all sinks. */
#ifndef KAFKA_OPTIONS_H
#define KAFKA_OPTIONS_H

#include "conf/sink.h"

enum { KAFKA_PROPERTY_MAX = 128 /* bytes of a property's name */ };

struct kafka_options {
	char *brokers;             /* "HOST:PORT,HOST:PORT" */
	struct template *topic;
	struct template *key;      /* of a message; nothing: it has none */
	char *password_file;       /* NULL: no SASL */
	struct strlist properties; /* librdkafka's, "NAME = VALUE" */
	bool fixed;                /* the topic is the same for all events */
};

/* The options of a sink of this type. */
static inline const struct kafka_options *kafka_options(const struct sink *s)
{
	return s->options;
}

/* Why no topic has this name; NULL: one may have it. */
const char *kafka_topic_error(struct slice name);

/* Cuts "NAME = VALUE" into a name of KAFKA_PROPERTY_MAX bytes and the value, without the space around them. False where that is not its form. */
bool kafka_property_cut(const char *text, char name[KAFKA_PROPERTY_MAX], struct slice *value);

#endif
