/* SPDX-License-Identifier: ISC */
/* What a delivery says: the fields that route, dedupe and list an event. */
#ifndef EVENT_H
#define EVENT_H

#include <stddef.h>

#include "conf/scheme.h"
#include "core/buf.h"
#include "core/key.h"
#include "core/urn.h"
#include "hook/form.h"
#include "hook/request.h"

enum event_result {
	EVENT_OK,
	EVENT_NAMELESS,    /* read, but nothing in it is the event's name */
	EVENT_MALFORMED,   /* the body cannot be read; fields that are outside of it are there, the event's name is not */
	EVENT_UNAVAILABLE, /* memory is short, or OpenSSL failed */
};

/* What identifies an event, so that a repeated delivery is found to be a duplicate. */
enum identity {
	IDENTITY_NONE,     /* nothing does: the key has no value, and the delivery is never a duplicate */
	IDENTITY_BODY,     /* the bytes: the key is the body's SHA-256 or the signature, in hexadecimal */
	IDENTITY_SIGNED,   /* an id that the signature covers */
	IDENTITY_UNSIGNED, /* an id that is, or is joined with, a value that nothing signs */
};

/*
 * Zero-initialised is valid, and can be read into again and again. The slices borrow from the event and the scheme. They do
 * not borrow from the request, which may be gone when the event is logged. A field without a value has p == NULL.
 */
struct event {
	struct slice field[FIELD_COUNT]; /* FIELD_KEY is unique for each event; see `id` */
	struct slice id;        /* the id in FIELD_KEY alone: the key that hookspool 0.1 stored; p == NULL where that has none */
	enum identity identity; /* of FIELD_KEY */
	unsigned several;       /* bit f: the body has more than one value for field f; field[f] is the first or none */
	const char *reason;     /* static text, unless OK */
	struct buf arena, headers, joined; /* of values in JSON, of those in headers, and of those that were put together */
	struct form form, query; /* query: only where a field is taken from it */
	char key[sizeof URN_MESSAGE + URN_ID_MAX]; /* storage of FIELD_KEY where it is a hash, a signature, or a URN in its other spelling */
};

/*
 * Takes the fields from where the scheme has them. A body that is packed is unpacked first, as unpack.h says. A JSON body
 * is read as paths.h says, and a form as form.h says. A form's "payload" is JSON too, as GitHub and Slack send it. `signature` is
 * that of the delivery, in bytes, for a key that is taken from it. Where no source of the key has a value, the body's hash is the key.
 */
enum event_result event_read(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev);

/* The same for a body that counts as it came, packed or not: for bytes that nothing has proven. */
enum event_result event_read_plain(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev);

/* Empties the event, and keeps its memory. */
void event_clear(struct event *ev);

void event_free(struct event *ev);

#endif
