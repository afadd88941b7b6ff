/* SPDX-License-Identifier: ISC */
/* The sandbox that a process of a configuration enters. */
#ifndef CONFINE_H
#define CONFINE_H

#include "conf/conf.h"

/*
 * Enters the sandbox of core/sandbox.h with what the configuration needs: writing below the directories of its spool, into the directory of the Unix
 * socket at `address`, which is removed at the end, and into directories of temporary files; anywhere where the spool is a symbolic link. NULL as configuration: it could not be
 * read, and nothing is written. NULL as address: the socket is another process's.
 */
void confine(const struct conf *c, const char *address);

#endif
