/* SPDX-License-Identifier: ISC */
/* Checks before a spool is trusted: its files are plain files, and its schema is the one that this program makes. */
#include "spool/sqlite/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/fs.h"

bool spool_trust_files(int dir_fd, char *why, size_t n)
{
	struct stat dir, st;
	bool roots;

	if (fstat(dir_fd, &dir) != 0) {
		snprintf(why, n, "%s", strerror(errno));
		return false;
	}
	roots = geteuid() == 0 && dir.st_uid == 0;
	for (const char *const *file = spool_fs_files; *file; file++) {
		if (fstatat(dir_fd, *file, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			if (errno == ENOENT)
				continue;
			snprintf(why, n, "%s: %s", *file, strerror(errno));
			return false;
		}
		if (!S_ISREG(st.st_mode))
			snprintf(why, n, "%s: %s; a spool's files are plain files: remove it", *file,
				S_ISLNK(st.st_mode) ? "a symbolic link" : "not a regular file");
		else if (roots && st.st_uid != 0)
			snprintf(why, n, "%s: belongs to user %lu, and the directory to root; chown the directory to that user", *file,
				(unsigned long)st.st_uid);
		else
			continue;
		return false;
	}
	return true;
}

bool spool_trust_nothing(sqlite3 *sql)
{
	return sqlite3_db_config(sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) == SQLITE_OK &&
		sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
		sqlite3_db_config(sql, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) == SQLITE_OK;
}

enum { TYPE, NAME, COUNT, NAME_SIZE = 64 };

/* The name goes to a terminal. */
static void take_name(char out[NAME_SIZE], const unsigned char *name)
{
	snprintf(out, NAME_SIZE, "%s", name ? (const char *)name : "NULL");
	for (char *c = out; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

/*
 * Finds an object of the schema of `in` that the schema of `than` lacks. The two tables that ANALYZE makes are allowed. Names alone
 * prove nothing, because a writer of the file can choose them: the texts are compared.
 * Returns SQLITE_DONE where there is none, SQLITE_ROW with its type and name in row, else SQLite's error.
 */
static int find_more(sqlite3 *in, sqlite3 *than, char row[COUNT][NAME_SIZE])
{
	static const char all[] = "SELECT type, name, sql FROM sqlite_schema WHERE (type, name, sql) NOT IN (VALUES"
		"('table', 'sqlite_stat1', 'CREATE TABLE sqlite_stat1(tbl,idx,stat)'),"
		"('table', 'sqlite_stat4', 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'))";
	static const char one[] = "SELECT 1 FROM sqlite_schema WHERE type IS ? AND name IS ? AND sql IS ?";
	sqlite3_stmt *each, *same = NULL;
	int rc = sqlite3_prepare_v2(in, all, -1, &each, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(than, one, -1, &same, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(each)) == SQLITE_ROW) {
		for (int i = 0; i < 3; i++)
			sqlite3_bind_value(same, i + 1, sqlite3_column_value(each, i));
		rc = sqlite3_step(same);
		if (rc == SQLITE_ROW) {
			rc = sqlite3_reset(same);
			continue;
		}
		for (int i = 0; i < COUNT; i++) {
			take_name(row[i], sqlite3_column_text(each, i));
		}
		rc = rc == SQLITE_DONE ? SQLITE_ROW : rc;
		break;
	}
	sqlite3_finalize(each);
	sqlite3_finalize(same);
	return rc;
}

bool spool_trust_schema(sqlite3 *sql, sqlite3 *model, char *why, size_t n)
{
	char row[COUNT][NAME_SIZE];
	int rc = find_more(sql, model, row);

	if (rc == SQLITE_ROW) {
		snprintf(why, n, "schema: hookspool did not make the %s \"%s\"; find out how it came there, and drop it", row[TYPE], row[NAME]);
		return false;
	}
	if (rc == SQLITE_DONE)
		rc = find_more(model, sql, row);
	if (rc == SQLITE_ROW)
		snprintf(why, n, "schema: the %s \"%s\" is missing or was changed; this is no whole spool", row[TYPE], row[NAME]);
	else if (rc != SQLITE_DONE)
		snprintf(why, n, "schema: %s", sqlite3_errstr(rc));
	return rc == SQLITE_DONE;
}
