/* SPDX-License-Identifier: ISC */
/*
 * The layout of the file of measurements.
 *
 * The charts need no counters of their own. At the beginning of each minute (5 minutes, hour) a process copies the counters as they are
 * into a point of a ring. What was added between two points is the difference. A point that is missing had no process, so that nothing
 * was added.
 */
#ifndef SPOOL_MEASURE_FILE_H
#define SPOOL_MEASURE_FILE_H

#include "spool/measure.h"

#define MEASURE_MAGIC "hsmeas\n\1" /* with the version of the layout; its 8 bytes have no NUL behind them */

enum { MEASURE_SHOWN_HOUR = 60, MEASURE_SHOWN_DAY = MEASURE_POINTS, MEASURE_SHOWN_WEEK = 168 }; /* points of a chart */

/* Points of all spans, one behind the other. A span has more than a chart shows: the point after the last, and some that are overwritten. */
enum { MEASURE_SPARE = 4, MEASURE_RING = MEASURE_SHOWN_HOUR + MEASURE_SHOWN_DAY + MEASURE_SHOWN_WEEK + MEASURE_SPANS * MEASURE_SPARE };

/* Numbers of steps since the epoch: 0 is no point. */
struct measure_traffic_point {
	uint64_t number, answers[MEASURE_GROUPS], durations[MEASURE_BUCKETS];
};

struct measure_backlog_point {
	uint64_t number;
	uint32_t pending[MEASURE_SINKS];
};

struct measure_head {
	char magic[8];
	uint64_t size; /* of a struct measure_file */
};

struct measure_file {
	struct measure_head head;
	struct measure_now now;
	uint64_t traffic_newest[MEASURE_SPANS], backlog_newest[MEASURE_SPANS]; /* the points written last */
	struct measure_traffic_point traffic[MEASURE_RING];
	struct measure_backlog_point backlog[MEASURE_RING];
};

/* A span's part of a ring. */
struct measure_part {
	int64_t step;          /* ms */
	unsigned first, shown; /* its points in the ring, MEASURE_SPARE more than a chart shows */
};

extern const struct measure_part measure_parts[MEASURE_SPANS];

#endif
