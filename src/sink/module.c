/* SPDX-License-Identifier: ISC */
/* Loads drivers from modules. */
#include "config.h"
#include "sink/module.h"

#include <stdio.h>
#include <string.h>

#include "core/module.h"

static bool is_of(const struct sink_module *m, const struct sink_type *type)
{
	return m->abi == SINK_ABI && strcmp(m->version, PACKAGE_VERSION) == 0 && strcmp(m->driver->type, type->name) == 0;
}

const struct sink_driver *sink_module_load(const struct sink_type *type, char *why, size_t n)
{
	const struct sink_module *module;
	char path[MODULE_PATH];

	if (!module_find(type->name, path)) {
		if (*path)
			snprintf(why, n, "type = \"%s\" needs the module %s, which is not there: apt-get install %s, or build with %s and ./configure --with-%s",
				type->name, path, type->package, type->library, type->name);
		else
			snprintf(why, n, "type = \"%s\" needs a module, and this hookspool was built without modules: leave out ./configure --disable-modules",
				type->name);
		return NULL;
	}
	module = module_load(type->name, "hookspool_sink", why, n);
	if (module && is_of(module, type))
		return module->driver;
	if (module)
		snprintf(why, n, "%s is no module of hookspool " PACKAGE_VERSION "; install %s of that version", path, type->package);
	return NULL;
}

bool sink_module_is_there(const struct sink_type *type)
{
	char path[MODULE_PATH];

	return module_find(type->name, path);
}
