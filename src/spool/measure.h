/* SPDX-License-Identifier: ISC */
/*
 * Measurements: counters and histograms that receivers and the relay add to, and what the charts need of former minutes.
 *
 * They are in the file "measure" of the spool's directory, which these processes map. A process adds by relaxed atomics: without a lock,
 * and without a system call. What was added survives the process, however it ends.
 *
 * The receiver makes the file, and makes it anew where it is missing, too short, or of another layout; all counts then begin at 0. The
 * relay uses what is there. A process that cannot map the file goes on without it, and tries again a second later. Where the file is
 * truncated under a process, or the disk has no room for a page of it, that process counts in memory of its own until then.
 *
 * No process trusts what is in the file: a writer only adds at fixed places, and a reader reads a copy.
 */
#ifndef SPOOL_MEASURE_H
#define SPOOL_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEASURE_FILE "measure" /* in the spool's directory */

/* The groups of outcomes of deliveries. */
enum measure_group {
	MEASURE_STORED,
	MEASURE_DUPLICATE,
	MEASURE_OTHER,   /* ignored, or the answer to a challenge */
	MEASURE_REFUSED, /* 4xx: the delivery is at fault */
	MEASURE_FAILED,  /* 5xx: the receiver is */
	MEASURE_GROUPS
};

/* The results of an attempt of the relay. */
enum measure_result { MEASURE_DELIVERED, MEASURE_RETRIED, MEASURE_DEAD, MEASURE_RESULTS };

enum {
	MEASURE_BUCKETS = 16,
	MEASURE_SINKS = 64,    /* the first one is of the sinks that have no place of their own */
	MEASURE_NAME = 64,     /* bytes of a sink's name, with its NUL; one with a longer name has no place of its own */
};

/* The spans of the charts: an hour by minutes, a day by 5 minutes, a week by hours. */
enum measure_span { MEASURE_HOUR, MEASURE_DAY, MEASURE_WEEK, MEASURE_SPANS };

enum { MEASURE_POINTS = 288 }; /* of the span with the most */

/* The last bucket has what is above all bounds. Durations are in us, sizes in bytes. */
struct measure_histogram {
	uint64_t bucket[MEASURE_BUCKETS], sum;
};

/* The upper bounds of the buckets but the last; each bucket has what is above the bound before it. */
extern const int64_t measure_durations[MEASURE_BUCKETS - 1]; /* us: of answers and commits */
extern const int64_t measure_attempts[MEASURE_BUCKETS - 1];  /* us: of attempts of the relay */
extern const int64_t measure_lags[MEASURE_BUCKETS - 1];      /* us */
extern const int64_t measure_sizes[MEASURE_BUCKETS - 1];     /* bytes */
extern const int64_t measure_events[MEASURE_BUCKETS - 1];    /* events in one commit */

/* The names of the groups and results, in metrics and charts. */
extern const char *const measure_groups[MEASURE_GROUPS];
extern const char *const measure_results[MEASURE_RESULTS];

/* ---- receivers and the relay */

enum measure_role { MEASURE_RECEIVER, MEASURE_RELAY };

/*
 * Maps the file of the spool at that place, where it isn't mapped yet, and looks whether it is still in its place. To be called once a
 * second. False where it can't be mapped; errno says why.
 */
bool measure_look(const char *dir, enum measure_role role);

/* The receiver: keeps what the counters are at the beginning of a minute. To be called once a second; now: ms since the epoch. */
void measure_traffic_tick(int64_t now);

/* A delivery was answered. us: from its request to its answer; bytes: of its body. */
void measure_answer(enum measure_group group, int64_t us, size_t bytes);

/* A commit of that many events went well. us: with the wait for the spool's lock. */
void measure_commit(int64_t us, size_t events);

/*
 * An attempt of the relay has ended, after that many ms. lag_ms, of a delivered event: the time since it was stored or replayed, or, where
 * it was retried, since its first attempt.
 */
void measure_attempt(const char *sink, enum measure_result result, int64_t ms, int64_t lag_ms);

/*
 * True when this process is to try whether the spool can be written, and to call measure_tried(): the last try ended a second ago. False:
 * *writable is the last result. now: ms since the epoch.
 */
bool measure_try(int64_t now, bool *writable);
void measure_tried(int64_t now, bool writable);

/* True when the relay is to count what is pending: a minute has begun. */
bool measure_backlog_due(int64_t now);

/* Notes how many deliveries are pending for n sinks. */
void measure_backlog_note(int64_t now, const char *const *sinks, const int64_t *pending, size_t n);

/* ---- readers */

struct measure_sink {
	char name[MEASURE_NAME]; /* "": not in use, or the first one */
	uint64_t results[MEASURE_RESULTS];
	struct measure_histogram attempts, lags;
};

/* The counters as they are now. */
struct measure_now {
	struct measure_histogram answers[MEASURE_GROUPS], sizes, commits, events;
	struct measure_sink sinks[MEASURE_SINKS];
	int64_t receiver_at; /* when a receiver last ticked, in ms since the epoch: one that runs does so each second */
	int64_t tried_at;    /* when a process last tried to write the spool, to tell of its health: the beginning, then the end; 0: never */
	uint64_t tried;      /* the last result: enum measure_health */
};

enum measure_health { MEASURE_UNTRIED, MEASURE_WRITABLE, MEASURE_UNWRITABLE };

/* A copy of the file. */
struct measure_copy;

/* Reads a copy, freed by the caller. NULL where there is no whole file, with errno set: ENOENT, or EBADMSG. */
struct measure_copy *measure_read(const char *dir);
void measure_free(struct measure_copy *m);

/* Its counters; the names in it end with a NUL. */
const struct measure_now *measure_now_of(const struct measure_copy *m);

/* The deliveries in the time from `at` (ms since the epoch) to the next point's. */
struct measure_traffic {
	int64_t at;
	uint64_t answers[MEASURE_GROUPS];
	uint64_t durations[MEASURE_BUCKETS]; /* of the answers of all groups, see measure_durations */
};

/* What was pending at that time, for each place of measure_now.sinks. */
struct measure_backlog {
	int64_t at;
	bool known; /* false: no relay ran */
	uint32_t pending[MEASURE_SINKS];
};

/* The time from one point of the span to the next, ms. */
int64_t measure_step(enum measure_span span);

/* Fill a span's points, the oldest first; the last one is not over yet. They return their number. now: ms since the epoch. */
size_t measure_traffic_points(const struct measure_copy *m, enum measure_span span, int64_t now, struct measure_traffic out[MEASURE_POINTS]);
size_t measure_backlog_points(const struct measure_copy *m, enum measure_span span, int64_t now, struct measure_backlog out[MEASURE_POINTS]);

#endif
