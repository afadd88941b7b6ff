/* SPDX-License-Identifier: ISC */
/* The directory of the search index, below the spool's, and the names in it. */
#ifndef SEARCH_PLACE_H
#define SEARCH_PLACE_H

#include <stdint.h>

#include "spool/db.h"

enum { SEARCH_NAME = 32 };

/* Writes the name of a part's file to out, and returns out. */
const char *search_part_name(int64_t number, char out[SEARCH_NAME]);

/* The same for the file that becomes the part's when it is whole. */
const char *search_new_name(int64_t number, char out[SEARCH_NAME]);

/* Opens the directory; make: it is made where it is missing, as the spool's own is. -1 with errno set: there is none, or a failure. */
int search_place_open(struct spool_db *db, bool make);

/*
 * *identity becomes a hash of the spool, its file, this release and its letters. A part with another one is not this spool's, or
 * was made by other rules. False on an error of the spool.
 */
bool search_identity(struct spool_db *db, uint64_t *identity);

#endif
