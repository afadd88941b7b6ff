/* SPDX-License-Identifier: ISC */
/* Pressure on the processors: whether this process has to wait for one. */
#include "core/cpu_pressure.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void cpu_pressure_open(struct cpu_pressure *c)
{
	*c = (struct cpu_pressure){.fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC)};
	cpu_pressure_look(c);
}

void cpu_pressure_close(struct cpu_pressure *c)
{
	if (c->fd >= 0)
		close(c->fd);
}

/* docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat": time on the CPU, and on a runqueue, in ns. */
bool cpu_pressure_look(struct cpu_pressure *c)
{
	struct cpu_pressure now = {.fd = c->fd};
	char text[80];
	ssize_t n = c->fd < 0 ? -1 : pread(c->fd, text, sizeof text - 1, 0);
	bool pressed;

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &now.ran, &now.waited) != 2)
		return false;
	pressed = now.waited - c->waited > (now.ran - c->ran) / 4;
	*c = now;
	return pressed;
}
