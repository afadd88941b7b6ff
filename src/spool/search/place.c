/* SPDX-License-Identifier: ISC */
/* The directory of the search index, below the spool's: opening it, and removing what is in it. */
#include "config.h"

#include "spool/search/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/query/delete.h"
#include "spool/search/grams.h"
#include "spool/search/part.h"
#include "spool/stmt.h"

const char *search_part_name(int64_t number, char out[SEARCH_NAME])
{
	snprintf(out, SEARCH_NAME, "%" PRIx64, (uint64_t)number);
	return out;
}

const char *search_new_name(int64_t number, char out[SEARCH_NAME])
{
	snprintf(out, SEARCH_NAME, "%" PRIx64 ".new", (uint64_t)number);
	return out;
}

static int open_search(int spool)
{
	return openat(spool, SPOOL_FS_SEARCH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/*
 * Receiver and relay of two users share the directory as they share the spool's, whose group it inherits. Its mode comes with its making:
 * under systemd's RestrictSUIDSGID=, no process may set the bit of the group afterwards.
 */
static bool make_search(int spool)
{
	struct stat st;
	mode_t before;
	bool ok;

	if (fstat(spool, &st) != 0)
		return false;
	before = umask(0);
	ok = mkdirat(spool, SPOOL_FS_SEARCH, spool_fs_shared(&st) ? 0770 : 0700) == 0;
	umask(before);
	if (!ok)
		return errno == EEXIST;
	return geteuid() != 0 || fchownat(spool, SPOOL_FS_SEARCH, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
}

int search_place_open(struct spool_db *db, bool make)
{
	if (!db->sql) { /* another engine has no directory */
		errno = ENOENT;
		return -1;
	}
	return make && !make_search(db->dir_fd) ? -1 : open_search(db->dir_fd);
}

bool search_identity(struct spool_db *db, uint64_t *identity)
{
	struct spool_stmt *st;
	struct slice name, salt;
	struct stat file;
	bool ok;

	if (fstatat(db->dir_fd, "hookspool.db", &file, AT_SYMLINK_NOFOLLOW) != 0)
		return spool_db_fail(db, SPOOL_ERROR_OTHER, "search index: %s", strerror(errno));
	if (!spool_stmt_prepare(db, "SELECT name, salt FROM spool", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	name = spool_stmt_present(st, 0);
	salt = spool_stmt_present(st, 1);
	*identity = search_hash(grams_letters(), PACKAGE_VERSION, strlen(PACKAGE_VERSION));
	*identity = search_hash(search_hash(*identity, name.p, name.n), salt.p, salt.n);
	*identity = search_hash(*identity, &file.st_ino, sizeof file.st_ino);
	spool_stmt_free(st);
	return ok;
}

/* What is no directory of ours has no index. */
static bool is_none(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static bool fail_search(struct spool_db *db)
{
	return spool_db_fail(db, SPOOL_ERROR_OTHER, "search index: %s; remove the directory \"" SPOOL_FS_SEARCH "\" of the spool", strerror(errno));
}

/* The new file first: a process that is about to make it the part's fails then. */
static bool remove_part(int dir, int64_t number, bool *removed)
{
	char name[SEARCH_NAME];

	for (int i = 0; i < 2; i++) {
		if (unlinkat(dir, i == 0 ? search_new_name(number, name) : search_part_name(number, name), 0) == 0)
			*removed = true;
		else if (errno != ENOENT)
			return false;
	}
	return true;
}

bool spool_search_forget(struct spool_db *db, const struct spool_doomed *events, size_t n, bool *removed, bool committed)
{
	int dir = search_place_open(db, false);
	bool ok = true;

	if (dir < 0)
		return is_none(errno) || fail_search(db);
	for (size_t i = 0; ok && i < n; i++)
		if (i == 0 || events[i].id >> PART_BITS != events[i - 1].id >> PART_BITS)
			ok = remove_part(dir, events[i].id >> PART_BITS, removed);
	ok = (ok && (!committed || !*removed || fsync(dir) == 0)) || fail_search(db);
	close(dir);
	return ok;
}

bool spool_search_clear(int spool)
{
	int fd = open_search(spool);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool ok = true;

	if (fd < 0)
		return is_none(errno);
	if (!dir) {
		close(fd);
		return false;
	}
	while (ok && (entry = readdir(dir)))
		ok = entry->d_name[0] == '.' || unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT;
	closedir(dir);
	return ok && (unlinkat(spool, SPOOL_FS_SEARCH, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

bool spool_search_drop(struct spool_db *db)
{
	return !db->sql || spool_search_clear(db->dir_fd);
}
