/* SPDX-License-Identifier: ISC */
/*
 * A type of sink, as data: what the configuration may say about it. The table of types is in sink/type.c. The code that sends is
 * a driver (sink/driver.h), which the relay alone links; the receiver reads a configuration with sinks that it must not reach.
 */
#ifndef SINK_TYPE_DATA_H
#define SINK_TYPE_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/sink.h"

typedef struct cfg_t cfg_t; /* libconfuse's; drivers don't need its header */
struct option_row;

struct sink_type {
	const char *name;   /* as in type = "http" */
	const char *help;   /* one line */
	const char *package; /* of Debian, that has its driver as a module (sink/module.h); NULL: the driver is built in */
	const char *library; /* the Debian package that the module is built with; NULL without a module */
	unsigned batch_max; /* messages that the driver's send() takes at once */
	unsigned in_flight; /* max-in-flight, where the configuration has none; 0: the option's default */
	bool batches;       /* it gains by events that are sent together; the sink has the options batch and batch-wait */
	bool whole_event;   /* the driver sends the event as the spool has it, and needs neither body nor type */
	bool fields;        /* the driver reads the event's fields, its text too, beside the body */
	bool unpacks;       /* a body that came compressed is sent unpacked, as the target has no Content-Encoding */
	bool answers;       /* the target's answer can be a reply, for another sink to send; the sink has the option reply */
	bool has_body;      /* the sink has the options body and content-type */

	const struct option_row *rows; /* its own options */
	size_t size;                   /* of the struct that they are read to, struct sink's `options` */

	/* Reports what the rows don't say is wrong in a section that was just read. NULL: nothing. False after an error. */
	bool (*check)(cfg_t *sec);

	/* The same for what it says of other sections, when all files were read. */
	bool (*check_links)(cfg_t *tree, cfg_t *sec);

	/* Completes a sink whose options were read. NULL: there is nothing to do. False when memory is short. */
	bool (*finish)(cfg_t *sec, struct sink *s);

	/* Where a sink sends to, for people: a URL, a path or a program, and how, such as "POST". NULL: nowhere. */
	const char *(*target)(const struct sink *s, const char **how);

	/* The program that a sink runs, with its arguments. NULL: it runs none. */
	const struct strlist *(*command)(const struct sink *s);
};

/* All types; ends with NULL. */
extern const struct sink_type *const sink_types[];

/* NULL when there is none of that name. */
const struct sink_type *sink_type_find(const char *name);

#endif
