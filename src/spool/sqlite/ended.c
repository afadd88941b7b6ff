/* SPDX-License-Identifier: ISC */
/* The table ended: how many relays of each sink are delivered, and how many dead. */
#include "spool/sqlite/ended.h"

#include <stdlib.h>
#include <string.h>

#include "spool/relay.h"
#include "spool/sqlite/sql.h"

struct spool_ended {
	struct spool_ended *next;
	int state;
	int64_t n; /* more, or fewer */
	char sink[];
};

bool spool_ended_begin(struct spool_db *db)
{
	if (!db->counts_ended && sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) != SQLITE_OK)
		return spool_sql_fail(db);
	db->counts_ended = true;
	return true;
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
	sqlite3_stmt *st;
	bool ok = true;

	if (sums && !spool_sql_keep(db, "INSERT INTO ended(sink, state, n) VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + excluded.n", &st))
		return false;
	for (; ok && sums; sums = sums->next) {
		sqlite3_bind_text(st, 1, sums->sink, -1, SQLITE_STATIC);
		sqlite3_bind_int(st, 2, sums->state);
		sqlite3_bind_int64(st, 3, sums->n);
		ok = sqlite3_step(st) == SQLITE_DONE;
		sqlite3_reset(st);
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
