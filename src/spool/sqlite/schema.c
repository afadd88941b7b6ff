/* SPDX-License-Identifier: ISC */
/* The tables of a spool: how they are made, how an older spool is migrated, and whether a file has them and nothing else. */
#include "spool/sqlite/schema.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spool/sqlite/append.h"
#include "spool/sqlite/dir.h"
#include "spool/sqlite/hash.h"
#include "spool/sqlite/segment.h"
#include "spool/sqlite/trust.h"

/* Entry n migrates from version n to version n + 1. */
static const char *const migrations[SPOOL_SCHEMA_VERSION] = {
	"CREATE TABLE event("
	" id INTEGER PRIMARY KEY,"
	" received_at INTEGER NOT NULL,"
	" endpoint TEXT NOT NULL,"
	" secret INTEGER NOT NULL,"
	" event TEXT NOT NULL,"
	" key TEXT, account TEXT, sender_id TEXT, sender_name TEXT, conversation TEXT, sent_at TEXT,"
	" remote_addr TEXT,"
	" headers TEXT NOT NULL,"
	" body BLOB NOT NULL);"
	/* Providers' ids begin with a time or a counter, so that this index grows at its end. Hashes would be inserted anywhere,
	   and rewrite another page for each event. */
	"CREATE UNIQUE INDEX event_key ON event(endpoint, key) WHERE key IS NOT NULL;"
	/* No id is used twice, as with AUTOINCREMENT, but without a write for each event. */
	"CREATE TABLE deleted(last_id INTEGER NOT NULL);"
	"INSERT INTO deleted VALUES(0);"
	"CREATE TRIGGER event_deleted AFTER DELETE ON event WHEN NOT EXISTS(SELECT 1 FROM event WHERE id > old.id)"
	" BEGIN UPDATE deleted SET last_id = max(last_id, old.id); END;"
	"CREATE TABLE reject("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" received_at INTEGER NOT NULL,"
	" endpoint TEXT,"
	" code TEXT NOT NULL,"
	" reason TEXT,"
	" bytes INTEGER NOT NULL,"
	" remote_addr TEXT,"
	" body BLOB);"
	"CREATE TABLE counter("
	" endpoint TEXT NOT NULL, code TEXT NOT NULL, secret INTEGER NOT NULL,"
	" n INTEGER NOT NULL, last_at INTEGER NOT NULL,"
	" PRIMARY KEY(endpoint, code, secret)) WITHOUT ROWID;",

	/* The keys of purged events, while the sender may still deliver them again. */
	"CREATE TABLE purged("
	" endpoint TEXT NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, received_at INTEGER NOT NULL,"
	" PRIMARY KEY(endpoint, key)) WITHOUT ROWID;"
	"CREATE INDEX purged_at ON purged(received_at);"
	"ALTER TABLE reject ADD COLUMN headers TEXT;"
	"CREATE INDEX reject_at ON reject(received_at);"
	"CREATE INDEX reject_body ON reject(id) WHERE body IS NOT NULL;"
	/* Counters name a secret by its id now. Its number, which was used before, changed when a secret was added. */
	"CREATE TEMP TABLE sums AS SELECT endpoint, code, sum(n) AS n, max(last_at) AS last_at FROM counter GROUP BY endpoint, code;"
	"DELETE FROM counter;"
	"INSERT INTO counter SELECT endpoint, code, 0, n, last_at FROM sums;"
	"DROP TABLE sums;",

	/* A relay is one event for one sink: pending (0), delivered (1) or dead (2). */
	"CREATE TABLE relay("
	" id INTEGER PRIMARY KEY,"
	" event INTEGER NOT NULL,"
	" sink TEXT NOT NULL,"
	" state INTEGER NOT NULL,"
	" since INTEGER NOT NULL," /* when the retry schedule began */
	" due INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL,"
	" conversation TEXT);" /* of an ordered sink, which sends one event at a time for each */
	"CREATE INDEX relay_event ON relay(event);"
	"CREATE INDEX relay_due ON relay(sink, due, id) WHERE state = 0;"
	"CREATE INDEX relay_conversation ON relay(sink, conversation, id) WHERE state = 0 AND conversation IS NOT NULL;"
	"CREATE TABLE attempt("
	" id INTEGER PRIMARY KEY,"
	" relay INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" ms INTEGER NOT NULL,"
	" status INTEGER NOT NULL," /* HTTP status; 0: no answer */
	" error TEXT,"
	" answer BLOB);"
	"CREATE INDEX attempt_relay ON attempt(relay);"
	/* A part of the ids that sinks see, \"evt_NAME_ID\": they differ from those of other spools. */
	"CREATE TABLE spool(name TEXT NOT NULL);"
	"INSERT INTO spool VALUES(lower(hex(randomblob(4))));",

	"ALTER TABLE relay ADD COLUMN judge INTEGER NOT NULL DEFAULT 0;" /* 1: the sink's filters have not seen the event yet */
	"ALTER TABLE relay ADD COLUMN reply TEXT;" /* sent to the event's conversation, in place of the event */
	"ALTER TABLE relay ADD COLUMN sending INTEGER NOT NULL DEFAULT 0;" /* when the attempt to send a reply began; 0: none is under way */
	"CREATE INDEX relay_sending ON relay(id) WHERE sending <> 0;"
	/* The first event of each conversation and the time of its last, for first-message; complete up to the event spool.conversations. */
	"CREATE TABLE conversation("
	" endpoint TEXT NOT NULL, conversation TEXT NOT NULL, event INTEGER NOT NULL, last_at INTEGER NOT NULL,"
	" PRIMARY KEY(endpoint, conversation)) WITHOUT ROWID;"
	"ALTER TABLE spool ADD COLUMN conversations INTEGER NOT NULL DEFAULT 0;",

	/* 5, of release 0.2 */
	"ALTER TABLE event ADD COLUMN note TEXT;" /* for the reader of the event; NULL: none */
	"ALTER TABLE event ADD COLUMN digest BLOB;" /* SHA-256 of spool_key_bytes(), where the id is unsigned */
	"ALTER TABLE event ADD COLUMN scope TEXT NOT NULL DEFAULT '';" /* store.h */
	"DROP INDEX event_key;"
	"CREATE UNIQUE INDEX event_key ON event(endpoint, key, scope) WHERE key IS NOT NULL;"
	"CREATE INDEX event_digest ON event(endpoint, digest) WHERE digest IS NOT NULL;"
	"ALTER TABLE purged ADD COLUMN digest BLOB;" /* SHA-256 of spool_key_bytes(); NULL in rows of release 0.1 */
	/* The last event of release 0.1, whose keys are plain ids. */
	"ALTER TABLE spool ADD COLUMN legacy_id INTEGER NOT NULL DEFAULT 0;"
	"UPDATE spool SET legacy_id = (SELECT max(last_id, (SELECT ifnull(max(id), 0) FROM event)) FROM deleted);"
	"ALTER TABLE reject ADD COLUMN path TEXT;" /* of the URL, where it is no endpoint's */
	"ALTER TABLE reject ADD COLUMN method TEXT;"
	"ALTER TABLE reject ADD COLUMN content_type TEXT;"
	/* The classes of the ring: rejects.h. */
	"ALTER TABLE reject ADD COLUMN signed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE reject ADD COLUMN net TEXT;"
	"ALTER TABLE reject ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
	"UPDATE reject SET signed = reason IS 'wrong signature', net = remote_addr,"
	" kept = ifnull(length(body), 0) + ifnull(length(headers), 0);"
	"DROP INDEX reject_body;"
	/* The running programs: spool/program.h. */
	"CREATE TABLE program("
	" role TEXT NOT NULL, pid INTEGER NOT NULL, ticks INTEGER NOT NULL, space INTEGER NOT NULL,"
	" started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, version TEXT NOT NULL,"
	" files TEXT NOT NULL, secrets TEXT NOT NULL, loaded_at INTEGER NOT NULL, address TEXT NOT NULL,"
	" reloads INTEGER NOT NULL, reload_at INTEGER NOT NULL, reload_error TEXT NOT NULL,"
	" ids TEXT NOT NULL,"
	" PRIMARY KEY(role, pid, space)) WITHOUT ROWID;"
	"CREATE INDEX reject_share ON reject(signed, endpoint, code, net, kept);"
	/* The key of a deleted event may name a person that was erased: only a hash of the key is kept. */
	"ALTER TABLE spool ADD COLUMN salt BLOB;"
	"UPDATE spool SET salt = randomblob(16);"
	"UPDATE purged SET key = key_hash((SELECT salt FROM spool), key);"
	/* The keeper's last pass, its last pass over all events, and the event where it stopped. */
	"CREATE TABLE retention(passed_at INTEGER NOT NULL, whole_at INTEGER NOT NULL, after INTEGER NOT NULL);"
	"INSERT INTO retention VALUES(0, 0, 0);"
	/* The former state of a relay that replay made pending again, which drop restores; 0: none. */
	"ALTER TABLE relay ADD COLUMN was_state INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE relay ADD COLUMN was_attempts INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX relay_dead ON relay(id) WHERE state = 2;"
	/* The text, where a sink of the endpoint needs it; an empty BLOB: the event has none; NULL: it was not stored. */
	"ALTER TABLE event ADD COLUMN text TEXT;"
	/* Where an event came from: enum spool_source. A webhook's insert does not name it. */
	"ALTER TABLE event ADD COLUMN source INTEGER NOT NULL DEFAULT 0;"
	/* Catch-ups: spool/catchup.h has the columns. */
	"CREATE TABLE catchup("
	" name TEXT NOT NULL, account TEXT NOT NULL, complete_until INTEGER NOT NULL, run_from INTEGER NOT NULL,"
	" run_until INTEGER NOT NULL, cursor TEXT NOT NULL, tried_at INTEGER NOT NULL, completed_at INTEGER NOT NULL,"
	" not_before INTEGER NOT NULL, error TEXT NOT NULL, error_since INTEGER NOT NULL, found INTEGER NOT NULL,"
	" last_found INTEGER NOT NULL, found_from INTEGER NOT NULL, found_until INTEGER NOT NULL, requests INTEGER NOT NULL,"
	" PRIMARY KEY(name, account)) WITHOUT ROWID;"
	/* What was fetched of each conversation or delivery, by a hash of its id: a person's erasure leaves nothing here. */
	"CREATE TABLE catchup_item("
	" name TEXT NOT NULL, account TEXT NOT NULL, item BLOB NOT NULL, until INTEGER NOT NULL, at INTEGER NOT NULL,"
	" PRIMARY KEY(name, account, item)) WITHOUT ROWID;"
	/* The sinks that the running relay pauses, and until when. */
	"CREATE TABLE pause(sink TEXT PRIMARY KEY, until INTEGER NOT NULL, failures INTEGER NOT NULL) WITHOUT ROWID;"
	/* For metrics, without a count over all events or relays. The receiver's statements cost as much as before: it inserts pending relays. */
	"ALTER TABLE counter ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX relay_tried ON relay(sink, since) WHERE state = 0 AND attempts > 0;"
	"CREATE TABLE ended(sink TEXT NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(sink, state)) WITHOUT ROWID;"
	"INSERT INTO ended SELECT sink, state, count(*) FROM relay WHERE state <> 0 GROUP BY sink, state;"
	"CREATE TRIGGER relay_changed AFTER UPDATE OF state ON relay WHEN old.state <> new.state BEGIN"
	" UPDATE ended SET n = n - 1 WHERE sink = old.sink AND state = old.state;"
	" INSERT INTO ended SELECT new.sink, new.state, 1 WHERE new.state <> 0 ON CONFLICT DO UPDATE SET n = n + 1; END;"
	"CREATE TRIGGER relay_deleted AFTER DELETE ON relay WHEN old.state <> 0 BEGIN"
	" UPDATE ended SET n = n - 1 WHERE sink = old.sink AND state = old.state; END;"
	/* Troubles, and the alerts about them: spool/alert.h. A dead letter's due is when it died; 0: by hand, or in release 0.1. */
	"CREATE TABLE alert("
	" name TEXT NOT NULL, subject TEXT NOT NULL, since INTEGER NOT NULL, over INTEGER NOT NULL, raised_at INTEGER NOT NULL,"
	" PRIMARY KEY(name, subject)) WITHOUT ROWID;"
	"UPDATE relay SET due = 0 WHERE state = 2;"
	"CREATE INDEX relay_died ON relay(sink, due) WHERE state = 2;",
};

