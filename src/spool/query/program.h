/* SPDX-License-Identifier: ISC */
/* The table program, inside a transaction of the receiver's. */
#ifndef SPOOL_QUERY_PROGRAM_H
#define SPOOL_QUERY_PROGRAM_H

#include <stdbool.h>

#include "spool/program.h"

/* Writes the row in the caller's transaction, and removes those it replaces. False: the transaction must be rolled back. */
bool spool_program_write(struct spool_db *db, const struct spool_program *p);

#endif
