/* SPDX-License-Identifier: ISC */
/* The parts of the metrics: each writes some families. They return false on an error of the connection. */
#ifndef PARTS_H
#define PARTS_H

#include "conf/conf.h"
#include "metrics/exposition.h"
#include "spool/db.h"
#include "spool/measure.h"

struct metrics {
	const struct conf *conf;
	struct spool_db *db;
	struct measure_copy *measured; /* NULL: there is no file, or none that is whole */
	struct slice names;            /* of secrets; see metrics_write() */
	int64_t now;                   /* ms since the epoch */
	struct exposition e;
};

/* Deliveries, bytes, secrets, times of the last, what is expected. */
bool parts_receiving(struct metrics *m);

/* The histograms of answers, bodies and commits. */
void parts_durations(struct metrics *m);

/* Deliveries to sinks, attempts, backlog, pauses. */
bool parts_relaying(struct metrics *m);

/* What catch-ups found, and how far they are complete. */
bool parts_catchups(struct metrics *m);

/* The programs that run, their configurations and reloads. */
bool parts_programs(struct metrics *m);

/* Writes a histogram of the file, with that unit and those bounds. */
void parts_histogram(struct metrics *m, const struct exposition_label *labels, const struct measure_histogram *h, const int64_t *bounds,
	enum exposition_unit unit);

#endif
