/* SPDX-License-Identifier: ISC */
/* The types of sinks, as data. */
#include "sink/type.h"

#include <string.h>

const struct sink_type *const sink_types[] = {
	&type_http,
	&type_exec,
	&type_file,
	&type_dir,
	&type_null,
	&type_postgresql,
	&type_redis,
	&type_nats,
	&type_mqtt,
	&type_amqp,
	&type_kafka,
	&type_journald,
	NULL,
};

const struct sink_type *sink_type_find(const char *name)
{
	for (const struct sink_type *const *t = sink_types; *t; t++)
		if (strcmp((*t)->name, name) == 0)
			return *t;
	return NULL;
}
