/* SPDX-License-Identifier: ISC */
/* Pressure on the processors: whether this process has to wait for one. */
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
 * Compares how long the main thread ran since the last call, and how long it waited for a processor. True when it waited for more
 * than a quarter of the time that it ran. False where the kernel has no such numbers.
 */
bool cpu_pressure_look(struct cpu_pressure *c);

#endif
