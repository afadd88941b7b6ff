/* SPDX-License-Identifier: ISC */
/* Sinks of the type null: they send nothing, and end each attempt as their options say. For trying a configuration, and for tests. */
#ifndef NULL_SINK_H
#define NULL_SINK_H

#include <stdint.h>

#include "sink/driver.h"

enum null_outcome {
	NULL_DELIVERED,
	NULL_RETRY,   /* this event fails, and may be sent again */
	NULL_REFUSED, /* this event is never taken */
	NULL_DOUBT,   /* there is no answer, and the event may have arrived */
	NULL_DOWN,    /* the target can't be reached: the breaker opens */
};

/* Zero: every event is delivered at once. */
struct null_options {
	int64_t delay;             /* ms from the beginning of an attempt to its end, at most the sink's timeout */
	enum null_outcome outcome;
	unsigned every;            /* each so many-th attempt ends so, counted from the relay's start; 1: all, 0: none */
};

extern const struct sink_driver null_driver;

#endif
