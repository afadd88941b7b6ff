/* SPDX-License-Identifier: ISC */
/* The reload on SIGHUP: a new configuration is taken whole, or not at all. */
#ifndef RELOAD_H
#define RELOAD_H

#include "gate/server.h"
#include "spool/program.h"

/* The main thread's own. */
struct reload {
	struct server *s;
	struct spool_program self; /* what the spool knows of this process */
	char error[SPOOL_PROGRAM_ERROR]; /* the first one of the reload that runs */
};

/* Loads the configuration's file again. After an error the server keeps the configuration it has. The spool gets to know both. */
void reload_configuration(struct reload *r);

/* Has a worker write r->self into the spool. */
void reload_tell(struct reload *r);

#endif
