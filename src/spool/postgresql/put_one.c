/* SPDX-License-Identifier: ISC */
/* Stores one event inside the transaction of a connection, as put.h does for the receiver. */
#include "spool/postgresql/put_one.h"

#include "spool/postgresql/link.h"
#include "spool/postgresql/put_sql.h"
#include "spool/postgresql/put_transaction.h"

/* NULL on a failure, whose reason is in the connection. */
static PGresult *run_put(struct spool_db *db, enum put_statement which, const struct pg_array *array)
{
	const char *values[BATCH_COLUMNS];
	int lengths[BATCH_COLUMNS], formats[BATCH_COLUMNS];

	for (int i = 0; i < put_sql[which].n; i++) {
		values[i] = array[i].bytes.data;
		lengths[i] = (int)array[i].bytes.len;
		formats[i] = 1;
	}
	return pg_link_exec(db, put_sql[which].text, &(struct pg_values){put_sql[which].n, put_sql[which].types, values, lengths, formats});
}

static bool pass_put(struct spool_db *db, enum put_statement which, const struct pg_array *array)
{
	PGresult *r = array->n ? run_put(db, which, array) : NULL;
	bool ok = r || !array->n;

	PQclear(r);
	return ok;
}

static bool take_one(struct spool_db *db, struct put_rows *rows, struct spool_event *ev)
{
	struct spool_event *next = ev->next;
	PGresult *salt = pg_link_exec(db, "SELECT salt FROM spool", &(struct pg_values){0});
	bool ok = salt && PQntuples(salt) == 1;

	ev->next = NULL;
	ev->settled = false;
	*ev->once = '\0';
	if (ok && !(put_rows_take(rows, &(struct spool_batch){.events = ev}, (struct slice){PQgetvalue(salt, 0, 0), (size_t)PQgetlength(salt, 0, 0)}) &&
	    put_rows_fill(rows, 0, 1)))
		ok = spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
	ev->next = next;
	PQclear(salt);
	return ok;
}

bool pg_put_one(struct spool_db *db, struct spool_event *ev)
{
	struct put_rows rows = {0};
	PGresult *r = NULL;
	bool ok = take_one(db, &rows, ev) && pass_put(db, PUT_LOCK_BYTES, &rows.lock) && pass_put(db, PUT_CLEAR_WINDOW, rows.window) &&
		pass_put(db, PUT_ADD_KEYS, rows.column);

	if (ok)
		r = run_put(db, rows.column[BATCH_RELAY_EVENT].n ? PUT_ADD_RELAYED : PUT_ADD_EVENTS, rows.column);
	ok = r && PQntuples(r) == 1 && pass_put(db, PUT_ACCEPT, &rows.accepted);
	if (ok)
		put_transaction_take_row(ev, r, 0);
	PQclear(r);
	put_rows_free(&rows);
	return ok;
}
