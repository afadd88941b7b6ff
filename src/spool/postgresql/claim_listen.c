/* SPDX-License-Identifier: ISC */
/* How relays hear of events from machines that have none: receivers notify a channel of the server. A relay that hears nothing looks each second. */
#include "spool/postgresql/claim.h"
#include "spool/postgresql/link.h"
#include "spool/postgresql/put_sql.h"

/* A pooler gives out numbers of its own: what listens is one of its connections, which the next transaction does not have. */
static bool is_direct(struct spool_db *db)
{
	PGresult *r = pg_link_exec(db, "SELECT pg_catalog.pg_backend_pid()", &(struct pg_values){0});
	bool direct = r && PQntuples(r) == 1 && pg_claim_number(r, 0, 0) == PQbackendPID(pg_link_of(db)->connection);

	PQclear(r);
	return direct;
}

int pg_claim_listen(struct spool_db *db)
{
	if (!is_direct(db) || !pg_link_run(db, "LISTEN " PUT_CHANNEL))
		return -1;
	return PQsocket(pg_link_of(db)->connection);
}

bool pg_claim_heard(struct spool_db *db)
{
	const struct pg_link *l = pg_link_of(db);
	PGnotify *told;

	if (!l->connection || !PQconsumeInput(l->connection))
		return false;
	while ((told = PQnotifies(l->connection)))
		PQfreemem(told);
	return PQstatus(l->connection) == CONNECTION_OK;
}