/* What comes behind an entry: no text of a portable C program is longer than 4095 bytes. */
static const char *const further[SPOOL_SCHEMA_VERSION] = {
	/* How often an event came again, and when last. Events that came once have no row. */
	[4] = "CREATE TABLE came(event INTEGER PRIMARY KEY, again INTEGER NOT NULL, last_at INTEGER NOT NULL);"
	/*
	 * The order of purged's rows is none, as they are hashes. So each index either has few of them, or their order within a day: keys
	 * are kept and forgotten in that order, and a page is then written once for many of them.
	 */
	"ALTER TABLE purged ADD COLUMN is_unsigned INTEGER NOT NULL DEFAULT 0;" /* events of the same bytes are looked for */
	"ALTER TABLE purged ADD COLUMN is_legacy INTEGER NOT NULL DEFAULT 0;" /* the key is one of release 0.1 */
	"UPDATE purged SET is_legacy = 1;"
	"CREATE INDEX purged_digest ON purged(endpoint, digest) WHERE is_unsigned;"
	"CREATE INDEX purged_legacy ON purged(id) WHERE is_legacy;"
	"DROP INDEX purged_at;"
	"CREATE INDEX purged_at ON purged(received_at / 86400000);"
	/* The file that has the body; NULL: the column body has it, else its place in the file: segment.h. */
	"ALTER TABLE event ADD COLUMN segment INTEGER;"
	"CREATE INDEX event_segment ON event(segment) WHERE segment IS NOT NULL;"
	/* Places in files that no row has any more: hole.h. */
	"CREATE TABLE hole(segment INTEGER NOT NULL, place BLOB NOT NULL, PRIMARY KEY(segment, place)) WITHOUT ROWID;"
	"CREATE TRIGGER event_body_deleted AFTER DELETE ON event WHEN old.segment IS NOT NULL"
	" BEGIN INSERT OR IGNORE INTO hole VALUES(old.segment, old.body); END;",
};

