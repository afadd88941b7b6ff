/* SPDX-License-Identifier: ISC */
/* What sections say of each other, checked when all files were read: their order doesn't matter. */
#include "conf/schema_links.h"

#include <string.h>

#include "conf/schema.h"
#include "conf/section_sink.h"
#include "sink/type.h"

/* The position of the name in the list, before `end`; `end` when it is not there. */
static unsigned find_name(cfg_t *endpoint, const char *list, const char *name, unsigned end)
{
	unsigned i = 0;

	while (i < end && strcmp(cfg_getnstr(endpoint, list, i), name) != 0)
		i++;
	return i;
}

/* A list of sinks: each is there once, is not in the list `other` too, and takes events. */
static bool check_sinks(cfg_t *tree, cfg_t *endpoint, const char *list, const char *other)
{
	for (unsigned i = 0; i < cfg_size(endpoint, list); i++) {
		const char *name = cfg_getnstr(endpoint, list, i);
		cfg_t *sink = cfg_gettsec(tree, "sink", name);

		if (find_name(endpoint, list, name, i) < i) {
			cfg_error(schema_at(endpoint, list, name), "%s: sink \"%s\" stands there twice; remove one", list, name);
			return false;
		}
		if (other && find_name(endpoint, other, name, cfg_size(endpoint, other)) < cfg_size(endpoint, other)) {
			cfg_error(schema_at(endpoint, list, name), "%s: sink \"%s\" stands in %s too; remove one", list, name, other);
			return false;
		}
		if (sink && !section_sink_replies(sink))
			continue;
		cfg_error(schema_at(endpoint, list, name), sink ? "%s: sink \"%s\" sends answers, and no events; name it in another sink's reply"
			: "%s: there is no sink \"%s\"; write its section, or correct the name", list, name);
		return false;
	}
	return true;
}

/* It is not known of a program whether what it sent has arrived. */
static bool check_reply(cfg_t *tree, cfg_t *sink)
{
	const char *reply = cfg_getstr(sink, "reply");
	cfg_t *to = reply ? cfg_gettsec(tree, "sink", reply) : NULL;

	if (!reply || (to && section_sink_replies(to) && section_sink_type(to) && !section_sink_type(to)->answers))
		return true;
	cfg_error(schema_at(sink, "reply", reply), "sink \"%s\": reply = \"%s\": there is no such sink of the type \"http\", "
		"or it has no {{hookspool.reply}} in its body; conf-examples/sinks/assistant.conf shows one", cfg_title(sink), reply);
	return false;
}

static bool has_word(cfg_t *sec, const char *option, const char *word)
{
	for (unsigned i = 0; i < cfg_size(sec, option); i++)
		if (strcmp(cfg_getnstr(sec, option, i), word) == 0)
			return true;
	return false;
}

/* A program is given what strangers write, and must not be able to sign as their provider. */
static bool check_environment(cfg_t *tree, cfg_t *sink)
{
	for (unsigned i = 0; i < cfg_size(sink, "environment"); i++) {
		const char *name = cfg_getnstr(sink, "environment", i);

		for (unsigned k = 0; k < cfg_size(tree, "endpoint"); k++) {
			cfg_t *endpoint = cfg_getnsec(tree, "endpoint", k);

			if (!has_word(endpoint, "secret-env", name) && !has_word(endpoint, "authorization-env", name) &&
			    !has_word(endpoint, "verify-token-env", name))
				continue;
			cfg_error(schema_at(sink, "environment", name), "sink \"%s\": environment: %s is a secret of endpoint \"%s\"; remove it",
				cfg_title(sink), name, cfg_title(endpoint));
			return false;
		}
	}
	return true;
}

bool schema_check_links(cfg_t *tree)
{
	for (unsigned i = 0; i < cfg_size(tree, "sink"); i++)
		if (!check_reply(tree, cfg_getnsec(tree, "sink", i)) || !check_environment(tree, cfg_getnsec(tree, "sink", i)))
			return false;
	for (unsigned i = 0; i < cfg_size(tree, "endpoint"); i++)
		if (!check_sinks(tree, cfg_getnsec(tree, "endpoint", i), "relay", NULL) ||
		    !check_sinks(tree, cfg_getnsec(tree, "endpoint", i), "store", "relay"))
			return false;
	return true;
}
