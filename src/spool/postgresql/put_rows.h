/* SPDX-License-Identifier: ISC */
/* A batch of events as the parameters of put's statements. */
#ifndef SPOOL_PUT_ROWS_H
#define SPOOL_PUT_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/key.h"
#include "spool/postgresql/array.h"
#include "spool/receiver.h"

enum { BATCH_HASH = SPOOL_KEY_DIGEST };

/* An event that is to be stored. */
struct put_item {
	struct spool_event *ev;
	struct spool_key key;
	struct buf text;                    /* storage of the key */
	unsigned char hash[BATCH_HASH];     /* of the salt and the key; of an event without a key: a number that is never used again */
	unsigned char digest[BATCH_HASH];   /* of the bytes that make it a duplicate, or another event under the same id */
	bool is_unsigned;
	bool is_new;        /* its transaction, which may not have ended, has stored it */
};

/* The columns of an event, in the order of the statements' parameters. */
enum put_column {
	BATCH_ENDPOINT, BATCH_HASHES, BATCH_DIGESTS, BATCH_AT, BATCH_UNSIGNED, BATCH_REPLAY, /* these alone are the keys' */
	BATCH_SECRET, BATCH_EVENT, BATCH_KEY, BATCH_SCOPE, BATCH_ACCOUNT, BATCH_SENDER_ID, BATCH_SENDER_NAME, BATCH_CONVERSATION,
	BATCH_SENT_AT, BATCH_ADDRESS, BATCH_HEADERS, BATCH_BODY, BATCH_TEXT, BATCH_NOTE, BATCH_SOURCE,
	BATCH_EVENT_COLUMNS,
	BATCH_RELAY_EVENT = BATCH_EVENT_COLUMNS, BATCH_RELAY_SINK, BATCH_RELAY_CONVERSATION, BATCH_RELAY_JUDGE, BATCH_RELAY_STORE, BATCH_RELAY_WITHHELD,
	BATCH_COLUMNS,
	BATCH_KEY_COLUMNS = BATCH_SECRET,
};

/* Zero-initialised it is empty. It keeps its memory for the next batch. */
struct put_rows {
	struct put_item *item;
	size_t n, cap;
	struct pg_array column[BATCH_COLUMNS]; /* of a run: some items that have no key and no bytes in common */
	bool any_store;         /* a relay of the run is to a sink in store */
	struct pg_array lock;   /* numbers of the unsigned items' bytes */
	struct pg_array window[4]; /* endpoint, hash, time and dedupe window of items that are known by their bytes */
	struct pg_array accepted;  /* ids of refused deliveries */
};

/* Takes all events that are not settled. False: memory is short, or OpenSSL failed. */
bool put_rows_take(struct put_rows *b, const struct spool_batch *first, struct slice salt);

/* The end of the longest run that begins with the item `from`, and ends before `to`. */
size_t put_rows_run(const struct put_rows *b, size_t from, size_t to);

/* Makes the columns of a run. False: memory is short. */
bool put_rows_fill(struct put_rows *b, size_t from, size_t to);

/* Settles the items that are new, and takes them out. The others keep their order. */
void put_rows_settle_new(struct put_rows *b);

void put_rows_free(struct put_rows *b);

#endif
