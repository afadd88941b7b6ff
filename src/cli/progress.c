/* SPDX-License-Identifier: ISC */
/* Draws a bar, a count and the rate on one terminal line, at most ten times a second. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

enum { BAR = 30, INTERVAL_US = 100000 };

static struct {
	const char *label;
	uint64_t total;
	int64_t started, drawn; /* clock_mono_us() */
	bool on;
} line;

static void draw(uint64_t n, int64_t now)
{
	char bar[BAR + 1];
	double seconds = (double)(now - line.started) / 1e6;
	double rate = seconds > 0 ? (double)n / seconds : 0;

	double part = line.total && n < line.total ? (double)n / (double)line.total : 1;
	size_t full = (size_t)(part * BAR);

	if (line.total == 0) {
		fprintf(stderr, "\r\033[K%s %" PRIu64 "  %.0f/s", line.label, n, rate);
	} else {
		memset(bar, '#', full);
		memset(bar + full, '.', BAR - full);
		bar[BAR] = '\0';
		fprintf(stderr, "\r\033[K%s [%s] %3.0f%%  %" PRIu64 "/%" PRIu64 "  %.0f/s", line.label, bar, part * 100, n,
			line.total, rate);
	}
	fflush(stderr);
	line.drawn = now;
}

void progress_start(const char *label, uint64_t total)
{
	line.on = isatty(STDERR_FILENO) == 1;
	if (!line.on)
		return;
	line.label = label;
	line.total = total;
	line.started = clock_mono_us();
	draw(0, line.started);
}

void progress_update(uint64_t n)
{
	int64_t now;

	if (!line.on)
		return;
	now = clock_mono_us();
	if (now - line.drawn >= INTERVAL_US)
		draw(n, now);
}

void progress_end(void)
{
	if (!line.on)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	line.on = false;
}
