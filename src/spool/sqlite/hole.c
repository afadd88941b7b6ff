/* SPDX-License-Identifier: ISC */
/* Wipes the ranges of segments that belong to no row. */
#define _GNU_SOURCE /* fallocate */
#include "config.h"

#include "spool/sqlite/hole.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spool/sqlite/append.h"
#include "spool/sqlite/fsync.h"
#include "spool/sqlite/segment.h"
#include "spool/sqlite/sql.h"

enum {
	ZEROS = 64 * 1024, /* bytes that one call writes, where the file system makes no holes */
	LEAST = 4096,      /* bytes between two ranges: in fewer there is no body */
	FORGOTTEN = 16,    /* ranges or files whose holes one transaction deletes */
};

/* The bytes from `from` to `to` of a segment; whole: no row is in it. */
struct range {
	int64_t segment, from, to;
	bool whole, wiped;
};

bool spool_hole_note(struct spool_db *db, int64_t segment, int64_t from, int64_t to)
{
	unsigned char place[SPOOL_SEGMENT_PLACE];
	sqlite3_stmt *st;
	bool ok;

	if (from >= to)
		return true;
	spool_segment_pack(&(struct spool_place){segment, from, to - from, 0}, place);
	if (sqlite3_prepare_v2(db->sql, "INSERT INTO hole VALUES(?1, ?2) ON CONFLICT DO NOTHING", -1, &st, NULL) != SQLITE_OK)
		return spool_sql_fail(db);
	sqlite3_bind_int64(st, 1, segment);
	sqlite3_bind_blob(st, 2, place, sizeof place, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

bool spool_hole_any(struct spool_db *db)
{
	return spool_db_pragma(db, "SELECT EXISTS(SELECT 1 FROM hole)") == 1;
}

/* ---- listing them */

/* The first segment behind that one which has a hole; 0: there is none. *whole: no row is in it. A forged row may have a text. */
static bool next_segment(struct spool_db *db, int64_t *segment, bool *whole)
{
	sqlite3_stmt *st;
	bool ok;

	if (sqlite3_prepare_v2(db->sql, "SELECT segment, NOT EXISTS(SELECT 1 FROM event WHERE event.segment = h.segment)"
			" FROM (SELECT min(segment) AS segment FROM hole WHERE segment > ?1 AND typeof(segment) = 'integer') AS h", -1, &st, NULL) != SQLITE_OK)
		return spool_sql_fail(db);
	sqlite3_bind_int64(st, 1, *segment);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*segment = sqlite3_column_int64(st, 0);
	*whole = sqlite3_column_int(st, 1);
	sqlite3_finalize(st);
	return ok;
}

static bool add_range(struct spool_db *db, struct buf *list, const struct range *r)
{
	return buf_add(list, r, sizeof *r) || spool_db_fail_code(db, SQLITE_NOMEM, "bodies: memory is short");
}

/* Adds the ranges of a segment; those that touch become one. */
static bool add_ranges(struct spool_db *db, int64_t segment, struct buf *list)
{
	struct range r = {.segment = segment};
	struct spool_place p;
	sqlite3_stmt *st;
	bool ok = true;
	int rc;

	if (sqlite3_prepare_v2(db->sql, "SELECT place FROM hole WHERE segment = ?1 ORDER BY place", -1, &st, NULL) != SQLITE_OK)
		return spool_sql_fail(db);
	sqlite3_bind_int64(st, 1, segment);
	while (ok && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (!spool_segment_unpack(segment, (struct slice){sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0)}, &p))
			continue;
		if (r.to > r.from && p.at < r.to + LEAST) {
			r.to = p.at + p.n > r.to ? p.at + p.n : r.to;
			continue;
		}
		ok = r.to <= r.from || add_range(db, list, &r);
		r.from = p.at;
		r.to = p.at + p.n;
	}
	ok = ok && (rc == SQLITE_DONE || spool_sql_fail(db)) && (r.to <= r.from || add_range(db, list, &r));
	sqlite3_finalize(st);
	return ok;
}

bool spool_hole_list(struct spool_db *db, struct buf *list)
{
	struct range whole = {.to = INT64_MAX, .whole = true};
	bool ok = spool_append_note_left(db), is_whole = false;

	list->len = 0;
	while (ok && (ok = next_segment(db, &whole.segment, &is_whole)) && whole.segment)
		ok = is_whole ? spool_append_leave(db, whole.segment) && add_range(db, list, &whole) :
				add_ranges(db, whole.segment, list);
	return ok;
}

/* ---- wiping them */

static bool fail_wipe(struct spool_db *db, int64_t segment, int error)
{
	char name[SPOOL_SEGMENT_NAME];

	return spool_db_fail_code(db, SQLITE_IOERR, "%s: wiping deleted bodies: %s", spool_segment_name(segment, name), strerror(error));
}

/* Empties the file before it is removed: another process may still have it open. */
static bool remove_file(struct spool_db *db, int64_t segment)
{
	char name[SPOOL_SEGMENT_NAME];
	int64_t size;
	int fd = spool_segment_open(db, segment, O_RDWR, &size);

	if (fd >= 0) {
		(void)!ftruncate(fd, 0);
		close(fd);
	}
	return unlinkat(db->dir_fd, spool_segment_name(segment, name), 0) == 0 || errno == ENOENT;
}

static bool write_zeros(int fd, int64_t from, int64_t to)
{
	static const char zeros[ZEROS];
	ssize_t put;

	while (from < to) {
		put = pwrite(fd, zeros, (size_t)(to - from < ZEROS ? to - from : ZEROS), from);
		if (put < 0 && errno != EINTR)
			return false;
		from += put > 0 ? put : 0;
	}
	return true;
}

/* The file stays as long as it is. */
static bool wipe_range(int fd, int64_t from, int64_t to, int64_t size)
{
	to = to < size ? to : size;
	if (from >= to)
		return true;
#if defined HAVE_FALLOCATE && defined FALLOC_FL_PUNCH_HOLE
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from) == 0)
		return true;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return false;
