/* SPDX-License-Identifier: ISC */
/* Options that are lists of sinks: relay, store and alert. They are checked and read when all sinks are known. */
#include "conf/sink_list.h"

#include <stdlib.h>
#include <string.h>

#include "conf/option.h"
#include "conf/sink_section.h"

const struct option_kind sink_list_kind = {"list of sinks", CFGT_STR, .list = true};

/* The position of the name in the list, before `end`; `end` when it is not there. */
static unsigned find_name(cfg_t *sec, const char *list, const char *name, unsigned end)
{
	unsigned i = 0;

	while (i < end && strcmp(cfg_getnstr(sec, list, i), name) != 0)
		i++;
	return i;
}

bool sink_list_check(cfg_t *tree, cfg_t *sec, const char *list, const char *other)
{
	for (unsigned i = 0; i < cfg_size(sec, list); i++) {
		const char *name = cfg_getnstr(sec, list, i);
		cfg_t *sink = cfg_gettsec(tree, "sink", name);

		if (find_name(sec, list, name, i) < i)
			return option_refuse_value(sec, list, name, "%s: sink \"%s\" stands there twice; remove one", list, name);
		if (other && find_name(sec, other, name, cfg_size(sec, other)) < cfg_size(sec, other))
			return option_refuse_value(sec, list, name, "%s: sink \"%s\" stands in %s too; remove one", list, name, other);
		if (!sink)
			return option_refuse_value(sec, list, name, "%s: there is no sink \"%s\"; write its section, or correct the name", list, name);
		if (sink_section_replies(sink))
			return option_refuse_value(sec, list, name, "%s: sink \"%s\" sends answers, and no events; name it in another sink's reply",
				list, name);
	}
	return true;
}

const struct sink **sink_list_find(cfg_t *sec, const char *list, const struct sink *sinks, size_t n_sinks, size_t *n)
{
	size_t names = cfg_size(sec, list);
	const struct sink **found = calloc(names + 1, sizeof *found);
	const char *name;

	for (*n = 0; found && *n < names; ++*n) {
		name = cfg_getnstr(sec, list, (unsigned)*n);
		for (size_t i = 0; i < n_sinks; i++)
			if (strcmp(sinks[i].name, name) == 0)
				found[*n] = &sinks[i];
	}
	return found;
}
