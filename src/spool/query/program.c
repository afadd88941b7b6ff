/* SPDX-License-Identifier: ISC */
/* The programs that use a spool: table program. */
#include "config.h"

#include "spool/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/loaded.h"
#include "core/clock.h"
#include "spool/query/program.h"
#include "spool/query/rows.h"
#include "spool/stmt.h"

struct spool_program spool_program_self(const char *role)
{
	struct spool_program p = {.process = process_self(), .started_at = clock_now(), .version = PACKAGE_VERSION};

	snprintf(p.role, sizeof p.role, "%s", role);
	return p;
}

void spool_program_loaded(struct spool_program *p, const struct conf *c)
{
	if (p->loaded_at) {
		p->reloads++;
		p->reload_at = clock_now();
		*p->reload_error = '\0';
	}
	p->loaded_at = clock_now();
	memcpy(p->files, c->fingerprint, sizeof p->files);
	if (strcmp(p->role, SPOOL_PROGRAM_RELAY) == 0)
		loaded_sinks(c, p->secrets);
	else
		loaded_endpoints(c, p->secrets);
	*p->ids = '\0';
	if (strcmp(p->role, SPOOL_PROGRAM_RELAY) != 0)
		loaded_ids(c, p->ids, sizeof p->ids);
}

void spool_program_refused(struct spool_program *p, const char *error)
{
	p->reloads++;
	p->reload_at = clock_now();
	snprintf(p->reload_error, sizeof p->reload_error, "%s", *error ? error : "unknown");
}

static void read_text(struct spool_stmt *st, int column, char *out, size_t n)
{
	struct slice text = spool_stmt_slice(st, column);

	snprintf(out, n, "%.*s", (int)(text.n < n ? text.n : n - 1), text.p ? text.p : "");
}

#define COLUMNS "role, pid, ticks, space, started_at, ended_at, version, files, secrets, loaded_at, address, reloads, reload_at, reload_error, ids"

static void read_program(struct spool_stmt *st, struct spool_program *p)
{
	*p = (struct spool_program){
		.process = {spool_stmt_int64(st, 1), spool_stmt_int64(st, 2), spool_stmt_int64(st, 3)},
		.started_at = spool_stmt_time(st, 4), .ended_at = spool_stmt_time(st, 5),
		.loaded_at = spool_stmt_time(st, 9), .reloads = spool_stmt_count(st, 11), .reload_at = spool_stmt_time(st, 12),
	};
	read_text(st, 0, p->role, sizeof p->role);
	read_text(st, 6, p->version, sizeof p->version);
	read_text(st, 7, p->files, sizeof p->files);
	read_text(st, 8, p->secrets, sizeof p->secrets);
	read_text(st, 10, p->address, sizeof p->address);
	read_text(st, 13, p->reload_error, sizeof p->reload_error);
	read_text(st, 14, p->ids, sizeof p->ids);
}

static bool has_socket(const struct spool_program *p)
{
	struct stat st;

	return *p->address && (strncmp(p->address, "unix:", 5) != 0 || stat(p->address + 5, &st) == 0 || errno != ENOENT);
}

/* A spool has one relay. The row of a receiver that has ended stays while it is the only one with a socket's address. */
static bool is_replaced(const struct spool_program *old, const struct spool_program *new)
{
	if (strcmp(old->role, SPOOL_PROGRAM_RELAY) == 0)
		return true;
	switch (process_look(&old->process)) {
	case PROCESS_GONE:
		return !has_socket(old) || strcmp(old->address, new->address) == 0;
	case PROCESS_UNKNOWN:
		return *new->address && strcmp(old->address, new->address) == 0;
	case PROCESS_RUNS:
	case PROCESS_STOPPED:
		break;
	}
	return false;
}

