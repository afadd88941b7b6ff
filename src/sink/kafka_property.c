/* SPDX-License-Identifier: ISC */
/* Topics of Kafka and properties of librdkafka, as texts: the receiver, which reads the configuration, has no librdkafka. */
#include <string.h>

#include "sink/kafka_options.h"

enum { TOPIC_NAME_MAX = 249 /* Kafka's own, org.apache.kafka.common.internals.Topic */ };

const char *kafka_topic_error(struct slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!name.p[i] || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", name.p[i]))
			return "a topic's name has letters of ASCII, digits, \".\", \"_\" and \"-\" only";
	if (name.n == 0 || name.n > TOPIC_NAME_MAX)
		return "a topic's name has 1 to 249 bytes";
	if (strspn(name.p, ".") >= name.n && name.n <= 2)
		return "no topic has the name \".\" or \"..\"";
	return NULL;
}

bool kafka_property_cut(const char *text, char name[KAFKA_PROPERTY_MAX], struct slice *value)
{
	const char *p = text + strspn(text, " \t");
	size_t n = strcspn(p, " \t=");

	if (n == 0 || n >= KAFKA_PROPERTY_MAX)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	p += n;
	p += strspn(p, " \t");
	if (*p++ != '=')
		return false;
	p += strspn(p, " \t");
	for (n = strlen(p); n > 0 && strchr(" \t", p[n - 1]); n--)
		;
	*value = (struct slice){p, n};
	return n > 0;
}
