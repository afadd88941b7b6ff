/* SPDX-License-Identifier: ISC */
/*
 * The interface of sink drivers. A driver sends messages to the targets of one type of sink (type.h).
 *
 * All functions of a driver are called by one thread, the loop's. None of them waits: a driver watches its descriptors and sets
 * its timers on the loop. A library that blocks, or has threads of its own, gets a thread and a waker (core/waker.h) inside the driver's file.
 *
 *   open()   reads the sink's secrets and checks them; connects to nothing
 *   send()   takes a batch: 1 to type->batch_max messages of one sink, the oldest first
 *   done()   the relay's; the driver calls it exactly once for each message, in any order, from send() or later
 *   stop()   no more is sent; for what takes time to end
 *   close()  ends all at once; messages that are on the way are forgotten without done(), and are sent again by the next relay
 *
 * A message and all that it points to are the relay's. The driver may read them until it calls done() for that message; after
 * the call they may be gone. So it reads message->next before it reports the message, and keeps no pointer into it.
 */
#ifndef SINK_DRIVER_H
#define SINK_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/sink.h"
#include "core/buf.h"
#include "core/loop.h"
#include "core/template.h"
#include "spool/events.h"

enum {
	SINK_GRACE_MS = 10 * 1000, /* a message is reported so long after its deadline at the latest: a program has to be ended first */
	SINK_RETRY_AFTER_MAX_MS = 7 * 86400 * 1000, /* a target asks for no longer pause; drivers cut what is longer */
};

/* One attempt to send one event. */
struct sink_message {
	struct sink_message *next; /* of the batch */
	void *driver;              /* the driver's, from send() to done(); NULL at send() */

	const char *id;     /* the event's, "evt_SPOOL_NUMBER": the same for each attempt and each sink, unique among all spools */
	int attempt;        /* from 1 */
	bool at_most_once;  /* it must not arrive twice: no driver or library may send it again by itself */
	int64_t deadline;   /* clock_mono_us(): the attempt ends then, as SINK_RETRY with in_doubt, unless the target has answered */

	const char *type;   /* Content-Type of the body */
	struct slice body;  /* what is sent: the sink's template, or the event's own bytes */

	/* for headers, keys, topics and variables of an environment; the text only where type->fields is set or a template has it */
	const struct template_values *values;

	/* the event as the spool has it, for sinks that store all of it; its body as it came, compressed perhaps */
	const struct spool_row *event;
	struct slice endpoint_name; /* the configuration's name of the event's endpoint; p == NULL: it has none */
};

enum sink_verdict {
	SINK_DELIVERED, /* the target has acknowledged the message, durably where it can */
	SINK_RETRY,     /* it has not; a later attempt may succeed */
	SINK_REFUSED,   /* it will never take this message: a dead letter */
};

/* What became of a message; borrowed for the length of done(). Zero but for the verdict is valid. */
struct sink_result {
	enum sink_verdict verdict;
	bool in_doubt;       /* not delivered as far as is known, and the target may have it all the same */
	bool target_failed;  /* the target failed, and not this message: counts for the circuit breaker */
	bool unsent;         /* nothing was sent: this says nothing of the target, and takes nothing of the sink's rate */
	int status;          /* HTTP's; 0: none */
	int64_t ms;          /* the attempt took so long */
	int64_t retry_after; /* ms; the target asks for no attempt before; 0: it doesn't */
	const char *error;   /* why it is not delivered; NULL: no words for it */
	const char *place;   /* where the target has it, "partition 3 offset 9"; NULL: not said */
	struct slice answer; /* what the target said, its beginning; p == NULL: nothing */
	struct slice reply;  /* an answer that another sink sends (type->answers); p == NULL: none */
};

typedef void sink_done(struct sink_message *m, const struct sink_result *r);

/* A sink that was opened: the driver's own struct begins with this. */
struct sink_target {
	const struct sink_driver *driver; /* set by sink_open() */
};

enum sink_finding { SINK_FINE, SINK_DOUBTFUL, SINK_WRONG };

/* Says one finding about a sink; text is a sentence's rest behind "sink NAME: ". */
typedef void sink_say(void *ctx, enum sink_finding finding, const char *text);

struct sink_driver {
	const char *type; /* sink_type's name */

	/*
	 * Opens the sink; s, l and done stay valid until close(). NULL with the reason in why: a secret can't be read, or is wrong; no
	 * memory. A target that is down is no reason. Called to check a configuration, too.
	 */
	struct sink_target *(*open)(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t why_size);

	/* Takes the batch. What can't be sent, for want of memory too, is reported by done() like all else. */
	void (*send)(struct sink_target *t, struct sink_message *batch);

	/*
	 * Asks what is on the way to end, without waiting. done() may still be called; send() is not. Called for all targets before the
	 * first close(), so that they end together. NULL: nothing takes time to end.
	 */
	void (*stop)(struct sink_target *t);

	/* Ends what is on the way, waiting 1 s after stop() at most, and frees the target. */
	void (*close)(struct sink_target *t);

	/*
	 * For hookspool check, on a target that was opened: says what is wrong about the sink's configuration or the durability of
	 * the target's acknowledgement, and may connect and wait. NULL: there is nothing to check.
	 */
	void (*check)(struct sink_target *t, sink_say *say, void *ctx);
};

/* The driver of the type with that name that is built in; NULL: there is none, or it is a module. */
const struct sink_driver *sink_driver_find(const char *type);

/* Opens a sink with the driver of its type, and so on: as the functions of struct sink_driver. */
struct sink_target *sink_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t why_size);
void sink_send(struct sink_target *t, struct sink_message *batch);
void sink_stop(struct sink_target *t);  /* NULL is allowed */
void sink_close(struct sink_target *t); /* the same */
void sink_check(struct sink_target *t, sink_say *say, void *ctx);

#endif
