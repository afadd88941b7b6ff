/* SPDX-License-Identifier: ISC */
/* What a PostgreSQL server says of itself. */
#include "spool/postgresql/server.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/clock.h"
#include "spool/stmt.h"

static const char facts[] =
	"SELECT current_setting('server_version'), current_setting('server_version_num')::bigint, coalesce(host(inet_server_addr()), ''),"
	" coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),"
	" current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',"
	" current_setting('synchronous_commit'),"
	" (SELECT count(*) FROM pg_stat_replication),"
	" (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')),"
	" current_setting('synchronous_standby_names'), pg_has_role('pg_read_all_stats', 'USAGE'),"
	" coalesce((SELECT string_agg(name, ', ') FROM unnest(ARRAY['spool', 'event', 'event_key', 'reject', 'counter', 'relay', 'relayer',"
	"  'attempt', 'ended', 'conversation', 'program', 'retention', 'catchup', 'catchup_item', 'pause', 'alert', 'came']) AS name"
	"  WHERE NOT (has_table_privilege(name, 'SELECT') AND has_table_privilege(name, 'INSERT')"
	"  AND has_table_privilege(name, 'UPDATE') AND has_table_privilege(name, 'DELETE'))), '')";

/* The time is the answer's alone, so that only the way to the server makes it unsure. */
static bool look_at_clock(struct spool_db *db, struct spool_server *s)
{
	struct spool_stmt *st;
	int64_t before = clock_now(), after;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	after = clock_now();
	s->unsure_ms = after - before;
	s->ahead_ms = spool_stmt_int64(st, 0) - (before + s->unsure_ms / 2);
	spool_stmt_free(st);
	return ok;
}

bool pg_server_look(struct spool_db *db, struct spool_server *s)
{
	struct spool_stmt *st;
	bool ok;

	*s = (struct spool_server){0};
	if (!spool_stmt_prepare(db, facts, &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	if (ok) {
		snprintf(s->version, sizeof s->version, "%s", spool_stmt_text(st, 0));
		s->version_number = spool_stmt_int64(st, 1);
		snprintf(s->address, sizeof s->address, "%s", spool_stmt_text(st, 2));
		s->encrypted = spool_stmt_int64(st, 3);
		s->fsync = spool_stmt_int64(st, 4);
		s->full_page_writes = spool_stmt_int64(st, 5);
		snprintf(s->synchronous_commit, sizeof s->synchronous_commit, "%s", spool_stmt_text(st, 6));
		s->standbys = spool_stmt_int64(st, 7);
		s->synchronous = spool_stmt_int64(st, 8);
		snprintf(s->names, sizeof s->names, "%s", spool_stmt_text(st, 9));
		snprintf(s->missing, sizeof s->missing, "%s", spool_stmt_text(st, 11));
		s->sees = spool_stmt_int64(st, 10);
	}
	spool_stmt_free(st);
	return ok && look_at_clock(db, s);
}
