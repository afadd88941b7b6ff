/* SPDX-License-Identifier: ISC */
/* Inspects a spool for `hookspool check`: its engine does. */
#include "spool/inspect.h"

#include "spool/engine.h"
#include "spool/server.h"

bool spool_inspect_write(struct spool_db *db)
{
	return db->engine->try_to_write(db);
}

int64_t spool_inspect_size(struct spool_db *db)
{
	return db->engine->size(db);
}

bool spool_inspect_pages(struct spool_db *db, bool deep, struct spool_faults *faults)
{
	return db->engine->inspect(db, deep, faults);
}

bool spool_inspect_bodies(struct spool_db *db, struct spool_faults *faults, struct spool_faults *left)
{
	faults->n = left->n = 0;
	if (db->engine->inspect_bodies)
		db->engine->inspect_bodies(db, faults, left);
	return faults->n == 0 && left->n == 0;
}

bool spool_server_look(struct spool_db *db, struct spool_server *server)
{
	return db->engine->look(db, server);
}
