/* SPDX-License-Identifier: ISC */
/* Finds the engine of a spool by the form of its place. */
#include "config.h"

#include "spool/engine.h"

#include <stdio.h>
#include <string.h>

#include "conf/place.h"
#include "core/module.h"

#define MODULE "spool-postgresql"

const struct spool_engine *spool_engine_find(const char *place, char *why, size_t n)
{
	const struct spool_module *m;
	char path[MODULE_PATH];

	if (!place_is_server(place))
		return &spool_sqlite_engine;
	if (!module_find(MODULE, path)) {
		snprintf(why, n, "a spool of PostgreSQL needs the module %s, which is not there: apt-get install hookspool-postgresql, or build with "
			"libpq-dev and ./configure --with-postgresql", *path ? path : MODULE);
		return NULL;
	}
	m = module_load(MODULE, "hookspool_spool", why, n);
	if (m && m->abi == SPOOL_ABI && strcmp(m->version, PACKAGE_VERSION) == 0)
		return m->engine;
	if (m)
		snprintf(why, n, "%s is no module of hookspool " PACKAGE_VERSION "; install hookspool-postgresql of that version", path);
	return NULL;
}
