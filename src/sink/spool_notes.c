/* What the spool keeps beside events: counters and rejected deliveries, gathered in memory, written now and then. */
#include "sink/spool_notes.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

enum { PENDING_MAX = 256 };

struct tally {
	struct tally *next;
	char *endpoint; /* "" for a path that no endpoint has */
	const char *code;
	int64_t secret; /* its id */
	int64_t n, last_at;
};

struct noted_reject {
	struct noted_reject *next;
	char *endpoint, *reason, *remote_addr, *body, *headers;
	const char *code;
	int64_t received_at, bytes;
	size_t body_len, headers_len;
};

static struct tally *find(const struct spool_notes *n, const char *endpoint, const char *code, int64_t secret)
{
	struct tally *t = n->tallies;

	while (t && (t->code != code || t->secret != secret || strcmp(t->endpoint, endpoint) != 0))
		t = t->next;
	return t;
}

static struct tally *add(struct spool_notes *n, const char *endpoint, const char *code, int64_t secret)
{
	struct tally *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->endpoint = strdup(endpoint);
	if (!t->endpoint) {
		free(t);
		return NULL;
	}
	t->code = code;
	t->secret = secret;
	t->next = n->tallies;
	n->tallies = t;
	return t;
}

static void count(struct spool_notes *n, const char *endpoint, const char *code, int64_t secret, int64_t times, int64_t at)
{
	struct tally *t = find(n, endpoint, code, secret);

	if (!t)
		t = add(n, endpoint, code, secret);
	if (!t)
		return;
	t->n += times;
	if (at > t->last_at)
		t->last_at = at;
}

void spool_notes_count(struct spool_notes *n, const char *endpoint, const char *code, int64_t secret, int64_t at)
{
	count(n, endpoint ? endpoint : "", code, secret, 1, at);
}

static void free_reject(struct noted_reject *r)
{
	free(r->endpoint);
	free(r->reason);
	free(r->remote_addr);
	free(r->body);
	free(r->headers);
	free(r);
}

static size_t size_of(const struct noted_reject *r)
{
	return r->body_len + r->headers_len;
}

/* Lets go of the oldest beyond that number, or that size. */
static void cut(struct spool_notes *n, unsigned keep, size_t size)
{
	struct noted_reject **last = &n->rejects, *old;

	if (n->n_rejects <= keep && n->size <= size)
		return;
	while (*last && keep > 0 && size_of(*last) <= size) {
		size -= size_of(*last);
		keep--;
		last = &(*last)->next;
	}
	while ((old = *last)) {
		*last = old->next;
		n->size -= size_of(old);
		n->n_rejects--;
		free_reject(old);
	}
}

