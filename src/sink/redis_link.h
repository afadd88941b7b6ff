/* SPDX-License-Identifier: ISC */
/*
 * A connection to a Redis server: hiredis's asynchronous context on the loop.
 *
 *   closed      nothing
 *   opening     the host is looked up, the connection is made, the server answers AUTH, SELECT and SCRIPT LOAD
 *   ready       commands may be sent
 *
 * After an error or a timeout a connection is closed and another one opened: a late answer would be taken for another command's.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <hiredis/async.h>
#include <stdbool.h>

#include "core/loop.h"
#include "sink/redis_options.h"

enum { REDIS_SHA_SIZE = 41 };

struct redis_link {
	struct loop *loop;
	const struct redis_options *options;
	const char *password; /* NULL: no AUTH */
	const char *script;   /* loaded into the server */

	void (*on_ready)(void *ctx); /* also when commands were written, and more may be sent */
	void (*on_end)(void *ctx, const char *why); /* the connection failed, and is closed */
	void *ctx;

	/* the link's own */
	redisAsyncContext *context; /* NULL: none yet, or closed */
	int lookup;                 /* descriptor; -1: no lookup */
	unsigned events;            /* that the loop watches for */
	bool ready;
	char sha[REDIS_SHA_SIZE];   /* of the script */
	char setup_error[256];
};

/* Begins to open a link that is closed. on_ready() or on_end() follows, on_end() before this returns perhaps. */
void redis_link_open(struct redis_link *l);

/* True when commands may be sent now: a command more is copied, and what is not written yet is moved with each write. */
bool redis_link_has_room(const struct redis_link *l);

/* True when it is opening or ready. */
bool redis_link_is_open(const struct redis_link *l);

/* Closes it, without a call of on_end(). Commands that have no answer yet get none. */
void redis_link_close(struct redis_link *l);

#endif
