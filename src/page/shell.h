/* SPDX-License-Identifier: ISC */
/* Commands for a shell: a stored delivery as curl sends it, signed anew with a secret that the reader puts in. */
#ifndef SHELL_H
#define SHELL_H

#include "conf/conf.h"
#include "core/buf.h"

struct shell_delivery {
	const struct endpoint *endpoint;
	const char *host;     /* of the page's own URL, for an endpoint without `url` */
	struct slice headers; /* "Name: value\n" lines, as they are stored */
	struct slice body;
};

/*
 * Appends a script for sh: it writes the body to a file, signs it with openssl by the endpoint's scheme, and sends it with curl. Nothing
 * of the delivery is a word of the script: all of it is quoted or base64. *possible becomes false, and nothing is appended, where
 * openssl's command line cannot make such a signature. False when memory is short.
 */
bool shell_curl(const struct shell_delivery *d, struct buf *out, bool *possible);

#endif
