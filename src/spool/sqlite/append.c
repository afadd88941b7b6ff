/* SPDX-License-Identifier: ISC */
/* Appends long bodies to a segment, before the commit of their rows. */
#define _DEFAULT_SOURCE /* pwritev */
#include "config.h"

#include "spool/sqlite/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crc32c.h"
#include "spool/fs.h"
#include "spool/sqlite/hole.h"
#include "spool/sqlite/sql.h"

enum {
	BLOCK = 4096,        /* that a disk or a file system writes at once */
	VECTORS = 1024,      /* UIO_MAXIOV of Linux */
	TRIES = 100 * 1000,  /* files that a lost database left */
	FIRST = 8,           /* offset in the lock's file */
	CACHED = 16 << 20,   /* bytes of the newest bodies, for the relay to read */
};

/* ---- the lock's file */

bool spool_append_first(struct spool_db *db, int64_t *first)
{
	ssize_t got = pread(db->lock_fd, first, sizeof *first, FIRST);

	if (got < 0)
		return spool_db_fail_code(db, SQLITE_ERROR, "lock: %s", strerror(errno));
	if (got < (ssize_t)sizeof *first || *first < 1 || *first > SPOOL_SEGMENT_LAST) /* of an older release, or forged */
		*first = 1;
	return true;
}

/* The number behind that one. A forged row may have any. */
static int64_t number_behind(int64_t segment)
{
	return segment < SPOOL_SEGMENT_LAST ? segment + 1 : SPOOL_SEGMENT_LAST;
}

bool spool_append_leave(struct spool_db *db, int64_t segment)
{
	int64_t first = number_behind(segment), now;

	if (!spool_append_first(db, &now))
		return false;
	return first <= now || pwrite(db->lock_fd, &first, sizeof first, FIRST) == sizeof first ||
		spool_db_fail_code(db, SQLITE_ERROR, "lock: %s", strerror(errno));
}

/* ---- which file */

static bool fail_bodies_file(struct spool_append *a, int64_t segment, const char *what)
{
	char name[SPOOL_SEGMENT_NAME];
	int rc = errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : errno == EROFS || errno == EACCES ? SQLITE_READONLY : SQLITE_IOERR;

	return spool_db_fail_code(a->db, rc, "%s: %s: %s", spool_segment_name(segment, name), what, strerror(errno));
}

static int64_t next_block(int64_t at)
{
	return (at + BLOCK - 1) / BLOCK * BLOCK;
}

/* The last long body. last.segment is 0 where no row has one. */
struct end {
	struct spool_place last;
	int64_t next; /* the number of the next segment */
	bool open;    /* the segment of the last body may be appended to */
};

static bool find_end(struct spool_db *db, struct end *end)
{
	sqlite3_stmt *st;
	int64_t hole, first;
	bool ok = sqlite3_prepare_v2(db->sql, "SELECT (SELECT max(segment) FROM event WHERE segment IS NOT NULL),"
		" (SELECT body FROM event INDEXED BY event_segment WHERE segment IS NOT NULL ORDER BY segment DESC, id DESC LIMIT 1),"
		" (SELECT max(segment) FROM hole)", -1, &st, NULL) == SQLITE_OK;

	*end = (struct end){0};
	if (!ok || sqlite3_step(st) != SQLITE_ROW) {
		spool_sql_fail(db);
		sqlite3_finalize(st);
		return false;
	}
	end->next = sqlite3_column_int64(st, 0);
	hole = sqlite3_column_int64(st, 2);
	if (!spool_segment_unpack(end->next, (struct slice){sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1)}, &end->last))
		end->last = (struct spool_place){0};
	sqlite3_finalize(st);
	if (!spool_append_first(db, &first))
		return false;
	end->open = end->last.segment && end->next >= hole && end->next >= first;
	end->next = number_behind(end->next > hole ? end->next : hole);
	end->next = end->next > first ? end->next : first;
	return end->next < SPOOL_SEGMENT_LAST || spool_db_fail_code(db, SQLITE_CORRUPT, "bodies: the numbers of files are used up");
}

/* Opens the file of the last long body, and makes what is behind that a hole. -1 in *fd where it can't be opened. */
static bool open_last(struct spool_db *db, const struct end *end, int *fd, int64_t *size)
{
	int64_t used = end->last.at + end->last.n;

	*fd = end->last.segment ? spool_segment_open(db, end->last.segment, O_RDWR, size) : -1;
	if (*fd < 0 || *size <= used || spool_hole_note(db, end->last.segment, used, *size))
		return true;
	close(*fd);
	return false;
}

