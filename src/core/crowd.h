/* Whether others want the processors that this process runs on. */
#ifndef CROWD_H
#define CROWD_H

#include <stdbool.h>
#include <stdint.h>

struct crowd {
	int fd; /* -1: it can't be known */
	uint64_t ran, waited; /* ns, until the last look */
};

void crowd_open(struct crowd *c);
void crowd_close(struct crowd *c);

/*
 * True when, since the last look, the main thread had to wait for a processor for more than a quarter of the time that it ran. False
 * where the kernel doesn't tell.
 */
bool crowd_look(struct crowd *c);

#endif
