/* SPDX-License-Identifier: ISC */
/* The tables of a spool: how they are made, how an older spool is migrated, and whether a file has them and nothing else. */
#ifndef SPOOL_SCHEMA_H
#define SPOOL_SCHEMA_H

#include "spool/sqlite/db.h"

enum { SPOOL_SCHEMA_VERSION = 5 }; /* that this program makes and migrates to: PRAGMA user_version */

/*
 * Makes the database, under another name until it is whole and synced: a power cut must not leave one that can't be opened. Removes
 * what an earlier database of that name has left. db: its directory and lock are open, its database is not.
 */
bool spool_schema_make(struct spool_db *db, const char *path);

/* Brings an open database up to date; only the receiver changes one. */
bool spool_schema_migrate(struct spool_db *db, enum spool_access access);

/* True when the schema's sum is the one that this program makes. ANALYZE's tables, or a later SQLite, may change the sum. */
bool spool_schema_is_known(struct spool_db *db);

/* Compares the schema with the one that this program makes: SQLite runs by itself what a schema says. */
bool spool_schema_check(struct spool_db *db);

#endif
