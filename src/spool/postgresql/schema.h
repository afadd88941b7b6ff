/* SPDX-License-Identifier: ISC */
/* The tables of a spool in PostgreSQL: how they are made and migrated. */
#ifndef SPOOL_PG_SCHEMA_H
#define SPOOL_PG_SCHEMA_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPOOL_PG_VERSION = 1 }; /* that this program makes and migrates to: column version of table spool */

/*
 * Makes the tables, or brings them up to date, in one transaction under a lock of all such programs. With may_change unset it only looks
 * whether they are: *missing becomes true where there are none. False with the reason in why.
 */
bool spool_pg_migrate(PGconn *connection, bool may_change, bool *missing, char *why, size_t why_size);

#endif
