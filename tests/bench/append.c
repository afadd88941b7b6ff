/* SPDX-License-Identifier: ISC */
/*
 * The disk's limit: THREADS threads append records of SIZE bytes to FILE for SECONDS; the first to
 * come writes and fdatasyncs for all that wait. Prints appends, fdatasyncs and the fdatasync's median.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 1024, MAX_SYNCS = 1000000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t synced = PTHREAD_COND_INITIALIZER;
static int fd;
static size_t size;
static char *records;
static double end, took[MAX_SYNCS];
static size_t waiting;
static unsigned long round_now, appends, syncs;
static bool leading;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Called with the mutex held. */
static void lead(void)
{
	while (waiting > 0 && syncs < MAX_SYNCS) {
		size_t n = waiting;
		double start;

		waiting = 0;
		round_now++;
		pthread_mutex_unlock(&mutex);
		if (write(fd, records, n * size) != (ssize_t)(n * size))
			abort();
		start = now();
		if (fdatasync(fd) != 0)
			abort();
		took[syncs++] = now() - start;
		pthread_mutex_lock(&mutex);
		appends += n;
		round_now++;
		pthread_cond_broadcast(&synced);
		if (now() > end)
			break;
	}
	leading = false;
}

static void *append(void *arg)
{
	unsigned long mine;

	(void)arg;
	pthread_mutex_lock(&mutex);
	while (now() < end) {
		waiting++;
		mine = (round_now + 1) / 2 * 2 + 2; /* done with the next round that begins */
		if (!leading) {
			leading = true;
			lead();
		}
		while (round_now < mine && leading && now() < end)
			pthread_cond_wait(&synced, &mutex);
	}
	pthread_cond_broadcast(&synced);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

int main(int argc, char **argv)
{
	pthread_t t[MAX_THREADS];
	int threads;
	double seconds;

	if (argc != 5) {
		fprintf(stderr, "usage: append FILE SIZE THREADS SECONDS\n");
		return 64;
	}
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
	size = (size_t)atol(argv[2]);
	threads = atoi(argv[3]);
	seconds = atof(argv[4]);
	records = calloc((size_t)threads, size);
	if (fd < 0 || !records || threads < 1 || threads > MAX_THREADS)
		return 1;
	end = now() + seconds;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, append, NULL) != 0)
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	qsort(took, syncs, sizeof *took, by_value);
	printf("{\"appends\": %.0f, \"fdatasyncs\": %.0f, \"fdatasync_us\": %.0f}\n", (double)appends / seconds,
		(double)syncs / seconds, syncs ? took[syncs / 2] * 1e6 : 0);
	return 0;
}
