/* SPDX-License-Identifier: ISC */
/*
 * The programs that use a spool: each writes a row about itself.
 *
 * A receiver or relay writes its row when it starts, after each reload, and when it ends. A program that is killed leaves its row. Its
 * pid and start time show that it is gone, and a later program of the same role deletes it. All CGI processes share one row, with the
 * time of the last one.
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
	SPOOL_PROGRAM_IDS = 1024,
};

/* Times are in ms since the epoch; 0: it did not happen yet. */
struct spool_program {
	char role[16];
	struct process process;
	int64_t started_at, ended_at;
	char version[32];
	char files[CONF_FINGERPRINT];   /* fingerprint of the configuration's texts */
	char secrets[CONF_FINGERPRINT]; /* of the secrets that this role reads; "": unknown */
	char ids[SPOOL_PROGRAM_IDS];    /* of the receiver's signing secrets, in hexadecimal, each between blanks; "": too many, or unknown */
	int64_t loaded_at;              /* when that configuration was read */
	char address[SPOOL_PROGRAM_ADDRESS]; /* of a receiver's socket, as listen_connect() takes it; "": none, or unknown */
	int64_t reloads;                /* tried since its start */
	int64_t reload_at;              /* of the last one */
	char reload_error[SPOOL_PROGRAM_ERROR]; /* of that; "": it went well */
};

/* This process in that role, started now, with no configuration yet. */
struct spool_program spool_program_self(const char *role);

/* Notes that the configuration is in force from now on. It is a reload, unless it is the first. */
void spool_program_loaded(struct spool_program *p, const struct conf *c);

/* Notes that a reload failed with that error. */
void spool_program_refused(struct spool_program *p, const char *error);

/* Writes the program's row, and deletes rows that it replaces. */
bool spool_program_tell(struct spool_db *db, const struct spool_program *p);

/* Deletes the rows of that role; their processes must have ended. Writes nothing when there are none. */
bool spool_program_forget(struct spool_db *db, const char *role);

/* Reads the programs, by role and start. */
struct spool_rows *spool_program_list(struct spool_db *db);
bool spool_program_next(struct spool_rows *rows, struct spool_program *p);

#endif
