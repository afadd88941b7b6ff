/* Whether others want the processors that this process runs on. */
#include "core/crowd.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void crowd_open(struct crowd *c)
{
	*c = (struct crowd){.fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC)};
	crowd_look(c);
}

void crowd_close(struct crowd *c)
{
	if (c->fd >= 0)
		close(c->fd);
}

/* docs.kernel.org/scheduler/sched-stats.html, "/proc/<pid>/schedstat": time on the CPU, and on a runqueue, in ns. */
bool crowd_look(struct crowd *c)
{
	struct crowd now = {.fd = c->fd};
	char text[80];
	ssize_t n = c->fd < 0 ? -1 : pread(c->fd, text, sizeof text - 1, 0);
	bool crowded;

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &now.ran, &now.waited) != 2)
		return false;
	crowded = now.waited - c->waited > (now.ran - c->ran) / 4;
	*c = now;
	return crowded;
}