/* Brings a database of that version up to date. */
static bool migrate_from(struct spool_db *db, int version)
{
	char set[64];

	if (!spool_db_exec(db, "BEGIN IMMEDIATE"))
		return spool_db_fail_sql(db, "migration");
	for (; version < SPOOL_SCHEMA_VERSION; version++) {
		snprintf(set, sizeof set, "PRAGMA user_version=%d", version + 1);
		if (!spool_db_exec(db, migrations[version]) || (further[version] && !spool_db_exec(db, further[version])) || !spool_db_exec(db, set))
			return spool_db_fail_sql(db, "migration");
	}
	return spool_db_exec(db, "COMMIT") || spool_db_fail_sql(db, "migration");
}

bool spool_schema_migrate(struct spool_db *db, enum spool_access access)
{
	int version = spool_db_pragma(db, "PRAGMA user_version");

	if (version < 0)
		return spool_db_fail_sql(db, "schema version");
	if (spool_hash_register(db->sql) != SQLITE_OK)
		return spool_db_fail_sql(db, "schema");
	if (version > SPOOL_SCHEMA_VERSION)
		return spool_db_fail_code(db, SQLITE_ERROR, "schema: made by a newer hookspool; upgrade this one");
	if (version == SPOOL_SCHEMA_VERSION)
		return true;
	if (access != SPOOL_RECEIVE)
		return spool_db_fail_code(db, SQLITE_ERROR,
			"schema: empty, or made by an older hookspool; the receiver brings it up to date when it starts");
	return migrate_from(db, version);
}

