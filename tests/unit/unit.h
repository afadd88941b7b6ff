/* SPDX-License-Identifier: ISC */
/* What every unit test needs: cmocka and its prerequisites, and a private directory. */
#ifndef UNIT_H
#define UNIT_H

/* cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Limits of the ring of rejected deliveries that only their number can reach. */
static inline struct reject_limits limits(unsigned keep)
{
	return (struct reject_limits){.keep = keep, .size = 1 << 20, .age = (int64_t)1 << 60};
}

/* cmocka group setup: makes a private directory and enters it; *state is its path. */
static inline int unit_enter(void **state)
{
	char *dir = strdup("/tmp/hookspool-unit-XXXXXX");

	*state = dir;
	return dir && mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

/* cmocka group teardown: removes it. */
static inline int unit_leave(void **state)
{
	char command[128];
	int rc;

	snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
	rc = chdir("/") == 0 ? system(command) : -1;
	free(*state);
	return rc;
}

/* Writes a file with that mode in the private directory. */
static inline void unit_file(const char *name, const char *text, unsigned mode)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, (mode_t)mode), 0);
}

#endif