#endif
	return write_zeros(fd, from, to);
}

/* Wipes the ranges of one segment, and syncs the file. False with errno. */
static bool wipe_segment(struct spool_db *db, const struct range *r, size_t n)
{
	int64_t size = 0;
	int fd = spool_segment_open(db, r->segment, O_RDWR, &size), error;
	bool ok = fd >= 0 || errno == ENOENT;

	for (size_t i = 0; ok && fd >= 0 && i < n; i++)
		ok = wipe_range(fd, r[i].from, r[i].to, size);
	ok = ok && (fd < 0 || fdatasync(fd) == 0);
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return ok;
}

/* How many of the ranges are in the first one's segment. */
static size_t count_same(const struct range *r, size_t n)
{
	size_t same = 1;

	while (same < n && r[same].segment == r->segment)
		same++;
	return same;
}

/* Goes on behind a segment that can't be wiped. Returns the first such segment, with its errno in *error; 0: there is none. */
static int64_t wipe_all(struct spool_db *db, struct range *r, size_t n, int *error)
{
	int64_t failed = 0;
	size_t same;
	bool ok;

	for (size_t i = 0; i < n; i += same) {
		same = count_same(&r[i], n - i);
		ok = r[i].whole ? remove_file(db, r[i].segment) : wipe_segment(db, &r[i], same);
		for (size_t j = i; j < i + same; j++)
			r[j].wiped = ok;
		if (!ok && !failed) {
			failed = r[i].segment;
			*error = errno;
		}
	}
	return failed;
}

/* The removals are on the disk before the holes are forgotten. */
static bool sync_removed(struct spool_db *db, const struct range *r, size_t n)
{
	bool removed = false;

	for (size_t i = 0; i < n; i++)
		removed = removed || (r[i].whole && r[i].wiped);
	return !removed || fsync(db->dir_fd) == 0 || spool_db_fail_code(db, SQLITE_IOERR, "spool: %s", strerror(errno));
}

/* ---- forgetting them */

static bool forget_range(struct spool_db *db, const struct range *r)
{
	unsigned char from[SPOOL_SEGMENT_PLACE], to[SPOOL_SEGMENT_PLACE];
	sqlite3_stmt *st;
	bool ok;

	if (sqlite3_prepare_v2(db->sql, r->whole ? "DELETE FROM hole WHERE segment = ?1" :
			"DELETE FROM hole WHERE segment = ?1 AND place >= ?2 AND place < ?3", -1, &st, NULL) != SQLITE_OK)
		return spool_sql_fail(db);
	spool_segment_pack(&(struct spool_place){.at = r->from}, from);
	spool_segment_pack(&(struct spool_place){.at = r->to}, to);
	sqlite3_bind_int64(st, 1, r->segment);
	if (!r->whole) {
		sqlite3_bind_blob(st, 2, from, sizeof from, SQLITE_STATIC);
		sqlite3_bind_blob(st, 3, to, sizeof to, SQLITE_STATIC);
	}
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

/* Without waiting for the disk: a hole that a power cut brings back is wiped once more. */
static bool forget_holes(struct spool_db *db, const struct range *r, size_t n)
{
	bool ok = spool_fsync_commits(db, false) || spool_sql_fail(db);

	for (size_t i = 0; ok && i < n; i += FORGOTTEN) {
		if (!spool_db_begin(db, true)) {
			ok = false;
			break;
		}
		for (size_t j = i; ok && j < n && j < i + FORGOTTEN; j++)
			ok = !r[j].wiped || forget_range(db, &r[j]);
		ok = ok && spool_db_commit(db);
		spool_db_end(db);
	}
	return spool_fsync_commits(db, true) && ok;
}

bool spool_hole_wipe(struct spool_db *db, const struct buf *list)
{
	struct range *r = (void *)list->data;
	size_t n = list->len / sizeof *r;
	int error = 0;
	int64_t failed = wipe_all(db, r, n, &error);

	if (n && !(sync_removed(db, r, n) && forget_holes(db, r, n)))
		return false;
	return !failed || fail_wipe(db, failed, error);
}
