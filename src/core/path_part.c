/* SPDX-License-Identifier: ISC */
/* The parts of a path in JSON. */
#include "core/path_part.h"

#include <stdlib.h>
#include <string.h>

size_t path_part_size(const char *part)
{
	const char *end = part;

	while (*end && *end != '.') /* parts are short: strcspn(3) takes longer */
		end++;
	return (size_t)(end - part);
}

bool path_part_is_index(const char *part, size_t index)
{
	char *end;

	if (*part == '*' || *part == '=')
		return part[1] == '.' || part[1] == '\0';
	if (*part < '0' || *part > '9' || (*part == '0' && path_part_size(part) > 1))
		return false;
	return strtoul(part, &end, 10) == index && (*end == '.' || *end == '\0');
}

bool path_part_excludes(const char *part, size_t size, const unsigned char *s, size_t n)
{
	const char *end = part + size, *name, *stop;

	for (name = part + 1; name <= end; name = stop + 1) {
		stop = memchr(name, '!', (size_t)(end - name));
		if (!stop)
			stop = end;
		if ((size_t)(stop - name) == n && memcmp(name, s, n) == 0)
			return true;
	}
	return false;
}

bool paths_valid(const char *text, bool member)
{
	const char *last = text;
	int parts = 1, bangs = 0;

	for (const char *p = text; *p; p++) {
		if (p == text || p[-1] == '.') {
			bangs += *p == '!';
			last = p;
		}
		if (*p == '.' && (p == text || p[1] == '\0' || p[1] == '.'))
			return false;
		parts += *p == '.';
	}
	return *text && parts <= PATH_PARTS_MAX && bangs <= 1 && (*last == '!') == member;
}
