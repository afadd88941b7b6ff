/* SPDX-License-Identifier: ISC */
/* What sections say of each other, checked when all files were read: their order doesn't matter. */
#ifndef SCHEMA_LINKS_H
#define SCHEMA_LINKS_H

#include <confuse.h>
#include <stdbool.h>

/*
 * Checks the names of sinks in the endpoints' relay and in the sinks' reply. False after an error was reported, with the
 * file and the line of the name.
 */
bool schema_check_links(cfg_t *tree);

#endif
