/* SPDX-License-Identifier: ISC */
/* Measurements: how receivers and the relay map their file, and add to it. */
#define _GNU_SOURCE /* fallocate */
#include "config.h"

#include "spool/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/measure_file.h"

/*
 * The file, mapped for the life of the process, which has one spool. What replaces it is mapped at the other of two places: threads may
 * count in the mapping before it still, so that one stays until the next replacement.
 */
static _Atomic(struct measure_file *) measured;
static _Atomic(struct measure_file *) places[2];
static dev_t measured_dev;
static ino_t measured_ino;
static volatile sig_atomic_t mapping_lost; /* a page was missing: this process counts in memory of its own */

/* What a receiver counts before it can map the file, as in CGI, where the first event makes the spool. The file gets it then. */
static struct measure_now unmapped;

/* ---- the file */

static struct measure_file *place_with(const char *at)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct measure_file *place = atomic_load(&places[i]);

		if (place && at >= (char *)place && at < (char *)place + sizeof *place)
			return place;
	}
	return NULL;
}

/*
 * A page of the file is gone, as another process truncated it, or the disk is full where a page is written to another place than before.
 * Memory of this process takes its place. Any other SIGBUS ends the process.
 */
static void on_missing_page(int number, siginfo_t *si, void *context)
{
	struct measure_file *base = si->si_code > 0 ? place_with(si->si_addr) : NULL;
	int error = errno;

	(void)context;
	if (base &&
	    mmap(base, sizeof(struct measure_file), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
		mapping_lost = 1;
		errno = error;
		return;
	}
	signal(number, SIG_DFL);
	raise(number);
}

/* Writes all of it, so that the disk has room for each page. The head comes last: without it the file is not whole. */
static bool write_empty(int fd)
{
	struct measure_file *empty = calloc(1, sizeof *empty);
	bool ok = empty && pwrite(fd, empty, sizeof *empty, 0) == (ssize_t)sizeof *empty && ftruncate(fd, sizeof *empty) == 0;

	if (ok) {
		memcpy(empty->head.magic, MEASURE_MAGIC, sizeof empty->head.magic);
		empty->head.size = sizeof *empty;
		ok = pwrite(fd, empty, sizeof empty->head, 0) == (ssize_t)sizeof empty->head;
	}
	free(empty);
	return ok;
}

static bool is_whole(int fd)
{
	struct measure_head head;
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct measure_file) && pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head &&
		memcmp(head.magic, MEASURE_MAGIC, sizeof head.magic) == 0 && head.size == sizeof(struct measure_file);
}

/* Makes a file whole, unless another receiver does that now: then this one takes it a second later. */
static bool make_whole(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 && (is_whole(fd) || write_empty(fd)); /* the lock ends when it is closed */
}

