/* SPDX-License-Identifier: ISC */
/* Moving a spool to another place, which may be of another engine. */
#ifndef SPOOL_MOVE_H
#define SPOOL_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

struct spool_moved {
	int64_t events, deliveries; /* that this call has copied */
	int64_t total;              /* events of the spool that is moved */
	bool refused;               /* the new spool has other events: each later call is refused, too */
};

/*
 * Copies all that a spool has, with its ids and its name, into one that is new, or that an earlier call has filled in part: that is
 * gone on with. No event is copied twice. Neither may be in use. Works in batches; progress may be NULL. False with the reason in
 * `to`; what was copied until then stays.
 */
bool spool_move(struct spool_db *from, struct spool_db *to, void (*progress)(uint64_t done), struct spool_moved *sum);

#endif
