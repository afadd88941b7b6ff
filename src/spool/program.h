/* SPDX-License-Identifier: ISC */
/*
 * The programs that use a spool, as each of them tells of itself: table program.
 *
 * A receiver or relay writes its row when it starts, after each reload, and when it ends. A program that is killed leaves its row;
 * pid and start time tell that it is gone, and a later program of the same role removes it. CGI has one row for all its processes,
 * which tells only that there was one, and when.
 */
#ifndef SPOOL_PROGRAM_H
#define SPOOL_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/process.h"
#include "spool/db.h"
#include "spool/rows.h"

#define SPOOL_PROGRAM_RECEIVER "receiver"
#define SPOOL_PROGRAM_RELAY "relay"
#define SPOOL_PROGRAM_CGI "cgi" /* has the pid 0 */

enum {
	SPOOL_PROGRAM_ERROR = 512,
	SPOOL_PROGRAM_ADDRESS = 128, /* as long as that of any socket */
};

/* Times are in ms since the epoch, and 0 where it has not come to that. */
struct spool_program {
	char role[16];
	struct process process;
	int64_t started_at, ended_at;
	char version[32];
	char files[CONF_FINGERPRINT];   /* fingerprint of the configuration's texts */
	char secrets[CONF_FINGERPRINT]; /* of the secrets that this role reads; "": unknown */
	int64_t loaded_at;              /* when that configuration was read */
	char address[SPOOL_PROGRAM_ADDRESS]; /* of a receiver's socket, as listen_connect() takes it; "": none, or unknown */
	int64_t reloads;                /* tried since its start */
	int64_t reload_at;              /* of the last one */
	char reload_error[SPOOL_PROGRAM_ERROR]; /* of that; "": it went well */
};

/* This process in that role, started now, with no configuration yet. */
struct spool_program spool_program_self(const char *role);

/* Takes note of a configuration that is in force from now on; a reload, when it isn't the first. */
void spool_program_loaded(struct spool_program *p, const struct conf *c);

/* Takes note of a reload that failed, and why. */
void spool_program_refused(struct spool_program *p, const char *error);

/* Writes the row in a transaction of its own; without an fsync in WAL mode where db is so set. */
bool spool_program_tell(struct spool_db *db, const struct spool_program *p);

/* Removes the rows of that role, which must all be of processes that are gone. Writes nothing where there are none. */
bool spool_program_forget(struct spool_db *db, const char *role);

/* Reads the programs, by role and start. */
struct spool_rows *spool_program_list(struct spool_db *db);
bool spool_program_next(struct spool_rows *rows, struct spool_program *p);

#endif
