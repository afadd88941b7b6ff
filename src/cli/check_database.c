/* SPDX-License-Identifier: ISC */
/* hookspool check, the spool's database: can it be written, is it whole, and does its time agree with the clock? */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/check.h"
#include "core/clock.h"
#include "spool/events.h"
#include "spool/sqlite/db.h"
#include "spool/sqlite/program.h"

enum {
	SMALL = 64 << 20, /* bytes of a database that is read wholly at each check: a second's work */
	FAULTS_MAX = 3,
	CLOCK_SLACK_MS = 60 * 1000,
};

/* What to do about an error of SQLite's. */
static const char *fix_of(int rc)
{
	switch (rc & 0xFF) {
	case SQLITE_FULL:
		return "; make room, or purge events";
	case SQLITE_READONLY:
		return "; give the spool's owner write access to each of its files, and remount a disk that is read-only";
	case SQLITE_IOERR:
		return "; look for errors of the disk in dmesg";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "; it is damaged: stop the receiver, keep a copy, and restore a backup";
	default:
		return "";
	}
}

/* The same for a reason that is text already. */
static const char *fix_of_text(const char *why)
{
	static const int codes[] = {SQLITE_FULL, SQLITE_READONLY, SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strstr(why, sqlite3_errstr(codes[i])))
			return fix_of(codes[i]);
	if (strstr(why, "malformed database schema")) /* SQLite's text for SQLITE_CORRUPT where it reads the schema */
		return fix_of(SQLITE_CORRUPT);
	return "";
}

static void check_write(struct check *c, struct spool_db *db)
{
	char why[PATH_MAX + 256];
	int rc;

	if (!spool_db_begin(db, true, why, sizeof why)) {
		check_say(c, CHECK_FAIL, "spool-database", "spool database: %s%s", why, fix_of_text(why));
		return;
	}
	rc = spool_program_try(db->sql);
	if (rc == SQLITE_OK)
		check_say(c, CHECK_OK, "spool-database", "spool database: can be written");
	else
		check_say(c, CHECK_FAIL, "spool-database", "spool database: can't be written: %s%s", sqlite3_errstr(rc), fix_of(rc));
	spool_db_end(db);
}

static void say_damaged(struct check *c, const char *fault)
{
	check_say(c, CHECK_FAIL, "spool-integrity", "spool database: damaged: %s%s", fault, fix_of(SQLITE_CORRUPT));
}

/* Reads all pages: quick_check takes time by the size, and integrity_check compares each index with its table, too. */
static void check_pages(struct check *c, struct spool_db *db, bool deep)
{
	unsigned faults = 0;
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db->sql, deep ? "PRAGMA integrity_check" : "PRAGMA quick_check", -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		const char *fault;

		rc = sqlite3_step(st);
		fault = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
		if (fault && strcmp(fault, "ok") != 0 && faults++ < FAULTS_MAX)
			say_damaged(c, fault);
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE && faults == 0)
		say_damaged(c, sqlite3_errmsg(db->sql));
	else if (faults == 0)
		check_say(c, CHECK_OK, "spool-integrity", "spool database: whole, by %s", deep ? "pages, tables and indexes" : "pages and tables");
}

/* The first column of the only row; -1 when SQLite failed, which check_pages() has told of. */
static int64_t number_of(struct spool_db *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* What no release leaves behind: rows that belong to others which are gone. */
static void check_references(struct check *c, struct spool_db *db)
{
	int64_t relays = number_of(db, "SELECT count(*) FROM relay WHERE event NOT IN (SELECT id FROM event)");
	int64_t attempts = number_of(db, "SELECT count(*) FROM attempt WHERE relay NOT IN (SELECT id FROM relay)");

	if (relays > 0 || attempts > 0)
		check_say(c, CHECK_FAIL, "spool-integrity", "spool database: damaged: %" PRId64 " deliveries without their event, and %" PRId64
			" attempts without their delivery%s", relays > 0 ? relays : 0, attempts > 0 ? attempts : 0, fix_of(SQLITE_CORRUPT));
}

static void check_clock(struct check *c, struct spool_db *db)
{
	int64_t events, latest;
	char why[256], text[CLOCK_TEXT];

	if (spool_query_ahead(db, clock_now() + CLOCK_SLACK_MS, &events, &latest, why, sizeof why) && events)
		check_say(c, CHECK_WARN, "clock", "%" PRId64 " of the newest 1000 events %s from the future, up to %s: the clock was wrong when "
			"they came, or is wrong now; keep it right with NTP", events, events == 1 ? "is" : "are", clock_format(latest, text));
}

static int64_t size_of(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/hookspool.db", dir);
	return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

bool check_open(const struct check *c, const struct conf *conf, struct spool_db *db)
{
	char why[PATH_MAX + 256];

	*db = (struct spool_db){0};
	return !check_next_note(c, CHECK_UNUSABLE, NULL) && spool_db_exists(conf->spool) &&
		spool_db_open(db, conf->spool, conf->journal, SPOOL_MANAGE, why, sizeof why);
}

/* A receiver makes the lock before the database, and both are there a moment later. */
static bool was_used(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/lock", dir);
	return stat(path, &st) == 0;
}

void check_database(struct check *c, const struct conf *conf)
{
	char why[PATH_MAX + 256];
	struct spool_db db = {0};

	if (!spool_db_exists(conf->spool) && was_used(conf->spool)) {
		check_say(c, CHECK_WARN, "spool-database", "spool database: not there, though its directory has a lock, as a receiver makes it; if nobody "
			"moved the database away, restore a backup; else the receiver makes a new one when it starts");
		return;
	}
	if (!spool_db_exists(conf->spool)) {
		check_say(c, CHECK_OK, "spool-database", "spool database: not there yet; the receiver makes it when it starts");
		return;
	}
	if (!spool_db_open(&db, conf->spool, conf->journal, SPOOL_MANAGE, why, sizeof why)) {
		check_say(c, CHECK_FAIL, "spool-database", "spool database: %s%s", why, fix_of_text(why));
		check_note(c, CHECK_UNUSABLE, why);
		return;
	}
	check_write(c, &db);
	if (c->deep || size_of(conf->spool) <= SMALL) {
		check_pages(c, &db, c->deep);
		check_references(c, &db);
	} else {
		check_say(c, CHECK_OK, "spool-integrity", "spool database: larger than %d MiB; check --deep reads it wholly", (int)(SMALL >> 20));
	}
	check_clock(c, &db);
	spool_db_close(&db);
}