/* A file that a failed or killed transaction made is a hole as a whole. *number becomes one that no file has. */
static bool skip_left(struct spool_db *db, int64_t *number)
{
	char name[SPOOL_SEGMENT_NAME];

	for (int tries = 0; tries < TRIES && faccessat(db->dir_fd, spool_segment_name(*number, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0; tries++)
		if (!spool_hole_note(db, (*number)++, 0, INT64_MAX))
			return false;
	return true;
}

bool spool_append_note_left(struct spool_db *db)
{
	struct end end;
	int64_t size;
	int fd;

	if (!find_end(db, &end) || !open_last(db, &end, &fd, &size))
		return false;
	if (fd >= 0)
		close(fd);
	return skip_left(db, &end.next);
}

static bool make_segment(struct spool_append *a, int64_t number)
{
	char name[SPOOL_SEGMENT_NAME];

	if (!skip_left(a->db, &number))
		return false;
	a->fd = openat(a->db->dir_fd, spool_segment_name(number, name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (a->fd < 0)
		return fail_bodies_file(a, number, "open");
	a->segment = number;
	a->made = true;
	a->size = 0;
	return spool_fs_give(a->db->dir_fd, a->fd) || fail_bodies_file(a, number, "mode");
}

/* Appends to the file of the last long body, unless it is long, damaged, or not to be appended to any more. */
static bool begin_append(struct spool_append *a)
{
	struct end end;
	int64_t size;
	int fd;

	if (!find_end(a->db, &end) || !open_last(a->db, &end, &fd, &size))
		return false;
	if (fd >= 0 && end.open && size >= end.last.at + end.last.n && size < SPOOL_SEGMENT_MOST) {
		a->segment = end.last.segment;
		a->fd = fd;
		a->size = size;
	} else {
		if (fd >= 0)
			close(fd);
		if (!make_segment(a, end.next))
			return false;
	}
	a->at = a->end = next_block(a->size);
	return true;
}

/* ---- a transaction */

bool spool_append_place(struct spool_append *a, struct slice body, struct spool_place *place)
{
	a->failed = !a->segment && !begin_append(a);
	if (a->failed)
		return false;
	*place = (struct spool_place){a->segment, a->end, (int64_t)body.n, crc32c(body.p, body.n)};
	return true;
}

bool spool_append_take(struct spool_append *a, struct slice body, const struct spool_place *place)
{
	size_t room = a->room ? 2 * a->room : 64;
	struct iovec *bodies = a->n < a->room ? a->bodies : realloc(a->bodies, room * sizeof *bodies);

	a->failed = !bodies;
	if (!bodies)
		return spool_db_fail_code(a->db, SQLITE_NOMEM, "bodies: memory is short");
	if (a->n == a->room)
		a->room = room;
	a->bodies = bodies;
	a->bodies[a->n++] = (struct iovec){(void *)(uintptr_t)body.p, body.n};
	a->end = place->at + place->n;
	return true;
}

/* Leaves out what is written. */
static void skip_bytes(struct iovec **v, size_t *n, size_t bytes)
{
	while (*n && bytes >= (*v)->iov_len) {
		bytes -= (*v)->iov_len;
		(*v)++;
		(*n)--;
	}
	if (bytes) {
		(*v)->iov_base = (char *)(*v)->iov_base + bytes;
		(*v)->iov_len -= bytes;
	}
}

static bool write_bodies(struct spool_append *a)
{
	struct iovec *v = a->bodies;
	size_t n = a->n;
	int64_t at = a->at;
	ssize_t put;

	while (n) {
		put = pwritev(a->fd, v, (int)(n < VECTORS ? n : VECTORS), at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			errno = put ? errno : EIO;
			return false;
		}
		at += put;
		skip_bytes(&v, &n, (size_t)put);
	}
	return true;
}

/*
 * Drops older bodies, which are synced, from the page cache. The next bodies then take the same memory again. A copy into new memory
 * takes more time than all other work for a long body, most of all on virtual machines. The newest bodies stay: a relay that keeps up
 * reads them from the cache. A page that is only partly in the range stays. The range of the next transaction has the whole page.
 */
static void give_back_pages(int fd, int64_t at)
{
#ifdef HAVE_POSIX_FADVISE
	int64_t end = at - CACHED, begin = end > CACHED ? end - CACHED : 0;

	if (end > 0)
		posix_fadvise(fd, begin, end - begin, POSIX_FADV_DONTNEED);
#else
	(void)fd, (void)at;
#endif
}

bool spool_append_sync(struct spool_append *a)
{
	const char *what = NULL;

	if (!a->segment || !a->n)
		return true;
	if (!write_bodies(a))
		what = "write";
	else if (fdatasync(a->fd) != 0)
		what = "sync";
	else if (a->made && fsync(a->db->dir_fd) != 0)
		what = "sync of the directory";
	a->synced = !what;
	if (a->synced) {
		give_back_pages(a->fd, a->at);
		return true;
	}
	fail_bodies_file(a, a->segment, what);
	/* as after each I/O error; a full disk is none, unless it is a sync that finds it full */
	if (*what != 'w' || a->db->kind == SPOOL_ERROR_DISK)
		a->db->fsync_failed = true;
	return false;
}

/* No commit with these bytes was tried, so no row has them. */
static void cut_back(struct spool_append *a)
{
	char name[SPOOL_SEGMENT_NAME];

	if (a->made)
		unlinkat(a->db->dir_fd, spool_segment_name(a->segment, name), 0);
	else if (a->n)
		(void)!ftruncate(a->fd, a->size); /* where that fails, they are a hole of the next transaction */
}

void spool_append_end(struct spool_append *a, bool committed)
{
	if (!a->segment)
		return;
	if (!a->synced)
		cut_back(a); /* also where all events were duplicates */
	else if (!committed)
		a->db->fsync_failed = true; /* the repair makes the next transaction take a new file */
	close(a->fd);
	a->segment = 0;
	a->made = a->synced = false;
	a->n = 0;
}

void spool_append_close(struct spool_append *a)
{
	spool_append_end(a, false);
	free(a->bodies);
	*a = (struct spool_append){0};
}