static bool remove_row(struct spool_db *db, const struct spool_program *p)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(db, "DELETE FROM program WHERE role = ?1 AND pid = ?2 AND space = ?3", &st);

	spool_stmt_bind_text(st, 1, p->role);
	spool_stmt_bind_int(st, 2, p->process.pid);
	spool_stmt_bind_int(st, 3, p->process.space);
	ok = ok && spool_stmt_step(st) == SPOOL_DONE;
	spool_stmt_free(st);
	return ok;
}

static bool remove_replaced(struct spool_db *db, const struct spool_program *new)
{
	struct spool_program old;
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(db, "SELECT " COLUMNS " FROM program WHERE role = ?1", &st);
	enum spool_step rc = SPOOL_DONE;

	spool_stmt_bind_text(st, 1, new->role);
	while (ok && (rc = spool_stmt_step(st)) == SPOOL_ROW) {
		read_program(st, &old);
		if (is_replaced(&old, new))
			ok = remove_row(db, &old);
	}
	spool_stmt_free(st);
	return ok && rc == SPOOL_DONE;
}

/* As COLUMNS has them. */
#define REPLACE_PROGRAM "INSERT INTO program(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)" \
	" ON CONFLICT(role, pid, space) DO UPDATE SET ticks = excluded.ticks, started_at = excluded.started_at, ended_at = excluded.ended_at," \
	" version = excluded.version, files = excluded.files, secrets = excluded.secrets, loaded_at = excluded.loaded_at," \
	" address = excluded.address, reloads = excluded.reloads, reload_at = excluded.reload_at, reload_error = excluded.reload_error," \
	" ids = excluded.ids"

bool spool_program_write(struct spool_db *db, const struct spool_program *p)
{
	const int64_t numbers[] = {p->process.pid, p->process.ticks, p->process.space, p->started_at, p->ended_at};
	struct spool_stmt *st;
	bool ok = remove_replaced(db, p) && spool_stmt_prepare(db, REPLACE_PROGRAM, &st);

	if (!ok)
		return false;
	spool_stmt_bind_text(st, 1, p->role);
	for (int i = 0; i < 5; i++)
		spool_stmt_bind_int(st, 2 + i, numbers[i]);
	spool_stmt_bind_text(st, 7, p->version);
	spool_stmt_bind_text(st, 8, p->files);
	spool_stmt_bind_text(st, 9, p->secrets);
	spool_stmt_bind_int(st, 10, p->loaded_at);
	spool_stmt_bind_text(st, 11, p->address);
	spool_stmt_bind_int(st, 12, p->reloads);
	spool_stmt_bind_int(st, 13, p->reload_at);
	spool_stmt_bind_text(st, 14, p->reload_error);
	spool_stmt_bind_text(st, 15, p->ids);
	ok = spool_stmt_step(st) == SPOOL_DONE;
	spool_stmt_free(st);
	return ok;
}

bool spool_program_tell(struct spool_db *db, const struct spool_program *p)
{
	bool ok;

	if (!spool_db_begin(db, false))
		return false;
	ok = spool_program_write(db, p) || spool_stmt_fail(db);
	ok = ok && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

struct spool_rows *spool_program_list(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT " COLUMNS " FROM program ORDER BY role, started_at, pid");
}

bool spool_program_next(struct spool_rows *rows, struct spool_program *p)
{
	if (!spool_rows_step(rows))
		return false;
	read_program(rows->st, p);
	return true;
}

static bool remove_role(struct spool_db *db, const char *role)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "DELETE FROM program WHERE role = ?1", &st))
		return false;
	spool_stmt_bind_text(st, 1, role);
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

bool spool_program_forget(struct spool_db *db, const char *role)
{
	struct spool_stmt *st;
	bool ok;
	enum spool_step rc;

	if (!spool_stmt_prepare(db, "SELECT 1 FROM program WHERE role = ?1", &st))
		return false;
	spool_stmt_bind_text(st, 1, role);
	rc = spool_stmt_step(st);
	spool_stmt_free(st);
	if (rc != SPOOL_ROW)
		return rc == SPOOL_DONE || spool_stmt_fail(db);
	if (!spool_db_begin(db, false))
		return false;
	ok = remove_role(db, role) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}
