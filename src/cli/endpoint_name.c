/* SPDX-License-Identifier: ISC */
/* The names that the configuration gives to endpoints, for people. */
#include "cli/endpoint_name.h"

#include <stdio.h>
#include <string.h>

#include "cli/terminal.h"

const struct endpoint *endpoint_name_find(const struct conf *conf, struct slice path)
{
	for (const struct endpoint *e = conf->endpoints; path.p && e < conf->endpoints + conf->n_endpoints; e++)
		if (strlen(e->path) == path.n && memcmp(e->path, path.p, path.n) == 0)
			return e;
	return NULL;
}

struct slice endpoint_name(const struct conf *conf, struct slice path)
{
	const struct endpoint *e = endpoint_name_find(conf, path);

	return e && e->name ? slice_text(e->name) : (struct slice){0};
}

bool endpoint_name_any(const struct conf *conf)
{
	for (const struct endpoint *e = conf->endpoints; e < conf->endpoints + conf->n_endpoints; e++)
		if (e->name)
			return true;
	return false;
}

void endpoint_name_print(const struct conf *conf, struct slice path)
{
	struct slice name = endpoint_name(conf, path);

	terminal_print(stdout, path, 0);
	if (!name.p)
		return;
	fputs(" (", stdout);
	terminal_print(stdout, name, 0);
	putchar(')');
}
