/* SPDX-License-Identifier: ISC */
/* What a deletion did, and removing what it leaves in the files. */
#ifndef SPOOL_DELETE_H
#define SPOOL_DELETE_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

/* What was deleted, or would be. */
struct spool_deleted {
	int64_t events, deliveries, attempts;
	int64_t pending; /* deliveries of these that were pending */
	int64_t spared;  /* events that stay, because a delivery of them is pending */
};

/*
 * Ends every deletion: afterwards no file of the spool has the deleted content. Waits for readers for at most 10 s, and lets receiving
 * go on. False when a reader does not end, or on another error; a second call continues.
 */
bool spool_delete_wipe(struct spool_db *db);

#endif
