/* SPDX-License-Identifier: ISC */
/* The parts of the module redis. */
#ifndef REDIS_H
#define REDIS_H

#include "core/buf.h"
#include "sink/driver.h"
#include "sink/redis_link.h"

struct redis {
	struct sink_target base;
	const struct sink *sink;
	sink_done *done;
	struct buf password; /* empty: none */
	struct redis_link link;
	struct loop_timer timer;      /* the deadline of the first message */
	struct redis_sent *first, **last; /* the messages without an answer, in the order that they came; those that wait for the link too */
	struct redis_sent *waiting;       /* the first of those; NULL: none waits */
};

/* The script that adds an event, and its source, which tells a reader of the server's log what the script does. */
extern const char redis_script[];

enum { REDIS_ARGUMENTS_MAX = 40 };

/* A command with pointers to what it is of. */
struct redis_command {
	const char *argument[REDIS_ARGUMENTS_MAX];
	size_t size[REDIS_ARGUMENTS_MAX];
	int n;
	char max_length[16], window[24];
	struct buf key;
};

/* The EVALSHA, or EVAL where sha is NULL, that adds the message to the stream. Free with redis_command_free(). False when memory is short. */
bool redis_command_make(struct redis_command *c, const struct sink *s, const struct sink_message *m, struct slice stream, const char *sha);
void redis_command_free(struct redis_command *c);

/* What the server's error means: RETRY or REFUSED, and whether the target failed. error is borrowed. */
struct sink_result redis_result(const char *error);

/* For hookspool check: asks the server, and waits for it. */
void redis_check(struct redis *r, sink_say *say, void *ctx);

#endif