/* A plain file with one name, of the mode and group that the directory says. -1 with errno set. */
static int open_measures(int dir_fd, bool receiver)
{
	int fd = openat(dir_fd, MEASURE_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (receiver ? O_CREAT : 0), 0600);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && (!receiver || spool_fs_give(dir_fd, fd)))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static void add_to(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void move_unmapped(struct measure_now *to)
{
	uint64_t *from = (uint64_t *)(void *)&unmapped, *counter = (uint64_t *)(void *)to;

	for (size_t i = 0; i < offsetof(struct measure_now, sinks) / sizeof *from; i++)
		add_to(&counter[i], __atomic_exchange_n(&from[i], 0, __ATOMIC_RELAXED));
}

/* Maps the file at the place that is not in use. */
static bool map_measures(int fd)
{
	struct measure_file *before = atomic_load(&measured), *at, *there;
	unsigned place = before && before == atomic_load(&places[0]);
	struct sigaction sa = {.sa_sigaction = on_missing_page, .sa_flags = SA_SIGINFO};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
#ifdef HAVE_FALLOCATE
	if ((off_t)st.st_blocks * 512 < st.st_size) /* a restored copy may have holes */
		(void)!fallocate(fd, 0, 0, sizeof *at);
#endif
	there = atomic_load(&places[place]);
	at = mmap(there, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | (there ? MAP_FIXED : 0), fd, 0);
	if (at == MAP_FAILED)
		return false;
	mapping_lost = 0;
	measured_dev = st.st_dev;
	measured_ino = st.st_ino;
	atomic_store(&places[place], at);
	if (!before)
		sigaction(SIGBUS, &sa, NULL);
	atomic_store(&measured, at);
	if (!before)
		move_unmapped(&at->now);
	return true;
}

static bool is_in_place(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	return atomic_load(&measured) && !mapping_lost && snprintf(path, sizeof path, "%s/" MEASURE_FILE, dir) < (int)sizeof path &&
		stat(path, &st) == 0 && st.st_dev == measured_dev && st.st_ino == measured_ino && st.st_size == (off_t)sizeof(struct measure_file);
}

bool measure_look(const char *dir, enum measure_role role)
{
	int dir_fd, fd, error;
	bool ok = is_in_place(dir);

	if (ok)
		return true;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = dir_fd < 0 ? -1 : open_measures(dir_fd, role == MEASURE_RECEIVER);
	ok = fd >= 0 && (is_whole(fd) || (role == MEASURE_RECEIVER && make_whole(fd))) && map_measures(fd);
	error = errno;
	if (fd >= 0)
		close(fd);
	if (dir_fd >= 0)
		close(dir_fd);
	errno = error;
	return ok;
}

/* ---- counting */

static struct measure_now *counters(void)
{
	struct measure_file *m = atomic_load_explicit(&measured, memory_order_acquire);

	return m ? &m->now : &unmapped;
}

static void add_value(struct measure_histogram *h, const int64_t bounds[MEASURE_BUCKETS - 1], int64_t value)
{
	unsigned i = 0;

	value = value < 0 ? 0 : value; /* the clock was set */
	while (i < MEASURE_BUCKETS - 1 && value > bounds[i])
		i++;
	add_to(&h->bucket[i], 1);
	add_to(&h->sum, (uint64_t)value);
}

void measure_answer(enum measure_group group, int64_t us, size_t bytes)
{
	struct measure_now *c = counters();

	add_value(&c->answers[group], measure_durations, us);
	add_value(&c->sizes, measure_sizes, (int64_t)bytes);
}

void measure_commit(int64_t us, size_t events)
{
	struct measure_now *c = counters();

	add_value(&c->commits, measure_durations, us);
	add_value(&c->events, measure_events, (int64_t)events);
}

/* The place of a sink. The relay, of which there is one, gives a free place to a new name; without one it is the first place. */
static unsigned sink_place(struct measure_file *m, const char *sink)
{
	size_t n = strlen(sink);

	for (unsigned i = 1; n > 0 && n < MEASURE_NAME && i < MEASURE_SINKS; i++) {
		if (strncmp(m->now.sinks[i].name, sink, MEASURE_NAME) == 0)
			return i;
		if (*m->now.sinks[i].name == '\0') {
			memcpy(m->now.sinks[i].name + 1, sink + 1, n);
			__atomic_store_n(m->now.sinks[i].name, *sink, __ATOMIC_RELEASE); /* a reader sees a whole name, or none */
			return i;
		}
	}
	return 0;
}

void measure_attempt(const char *sink, enum measure_result result, int64_t ms, int64_t lag_ms)
{
	struct measure_file *m = atomic_load(&measured);
	struct measure_sink *s;

	if (!m)
		return;
	s = &m->now.sinks[sink_place(m, sink)];
	add_to(&s->results[result], 1);
	add_value(&s->attempts, measure_attempts, ms * 1000);
	if (result == MEASURE_DELIVERED)
		add_value(&s->lags, measure_lags, lag_ms * 1000);
}

/* ---- health */

enum { TRY_MS = 1000 };

bool measure_try(int64_t now, bool *writable)
{
	struct measure_now *c = counters();
	int64_t last = __atomic_load_n(&c->tried_at, __ATOMIC_RELAXED);
	uint64_t result = __atomic_load_n(&c->tried, __ATOMIC_RELAXED);

	*writable = result == MEASURE_WRITABLE;
	if (last <= now && now - last < TRY_MS && result != MEASURE_UNTRIED)
		return false;
	return __atomic_compare_exchange_n(&c->tried_at, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) || result == MEASURE_UNTRIED;
}

void measure_tried(int64_t now, bool writable)
{
	__atomic_store_n(&counters()->tried_at, now, __ATOMIC_RELAXED); /* a try that waits for the lock takes a second itself */
	__atomic_store_n(&counters()->tried, writable ? MEASURE_WRITABLE : MEASURE_UNWRITABLE, __ATOMIC_RELAXED);
}

/* ---- points */

/*
 * The number of the span's point that is to be written now; 0: none is. One process takes it, and a process that is a little behind
 * does not take the one before it.
 */
static uint64_t take_point(uint64_t *newest, const struct measure_part *part, int64_t now)
{
	uint64_t number = (uint64_t)(now / part->step), seen = __atomic_load_n(newest, __ATOMIC_RELAXED);

	if (now <= 0 || seen == number || seen == number + 1 ||
	    !__atomic_compare_exchange_n(newest, &seen, number, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	return number;
}

static unsigned index_of(const struct measure_part *part, uint64_t number)
{
	return part->first + (unsigned)(number % (part->shown + MEASURE_SPARE));
}

static void write_traffic(struct measure_file *m, struct measure_traffic_point *p, uint64_t number)
{
	uint64_t n, durations[MEASURE_BUCKETS] = {0};

	__atomic_store_n(&p->number, 0, __ATOMIC_RELEASE);
	for (unsigned g = 0; g < MEASURE_GROUPS; g++) {
		p->answers[g] = 0;
		for (unsigned b = 0; b < MEASURE_BUCKETS; b++) {
			n = __atomic_load_n(&m->now.answers[g].bucket[b], __ATOMIC_RELAXED);
			p->answers[g] += n;
			durations[b] += n;
		}
	}
	memcpy(p->durations, durations, sizeof durations);
	__atomic_store_n(&p->number, number, __ATOMIC_RELEASE);
}

void measure_traffic_tick(int64_t now)
{
	struct measure_file *m = atomic_load(&measured);
	uint64_t number;

	if (m)
		__atomic_store_n(&m->now.receiver_at, now, __ATOMIC_RELAXED);
	for (unsigned i = 0; m && i < MEASURE_SPANS; i++)
		if ((number = take_point(&m->traffic_newest[i], &measure_parts[i], now)))
			write_traffic(m, &m->traffic[index_of(&measure_parts[i], number)], number);
}

bool measure_backlog_due(int64_t now)
{
	const struct measure_file *m = atomic_load(&measured);

	return m && m->backlog_newest[MEASURE_HOUR] != (uint64_t)(now / measure_parts[MEASURE_HOUR].step);
}

void measure_backlog_note(int64_t now, const char *const *sinks, const int64_t *pending, size_t n)
{
	struct measure_file *m = atomic_load(&measured);
	uint32_t all[MEASURE_SINKS] = {0};
	uint64_t number;

	for (size_t i = 0; m && i < n; i++) {
		uint32_t *one = &all[sink_place(m, sinks[i])];

		*one = pending[i] < UINT32_MAX - *one ? *one + (uint32_t)pending[i] : UINT32_MAX;
	}
	for (unsigned i = 0; m && i < MEASURE_SPANS; i++) {
		struct measure_backlog_point *p;

		number = take_point(&m->backlog_newest[i], &measure_parts[i], now);
		if (!number)
			continue;
		p = &m->backlog[index_of(&measure_parts[i], number)];
		__atomic_store_n(&p->number, 0, __ATOMIC_RELEASE);
		memcpy(p->pending, all, sizeof all);
		__atomic_store_n(&p->number, number, __ATOMIC_RELEASE);
	}
}
