/* SPDX-License-Identifier: ISC */
/*
 * Scrubbing the database file. The file's format: https://sqlite.org/fileformat2.html, sections 1.6 (b-tree pages) and 1.8
 * (pointer maps, which tell what each page is).
 *
 * A step looks for pages with copies without any lock first, because most pages have none. Then it takes the spool's lock and
 * checkpoints, so that the file has the newest version of each page. Then it overwrites the copies. The commit that follows writes a
 * page. So other connections drop the pages in their caches, and the copies in them. The caller cuts the log once, at the end: deliveries
 * into a log that grows are slower.
 *
 * A receiver may split a page meanwhile. SQLite then sorts the numbers of the page and its neighbours. The sort can move a copy to a new
 * page, or to a page that the pass has left behind. So a second pass follows where another process has written. A pass ends at the page that was
 * the last one at the start of the pass: a receiver under load adds pages as fast as a pass looks at them.
 */
#include "spool/sqlite/scrub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/query/yield.h"
#include "spool/sqlite/sql.h"
#include "spool/sqlite/wal.h"

enum {
	STEP = 256,                    /* pages: 4 MiB */
	HEADER = 100,                  /* of the file, on page 1 */
	LARGEST_ROOT = 52,             /* in it: not 0 with auto_vacuum */
	RESERVED = 20,                 /* in it: bytes at each page's end */
	MAP_ENTRY = 5,
	MAP_ROOT = 1, MAP_BTREE = 5,   /* the kinds of page that are b-tree pages */
	INDEX_INTERIOR = 2, TABLE_INTERIOR = 5, INDEX_LEAF = 10, TABLE_LEAF = 13,
	INTERIOR_HEADER = 12, LEAF_HEADER = 8,
	PENDING_BYTE = 0x40000000,     /* SQLite locks it: the page with this byte has no content */
};

struct scrub {
	struct spool_db *db;
	sqlite3_file *file;
	unsigned char *page, *map;
	int64_t size, usable; /* of a page */
	int64_t map_number;   /* the page that is in map; 0: none */
	struct spool_yield yield;
};

static bool read_database_page(struct scrub *s, int64_t number, unsigned char *to)
{
	return s->file->pMethods->xRead(s->file, to, (int)s->size, (number - 1) * s->size) == SQLITE_OK;
}

/* The pointer map that has the page's entry. */
static int64_t map_of(const struct scrub *s, int64_t number)
{
	int64_t pages = s->usable / MAP_ENTRY + 1, map = (number - 2) / pages * pages + 2;

	return map == PENDING_BYTE / s->size + 1 ? map + 1 : map;
}

static bool is_btree(struct scrub *s, int64_t number)
{
	int64_t map = number == 1 ? 0 : map_of(s, number);
	unsigned char kind;

	if (number == 1)
		return true;
	if (number <= map || number == PENDING_BYTE / s->size + 1)
		return false;
	if (map != s->map_number && !read_database_page(s, map, s->map))
		return false;
	s->map_number = map;
	kind = s->map[MAP_ENTRY * (number - map - 1)];
	return kind == MAP_ROOT || kind == MAP_BTREE;
}

static int64_t number16(const unsigned char *p)
{
	return p[0] << 8 | p[1];
}

/* Finds the unused part of the page, from *from up to *to. False where it has none, or is of an unknown kind. */
static bool find_unused(const struct scrub *s, int64_t number, int64_t *from, int64_t *to)
{
	int64_t at = number == 1 ? HEADER : 0;
	unsigned char kind = s->page[at];
	bool interior = kind == INDEX_INTERIOR || kind == TABLE_INTERIOR;

	if (!interior && kind != INDEX_LEAF && kind != TABLE_LEAF)
		return false;
	*from = at + (interior ? INTERIOR_HEADER : LEAF_HEADER) + 2 * number16(s->page + at + 3);
	*to = number16(s->page + at + 5);
	if (*to == 0)
		*to = 65536;
	return *from < *to && *to <= s->usable;
}

static bool has_copy(const struct scrub *s, int64_t from, int64_t to)
{
	while (from < to && s->page[from] == 0)
		from++;
	return from < to;
}

