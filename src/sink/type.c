/* SPDX-License-Identifier: ISC */
/* The types of sinks, as data. */
#include "sink/type.h"

#include <stddef.h>
#include <string.h>

const struct sink_type sink_types[] = {
	{.name = "http", .batch_max = 1},
	{.name = "exec", .batch_max = 1, .fields = true, .unpacks = true, .answers = true},
	{0},
};

const struct sink_type *sink_type_find(const char *name)
{
	for (const struct sink_type *t = sink_types; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}
