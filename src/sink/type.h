/* SPDX-License-Identifier: ISC */
/*
 * The types of sinks, as data: what the configuration may name. The code that sends is in a driver (driver.h), which the relay
 * alone links; the receiver reads a configuration with sinks that it must not reach.
 */
#ifndef SINK_TYPE_H
#define SINK_TYPE_H

#include <stdbool.h>

struct sink_type {
	const char *name;   /* as in type = "http" */
	unsigned batch_max; /* messages that the driver's send() takes at once */
	bool fields;        /* the driver reads the event's fields, its text too, beside the body */
	bool unpacks;       /* a body that came compressed is sent unpacked, as the target has no Content-Encoding */
	bool answers;       /* the target's answer can be a reply, for another sink to send: option `reply` */
};

/* All types; the last has no name. */
extern const struct sink_type sink_types[];

/* NULL when there is none of that name. */
const struct sink_type *sink_type_find(const char *name);

#endif
