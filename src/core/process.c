/* SPDX-License-Identifier: ISC */
/* A process of this machine, by its number and its start time: numbers are reused. */
#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* proc(5): of the fields behind the name, which may have blanks and parentheses, state is the first and starttime the 20th. */
static bool read_stat(int64_t pid, char *state, int64_t *ticks)
{
	char path[64], text[1024];
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNd64, state, ticks) == 2;
}

static int64_t own_space(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (int64_t)st.st_ino : 0;
}

struct process process_self(void)
{
	struct process p = {.pid = getpid(), .space = own_space()};
	char state;

	read_stat(p.pid, &state, &p.ticks);
	return p;
}

enum process_state process_look(const struct process *p)
{
	int64_t ticks = 0, space = own_space();
	char state = '\0';

	if (p->space && space && p->space != space)
		return PROCESS_UNKNOWN;
	if (p->pid <= 0 || (pid_t)p->pid != p->pid || (kill((pid_t)p->pid, 0) != 0 && errno == ESRCH))
		return PROCESS_GONE;
	if (!read_stat(p->pid, &state, &ticks))
		return PROCESS_RUNS; /* hidden by the mount option hidepid */
	if ((p->ticks && ticks != p->ticks) || state == 'Z' || state == 'X')
		return PROCESS_GONE;
	return state == 'T' || state == 't' ? PROCESS_STOPPED : PROCESS_RUNS;
}
