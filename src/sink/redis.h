/* SPDX-License-Identifier: ISC */
/* The parts of the module redis. */
#ifndef REDIS_H
#define REDIS_H

#include "core/buf.h"
#include "sink/driver.h"
#include "sink/redis_link.h"

enum {
	REDIS_BATCH = 64, /* messages of one command at most, */
	REDIS_BATCH_BYTES = 64 * 1024, /* ...and bytes, without the last: the server does nothing else while it runs the script */
	REDIS_EVENT_ARGUMENTS = 40, /* of one message at most: its key, how many fields and values, and these */
};

struct redis_sent;

/* Messages that go together. */
struct redis_batch {
	struct redis_batch *next;
	struct redis *redis;
	struct redis_sent *messages; /* linked by next, the oldest first */
	bool whole; /* the script's text was sent */
};

/* A command with pointers to what it is of. */
struct redis_command {
	const char *argument[5 + REDIS_BATCH * REDIS_EVENT_ARGUMENTS];
	size_t size[5 + REDIS_BATCH * REDIS_EVENT_ARGUMENTS];
	int n;
	char keys_count[16], max_length[16], window[24];
	struct buf text; /* of its keys and counts */
};

struct redis {
	struct sink_target base;
	const struct sink *sink;
	sink_done *done;
	struct buf password; /* empty: none */
	struct redis_link link;
	struct loop_timer timer; /* the deadline of the first message */
	struct redis_batch *batches, **last_batch; /* that have no answer */
	struct redis_sent *waiting, **last_waiting; /* for the link; all of them came later */
	struct redis_command command; /* scratch */
};

/* A message on its way. */
struct redis_sent {
	struct redis_sent *next;
	struct sink_message *message;
	struct buf stream;
	int64_t began; /* clock_mono_us() */
};

/* The script that adds events, and its source, which tells a reader of the server's log what the script does. */
extern const char redis_script[];

/*
 * The EVALSHA, or EVAL where sha is NULL, that adds the messages to the stream of the first. The command is reused; its text is freed
 * with buf_free(). False when memory is short.
 */
bool redis_command_make(struct redis_command *c, const struct sink *s, const struct redis_sent *messages, const char *sha);

/* What the server's error means: RETRY or REFUSED, and whether the target failed. error is borrowed. */
struct sink_result redis_result(const char *error);

/* For hookspool check: asks the server, and waits for it. */
void redis_check(struct redis *r, sink_say *say, void *ctx);

#endif
