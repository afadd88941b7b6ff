/* SPDX-License-Identifier: ISC */
/*
 * A connection to the spool, as the relay, the commands and the keeper use it: one thread, one place, opened at once. The receiver's
 * handle is another one, struct spool of spool.h: many threads share it, it opens when it is needed, and it gathers counters in
 * memory between commits.
 *
 * All functions of src/spool/ that take a connection keep the reason of a failure in it. Those that return a bool return false then.
 */
#ifndef SPOOL_DB_H
#define SPOOL_DB_H

#include <stdbool.h>

#include "conf/conf.h"

struct spool_db;

/* Why the last function failed, for what the caller does about it. */
enum spool_error {
	SPOOL_ERROR_OTHER,
	SPOOL_ERROR_BUSY,     /* another process has it; later it may go */
	SPOOL_ERROR_FULL,     /* the disk is full */
	SPOOL_ERROR_READONLY, /* this process may not write */
	SPOOL_ERROR_DISK,     /* the disk failed */
	SPOOL_ERROR_DAMAGED,  /* what is stored can't be right */
	SPOOL_ERROR_MISSING,  /* a server has no tables yet: the receiver makes them */
};

enum spool_access {
	SPOOL_RECEIVE, /* make it when it isn't there; write; an overflow becomes a spool */
	SPOOL_OVERFLOW, /* the same, as the overflow, which it becomes while it is empty; a spool with events of its own is refused */
	SPOOL_MANAGE,  /* it must be there; read and write */
	SPOOL_READ,    /* the same, but each write fails: for the page */
	SPOOL_RELAY,   /* as SPOOL_MANAGE; a commit doesn't wait for the disk: what a power cut takes back is sent once more, with the same id */
};

/* True when there is a spool at that place, or a server that may have one: the receiver makes it. False with errno set. */
bool spool_db_exists(const char *place);

/* A connection that is not open yet. NULL when memory is short. The caller frees it. */
struct spool_db *spool_db_new(void);

/* Opens the spool at that place, the option `spool` of the configuration. It may be closed after an error only. */
bool spool_db_open(struct spool_db *db, const char *place, enum journal journal, enum spool_access access);

/* Closes it. NULL is allowed. */
void spool_db_free(struct spool_db *db);

/* The reason of the last failure, in one line, and its kind. Borrowed until the next failure of that connection. NULL: memory is short. */
const char *spool_db_error(const struct spool_db *db);
enum spool_error spool_db_error_kind(const struct spool_db *db);

/*
 * All readings between `on` and off see the spool as it is at one moment. For short ones: an open reading holds up the receiver's
 * checkpoints.
 */
void spool_db_snapshot(struct spool_db *db, bool on);

/* True when another process was writing when this connection last wanted to: the receiver is busy. */
bool spool_db_contended(const struct spool_db *db);

/*
 * A number that is another one after another process has written to the spool. What was read behind this call, and before a call
 * that gives the same number, is as it was read, but for what this connection wrote. 0: it is not known.
 */
int64_t spool_db_version(struct spool_db *db);

/*
 * *id becomes an id behind which events may still be stored that are not there yet: of events up to it, none is missing. Readers that go
 * on behind the last event that they have seen read no further. With SQLite it is the highest id that there can be.
 */
bool spool_db_settled(struct spool_db *db, int64_t *id);

/* True when another spool is in the place of the one that is open, or none: it was moved or deleted. */
bool spool_db_moved(struct spool_db *db);

/* The opposite, for commands that wait for events: a spool that was moved is an error. */
bool spool_db_in_place(struct spool_db *db);

#endif
