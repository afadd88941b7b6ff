/* SPDX-License-Identifier: ISC */
/* Looking at a spool's health, for `hookspool check`: can it be written, is it whole, how large is it? */
#ifndef SPOOL_INSPECT_H
#define SPOOL_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

/* True when a spool was in that place, and its database is gone: a lock is left. */
bool spool_inspect_lost(const char *place);

/* Writes some pages, lets the disk have them, and takes them back. False where the spool can't be written. */
bool spool_inspect_write(struct spool_db *db);

/* The bytes of the database, which spool_inspect_pages() has to read. 0: unknown. */
int64_t spool_inspect_size(struct spool_db *db);

enum {
	SPOOL_INSPECT_FAULTS = 3,
	SPOOL_INSPECT_TEXT = 512,
};

/* What is damaged: the first faults. */
struct spool_faults {
	unsigned n;
	char text[SPOOL_INSPECT_FAULTS + 1][SPOOL_INSPECT_TEXT]; /* the last has room for rows that belong to others which are gone */
};

/*
 * Looks at the files of long bodies: faults gets those that are missing or too short, left those that no event of this database has, as
 * another one left them. True when there are none of both.
 */
bool spool_inspect_bodies(struct spool_db *db, struct spool_faults *faults, struct spool_faults *left);

/*
 * Reads the whole database. deep: compares each index with its table, and reads all long bodies, too, which takes much longer. True when
 * it is whole.
 */
bool spool_inspect_pages(struct spool_db *db, bool deep, struct spool_faults *faults);

#endif
