/* SPDX-License-Identifier: ISC */
/* What a PostgreSQL server says of itself: server.h of src/spool. */
#ifndef SPOOL_PG_SERVER_H
#define SPOOL_PG_SERVER_H

#include "spool/server.h"

bool pg_server_look(struct spool_db *db, struct spool_server *server);

#endif
