/* SPDX-License-Identifier: ISC */
/* Rewrites a JSON text as a program does that parses and prints it: the usual reason why a signature doesn't match. */
#ifndef REWRITE_H
#define REWRITE_H

#include <stdbool.h>

#include "core/buf.h"

enum rewrite_space {
	REWRITE_SPACE_KEEP,
	REWRITE_SPACE_NONE, /* as JavaScript, PHP and Go */
	REWRITE_SPACE_ONE,  /* behind each colon and comma, as Python */
};

enum rewrite_text {
	REWRITE_TEXT_KEEP,
	REWRITE_TEXT_UTF8,          /* no \u where none is needed, no \/ */
	REWRITE_TEXT_ASCII,         /* \u for all that isn't ASCII, as Python */
	REWRITE_TEXT_ASCII_SLASHES, /* and \/, as PHP */
};

/* Appends the rewritten text. Text that is not JSON gives some other text. False when memory is short. */
bool rewrite_json(struct slice json, enum rewrite_space space, enum rewrite_text text, struct buf *out);

#endif
