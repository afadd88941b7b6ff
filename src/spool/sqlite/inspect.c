/* SPDX-License-Identifier: ISC */
/* Looks at SQLite's files: their size, whether they can be written, and whether they are whole. */
#include "spool/sqlite/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spool/sqlite/append.h"
#include "spool/sqlite/sql.h"

/* The receiver makes the lock first, and the database a moment later. */
bool spool_inspect_lost(const char *place)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/lock", place);
	return !spool_sqlite_exists(place) && stat(path, &st) == 0;
}

int spool_inspect_pages_try(struct sqlite3 *sql)
{
	static const char text[] = "SAVEPOINT try;"
		"INSERT OR REPLACE INTO program(role, pid, ticks, space, started_at, ended_at, version, files, secrets, loaded_at, address,"
		" reloads, reload_at, reload_error, ids)"
		" VALUES('try', 0, 0, 0, 0, 0, '', '', '', 0, '', 0, 0, zeroblob(65536), '')";
	int rc = sqlite3_exec(sql, text, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_db_cacheflush(sql);
	return rc == SQLITE_OK ? sqlite3_exec(sql, "ROLLBACK TO try; RELEASE try", NULL, NULL, NULL) : rc;
}

bool spool_inspect_try(struct spool_db *db)
{
	int rc;

	if (!spool_db_begin(db, true))
		return false;
	rc = spool_inspect_pages_try(db->sql);
	spool_db_end(db);
	return rc == SQLITE_OK || spool_db_fail_code(db, rc, "can't be written: %s", sqlite3_errstr(rc));
}

static int64_t size_in_directory(struct spool_db *db, const char *name)
{
	struct stat st;

	return fstatat(db->dir_fd, name, &st, 0) == 0 ? (int64_t)st.st_size : 0;
}

int64_t spool_inspect_file(struct spool_db *db)
{
	return size_in_directory(db, "hookspool.db");
}

/* What a file takes of the disk: wiped ranges take nothing. */
static bool add_blocks(int dir_fd, const char *name, void *bytes)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*(int64_t *)bytes += (int64_t)st.st_blocks * 512;
	return true;
}

void spool_inspect_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes)
{
	struct statvfs fs;

	*bytes = size_in_directory(db, "hookspool.db") + size_in_directory(db, "hookspool.db-wal");
	spool_segment_each(db->dir_fd, add_blocks, bytes);
	*free_bytes = fstatvfs(db->dir_fd, &fs) == 0 ? (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize) : -1;
}

static void add_fault(struct spool_faults *f, const char *text)
{
	if (f->n < SPOOL_INSPECT_FAULTS)
		snprintf(f->text[f->n++], SPOOL_INSPECT_TEXT, "%s", text);
}

/* quick_check reads each page once. integrity_check also compares each index with its table. */
static void look_at_pages(struct spool_db *db, bool deep, struct spool_faults *f)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db->sql, deep ? "PRAGMA integrity_check" : "PRAGMA quick_check", -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		const char *fault;

		rc = sqlite3_step(st);
		fault = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
		if (fault && strcmp(fault, "ok") != 0)
			add_fault(f, fault);
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE && f->n == 0)
		add_fault(f, sqlite3_errmsg(db->sql));
}

/* Returns the number in the first column of the only row; 0 on an error, which look_at_pages() has reported. */
static int64_t inspect_number(struct spool_db *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = 0;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Counts rows that belong to deleted rows. No release leaves such rows. */
static void look_at_references(struct spool_db *db, struct spool_faults *f)
{
	int64_t relays = inspect_number(db, "SELECT count(*) FROM relay WHERE event NOT IN (SELECT id FROM event)");
	int64_t attempts = inspect_number(db, "SELECT count(*) FROM attempt WHERE relay NOT IN (SELECT id FROM relay)");

	if (relays > 0 || attempts > 0)
		snprintf(f->text[f->n++], SPOOL_INSPECT_TEXT, "%" PRId64 " deliveries without their event, and %" PRId64
			" attempts without their delivery", relays, attempts);
}

/* The length of a segment's file against the place of its last body. */
static void look_at_file(struct spool_db *db, int64_t segment, struct slice last, int64_t events, struct spool_faults *f)
{
	char text[SPOOL_INSPECT_TEXT], name[SPOOL_SEGMENT_NAME];
	struct spool_place p;
	int64_t size = 0;
	int fd = spool_segment_open(db, segment, O_RDONLY, &size);
	const char *why = fd < 0 ? strerror(errno) : !spool_segment_unpack(segment, last, &p) ? "the place of a body is none" :
		p.at + p.n > size ? "the file is too short" : NULL;

	if (fd >= 0)
		close(fd);
	snprintf(text, sizeof text, "%s, with the bodies of %" PRId64 " events: %s", spool_segment_name(segment, name), events, why ? why : "");
	if (why)
		add_fault(f, text);
}

/* Compares the checksum of each body. */
static void read_bodies(struct spool_db *db, struct spool_faults *f)
{
	sqlite3_stmt *st;
	int rc = SQLITE_ROW;

	if (sqlite3_prepare_v2(db->sql, "SELECT event_body(body, segment, id) FROM event INDEXED BY event_segment"
			" WHERE segment IS NOT NULL ORDER BY segment, id", -1, &st, NULL) != SQLITE_OK)
		return;
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(st);
	if (rc != SQLITE_DONE)
		add_fault(f, sqlite3_errmsg(db->sql));
	sqlite3_finalize(st);
}

static void look_at_segments(struct spool_db *db, struct spool_faults *f)
{
	sqlite3_stmt *st;

	/* max(id) makes the bare column body that of the same row: https://sqlite.org/lang_select.html#bareagg */
	if (sqlite3_prepare_v2(db->sql, "SELECT segment, body, count(*), max(id) FROM event INDEXED BY event_segment WHERE segment IS NOT NULL"
			" GROUP BY segment", -1, &st, NULL) != SQLITE_OK)
		return;
	while (sqlite3_step(st) == SQLITE_ROW)
		look_at_file(db, sqlite3_column_int64(st, 0), (struct slice){sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1)},
			sqlite3_column_int64(st, 2), f);
	sqlite3_finalize(st);
}

struct leftovers {
	struct spool_db *db;
	int64_t first; /* a file of a transaction that runs has this number or a higher one */
	struct spool_faults *left;
};

static bool look_at_leftover(int dir_fd, const char *name, void *ctx)
{
	struct leftovers *l = ctx;
	int64_t number = spool_segment_number(name);
	char sql[160];

	(void)dir_fd;
	snprintf(sql, sizeof sql, "SELECT EXISTS(SELECT 1 FROM event WHERE segment = %" PRId64 ") OR EXISTS(SELECT 1 FROM hole WHERE segment = %"
		PRId64 ")", number, number);
	if (number < l->first && spool_db_pragma(l->db, sql) == 0)
		add_fault(l->left, name);
	return true;
}

void spool_inspect_segments(struct spool_db *db, struct spool_faults *faults, struct spool_faults *left)
{
	struct leftovers l = {.db = db, .left = left};

	look_at_segments(db, faults);
	if (spool_append_first(db, &l.first))
		spool_segment_each(db->dir_fd, look_at_leftover, &l);
}

bool spool_inspect_database(struct spool_db *db, bool deep, struct spool_faults *faults)
{
	faults->n = 0;
	look_at_pages(db, deep, faults);
	if (deep)
		read_bodies(db, faults);
	look_at_references(db, faults);
	return faults->n == 0;
}
