/* SPDX-License-Identifier: ISC */
/* Arrays as parameters of a statement, in PostgreSQL's binary form: array_recv() of arrayfuncs.c reads it. */
#include "spool/postgresql/array.h"

#include <arpa/inet.h>
#include <string.h>

enum { HEADER = 20 };

/* The types' oids, of elements and arrays: PostgreSQL's pg_type.dat. */
static const struct {
	uint32_t element;
	unsigned array;
} oids[] = {[PG_TEXT] = {25, 1009}, [PG_BYTES] = {17, 1001}, [PG_NUMBER] = {20, 1016}, [PG_BOOL] = {16, 1000}};

void pg_array_clear(struct pg_array *a)
{
	a->bytes.len = 0;
	a->n = 0;
	a->failed = !buf_add(&a->bytes, (char[HEADER]){0}, HEADER);
}

static void add_element(struct pg_array *a, const void *p, size_t n)
{
	uint32_t length = htonl((uint32_t)n);

	a->failed = a->failed || n > INT32_MAX || !buf_add(&a->bytes, &length, sizeof length) || (n && !buf_add(&a->bytes, p, n));
	a->n++;
}

void pg_array_add_null(struct pg_array *a)
{
	uint32_t length = htonl(UINT32_MAX);

	a->failed = a->failed || !buf_add(&a->bytes, &length, sizeof length);
	a->n++;
}

void pg_array_add(struct pg_array *a, struct slice value)
{
	if (value.p)
		add_element(a, value.p, value.n);
	else
		pg_array_add_null(a);
}

void pg_array_add_number(struct pg_array *a, int64_t value)
{
	uint32_t halves[2] = {htonl((uint32_t)((uint64_t)value >> 32)), htonl((uint32_t)value)};

	add_element(a, halves, sizeof halves);
}

void pg_array_add_bool(struct pg_array *a, bool value)
{
	add_element(a, value ? "\1" : "\0", 1);
}

bool pg_array_end(struct pg_array *a)
{
	/* one dimension, perhaps NULLs, the elements' type, their number, the first index */
	const uint32_t header[HEADER / 4] = {htonl(a->n ? 1 : 0), htonl(1), htonl(oids[a->type].element), htonl((uint32_t)a->n), htonl(1)};

	if (a->failed || a->bytes.len > INT32_MAX)
		return false;
	memcpy(a->bytes.data, header, HEADER);
	if (!a->n)
		a->bytes.len = 12;
	return true;
}

unsigned pg_array_oid(const struct pg_array *a)
{
	return oids[a->type].array;
}

void pg_array_free(struct pg_array *a)
{
	buf_free(&a->bytes);
}