/* Reads a step's pages, and sets *found when one has a copy. With `write` it overwrites the copies. False on an I/O error. */
static bool look(struct scrub *s, int64_t first, bool write, bool *found)
{
	sqlite3_int64 end = 0;
	int64_t from, to;

	*found = false;
	s->map_number = 0;
	if (s->file->pMethods->xFileSize(s->file, &end) != SQLITE_OK)
		return false;
	for (int64_t n = first; n < first + STEP && n <= end / s->size; n++) {
		if (!is_btree(s, n) || !read_database_page(s, n, s->page) || !find_unused(s, n, &from, &to) || !has_copy(s, from, to))
			continue;
		*found = true;
		if (!write)
			return true;
		memset(s->page + from, 0, (size_t)(to - from));
		if (s->file->pMethods->xWrite(s->file, s->page + from, (int)(to - from), (n - 1) * s->size + from) != SQLITE_OK)
			return false;
	}
	return !write || !*found || s->file->pMethods->xSync(s->file, SQLITE_SYNC_NORMAL) == SQLITE_OK;
}

/* A commit that changes no content, but writes a page: page 1, which has the schema. SQLite writes no page for an UPDATE to the same values. */
static bool begin_commit_of_a_page(struct spool_db *db)
{
	int version = spool_db_pragma(db, "PRAGMA user_version");
	char sql[64];

	snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; PRAGMA user_version=%d", version);
	return (version >= 0 && spool_db_exec(db, sql)) || spool_sql_fail(db);
}

/* A checkpoint needs to be outside of a transaction. So the first one ends, and another one begins under the same lock. */
static bool overwrite(struct scrub *s, int64_t first, bool *busy)
{
	bool ok, found = false;

	if (!spool_db_begin(s->db, true))
		return false;
	spool_yield_begin(&s->yield, s->db);
	ok = spool_db_commit(s->db) && spool_wal_checkpoint(s->db, SQLITE_CHECKPOINT_RESTART, busy) && begin_commit_of_a_page(s->db);
	if (ok && !look(s, first, true, &found)) {
		s->db->fsync_failed = true;
		ok = spool_sql_fail(s->db);
	}
	ok = ok && spool_db_commit(s->db);
	spool_db_end(s->db);
	spool_yield_end(&s->yield, s->db);
	return ok;
}

/* False where memory is short, or the database has another format than hookspool's. */
static bool set_up(struct scrub *s)
{
	unsigned char header[HEADER];

	sqlite3_file_control(s->db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &s->file);
	if (!s->file || !s->file->pMethods || s->file->pMethods->xRead(s->file, header, HEADER, 0) != SQLITE_OK)
		return false;
	s->size = number16(header + 16);
	s->size = s->size == 1 ? 65536 : s->size;
	s->usable = s->size - header[RESERVED];
	s->page = malloc((size_t)s->size + 1);
	s->map = malloc((size_t)s->size + 1);
	return s->page && s->map && s->size >= 512 && memcmp(header + LARGEST_ROOT, "\0\0\0\0", 4) != 0;
}

/* Scrubs the pages that there are at its start. */
static bool scrub_pages(struct scrub *s, bool *busy)
{
	sqlite3_int64 end;
	bool ok = s->file->pMethods->xFileSize(s->file, &end) == SQLITE_OK, found;

	for (int64_t first = 1; ok && first <= end / s->size; first += STEP) {
		ok = look(s, first, false, &found);
		if (ok && found && !overwrite(s, first, busy))
			return false;
	}
	return ok || spool_sql_fail(s->db);
}

bool spool_scrub(struct spool_db *db, bool *busy)
{
	struct scrub s = {.db = db};
	bool wanted = set_up(&s), ok;
	int64_t version = db->engine->version(db);

	*busy = false;
	/* or this connection would write old copies of pages from its cache */
	sqlite3_exec(db->sql, "PRAGMA shrink_memory", NULL, NULL, NULL);
	ok = !wanted || (scrub_pages(&s, busy) && (db->engine->version(db) == version || scrub_pages(&s, busy)));
	free(s.page);
	free(s.map);
	return ok;
}
