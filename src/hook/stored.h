/* A delivery put together again from what was kept of it, as the request that it was. */
#ifndef STORED_H
#define STORED_H

#include <stdbool.h>

#include "core/buf.h"
#include "hook/request.h"

/* Zero-initialised is valid and empty. */
struct stored {
	struct request request; /* its body borrows from what it was made of */
	struct buf text;        /* of the variables */
	char **envp;
};

/*
 * Makes the request from lines "Name: value\n" (":query" is the URL's) and the body, both borrowed. False when memory
 * is short.
 */
bool stored_request(struct slice headers, struct slice body, struct stored *out);
void stored_free(struct stored *s);

#endif
