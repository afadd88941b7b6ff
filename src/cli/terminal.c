/* SPDX-License-Identifier: ISC */
/* What only a terminal gets: times in local time, and colours. */
#define _DEFAULT_SOURCE /* tm_gmtoff */
#include "cli/terminal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

static bool is_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

const char *terminal_time(int64_t ms, char out[TERMINAL_TIME])
{
	time_t s = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;
	size_t n;
	long east;

	if (!is_terminal() || !localtime_r(&s, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		return clock_format(ms, out);
	n = strftime(out, TERMINAL_TIME, "%Y-%m-%d %H:%M:%S", &tm);
	east = labs(tm.tm_gmtoff) / 60;
	snprintf(out + n, TERMINAL_TIME - n, "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+', east / 60, east % 60);
	return out;
}

int terminal_time_width(void)
{
	return is_terminal() ? 25 : CLOCK_TEXT - 1;
}

const char *terminal_colour(enum terminal_colour c)
{
	static const char *const codes[] = {
		[TERMINAL_PLAIN] = "\033[0m", [TERMINAL_GREEN] = "\033[32m", [TERMINAL_YELLOW] = "\033[33m", [TERMINAL_RED] = "\033[31m"};
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return is_terminal() && !(no && *no) && term && strcmp(term, "dumb") != 0 ? codes[c] : "";
}
