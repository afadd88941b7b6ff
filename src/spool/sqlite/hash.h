/* SPDX-License-Identifier: ISC */
/* The SQL function key_hash(salt, key): by it the keys of deleted events stay known, without the personal ids in them. */
#ifndef SPOOL_HASH_H
#define SPOOL_HASH_H

#include <sqlite3.h>

/*
 * Adds key_hash(salt, key) to the connection: SHA-256 over the salt and the key, 32 bytes; NULL where the key is NULL. The salt is
 * the spool's own (column salt of table spool), so that hashes of different spools can't be compared. Returns SQLite's code.
 */
int spool_hash_register(sqlite3 *sql);

#endif
