/* SPDX-License-Identifier: ISC */
/* How often events came again: duplicates of each event, gathered in memory, and written once a second into the table `came`. */
#include "spool/query/came.h"

#include <stdlib.h>

#include "spool/stmt.h"

struct came_again {
	int64_t event; /* 0: the place is free */
	int64_t times, last_at;
};

/* The place of the event, or the free one for it. Events have consecutive numbers. */
static struct came_again *came_place(const struct spool_came *c, int64_t event)
{
	size_t i = (uint64_t)event & (CAME_ROOM - 1);

	while (c->places[i].event && c->places[i].event != event)
		i = (i + 1) & (CAME_ROOM - 1);
	return &c->places[i];
}

void spool_came_add(struct spool_came *c, int64_t event, int64_t times, int64_t last_at)
{
	struct came_again *p;

	if (!c->places)
		c->places = calloc(CAME_ROOM, sizeof *c->places);
	p = c->places ? came_place(c, event) : NULL;
	if (!p || (!p->event && c->n == CAME_MOST))
		return;
	c->n += !p->event;
	p->event = event;
	p->times += times;
	if (last_at > p->last_at)
		p->last_at = last_at;
}

bool spool_came_write(const struct spool_came *c, struct spool_db *db)
{
	struct spool_stmt *st;
	bool ok;

	if (!c->n)
		return true;
	ok = spool_stmt_prepare(db, "INSERT INTO came(event, again, last_at) SELECT id, CAST(?2 AS BIGINT), CAST(?3 AS BIGINT) FROM event"
		" WHERE id = ?1 ON CONFLICT(event) DO UPDATE SET again = came.again + excluded.again,"
		" last_at = CASE WHEN came.last_at > excluded.last_at THEN came.last_at ELSE excluded.last_at END", &st);
	for (const struct came_again *p = c->places; ok && p < c->places + CAME_ROOM; p++) {
		if (!p->event)
			continue;
		spool_stmt_bind_int(st, 1, p->event);
		spool_stmt_bind_int(st, 2, p->times);
		spool_stmt_bind_int(st, 3, p->last_at);
		ok = spool_stmt_step(st) == SPOOL_DONE;
		spool_stmt_reset(st);
	}
	spool_stmt_free(st);
	return ok;
}

void spool_came_join(struct spool_came *to, struct spool_came *from)
{
	for (const struct came_again *p = from->places; p && p < from->places + CAME_ROOM; p++)
		if (p->event)
			spool_came_add(to, p->event, p->times, p->last_at);
	spool_came_free(from);
}

void spool_came_free(struct spool_came *c)
{
	free(c->places);
	*c = (struct spool_came){0};
}
