/* SPDX-License-Identifier: ISC */
/* The table of the types of sinks. A new type is a file with its rows, a driver, and a line in type.c. */
#ifndef SINK_TYPE_H
#define SINK_TYPE_H

#include "conf/sink_type.h"

extern const struct sink_type type_amqp, type_http, type_exec, type_file, type_dir, type_null, type_journald, type_kafka, type_mqtt, type_redis, type_nats, type_postgresql;

#endif