/* A log or journal of a database that is gone would be taken for the new one's. */
static bool remove_leftovers(const char *path)
{
	static const char *const ends[] = {".new", "-wal", "-shm", "-journal"};
	char left[PATH_MAX + 16];
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof ends / sizeof *ends; i++) {
		snprintf(left, sizeof left, "%s%s", path, ends[i]);
		ok = unlink(left) == 0 || errno == ENOENT;
	}
	return ok;
}

/*
 * Segments of another database stay, as it may come back: this one neither appends to them nor wipes them. Their highest number is synced,
 * as nothing else tells them from files that a killed process left.
 */
static bool leave_segments(struct spool_db *db)
{
	int64_t highest;

	return spool_segment_highest(db->dir_fd, &highest) && (!highest || (spool_append_leave(db, highest) && fsync(db->lock_fd) == 0));
}

/* Pages of 16 KiB hold a batch of events in few frames of the WAL, and long bodies in few links of a chain. */
bool spool_schema_make(struct spool_db *db, const char *path)
{
	char new[PATH_MAX + 16];
	bool ok, made;

	snprintf(new, sizeof new, "%s.new", path);
	if (!remove_leftovers(path) || !leave_segments(db) || !spool_dir_make_file(db->dir_fd, "hookspool.db.new", &made))
		return spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", path, strerror(errno));
	ok = (sqlite3_open_v2(new, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK &&
		spool_db_exec(db, "PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=MEMORY")) ||
		spool_db_fail_sql(db, new);
	ok = ok && spool_schema_migrate(db, SPOOL_RECEIVE);
	sqlite3_close_v2(db->sql);
	db->sql = NULL;
	return ok && (rename(new, path) == 0 || spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", path, strerror(errno)));
}

/*
 * SHA-256 over type, name and text of all objects that the migrations make. Each value is quoted as a BLOB, so that no text can pass
 * for two. A unit test names the new sum when the schema changes.
 */
#define SCHEMA_SUM "CA031809B9165EA6F8C351B595FE7A602A8B047E4CA01416BFA4BB2AB544FB09"

bool spool_schema_is_known(struct spool_db *db)
{
	return spool_db_pragma(db, "SELECT hex(key_hash('', group_concat("
		"quote(CAST(type AS BLOB)) || quote(CAST(name AS BLOB)) || quote(CAST(sql AS BLOB))))) = '" SCHEMA_SUM "'"
		" FROM (SELECT type, name, sql FROM sqlite_schema ORDER BY type, name)") == 1;
}

/* Compares the schema with one that is made for it. A failure names the object that differs. */
static bool compare_with_model(struct spool_db *db)
{
	struct spool_db model = {.dir_fd = -1, .lock_fd = -1};
	bool ok = (sqlite3_open_v2(":memory:", &model.sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK ||
		spool_db_fail_sql(&model, "schema")) && spool_schema_migrate(&model, SPOOL_RECEIVE);

	if (ok)
		ok = spool_trust_schema(db->sql, model.sql, db->error, sizeof db->error);
	else
		spool_db_fail_code(db, SQLITE_ERROR, "%s", model.error);
	sqlite3_close_v2(model.sql);
	return ok;
}

bool spool_schema_check(struct spool_db *db)
{
	return spool_schema_is_known(db) || compare_with_model(db);
}
