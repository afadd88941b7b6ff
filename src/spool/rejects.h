/* SPDX-License-Identifier: ISC */
/* Reading rejected deliveries back. */
#ifndef SPOOL_REJECTS_H
#define SPOOL_REJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "spool/db.h"
#include "spool/rows.h"

/* A rejected delivery. */
struct spool_reject_row {
	int64_t id, received_at, bytes;
	struct slice endpoint, code, reason, remote_addr, body, headers;
	struct slice path, method, content_type; /* path: where no endpoint has it */
};

/* Reads the newest n rejected deliveries (0: all) of the endpoint (NULL: any; borrowed until the end), the oldest of them first. */
struct spool_rows *spool_rejects_list(struct spool_db *db, const char *endpoint, int64_t n);

/* Reads the rejected delivery of that id: one, or none. */
struct spool_rows *spool_rejects_get(struct spool_db *db, int64_t id);

/* No transaction is open between two of them: the caller may block. */
bool spool_rejects_next(struct spool_rows *rows, struct spool_reject_row *r);

/* Deletes the rejected deliveries beyond the limits. */
bool spool_rejects_purge(struct spool_db *db, const struct reject_limits *limits, int64_t now);

#endif
