/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type mqtt, beside those of all sinks. */
#ifndef MQTT_OPTIONS_H
#define MQTT_OPTIONS_H

#include "conf/sink.h"
#include "core/buf.h"
#include "sink/broker_url.h"

struct mqtt_options {
	struct broker_url url;
	char *password_file; /* of the URL's user; NULL: none */
	char *client_id;     /* NULL: the server chooses one */
	char *ca_file;       /* the certificates to trust; NULL: the system's */
	struct template *topic;
	bool fixed;          /* the topic is the same for all events */
};

/* The options of a sink of this type. */
static inline const struct mqtt_options *mqtt_options(const struct sink *s)
{
	return s->options;
}

/* Why no event may go to the topic; NULL: it may. */
const char *mqtt_topic_error(struct slice topic);

#endif
