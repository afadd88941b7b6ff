/* SPDX-License-Identifier: ISC */
/*
 * SQLite's transactions for the receiver: those of events, which wait for the disk, and those of statistics.
 *
 * The fsync is SQLite's, in the commit of a transaction: PRAGMA synchronous in fsync.c decides. The counters' have none.
 */
#include "spool/receiver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "spool/sqlite/db.h"
#include "spool/sqlite/fsync.h"
#include "spool/query/stats.h"
#include "spool/sqlite/inspect.h"
#include "spool/sqlite/store.h"

struct committer {
	struct spool_receiver head;
	char *dir;
	enum journal journal;
	enum spool_access access;
	struct spool_db db;
	bool open;
	struct spool_store store;
	struct spool_append append;
};

static struct committer *committer_of(struct spool_receiver *r)
{
	return (struct committer *)(void *)r;
}

static struct spool_receiver *new_committer(const char *dir, enum journal journal, enum spool_access access)
{
	struct committer *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->dir = strdup(dir);
	if (!s->dir) {
		free(s);
		return NULL;
	}
	s->head.ops = &spool_sqlite_receiver;
	s->journal = journal;
	s->access = access;
	return &s->head;
}

static void close_db(struct committer *s)
{
	if (!s->open)
		return;
	spool_append_close(&s->append);
	spool_store_close(&s->store);
	spool_db_close(&s->db);
	s->open = false;
}

static void close_committer(struct spool_receiver *r)
{
	struct committer *s = committer_of(r);

	close_db(s);
	free(s->dir);
	free(s);
}

/* Copies the reason of the handle's failure. Returns false. */
static bool tell_error(const struct committer *s, char *why, size_t n)
{
	snprintf(why, n, "%s", spool_db_error(&s->db));
	return false;
}

/* Opens the database, anew where its file was moved away: an event in a deleted file is lost. */
static bool open_committer(struct spool_receiver *r, char *why, size_t n)
{
	struct committer *s = committer_of(r);

	if (s->open && !spool_db_moved(&s->db))
		return true;
	close_db(s);
	if (!spool_db_open(&s->db, s->dir, s->journal, s->access))
		return tell_error(s, why, n);
	s->open = true;
	s->append.db = &s->db;
	if (spool_store_open(&s->store, s->db.sql))
		return true;
	snprintf(why, n, "%s: %s", s->dir, sqlite3_errmsg(s->db.sql));
	close_db(s);
	return false;
}

/* Whether a commit waits for the disk. Counters alone are not worth an fsync: the next event's commit covers them. */
enum durability { LAZY, DURABLE };

/*
 * Begins a transaction, which waits for the lock until then, clock_mono_us(); 0: for 8 s; a lazy one 1 s, also to open the database.
 * end_transaction() must follow. False with the reason in why.
 */
static bool begin_transaction(struct committer *s, enum durability d, int64_t until, char *why, size_t n)
{
	bool ok;

	s->db.wait_until = d == LAZY ? clock_mono_us() : until;
	ok = open_committer(&s->head, why, n);
	if (ok && d == LAZY && !spool_fsync_commits(&s->db, false)) {
		snprintf(why, n, "%s: %s", s->dir, sqlite3_errmsg(s->db.sql));
		ok = false;
	}
	ok = ok && (spool_db_begin(&s->db, d == DURABLE) || tell_error(s, why, n));
	if (!ok)
		close_db(s);
	return ok;
}

/*
 * Ends a transaction. A handle that failed is closed, and the next transaction opens it again: SQLite goes over to read-only, for
 * good, where it could not open a file for writing.
 */
static void end_transaction(struct committer *s, enum durability d, bool ok)
{
	spool_db_end(&s->db);
	if (!ok || s->db.fsync_failed || (d == LAZY && !spool_fsync_commits(&s->db, true)))
		close_db(s);
}

/* True when the batch has so many bytes of long bodies that writing them once is worth a sync. */
static bool is_long(const struct spool_batch *queue)
{
	size_t bytes = 0;

	for (const struct spool_batch *b = queue; b; b = b->next)
		for (const struct spool_event *ev = b->events; ev; ev = ev->next)
			bytes += ev->body.n >= SPOOL_SEGMENT_LEAST && !ev->settled ? ev->body.n : 0;
	return bytes >= SPOOL_SEGMENT_BATCH;
}

static bool store_events(struct committer *s, const struct spool_batch *queue, char *why, size_t n)
{
	bool ok = spool_store_begin(&s->store);

	s->store.append = is_long(queue) ? &s->append : NULL;

	for (const struct spool_batch *b = queue; ok && b; b = b->next)
		for (struct spool_event *ev = b->events; ok && ev; ev = ev->next)
			ok = ev->settled || spool_store_put(&s->store, ev);
	if (!ok && s->append.failed)
		return tell_error(s, why, n);
	if (!ok)
		snprintf(why, n, "store: %s", sqlite3_errmsg(s->db.sql));
	return ok;
}

/* All events are stored, or none is. */
static bool put_events(struct spool_receiver *r, const struct spool_batch *queue, int64_t until, bool *relayed, char *why, size_t n)
{
	struct committer *s = committer_of(r);
	bool ok;

	if (!begin_transaction(s, DURABLE, until, why, n))
		return false;
	/* a row must not be on the disk before its body */
	ok = store_events(s, queue, why, n) && ((spool_append_sync(&s->append) && spool_db_commit(&s->db)) || tell_error(s, why, n));
	spool_append_end(&s->append, ok);
	*relayed = ok && s->store.relayed;
	s->store.relayed = false;
	end_transaction(s, DURABLE, ok);
	return ok;
}

static bool write_stats(struct spool_receiver *r, const struct spool_stats *stats)
{
	struct committer *s = committer_of(r);
	char why[256];
	bool ok;

	if (!begin_transaction(s, LAZY, 0, why, sizeof why))
		return false;
	ok = spool_stats_write(stats, &s->db) && spool_db_commit(&s->db);
	end_transaction(s, LAZY, ok);
	return ok;
}

static bool try_to_write(struct spool_receiver *r, char *why, size_t n)
{
	struct committer *s = committer_of(r);
	int rc;

	if (!begin_transaction(s, LAZY, 0, why, n))
		return false;
	rc = spool_inspect_pages_try(s->db.sql);
	if (rc != SQLITE_OK)
		snprintf(why, n, "probe: %s", sqlite3_errstr(rc));
	end_transaction(s, LAZY, rc == SQLITE_OK);
	return rc == SQLITE_OK;
}

const struct spool_receiver_ops spool_sqlite_receiver = {
	.new = new_committer,
	.close = close_committer,
	.open = open_committer,
	.put = put_events,
	.write = write_stats,
	.probe = try_to_write,
};
