/* SPDX-License-Identifier: ISC */
/*
 * The engine that holds a spool: SQLite (src/spool/sqlite), or another one. Included by src/spool/ alone.
 *
 * An engine is a table of functions. The queries in src/spool/query/ are the same for every engine: they use stmt.h. A function whose
 * work is different for each engine is a member of the table. Unless its comment says otherwise, one that returns a bool returns
 * false on a failure, with the reason in the connection.
 */
#ifndef SPOOL_ENGINE_H
#define SPOOL_ENGINE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"
#include "spool/inspect.h"

struct spool_event;
struct spool_server;
struct spool_receiver_ops;
struct spool_relaying;

enum { SPOOL_DB_KEPT = 24 /* statements of spool_stmt_keep() */ };

enum spool_step { SPOOL_ERROR, SPOOL_ROW, SPOOL_DONE };

/* A statement. An engine's own struct begins with this one. */
struct spool_stmt {
	struct spool_db *db;
};

struct spool_engine {
	const struct spool_receiver_ops *receiver; /* what the receiver does with it: spool/receiver.h */
	const struct spool_relaying *relaying;     /* what the relay does: spool/relaying.h */
	bool ledger;    /* keys of events are in the table event_key, and stay there; otherwise deletion moves them to the table purged */
	int rows;       /* events that one statement reads at most: those of one round trip */
	bool copies;    /* a statement's rows are a copy in memory: its reading holds nothing up */

	bool (*exists)(const char *place); /* spool_db_exists(), of an engine whose places are directories */

	/* Of spool_db_open(): db is zeroed but for housekeeping, or was closed, and is closed after an error. */
	bool (*open)(struct spool_db *db, const char *place, enum journal journal, enum spool_access access);
	void (*close)(struct spool_db *db);

	/* Transactions that write: spool_db_begin() has what they do. */
	bool (*begin)(struct spool_db *db, bool urgent);
	bool (*commit)(struct spool_db *db);
	void (*end)(struct spool_db *db);
	bool (*durable)(struct spool_db *db, bool on); /* whether a commit waits until it is on stable storage; after open() it does */

	/* The same for transactions that delete: spool_delete_begin(). vacuum() gives room back before the commit. */
	bool (*begin_deletion)(struct spool_db *db, bool *low);
	void (*end_deletion)(struct spool_db *db, bool low);
	bool (*vacuum)(struct spool_db *db);
	bool (*wipe)(struct spool_db *db); /* spool_delete_wipe() */
	void (*rest)(struct spool_db *db); /* when the keeper has made a pass: SQLite makes the reserve on its disk anew */

	/* Stores an event inside the caller's transaction, as spool_put() does. */
	bool (*put)(struct spool_db *db, struct spool_event *ev);

	/* Statements: stmt.h has what they do. exec() runs several of them, without parameters and results. */
	bool (*exec)(struct spool_db *db, const char *sql);
	struct spool_stmt *(*prepare)(struct spool_db *db, const char *sql, bool kept); /* NULL on a failure */
	void (*bind_int)(struct spool_stmt *st, int parameter, int64_t value);
	void (*bind_text)(struct spool_stmt *st, int parameter, struct slice text);
	void (*bind_blob)(struct spool_stmt *st, int parameter, struct slice bytes);
	enum spool_step (*step)(struct spool_stmt *st);
	int64_t (*column_int)(struct spool_stmt *st, int column);
	struct slice (*column_bytes)(struct spool_stmt *st, int column); /* p == NULL: no value; of an empty one p may be NULL too */
	const char *(*column_text)(struct spool_stmt *st, int column);   /* NULL: no value */
	bool (*column_is_null)(struct spool_stmt *st, int column);
	bool (*column_is_text)(struct spool_stmt *st, int column); /* spool_stmt_stored_text() */
	void (*reset)(struct spool_stmt *st);
	void (*free)(struct spool_stmt *st);
	int64_t (*changes)(struct spool_db *db);
	void (*fail)(struct spool_db *db); /* keeps the engine's reason for the last failure of a statement */

