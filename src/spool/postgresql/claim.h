/* SPDX-License-Identifier: ISC */
/*
 * Relays on several machines: each row of relay is one relay process's for the time of an attempt.
 *
 *   relayer        the relay processes, each with the end of its lease by the server's clock; it renews it with each beat
 *   relay.holder   the relay process that has claimed the row; it counts while that process's lease goes on
 *
 * A process whose lease has ended finds out before it sends: its rows are another one's. A row is given back with its result.
 */
#ifndef SPOOL_CLAIM_H
#define SPOOL_CLAIM_H

#include <libpq-fe.h>

#include "spool/postgresql/array.h"
#include "spool/relaying.h"

extern const struct spool_relaying spool_postgresql_relaying;

/* SQL: the time by the server's clock, in ms since the epoch. */
#define CLAIM_NOW "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

/* SQL: this process may claim the row `r`: it holds the row, or no live process does. $1 is this process. */
#define CLAIM_IS_FREE "(r.holder IN (0, $1) OR NOT EXISTS(SELECT 1 FROM relayer AS h WHERE h.id = r.holder AND h.until > " CLAIM_NOW "))"

/* Makes this process known, where it is not. */
bool pg_claim_enter(struct spool_db *db);

/* Gives back all that this process has claimed. */
void pg_claim_leave(struct spool_db *db);

/* Gives back rows that are not sent. */
bool pg_claim_release(struct spool_db *db, const int64_t *relay, size_t n);

/* Runs a statement whose first parameter is this process, and the others are arrays. NULL with the reason in the connection. */
PGresult *pg_claim_run(struct spool_db *db, const char *sql, struct pg_array *array, size_t n);

/* Fills two arrays of numbers with the keys: the ids of the relays, and those of their events. */
void pg_claim_add_keys(struct pg_array *arrays, const struct spool_relay_key *keys, size_t n);

/* The number in a column of a result with binary values. */
int64_t pg_claim_number(const PGresult *r, int row, int column);

/* Of spool_relay_due() and those behind it, in claim_read.c */
struct spool_relay_iter *pg_claim_due(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from,
	spool_relay_skip *skip, const void *ctx);
struct spool_relay_iter *pg_claim_find(struct spool_db *db, const struct spool_relay_key *keys, size_t n);
bool pg_claim_next(struct spool_relay_iter *it, struct spool_relay_row *row);
bool pg_claim_end(struct spool_relay_iter *it, struct spool_relay_cursor *cursor, bool *more);

/* Of spool_relay_listen(), in claim_listen.c */
int pg_claim_listen(struct spool_db *db);
bool pg_claim_heard(struct spool_db *db);

/* The results, in claim_record.c */
bool pg_claim_record(struct spool_db *db, const struct spool_attempt *first);

#endif
