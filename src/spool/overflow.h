/* SPDX-License-Identifier: ISC */
/* The overflow: events that a server did not take in time, in a spool of SQLite on this machine. The relay moves them to the server. */
#ifndef SPOOL_OVERFLOW_H
#define SPOOL_OVERFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "spool/db.h"
#include "spool/spool.h"

enum { SPOOL_OVERFLOW_MARK = 0x48534F56 /* "HSOV", the application_id of an overflow's database */ };

/*
 * True when that directory's database is an overflow, or empty. A spool of its own, which the configuration names as overflow, is
 * none: its events are not to be moved by the relay. False with the reason in the connection.
 */
bool spool_overflow_is_one(struct spool_db *db, const char *dir);

/*
 * Moves the next events behind *after, in the order in which they came; *after becomes the last one's id, and *n their number; 0: there
 * are no more. An event is deleted here when the server has it. Its key makes it once there, also when this is called again
 * after a crash. One that the server refuses stays. False with the reason in why; what is not moved stays.
 */
bool spool_overflow_move(struct spool_db *from, struct spool *to, const struct conf *c, int64_t *after, size_t *n, char *why, size_t why_size);

/*
 * spool_delete_wipe() for the overflow of the configuration, if there is one. *waiting: the events there, which the relay has still to
 * move. False with the reason in why.
 */
bool spool_overflow_wipe(const struct conf *c, int64_t *waiting, char *why, size_t why_size);

#endif
