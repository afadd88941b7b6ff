/* SPDX-License-Identifier: ISC */
/* PostgreSQL as an engine of the spool: the module's object. */
#include "config.h"

#include "spool/engine.h"

#include "spool/postgresql/claim.h"
#include "spool/postgresql/db.h"
#include "spool/postgresql/link.h"
#include "spool/postgresql/put_one.h"
#include "spool/postgresql/receiver.h"
#include "spool/postgresql/server.h"
#include "spool/postgresql/stmt.h"

static const struct spool_engine postgresql_engine = {
	.ledger = true, .rows = 32, .copies = true,
	.receiver = &spool_postgresql_receiver,
	.relaying = &spool_postgresql_relaying,
	.open = pg_db_open, .close = pg_db_close,
	.put = pg_put_one,
	.begin = pg_db_begin, .commit = pg_db_commit, .end = pg_db_end, .durable = pg_db_durable,
	.begin_deletion = pg_db_begin_deletion, .end_deletion = pg_db_end_deletion, .vacuum = pg_db_nothing, .wipe = pg_db_nothing, .rest = pg_db_rest,
	.exec = pg_link_run, .prepare = pg_stmt_prepare, .bind_int = pg_stmt_bind_int, .bind_text = pg_stmt_bind_bytes,
	.bind_blob = pg_stmt_bind_bytes, .step = pg_stmt_step, .column_int = pg_stmt_int, .column_bytes = pg_stmt_bytes,
	.column_text = pg_stmt_text, .column_is_null = pg_stmt_is_null, .column_is_text = pg_stmt_is_text,
	.reset = pg_stmt_reset, .free = pg_stmt_free, .changes = pg_stmt_changes, .fail = pg_db_fail,
	.snapshot = pg_db_snapshot, .version = pg_db_version, .settled = pg_db_settled, .moved = pg_db_moved, .bound = pg_db_bound,
	.disk = pg_db_disk, .count_ended = pg_db_nothing, .try_to_write = pg_db_try, .size = pg_db_size, .inspect = pg_db_inspect, .look = pg_server_look,
};

extern const struct spool_module hookspool_spool;
__attribute__((visibility("default"))) const struct spool_module hookspool_spool = {SPOOL_ABI, PACKAGE_VERSION, &postgresql_engine};
