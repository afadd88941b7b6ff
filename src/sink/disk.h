/* SPDX-License-Identifier: ISC */
/*
 * A thread that writes to a disk, for drivers of files: a disk may block for any time, and the loop must not.
 *
 * disk_send() copies what is to be written and returns. The thread takes all that waits and writes it as one batch, so that a slow
 * disk gets larger batches. The loop reports each message once: with the thread's result, or at the message's deadline without one.
 * At the deadline,
 *
 *	what waits             is retry, and unsent
 *	what is being written  is retry and in doubt, and the target has failed
 */
#ifndef DISK_H
#define DISK_H

#include "sink/driver.h"

enum { DISK_ID = 48, DISK_ERROR = 512, DISK_PLACE = 64 };

/* A message, as the thread has it. */
struct disk_item {
	struct disk_item *next; /* of the batch, or of those that wait */
	char id[DISK_ID];
	struct buf data;
	/* the thread sets these; the result points to the two texts */
	struct sink_result result;
	char error[DISK_ERROR], place[DISK_PLACE];
	/* the loop's */
	struct sink_message *message; /* NULL: it was reported at its deadline */
	struct disk_item *next_late;
	int64_t began, deadline;      /* clock_mono_us() */
};

struct disk_work {
	/* The size of a batch: messages, and bytes, without the last message. */
	size_t most, most_bytes;
	/* On the loop: appends what is written of the message. False when memory is short. */
	bool (*copy)(const struct sink_message *m, struct buf *data);
	/* On the thread: writes a batch of one item or more, and sets the result of each. */
	void (*write)(void *ctx, struct disk_item *items);
	/* Closes what write() has opened, and frees the context; on the thread where one was started. */
	void (*end)(void *ctx);
};

/*
 * A target of a driver whose send(), stop() and close() are the functions below. The context is the target's from now on, and is
 * ended on an error, too. The thread starts with the first batch. NULL with the reason in why.
 */
struct sink_target *disk_open(struct loop *l, sink_done *done, const struct disk_work *work, void *ctx, char *why, size_t why_size);

/* The context, for what does not change in it. */
const void *disk_context(const struct sink_target *t);

/* As struct sink_driver has them. Where the disk blocks longer than 1 s, close() leaves the rest to the thread. */
void disk_send(struct sink_target *t, struct sink_message *batch);
void disk_stop(struct sink_target *t);
void disk_close(struct sink_target *t);

/* ---- for write() */

/* Sets an item's result: delivered, with the place as printf prints it. */
void disk_deliver(struct disk_item *i, const char *place, ...) __attribute__((format(printf, 2, 3)));

/* Sets an item's result: retry. */
void disk_retry(struct disk_item *i, bool in_doubt, bool target_failed, const char *error);

#endif
