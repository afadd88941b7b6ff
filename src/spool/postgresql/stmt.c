/* SPDX-License-Identifier: ISC */
/*
 * PostgreSQL's statements, for stmt.h of src/spool.
 *
 * Each run sends the text with its parameters: a prepared statement belongs to a connection, and behind pgbouncer the next
 * transaction has another one. The server finds out whether a parameter that is no number is text or bytea, from the column
 * beside it; both have the same binary form.
 */
#include "spool/postgresql/stmt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "spool/postgresql/link.h"
#include "spool/stmt.h"

enum {
	PARAMETERS = 20,
	BOOL = 16, INT8 = 20, INT2 = 21, INT4 = 23, /* oids of types: PostgreSQL's pg_type.dat */
};

struct pg_stmt {
	struct spool_stmt common;
	struct buf sql;
	int n;         /* the highest parameter */
	unsigned used; /* bit i: parameter i is in the text */
	Oid types[PARAMETERS];
	const char *values[PARAMETERS];
	int lengths[PARAMETERS], formats[PARAMETERS];
	unsigned char numbers[PARAMETERS][8];
	PGresult *result;
	int row;
};

static struct pg_stmt *pg_stmt_of(struct spool_stmt *st)
{
	return (struct pg_stmt *)st;
}

/* ---- the text */

static bool is_name_part(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '?';
}

/* Skips "INDEXED BY name". */
static const char *skip_index(const char *p)
{
	p += strlen("INDEXED BY ");
	while (is_name_part(*p))
		p++;
	return p;
}

/* Copies a text between quotes. */
static const char *copy_quoted(struct pg_stmt *s, const char *p)
{
	const char *end = strchr(p + 1, '\'');

	end = end ? end + 1 : p + strlen(p);
	buf_add(&s->sql, p, (size_t)(end - p));
	return end;
}

static const char *copy_parameter(struct pg_stmt *s, const char *p)
{
	int number = (int)strtol(p + 1, NULL, 10);

	if (number > 0 && number < PARAMETERS)
		s->used |= 1u << number;
	if (number > s->n)
		s->n = number;
	buf_add(&s->sql, "$", 1);
	return p + 1;
}

/* A value behind HASHED is compared by its hash, as an index has it. */
static const char *copy_hashed(struct pg_stmt *s, const char *p)
{
	const char *end;

	p += strlen(SPOOL_STMT_HASHED);
	for (end = p; is_name_part(*end); end++)
		;
	buf_add_text(&s->sql, "sha256(");
	while (p < end) {
		if (*p == '?')
			p = copy_parameter(s, p);
		else
			buf_add(&s->sql, p++, 1);
	}
	buf_add_text(&s->sql, ")");
	return end;
}

/* A call of event_body or event_size: the body is in the column that the first argument names. */
static const char *copy_body_column(struct pg_stmt *s, const char *p, const char *before, const char *after)
{
	p = strchr(p, '(') + 1;
	buf_add_text(&s->sql, before);
	while (is_name_part(*p))
		buf_add(&s->sql, p++, 1);
	buf_add_text(&s->sql, after);
	p = strchr(p, ')');
	return p ? p + 1 : "";
}

/* False when memory is short. */
static bool translate(struct pg_stmt *s, const char *p)
{
	while (*p) {
		if (*p == '\'')
			p = copy_quoted(s, p);
		else if (*p == '?')
			p = copy_parameter(s, p);
		else if (strncmp(p, "INDEXED BY ", 11) == 0)
			p = skip_index(p);
		else if (strncmp(p, SPOOL_STMT_HASHED, strlen(SPOOL_STMT_HASHED)) == 0)
			p = copy_hashed(s, p);
		else if (strncmp(p, "event_body(", 11) == 0 || strncmp(p, "event_body_if(", 14) == 0)
			p = copy_body_column(s, p, "", "");
		else if (strncmp(p, "event_size(", 11) == 0)
			p = copy_body_column(s, p, "length(", ")");
		else
			buf_add(&s->sql, p++, 1);
	}
	return buf_str(&s->sql) != NULL;
}

struct spool_stmt *pg_stmt_prepare(struct spool_db *db, const char *sql, bool kept)
{
	struct pg_stmt *s = calloc(1, sizeof *s);

