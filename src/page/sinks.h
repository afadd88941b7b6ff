/* SPDX-License-Identifier: ISC */
/* The state of each sink: what is pending and how old it is, what is dead, its pause. */
#ifndef PAGE_SINKS_H
#define PAGE_SINKS_H

#include "core/json.h"
#include "page/page.h"
#include "spool/deliveries.h"

struct sink_state {
	char *name;
	const char *type; /* NULL: the configuration has no such sink any more */
	int64_t pending, dead, oldest; /* oldest: since when the oldest is tried, ms; 0: none is pending */
	int64_t age[SPOOL_AGES];
	int64_t paused_until; /* ms; 0: no pause */
	int failures;
};

/* Zero-initialised is empty. */
struct sinks {
	struct sink_state *sink;
	size_t n;
	bool no_memory, whole;
};

/*
 * Reads all sinks of the configuration, and those that the spool still has deliveries for; with `ages`, their age tables too. False when
 * an error or the bound of spool_view_bound() ended it: some numbers are too small then.
 */
bool sinks_read(struct sinks *s, const struct conf *conf, struct spool_db *db, bool ages);
void sinks_free(struct sinks *s);

/* Writes the members name, type, pending, oldest, paused_until, failures, and the number of dead letters under the name `dead`. */
void sinks_write(struct json *j, const struct sink_state *s, const char *dead);

#endif
