/* SPDX-License-Identifier: ISC */
/* The units of the configuration and the command line: sizes with k/m/g, times with s/m/h/d. */
#include "core/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Splits "12m" into 12 and "m". False without digits or when the number overflows. */
static bool split(const char *text, unsigned long long *number, const char **unit)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	*unit = end;
	return errno == 0;
}

bool units_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	unsigned long long number;
	const char *unit;

	if (!split(text, &number, &unit))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(unit, units[i].unit) == 0) {
			if (number > (unsigned long long)(INT64_MAX / units[i].ms))
				return false;
			*ms = (int64_t)number * units[i].ms;
			return true;
		}
	}
	return false;
}

bool units_age(const char *text, int64_t *ms)
{
	return units_duration(text, ms) && !isdigit((unsigned char)text[strlen(text) - 1]);
}

bool units_size(const char *text, uint64_t *bytes)
{
	static const char letters[] = "kmg";
	unsigned long long number;
	const char *unit, *letter;
	unsigned shift = 0;

	if (!split(text, &number, &unit))
		return false;
	if (*unit) {
		letter = strchr(letters, tolower((unsigned char)*unit));
		if (!letter || unit[1])
			return false;
		shift = 10 * (unsigned)(letter - letters + 1);
	}
	if (number > UINT64_MAX >> shift)
		return false;
	*bytes = (uint64_t)number << shift;
	return true;
}
