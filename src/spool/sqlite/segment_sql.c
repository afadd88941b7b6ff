/* SPDX-License-Identifier: ISC */
/* The functions of SQL that read long bodies: event_body, event_size and the like. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/crc32c.h"
#include "spool/sqlite/segment.h"

enum {
	BODY, SEGMENT, ID, OTHER = ID, /* the arguments */
	LONGEST = 1000 * 1000 * 1000,  /* SQLITE_MAX_LENGTH: no value is longer */
};

/* True when the row has its body in itself. */
static bool is_in_row(sqlite3_value **arg)
{
	return sqlite3_value_type(arg[SEGMENT]) == SQLITE_NULL;
}

static bool place_in_row(sqlite3_value **arg, struct spool_place *p)
{
	const void *place = sqlite3_value_blob(arg[BODY]);

	return place && spool_segment_unpack(sqlite3_value_int64(arg[SEGMENT]),
		(struct slice){place, (size_t)sqlite3_value_bytes(arg[BODY])}, p) && p->n <= LONGEST;
}

/* The event's body, for the caller to free. NULL with the reason in why. */
static void *read_stored_body(sqlite3_context *ctx, sqlite3_value **arg, struct spool_place *p, struct spool_unread *why)
{
	if (place_in_row(arg, p))
		return spool_segment_read(sqlite3_user_data(ctx), p, why);
	*why = (struct spool_unread){.lost = true, .text = "its row names no place"};
	return NULL;
}

/* Gives the statement the bytes of the body, never fewer. */
static void give_body(sqlite3_context *ctx, sqlite3_value **arg, bool or_null)
{
	struct spool_place p;
	struct spool_unread why;
	char text[sizeof why.text + 64];
	void *body;

	if (is_in_row(arg)) {
		sqlite3_result_value(ctx, arg[BODY]);
		return;
	}
	body = read_stored_body(ctx, arg, &p, &why);
	if (body) {
		sqlite3_result_blob64(ctx, body, (sqlite3_uint64)p.n, sqlite3_free);
	} else if (!why.lost || !or_null) {
		snprintf(text, sizeof text, "the body of event %" PRId64 ": %s", (int64_t)sqlite3_value_int64(arg[ID]), why.text);
		sqlite3_result_error(ctx, text, -1);
		sqlite3_result_error_code(ctx, why.lost ? SQLITE_CORRUPT : SQLITE_CANTOPEN);
	}
}

/* event_body(BODY, SEGMENT, ID) */
static void event_body(sqlite3_context *ctx, int n, sqlite3_value **arg)
{
	(void)n;
	give_body(ctx, arg, false);
}

/* event_body_if(BODY, SEGMENT, ID): the same, and NULL where the body is missing or damaged. */
static void event_body_if(sqlite3_context *ctx, int n, sqlite3_value **arg)
{
	(void)n;
	give_body(ctx, arg, true);
}

/* event_size(BODY, SEGMENT): the bytes of the body, without reading it. */
static void event_size(sqlite3_context *ctx, int n, sqlite3_value **arg)
{
	struct spool_place p;

	(void)n;
	if (is_in_row(arg))
		sqlite3_result_int64(ctx, sqlite3_value_bytes(arg[BODY]));
	else
		sqlite3_result_int64(ctx, place_in_row(arg, &p) ? p.n : 0);
}

/* event_is(BODY, SEGMENT, OTHER): whether the body has the same bytes. Where it can't be read, length and checksum decide. */
static void event_is(sqlite3_context *ctx, int n, sqlite3_value **arg)
{
	const void *other = sqlite3_value_blob(arg[OTHER]), *stored;
	size_t size = (size_t)sqlite3_value_bytes(arg[OTHER]);
	struct spool_place p;
	struct spool_unread why;
	void *body;
	bool same;

	(void)n;
	if (is_in_row(arg)) {
		stored = sqlite3_value_blob(arg[BODY]);
		same = (size_t)sqlite3_value_bytes(arg[BODY]) == size && (size == 0 || memcmp(stored, other, size) == 0);
		sqlite3_result_int(ctx, same);
		return;
	}
	same = place_in_row(arg, &p) && (size_t)p.n == size && crc32c(other, size) == p.sum;
	body = same ? read_stored_body(ctx, arg, &p, &why) : NULL;
	if (body)
		same = memcmp(body, other, size) == 0;
	sqlite3_free(body);
	sqlite3_result_int(ctx, same);
}

int spool_segment_register(struct spool_db *db)
{
	static const struct {
		const char *name;
		int arguments;
		void (*function)(sqlite3_context *, int, sqlite3_value **);
	} all[] = {{"event_body", 3, event_body}, {"event_body_if", 3, event_body_if}, {"event_size", 2, event_size}, {"event_is", 3, event_is}};
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < sizeof all / sizeof *all; i++)
		rc = sqlite3_create_function_v2(db->sql, all[i].name, all[i].arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY, db, all[i].function, NULL,
			NULL, NULL);
	return rc;
}