static void cut_pending(struct spool_notes *n)
{
	cut(n, n->limits.keep < PENDING_MAX ? n->limits.keep : PENDING_MAX, n->limits.size);
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static char *copy_bytes(struct slice from, size_t *n)
{
	char *p = from.p ? malloc(from.n + 1) : NULL;

	if (p && from.n)
		memcpy(p, from.p, from.n);
	*n = p ? from.n : 0;
	return p;
}

void spool_notes_reject(struct spool_notes *n, const struct spool_reject *r)
{
	struct noted_reject *new = calloc(1, sizeof *new);

	if (!new)
		return;
	new->endpoint = copy(r->endpoint);
	new->reason = copy(r->reason);
	new->remote_addr = copy(r->remote_addr);
	new->code = r->code;
	new->received_at = r->received_at;
	new->bytes = r->bytes;
	if (r->body.n + r->headers.n <= n->limits.size) {
		new->body = copy_bytes(r->body, &new->body_len);
		new->headers = copy_bytes(r->headers, &new->headers_len);
	}
	new->next = n->rejects;
	n->rejects = new;
	n->n_rejects++;
	n->size += size_of(new);
	cut_pending(n);
}

static bool write_tallies(const struct tally *t, sqlite3 *sql)
{
	sqlite3_stmt *st;
	bool ok;

	if (!t)
		return true;
	ok = sqlite3_prepare_v2(sql,
		"INSERT INTO counter(endpoint, code, secret, n, last_at) VALUES(?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT DO UPDATE SET n = n + ?4, last_at = max(last_at, ?5)", -1, &st, NULL) == SQLITE_OK;
	for (; ok && t; t = t->next) {
		sqlite3_bind_text(st, 1, t->endpoint, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, t->code, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, t->secret);
		sqlite3_bind_int64(st, 4, t->n);
		sqlite3_bind_int64(st, 5, t->last_at);
		ok = sqlite3_step(st) == SQLITE_DONE;
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return ok;
}

/* The list is newest first and the table oldest first. */
static bool write_rejects(const struct noted_reject *r, sqlite3_stmt *st)
{
	bool ok;

	if (!r)
		return true;
	if (!write_rejects(r->next, st))
		return false;
	sqlite3_bind_int64(st, 1, r->received_at);
	sqlite3_bind_text(st, 2, r->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, r->code, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, r->reason, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 5, r->bytes);
	sqlite3_bind_text(st, 6, r->remote_addr, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 7, r->body, r->body_len, SQLITE_STATIC);
	sqlite3_bind_text64(st, 8, r->headers, r->headers_len, SQLITE_STATIC, SQLITE_UTF8);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool delete_by(sqlite3 *sql, const char *text, int64_t limit)
{
	sqlite3_stmt *st;
	bool ok;

	if (sqlite3_prepare_v2(sql, text, -1, &st, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_int64(st, 1, limit);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_finalize(st);
	return ok;
}

bool spool_notes_cut(sqlite3 *sql, const struct reject_limits *limits, int64_t now)
{
	return delete_by(sql, "DELETE FROM reject WHERE id <= (SELECT max(id) FROM reject) - ?", limits->keep) &&
		delete_by(sql, "DELETE FROM reject WHERE received_at < ?", now - limits->age) &&
		delete_by(sql, "DELETE FROM reject WHERE id <= (SELECT max(id) FROM"
			       " (SELECT id, sum(length(body) + ifnull(length(headers), 0)) OVER (ORDER BY id DESC) AS size"
			       " FROM reject WHERE body IS NOT NULL) WHERE size > ?)", (int64_t)limits->size);
}

bool spool_notes_write(const struct spool_notes *n, sqlite3 *sql)
{
	sqlite3_stmt *st;
	bool ok;

	if (!write_tallies(n->tallies, sql) || sqlite3_prepare_v2(sql,
		"INSERT INTO reject(received_at, endpoint, code, reason, bytes, remote_addr, body, headers)"
		" VALUES(?, ?, ?, ?, ?, ?, ?, ?)", -1, &st, NULL) != SQLITE_OK)
		return false;
	ok = write_rejects(n->rejects, st);
	sqlite3_finalize(st);
	return ok && spool_notes_cut(sql, &n->limits, clock_now());
}

static void free_tallies(struct spool_notes *n)
{
	struct tally *t;

	while ((t = n->tallies)) {
		n->tallies = t->next;
		free(t->endpoint);
		free(t);
	}
}

void spool_notes_join(struct spool_notes *to, struct spool_notes *from)
{
	struct noted_reject **r = &to->rejects;

	for (const struct tally *t = from->tallies; t; t = t->next)
		count(to, t->endpoint, t->code, t->secret, t->n, t->last_at);
	free_tallies(from);
	while (*r)
		r = &(*r)->next;
	*r = from->rejects;
	to->n_rejects += from->n_rejects;
	to->size += from->size;
	cut_pending(to);
	*from = (struct spool_notes){.limits = from->limits};
}

void spool_notes_free(struct spool_notes *n)
{
	free_tallies(n);
	cut(n, 0, 0);
}