	/* What db.h, view.h, totals.h, inspect.h and ended.h say of the functions that call them. */
	void (*snapshot)(struct spool_db *db, bool on);
	int64_t (*version)(struct spool_db *db);
	bool (*settled)(struct spool_db *db, int64_t *id);
	bool (*moved)(struct spool_db *db);
	void (*bound)(struct spool_db *db, const int64_t *deadline);
	void (*disk)(struct spool_db *db, int64_t *bytes, int64_t *free_bytes);
	bool (*count_ended)(struct spool_db *db);
	bool (*try_to_write)(struct spool_db *db);
	int64_t (*size)(struct spool_db *db);
	bool (*inspect)(struct spool_db *db, bool deep, struct spool_faults *faults);
	void (*inspect_bodies)(struct spool_db *db, struct spool_faults *faults, struct spool_faults *left); /* NULL: it has no such files */
	bool (*look)(struct spool_db *db, struct spool_server *server); /* spool_server_look(); NULL: the engine has no server */
};

extern const struct spool_engine spool_sqlite_engine;

/* An engine of a module. SPOOL_ABI changes with this header, receiver.h, and the functions of engine.syms. */
enum { SPOOL_ABI = 2 };

struct spool_module {
	unsigned abi;
	const char *version; /* PACKAGE_VERSION */
	const struct spool_engine *engine;
};

/* The engine of the spool at that place. NULL with the reason in why: its module is missing, or can't be used. */
const struct spool_engine *spool_engine_find(const char *place, char *why, size_t why_size);

struct spool_db {
	const struct spool_engine *engine; /* NULL: it was never opened */
	struct {
		const char *sql;
		struct spool_stmt *st;
	} kept[SPOOL_DB_KEPT];
	const atomic_bool *halt; /* NULL, or true once long work shall end between two of its transactions; set before it is opened */
	bool housekeeping; /* set before it is opened: no transaction of this handle is urgent */
	int64_t wait_until; /* clock_mono_us() until which an urgent transaction waits for the lock; 0: for 8 s; the caller sets it */
	bool contended; /* the lock was held by another process when it was last asked for */
	bool counts_ended; /* ended.h */
	enum spool_error kind;
	char error[PATH_MAX + 256]; /* stays when it is closed */

	void *of_engine; /* what an engine of a module has of its own */

	/* SQLite's */
	struct sqlite3 *sql;
	int dir_fd, lock_fd;
	int wal_pages; /* in the WAL after the last commit of this connection */
	bool wal;      /* the journal is a write-ahead log */
	bool dirty;    /* under the lock: the dirty flag as it is in the lock's file */
	bool fsync_failed; /* of this process or an earlier one: the disk may lack what can be read, until spool_repair() */
	int64_t segment; /* whose file is open for reading, in segment_fd; 0: none */
	int segment_fd;
	int relay_lock_fd; /* of spool_relay_lock(): -1: not taken; open until spool_db_free() */
};

/* Keeps a reason in the connection, for spool_db_error(). Returns false. */
bool spool_db_fail(struct spool_db *db, enum spool_error kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Closes what is open. SQLite's never checkpoints: that would race another process's commit. */
void spool_db_close(struct spool_db *db);

/*
 * Begins a write transaction. With SQLite under the lock of all processes: waits for it 8 s for events and commands (urgent), 1 s for
 * housekeeping, and 1 s for anything after an urgent wait of this process timed out. Repairs first what a failed fsync left. A connection
 * without a commit checkpoints, where the WAL is long.
 * After an error nothing is held. After true, spool_db_end() must follow.
 */
bool spool_db_begin(struct spool_db *db, bool urgent);

/* Commits. A lock stays held until spool_db_end(). After an error nothing was committed. */
bool spool_db_commit(struct spool_db *db);

/*
 * Rolls back what was not committed. With SQLite it also repairs what a failed fsync left, checkpoints when the WAL is long, and
 * releases the lock. db->fsync_failed stays set where the disk still fails.
 */
void spool_db_end(struct spool_db *db);

/* Sets whether a commit waits until it is on stable storage; after spool_db_open() it does, but for SPOOL_RELAY. */
bool spool_db_durable(struct spool_db *db, bool on);

#endif
