/* SPDX-License-Identifier: ISC */
/* The fields of an event: each has the value of its first source that has one. */
#ifndef FIELD_H
#define FIELD_H

#include "core/paths.h"
#include "hook/event.h"

/* A delivery that is being read. */
struct reading {
	const struct request *r;
	const struct scheme *s;
	struct slice signature;
	struct event *ev;
	struct path *paths;
	size_t n_paths, first[FIELD_COUNT]; /* where the paths of a field begin */
	size_t joined_at[FIELD_COUNT];      /* in ev->joined, which moves as it grows; of fields in `joined` */
	unsigned joined, unsigned_fields;   /* bit f: the field was joined; nothing signs its value (key, event, account) */
	bool query_read;                    /* ev->query has the parameters */
	bool nothing;                       /* nothing identifies the delivery: SOURCE_NOTHING */
};

/* The source is a path in the JSON body. */
bool field_is_path(const struct source *source);

/* Makes room for a copy of each header that is a source, so that no copy moves when the next is added. False: memory is short. */
bool field_reserve_headers(const struct scheme *s, const struct request *r, struct event *ev);

/* Fills rd->ev->field from the paths, which have been found, and from the other sources. False: memory is short, or OpenSSL failed. */
bool field_resolve_all(struct reading *rd);

#endif
