/* SPDX-License-Identifier: ISC */
/* Whether others want the processors that this process runs on. */
#ifndef CPU_PRESSURE_H
#define CPU_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_pressure {
	int fd; /* -1: it can't be known */
	uint64_t ran, waited; /* ns, until the last look */
};

void cpu_pressure_open(struct cpu_pressure *c);
void cpu_pressure_close(struct cpu_pressure *c);

/*
 * True when, since the last look, the main thread had to wait for a processor for more than a quarter of the time that it ran. False
 * where the kernel doesn't tell.
 */
bool cpu_pressure_look(struct cpu_pressure *c);

#endif
