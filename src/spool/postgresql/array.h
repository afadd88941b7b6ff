/* SPDX-License-Identifier: ISC */
/* Arrays as parameters of a statement, in PostgreSQL's binary form. */
#ifndef SPOOL_ARRAY_H
#define SPOOL_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

enum pg_type { PG_TEXT, PG_BYTES, PG_NUMBER, PG_BOOL };

/* Zero-initialised but for the type it is empty. */
struct pg_array {
	enum pg_type type;
	struct buf bytes;
	int32_t n;
	bool failed; /* memory was short */
};

void pg_array_clear(struct pg_array *a);
void pg_array_add(struct pg_array *a, struct slice value); /* of PG_TEXT and PG_BYTES; p == NULL: NULL */
void pg_array_add_number(struct pg_array *a, int64_t value);
void pg_array_add_bool(struct pg_array *a, bool value);
void pg_array_add_null(struct pg_array *a);

/* Writes the header. The array may then be a parameter of the type pg_array_oid(). False when memory was short. */
bool pg_array_end(struct pg_array *a);
unsigned pg_array_oid(const struct pg_array *a);

void pg_array_free(struct pg_array *a);

#endif
