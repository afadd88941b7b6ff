/* SPDX-License-Identifier: ISC */
/* The places of a spool: a directory, or a PostgreSQL server's database; and of its overflow: a directory, or none. */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>

#include "conf/option.h"

#define PLACE_DEFAULT "/var/lib/hookspool" /* of a spool, and of the files of this machine alone */

/* True for the URL of a server; any other place is a directory. */
bool place_is_server(const char *place);

/* True for a server that is reached by a Unix socket alone. */
bool place_is_local(const char *place);

extern const struct option_kind place_spool_kind;    /* char *: a URL, or a path as kind_path has it */
extern const struct option_kind place_overflow_kind; /* char *: a path, or "none" */

#endif
