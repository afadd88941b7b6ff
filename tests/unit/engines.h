/* SPDX-License-Identifier: ISC */
/*
 * Tests that run over each engine of the spool. A PostgreSQL server of their own is started in a private directory, by the newest
 * initdb that is installed; without one, tests over PostgreSQL are skipped, unless HOOKSPOOL_NEED_SERVERS is set.
 */
#ifndef ENGINES_H
#define ENGINES_H

#include "unit.h"

#include <glob.h>
#include <sys/wait.h>

#include "spool/engine.h"
#include "spool/spool.h"
#include "spool/stmt.h"

/* Of one test: a spool that is not made yet. */
struct world {
	bool server;
	char place[512];
	struct spool_db *db;
};

static char engines_programs[512]; /* the directory of PostgreSQL's programs; "": none */
static unsigned engines_number;    /* each test has a schema of its own */
static struct world engines_world;

__attribute__((format(printf, 1, 2))) static inline int engines_run(const char *format, ...)
{
	char command[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof command, format, ap);
	va_end(ap);
	return system(command);
}

/* The module is beside the programs of the build; a test looks for it beside itself. */
static inline bool engines_link_module(void)
{
	char dir[4096], path[4400], target[4400];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);

	if (n <= 0)
		return false;
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	snprintf(target, sizeof target, "%s/../../modules/spool-postgresql.so", dir);
	snprintf(path, sizeof path, "%s/modules", dir);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/modules/spool-postgresql.so", dir);
	return access(target, R_OK) == 0 && (symlink("../../../modules/spool-postgresql.so", path) == 0 || access(path, R_OK) == 0);
}

/* initdb refuses root. */
static inline const char *engines_user(void)
{
	return geteuid() == 0 ? "setpriv --reuid=nobody --regid=nogroup --clear-groups " : "";
}

static inline int engines_enter(void **state)
{
	glob_t found;

	if (unit_enter(state) != 0)
		return -1;
	if (engines_link_module() && glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
		snprintf(engines_programs, sizeof engines_programs, "%.*s", (int)(strrchr(found.gl_pathv[found.gl_pathc - 1], '/') - found.gl_pathv[found.gl_pathc - 1]),
			found.gl_pathv[found.gl_pathc - 1]);
		globfree(&found);
		if (engines_run("chmod 755 . && mkdir pg && %s pg && %s%s/initdb -D pg/data -U postgres -A trust --no-sync --locale=C -E UTF8 >/dev/null 2>&1 &&"
				" %s%s/pg_ctl -D pg/data -w -t 60 -l pg/log -o \"-c listen_addresses='' -c unix_socket_directories=%s/pg -c fsync=off"
				" -c shared_buffers=8MB\" start >/dev/null 2>&1", geteuid() == 0 ? "chown nobody:nogroup" : "true", engines_user(),
				engines_programs, engines_user(), engines_programs, (char *)*state) != 0)
			return -1;
	}
	return *engines_programs || !getenv("HOOKSPOOL_NEED_SERVERS") ? 0 : -1;
}

static inline int engines_leave(void **state)
{
	if (*engines_programs)
		engines_run("%s%s/pg_ctl -D pg/data -m immediate stop >/dev/null 2>&1", engines_user(), engines_programs);
	return unit_leave(state);
}

/* Runs a statement as the server's administrator. */
static inline void engines_sql(const char *sql)
{
	assert_int_equal(engines_run("psql -X -q -v ON_ERROR_STOP=1 -h \"$PWD/pg\" -U postgres -c \"%s\" postgres >/dev/null", sql), 0);
}

static inline int engines_begin_world(void **state, bool server)
{
	char cwd[256], sql[64];

	engines_world = (struct world){.server = server};
	*state = &engines_world;
	snprintf(engines_world.place, sizeof engines_world.place, "t%u", ++engines_number);
	if (!server || !*engines_programs)
		return 0;
	snprintf(sql, sizeof sql, "CREATE SCHEMA t%u", engines_number);
	engines_sql(sql);
	snprintf(engines_world.place, sizeof engines_world.place, "postgresql://postgres@/postgres?host=%s/pg&options=-csearch_path%%3Dt%u",
		getcwd(cwd, sizeof cwd), engines_number);
	return 0;
}

static inline int engines_begin_sqlite(void **state)
{
	return engines_begin_world(state, false);
}

static inline int engines_begin_server(void **state)
{
	return engines_begin_world(state, true);
}

static inline int engines_end_world(void **state)
{
	struct world *w = *state;

	spool_db_free(w->db);
	w->db = NULL;
	return 0;
}

/* Each test begins with this. */
static inline struct world *engines_take(void **state)
{
	struct world *w = *state;

	if (w->server && !*engines_programs)
		skip();
	return w;
}

/* A connection to the test's spool, which must be there. */
static inline struct spool_db *engines_open(struct world *w, enum spool_access access)
{
	spool_db_free(w->db);
	w->db = spool_db_new();
	if (!spool_db_open(w->db, w->place, JOURNAL_WAL, access))
		fail_msg("%s", spool_db_error(w->db));
	return w->db;
}

/* The number that a statement finds. */
static inline int64_t engines_find(struct spool_db *db, const char *sql)
{
	struct spool_stmt *st;
	int64_t n;

	assert_true(spool_stmt_prepare(db, sql, &st));
	if (spool_stmt_step(st) != SPOOL_ROW)
		fail_msg("%s", spool_db_error(db));
	n = spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return n;
}

/* The same, of the test's spool. */
static inline int64_t engines_ask(struct world *w, const char *sql)
{
	return engines_find(engines_open(w, SPOOL_MANAGE), sql);
}

/* The same test over each engine. */
#define ENGINES(test) \
	{"sqlite_" #test, test, engines_begin_sqlite, engines_end_world, NULL}, \
	{"postgresql_" #test, test, engines_begin_server, engines_end_world, NULL}

/* A test of what SQLite's engine alone has, such as spools of older releases. */
#define ENGINES_SQLITE(test) {"sqlite_" #test, test, engines_begin_sqlite, engines_end_world, NULL}

/* A test for servers alone. */
#define ENGINES_SERVER(test) {"postgresql_" #test, test, engines_begin_server, engines_end_world, NULL}

#endif
