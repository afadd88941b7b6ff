/* SPDX-License-Identifier: ISC */
/* Statistics: counters, rejected deliveries and the program's own row. They are gathered in memory, and written once a second. */
#include "spool/query/stats.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "spool/query/program.h"
#include "spool/stmt.h"

struct tally {
	struct tally *next;
	char *endpoint; /* "" for a path that no endpoint has */
	const char *code;
	int64_t secret; /* its id */
	int64_t n, last_at, bytes;
};

static struct tally *find(const struct spool_stats *n, const char *endpoint, const char *code, int64_t secret)
{
	struct tally *t = n->tallies;

	while (t && (t->code != code || t->secret != secret || strcmp(t->endpoint, endpoint) != 0))
		t = t->next;
	return t;
}

static struct tally *add(struct spool_stats *n, const char *endpoint, const char *code, int64_t secret)
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

static void count(struct spool_stats *n, const struct spool_tally *of, int64_t times)
{
	struct tally *t = find(n, of->endpoint, of->code, of->secret);

	if (!t)
		t = add(n, of->endpoint, of->code, of->secret);
	if (!t)
		return;
	t->n += times;
	t->bytes += of->bytes;
	if (of->at > t->last_at)
		t->last_at = of->at;
}

void spool_stats_count(struct spool_stats *n, const struct spool_tally *t)
{
	struct spool_tally one = *t;

	if (!one.endpoint)
		one.endpoint = "";
	count(n, &one, 1);
	if (one.again)
		spool_came_add(&n->came, one.again, 1, one.at);
}

void spool_stats_reject(struct spool_stats *n, const struct spool_reject *r)
{
	if (n->limits.keep > 0)
		spool_rejects_add(&n->rejects, r, n->limits.size);
}

bool spool_stats_tell(struct spool_stats *n, const struct spool_program *p)
{
	struct spool_program *copy = malloc(sizeof *copy);

	if (!copy)
		return false;
	*copy = *p;
	free(n->program);
	n->program = copy;
	return true;
}

static bool write_tallies(const struct tally *t, struct spool_db *db)
{
	struct spool_stmt *st;
	bool ok;

	if (!t)
		return true;
	ok = spool_stmt_prepare(db,
		"INSERT INTO counter(endpoint, code, secret, n, last_at, bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(endpoint, code, secret) DO UPDATE SET n = counter.n + excluded.n, bytes = counter.bytes + excluded.bytes,"
		" last_at = CASE WHEN counter.last_at > excluded.last_at THEN counter.last_at ELSE excluded.last_at END", &st);
	for (; ok && t; t = t->next) {
		spool_stmt_bind_text(st, 1, t->endpoint);
		spool_stmt_bind_text(st, 2, t->code);
		spool_stmt_bind_int(st, 3, t->secret);
		spool_stmt_bind_int(st, 4, t->n);
		spool_stmt_bind_int(st, 5, t->last_at);
		spool_stmt_bind_int(st, 6, t->bytes);
		ok = spool_stmt_step(st) == SPOOL_DONE;
		spool_stmt_reset(st);
	}
	spool_stmt_free(st);
	return ok;
}

bool spool_stats_cut(struct spool_db *db, const struct reject_limits *limits, int64_t now)
{
	return spool_rejects_expire(db, limits, now) && spool_rejects_cut(db, limits);
}

bool spool_stats_write(const struct spool_stats *n, struct spool_db *db)
{
	return write_tallies(n->tallies, db) && spool_came_write(&n->came, db) && spool_rejects_write(&n->rejects, db) &&
		(!n->program || spool_program_write(db, n->program)) &&
		spool_rejects_expire(db, &n->limits, clock_now()) &&
		((!n->rejects.n && !n->relimited) || spool_rejects_cut(db, &n->limits));
}

static void free_tallies(struct spool_stats *n)
{
	struct tally *t;

	while ((t = n->tallies)) {
		n->tallies = t->next;
		free(t->endpoint);
		free(t);
	}
}

void spool_stats_join(struct spool_stats *to, struct spool_stats *from)
{
	for (const struct tally *t = from->tallies; t; t = t->next)
		count(to, &(struct spool_tally){t->endpoint, t->code, t->secret, t->bytes, t->last_at, 0}, t->n);
	free_tallies(from);
	spool_came_join(&to->came, &from->came);
	to->limits = from->limits;
	spool_rejects_join(&to->rejects, &from->rejects, to->limits.size);
	to->relimited = to->relimited || from->relimited;
	if (from->program) {
		free(to->program);
		to->program = from->program;
	}
	*from = (struct spool_stats){.limits = from->limits};
}

void spool_stats_free(struct spool_stats *n)
{
	free_tallies(n);
	spool_came_free(&n->came);
	spool_rejects_free(&n->rejects);
	n->relimited = false;
	free(n->program);
	n->program = NULL;
}
