/* SPDX-License-Identifier: ISC */
/*
 * What tells that a part of the search index is of the events that the database has now: its first and its last one.
 *
 * An older copy of the database has the spool's name, and may be in the same file. Other events come under the ids of its newer ones.
 */
#ifndef SEARCH_WITNESS_H
#define SEARCH_WITNESS_H

#include <stdbool.h>

#include "spool/db.h"
#include "spool/search/part.h"

/* Sets the head's witnesses, by its number and its blocks. False on an error. */
bool search_witness_set(struct spool_db *db, struct part_head *head);

/* As part_open(), but a part whose witnesses differ from the database is none. */
bool search_witness_open(struct spool_db *db, int dir, int64_t number, uint64_t identity, struct part *p);

#endif
