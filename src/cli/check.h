/* SPDX-License-Identifier: ISC */
/* What the parts of hookspool check share: how a finding is reported and counted. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "spool/db.h"

enum check_grade { CHECK_OK, CHECK_WARN, CHECK_FAIL, CHECK_NOTE /* for other parts, and not shown */ };

struct check {
	const char *socket; /* from --socket; NULL: not given */
	bool deep, json;
	const char *place; /* what the directory of this machine is; static text */
	bool options; /* print the options, and check nothing */

	enum check_grade worst;
	unsigned warnings, failures;
	bool quiet;    /* findings are gathered, and not printed */
	bool is_child; /* so are notes, for the parent to take */
	bool relay_unknown; /* root runs the check, and the relay's user is not known yet: see owner_knows_relay() */
	struct buf findings; /* for each finding: a byte for the grade, the name and the message, both with their NUL */
	struct buf notes; /* the same, of check_note() */
};

/* A part of the check: it looks at one thing, and reports what it finds. */
typedef void check_part(struct check *c, const struct conf *conf);

/*
 * Reports one finding: a line "ok …", "warn …" or "FAIL …", or an item of the JSON object. The name is stable, in lower case, for
 * monitoring systems; several findings may share it. The message says what to do.
 */
void check_say(struct check *c, enum check_grade grade, const char *name, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* hookspool check --options: prints every option of the configuration. */
void check_print_options(bool as_json);

/* Keeps a value for later parts, also for those in another process. */
void check_note(struct check *c, const char *name, const char *value);

/*
 * Returns the first note of that name behind `after`, or the first of all where that is NULL. NULL: there is none. The text is
 * valid until the next note.
 */
const char *check_next_note(const struct check *c, const char *name, const char *after);

/* Prints the findings as one JSON object. */
void check_print_json(const struct check *c);

/* Adds the findings that a quiet check has gathered. */
void check_take(struct check *c, struct slice findings);

/* The user's name, or its number where it has none. Static storage, overwritten by the next call. */
const char *check_user(uid_t uid);

/*
 * Runs part(c, conf). Where this process is root and another user owns the spool's directory, a child process becomes that user
 * and runs it. So the check has the receiver's permissions, and leaves no file that root owns.
 */
void check_as_owner(struct check *c, const struct conf *conf, check_part *part);

/* The same, as the user that the relay runs as. Only that user may read the files of sinks. */
void check_as_relay(struct check *c, const struct conf *conf, check_part *part);

/* The name of the note that the database can't be used. */
#define CHECK_UNUSABLE "unusable"

/*
 * Checks one file: can the spool's owner read it, and may others change or replace it? False after a FAIL. Findings begin with
 * `whose`.
 */
bool check_file(struct check *c, const char *whose, const char *file, bool secret);

/* The files: may others change them, and can the spool's owner read them? */
check_part check_files;

/* The spool: there, owned, closed to others, on which file system, how much room, does a transaction begin? */
check_part check_spool;

/* Does a secret stand in two endpoints? */
check_part check_shared_secrets;

/* Is a secret shorter than its tokens need? */
check_part check_short_secrets;

/* Which fields of each endpoint does the signature not cover, so that a stranger with a captured delivery can change them? */
check_part check_identity;

/*
 * Opens the spool's database for a part that comes after check_database(). NULL where there is none, or where that one has found
 * that it can't be opened: each part would wait for the same lock again. The caller frees it.
 */
struct spool_db *check_open(const struct check *c, const struct conf *conf);

/* The database: a write that is rolled back, its integrity (read whole where it is small, or with --deep), and its times. */
check_part check_database;

/* The server that holds the spool: its durability, its standbys, what this role may do, and its clock. */
void check_server(struct check *c, struct spool_db *db);

/* Where a server holds the spool: what waits in the overflow for it? */
check_part check_overflow;

/* Where an endpoint has several secrets: which of them are still used? */
check_part check_rotation;

/* Where an endpoint has a rate: do its deliveries come from more than a proxy's address? */
check_part check_rate;

/* Where an endpoint has `expect`: did its last event come within that time? */
check_part check_silence;

/* The sinks: their files, the endpoints that name them, dead deliveries, and pending ones that no relay sends. */
check_part check_relay_sinks;

/* The catch-ups: their keys, and how their last runs went. */
check_part check_catchups;

/*
 * The receivers and the relay that are registered in the spool: do they run, with this configuration? Notes each receiver's
 * "address", and the pid of each that runs as "receiver".
 */
check_part check_programs;

/* Notes as "receiver" the pid of each registered receiver that runs. Reports nothing. */
check_part check_note_receivers;

/* True when a process holds the relay's lock. */
bool check_relay_runs(const char *spool);

/*
 * The socket: does a receiver answer a probe there, with the spool of this configuration, and which users may connect? Checks the
 * one of --socket, else the configuration's, else each that receivers are registered with.
 */
check_part check_socket;

#endif
