/* SPDX-License-Identifier: ISC */
/* The table ended: how many relays of each sink are delivered, and how many dead. */
#include "spool/query/ended.h"

#include <stdlib.h>
#include <string.h>

#include "spool/relay.h"
#include "spool/stmt.h"

struct spool_ended {
	struct spool_ended *next;
	int state;
	int64_t n; /* more, or fewer */
	char sink[];
};

bool spool_ended_begin(struct spool_db *db)
{
	return db->counts_ended || db->engine->count_ended(db);
}

static bool add_to_sum(struct spool_ended **sums, const char *sink, int state, int by)
{
	size_t n = strlen(sink) + 1;
	struct spool_ended *s = *sums;

	if (state == SPOOL_RELAY_PENDING)
		return true;
	while (s && (s->state != state || strcmp(s->sink, sink) != 0))
		s = s->next;
	if (!s) {
		s = malloc(sizeof *s + n);
		if (!s)
			return false;
		*s = (struct spool_ended){.next = *sums, .state = state};
		memcpy(s->sink, sink, n);
		*sums = s;
	}
	s->n += by;
	return true;
}

bool spool_ended_note(struct spool_ended **sums, const char *sink, int from, int to)
{
	return from == to || (add_to_sum(sums, sink, from, -1) && add_to_sum(sums, sink, to, 1));
}

bool spool_ended_add(struct spool_db *db, const struct spool_ended *sums)
{
	struct spool_stmt *st;
	bool ok = true;

	if (!sums || !db->counts_ended)
		return true;
	if (!spool_stmt_keep(db, "INSERT INTO ended(sink, state, n) VALUES(?1, ?2, ?3) ON CONFLICT(sink, state) DO UPDATE SET n = ended.n + excluded.n", &st))
		return false;
	for (; ok && sums; sums = sums->next) {
		spool_stmt_bind_text(st, 1, sums->sink);
		spool_stmt_bind_int(st, 2, sums->state);
		spool_stmt_bind_int(st, 3, sums->n);
		ok = spool_stmt_step(st) == SPOOL_DONE;
		spool_stmt_reset(st);
	}
	return ok;
}

void spool_ended_free(struct spool_ended *sums)
{
	struct spool_ended *next;

	for (; sums; sums = next) {
		next = sums->next;
		free(sums);
	}
}
