/* SPDX-License-Identifier: ISC */
/* hookspool --version: the version, and the types of sinks that this hookspool can send to. */
#include "config.h"

#include <stdio.h>

#include "cli/cli.h"
#include "sink/module.h"

static bool is_built_in(const struct sink_type *type)
{
	return !type->package && sink_driver_find(type->name);
}

static bool is_module(const struct sink_type *type)
{
	return type->package && sink_module_is_there(type);
}

static void print_types(const char *what, bool (*is)(const struct sink_type *type))
{
	bool any = false;

	printf("%s:", what);
	for (const struct sink_type *const *t = sink_types; *t; t++)
		if (is(*t)) {
			printf(" %s", (*t)->name);
			any = true;
		}
	puts(any ? "" : " none");
}

void cli_print_version(void)
{
	puts(PACKAGE_STRING);
	print_types("sinks", is_built_in);
	print_types("modules", is_module);
}