	(void)kept;
	if (s) {
		s->common.db = db;
		if (translate(s, sql) && s->n < PARAMETERS)
			return &s->common;
		pg_stmt_free(&s->common);
	}
	spool_db_fail(db, SPOOL_ERROR_OTHER, s ? "spool: a statement has too many parameters" : "spool: memory is short");
	return NULL;
}

/* ---- parameters */

void pg_stmt_bind_int(struct spool_stmt *st, int i, int64_t value)
{
	struct pg_stmt *s = pg_stmt_of(st);

	if (i <= 0 || i >= PARAMETERS)
		return;
	for (int byte = 0; byte < 8; byte++)
		s->numbers[i][byte] = (unsigned char)((uint64_t)value >> (56 - 8 * byte));
	s->types[i] = INT8;
	s->values[i] = (const char *)s->numbers[i];
	s->lengths[i] = 8;
}

void pg_stmt_bind_bytes(struct spool_stmt *st, int i, struct slice bytes)
{
	struct pg_stmt *s = pg_stmt_of(st);

	if (i <= 0 || i >= PARAMETERS)
		return;
	s->types[i] = 0;
	s->values[i] = bytes.p;
	s->lengths[i] = (int)bytes.n;
}

/* The server wants a type for each number up to the highest, also for those that the text does not use. */
static struct pg_values values_of(struct pg_stmt *s)
{
	for (int i = 1; i <= s->n; i++) {
		s->formats[i] = 1;
		if (!(s->used & 1u << i)) {
			s->types[i] = INT8;
			s->values[i] = NULL;
		}
	}
	return (struct pg_values){s->n, s->types + 1, s->values + 1, s->lengths + 1, s->formats + 1};
}

/* ---- rows */

enum spool_step pg_stmt_step(struct spool_stmt *st)
{
	struct pg_stmt *s = pg_stmt_of(st);
	struct pg_values v;

	if (s->result) {
		s->row++;
	} else {
		v = values_of(s);
		s->row = 0;
		s->result = pg_link_exec(st->db, s->sql.data, &v);
	}
	if (!s->result)
		return SPOOL_ERROR;
	return s->row < PQntuples(s->result) ? SPOOL_ROW : SPOOL_DONE;
}

bool pg_stmt_is_null(struct spool_stmt *st, int column)
{
	const struct pg_stmt *s = pg_stmt_of(st);

	return !s->result || s->row >= PQntuples(s->result) || PQgetisnull(s->result, s->row, column);
}

int64_t pg_stmt_int(struct spool_stmt *st, int column)
{
	const struct pg_stmt *s = pg_stmt_of(st);
	const unsigned char *p;
	uint64_t value;
	int n;

	if (pg_stmt_is_null(st, column))
		return 0;
	p = (const unsigned char *)PQgetvalue(s->result, s->row, column);
	n = PQgetlength(s->result, s->row, column);
	switch (PQftype(s->result, column)) {
	case BOOL:
		return *p != 0;
	case INT2:
	case INT4:
	case INT8:
		value = *p & 0x80 ? UINT64_MAX : 0;
		for (int i = 0; i < n; i++)
			value = value << 8 | p[i];
		return (int64_t)value;
	default:
		return 0;
	}
}

struct slice pg_stmt_bytes(struct spool_stmt *st, int column)
{
	const struct pg_stmt *s = pg_stmt_of(st);

	if (pg_stmt_is_null(st, column))
		return (struct slice){0};
	return (struct slice){PQgetvalue(s->result, s->row, column), (size_t)PQgetlength(s->result, s->row, column)};
}

const char *pg_stmt_text(struct spool_stmt *st, int column)
{
	return pg_stmt_bytes(st, column).p; /* libpq ends each value with a NUL */
}

/* schema.c: an empty value tells that the event has no text. */
bool pg_stmt_is_text(struct spool_stmt *st, int column)
{
	return pg_stmt_bytes(st, column).n > 0;
}

void pg_stmt_reset(struct spool_stmt *st)
{
	struct pg_stmt *s = pg_stmt_of(st);

	PQclear(s->result);
	s->result = NULL;
	s->row = 0;
}

void pg_stmt_free(struct spool_stmt *st)
{
	struct pg_stmt *s = pg_stmt_of(st);

	PQclear(s->result);
	buf_free(&s->sql);
	free(s);
}

int64_t pg_stmt_changes(struct spool_db *db)
{
	return pg_link_of(db)->changes;
}
