/* SPDX-License-Identifier: ISC */
/*
 * A writer of metrics for Prometheus, in two formats: the text format 0.0.4 (prometheus.io, "Exposition formats"), and OpenMetrics 1.0
 * (its specification of 2020). All samples of a family come one after another, and the caller writes no sample twice.
 */
#ifndef EXPOSITION_H
#define EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPEN };
enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM, EXPOSITION_INFO };

/* The units of integers that are written as numbers of the base unit. */
enum exposition_unit { EXPOSITION_ONE = 1, EXPOSITION_MILLI = 1000, EXPOSITION_MICRO = 1000000 };

/* Zeroed but for format and out, which is borrowed. */
struct exposition {
	enum exposition_format format;
	struct buf *out;
	bool failed; /* memory is short: out lacks something */
	enum exposition_type type;
	const char *name, *help;
	bool headed; /* the family has its first sample */
};

/* Values are any bytes: they are escaped, and bytes that are no UTF-8 are replaced. */
struct exposition_label {
	const char *name, *value;
};

/* A list of labels: pairs of name and value, in braces. */
#define EXPOSITION_LABELS(...) (const struct exposition_label[]){__VA_ARGS__, {0}}
extern const struct exposition_label exposition_unlabelled[]; /* an empty list */

/* Begins a family; both are static text. A counter's name is given without "_total", and an info's without "_info". */
void exposition_begin(struct exposition *e, enum exposition_type type, const char *name, const char *help);

/* Writes a sample of the family: of a counter, a gauge or an info, whose value is 1. */
void exposition_add(struct exposition *e, const struct exposition_label *labels, int64_t value, enum exposition_unit unit);

/* A histogram: n buckets, of which the last one has no bound, and the sum. Bounds and sum are in that unit. */
struct exposition_histogram {
	const uint64_t *bucket;
	const int64_t *bound;
	unsigned n;
	uint64_t sum;
	enum exposition_unit unit;
};

void exposition_add_histogram(struct exposition *e, const struct exposition_label *labels, const struct exposition_histogram *h);

/* Ends the metrics. False when something is missing. */
bool exposition_end(struct exposition *e);

/* The format that the header Accept asks for (RFC 9110, section 12.5.1); NULL: there is none. */
enum exposition_format exposition_accepted(const char *accept);

/* The media type of a format. */
const char *exposition_media_type(enum exposition_format format);

#endif
