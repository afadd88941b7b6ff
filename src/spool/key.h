/* SPDX-License-Identifier: ISC */
/* The key of an event, which is unique for each endpoint: the sender's id, and a scope. */
#ifndef SPOOL_KEY_H
#define SPOOL_KEY_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/key.h"
#include "spool/spool.h"

enum { SPOOL_KEY_DIGEST = 32 };

/* Borrows from the event, and from the buffer that it was made with. */
struct spool_key {
	struct slice whole;     /* the id, then the scope; p == NULL: none, and the event is never a duplicate */
	struct slice id, scope; /* the columns key and scope */
	bool by_name;           /* the scope of a signed id is the event's name and the account, and nothing else */
	unsigned char digest[SPOOL_KEY_DIGEST]; /* of an unsigned identity: SHA-256 of spool_key_bytes() */
};

/* Makes the key. False: memory is short, or OpenSSL failed. */
bool spool_key_make(const struct spool_event *ev, struct buf *b, struct spool_key *out);

/* The bytes that must be equal where nothing signs the id: the signed ones. For all other events the body. */
struct slice spool_key_bytes(const struct spool_event *ev);

/*
 * The keys that release 0.1 may have given an event: the plain id, or, where its scheme had no id, the hash of the body or the
 * signature in hexadecimal. These two are listed for signed ids only. For an event without an id nothing is listed: 0.1 gave it the
 * key that it has now.
 */
struct spool_key_legacy {
	struct slice key[3]; /* borrow from the event, and from this */
	bool by_bytes[3];    /* a hash or a signature, not the plain id */
	size_t n;
	char body[2 * SPOOL_KEY_DIGEST + 1], signature[2 * KEY_FIXED_MAX + 1];
};

/* False: OpenSSL failed. */
bool spool_key_list_legacy(const struct spool_event *ev, struct spool_key_legacy *out);

/* The SHA-256 of the bytes. False: OpenSSL failed. */
bool spool_key_digest(struct slice bytes, unsigned char digest[SPOOL_KEY_DIGEST]);

#endif
