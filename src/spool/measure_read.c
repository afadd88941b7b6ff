/* SPDX-License-Identifier: ISC */
/* Measurements as readers see them: a copy of the file, and the points of charts. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/measure_file.h"

#define MS(n) ((n) * INT64_C(1000))

const int64_t measure_durations[MEASURE_BUCKETS - 1] = {250, 500, MS(1), 2500, MS(5), MS(10), MS(25), MS(50), MS(100), MS(250), MS(500),
	MS(1000), MS(2500), MS(5000), MS(10000)};
const int64_t measure_attempts[MEASURE_BUCKETS - 1] = {MS(1), MS(5), MS(10), MS(25), MS(50), MS(100), MS(250), MS(500), MS(1000), MS(2500),
	MS(5000), MS(10000), MS(30000), MS(60000), MS(300000)};
const int64_t measure_lags[MEASURE_BUCKETS - 1] = {MS(10), MS(50), MS(100), MS(500), MS(1000), MS(5000), MS(15000), MS(60000), MS(300000),
	MS(900000), MS(3600000), MS(14400000), MS(86400000), MS(259200000), MS(604800000)};
const int64_t measure_sizes[MEASURE_BUCKETS - 1] = {128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10,
	256 << 10, 1 << 20, 4 << 20, 16 << 20};
const int64_t measure_events[MEASURE_BUCKETS - 1] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256};

const char *const measure_groups[MEASURE_GROUPS] = {"stored", "duplicate", "other", "refused", "failed"};
const char *const measure_results[MEASURE_RESULTS] = {"delivered", "retried", "dead"};

const struct measure_part measure_parts[MEASURE_SPANS] = {
	[MEASURE_HOUR] = {60 * 1000, 0, MEASURE_SHOWN_HOUR},
	[MEASURE_DAY] = {5 * 60 * 1000, MEASURE_SHOWN_HOUR + MEASURE_SPARE, MEASURE_SHOWN_DAY},
	[MEASURE_WEEK] = {60 * 60 * 1000, MEASURE_SHOWN_HOUR + MEASURE_SHOWN_DAY + 2 * MEASURE_SPARE, MEASURE_SHOWN_WEEK},
};

struct measure_copy {
	struct measure_file file;
};

/* False where the file is no whole file of this layout. */
static bool copy_file(int fd, struct measure_file *to)
{
	struct stat st;
	size_t got = 0;
	ssize_t n;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof *to)
		return false;
	while (got < sizeof *to && (n = pread(fd, (char *)to + got, sizeof *to - got, (off_t)got)) > 0)
		got += (size_t)n;
	return got == sizeof *to && memcmp(to->head.magic, MEASURE_MAGIC, sizeof to->head.magic) == 0 && to->head.size == sizeof *to;
}

struct measure_copy *measure_read(const char *dir)
{
	struct measure_copy *m = NULL;
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof path, "%s/" MEASURE_FILE, dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	m = malloc(sizeof *m);
	if (m && !copy_file(fd, &m->file)) {
		free(m);
		m = NULL;
		errno = EBADMSG;
	}
	close(fd);
	for (unsigned i = 0; m && i < MEASURE_SINKS; i++)
		m->file.now.sinks[i].name[i ? MEASURE_NAME - 1 : 0] = '\0';
	return m;
}

void measure_free(struct measure_copy *m)
{
	free(m);
}

const struct measure_now *measure_now_of(const struct measure_copy *m)
{
	return &m->file.now;
}

int64_t measure_step(enum measure_span span)
{
	return measure_parts[span].step;
}

/* The first number of a chart; its last is that of now. */
static uint64_t first_number(const struct measure_part *part, int64_t now)
{
	uint64_t last = (uint64_t)(now / part->step);

	return last < part->shown ? 1 : last - part->shown + 1;
}

static const struct measure_traffic_point *find_traffic(const struct measure_file *m, const struct measure_part *part, uint64_t number)
{
	const struct measure_traffic_point *p = &m->traffic[part->first + number % (part->shown + MEASURE_SPARE)];

	return p->number == number ? p : NULL;
}

/* The counters as they are now, in the form of a point. */
static struct measure_traffic_point present(const struct measure_now *now)
{
	struct measure_traffic_point p = {0};

	for (unsigned g = 0; g < MEASURE_GROUPS; g++) {
		for (unsigned b = 0; b < MEASURE_BUCKETS; b++) {
			p.answers[g] += now->answers[g].bucket[b];
			p.durations[b] += now->answers[g].bucket[b];
		}
	}
	return p;
}

/* What was added to a counter; a file that was made anew began with 0. */
static uint64_t difference(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

size_t measure_traffic_points(const struct measure_copy *m, enum measure_span span, int64_t now, struct measure_traffic out[MEASURE_POINTS])
{
	const struct measure_part *part = &measure_parts[span];
	struct measure_traffic_point end = present(&m->file.now);
	const struct measure_traffic_point *begin, *next = &end;
	uint64_t first = first_number(part, now), last = (uint64_t)(now / part->step);
	size_t n = (size_t)(last - first + 1);

	for (uint64_t number = last; number >= first; number--) {
		struct measure_traffic *t = &out[number - first];

		*t = (struct measure_traffic){.at = (int64_t)number * part->step};
		begin = find_traffic(&m->file, part, number);
		if (!begin)
			continue;
		for (unsigned g = 0; g < MEASURE_GROUPS; g++)
			t->answers[g] = difference(begin->answers[g], next->answers[g]);
		for (unsigned b = 0; b < MEASURE_BUCKETS; b++)
			t->durations[b] = difference(begin->durations[b], next->durations[b]);
		next = begin;
	}
	return n;
}

size_t measure_backlog_points(const struct measure_copy *m, enum measure_span span, int64_t now, struct measure_backlog out[MEASURE_POINTS])
{
	const struct measure_part *part = &measure_parts[span];
	uint64_t first = first_number(part, now), last = (uint64_t)(now / part->step);

	for (uint64_t number = first; number <= last; number++) {
		const struct measure_backlog_point *p = &m->file.backlog[part->first + number % (part->shown + MEASURE_SPARE)];
		struct measure_backlog *b = &out[number - first];

		*b = (struct measure_backlog){.at = (int64_t)number * part->step, .known = p->number == number};
		if (b->known)
			memcpy(b->pending, p->pending, sizeof b->pending);
	}
	return (size_t)(last - first + 1);
}
