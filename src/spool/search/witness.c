/* SPDX-License-Identifier: ISC */
/* Compares a part of the search index with the first and the last of its events. */
#include "spool/search/witness.h"

#include "spool/stmt.h"

/* *hash becomes that of the event which the statement finds among the part's ids; 0: there is none. */
static bool hash_event(struct spool_db *db, const char *sql, const struct part_head *head, uint64_t *hash)
{
	int64_t begin = head->number * PART_IDS, is[2];
	struct spool_stmt *st;
	enum spool_step step;
	struct slice key;

	*hash = 0;
	if (!spool_stmt_keep(db, sql, &st))
		return false;
	spool_stmt_bind_int(st, 1, begin);
	spool_stmt_bind_int(st, 2, begin + (int64_t)head->blocks * PART_BLOCK_IDS - 1);
	step = spool_stmt_step(st);
	if (step == SPOOL_ROW) {
		is[0] = spool_stmt_int64(st, 0);
		is[1] = spool_stmt_int64(st, 1);
		key = spool_stmt_present(st, 2);
		*hash = search_hash(search_hash(head->identity, is, sizeof is), key.p, key.n);
	}
	spool_stmt_reset(st);
	return step == SPOOL_ROW || step == SPOOL_DONE;
}

static bool hash_both(struct spool_db *db, const struct part_head *head, uint64_t *first, uint64_t *last)
{
	return hash_event(db, "SELECT id, received_at, key FROM event WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT 1", head, first) &&
		hash_event(db, "SELECT id, received_at, key FROM event WHERE id >= ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1", head, last);
}

bool search_witness_set(struct spool_db *db, struct part_head *head)
{
	return hash_both(db, head, &head->first, &head->last) || spool_stmt_fail(db);
}

bool search_witness_open(struct spool_db *db, int dir, int64_t number, uint64_t identity, struct part *p)
{
	uint64_t first, last;

	if (!part_open(dir, number, identity, p))
		return false;
	if (hash_both(db, &p->head, &first, &last) && first == p->head.first && last == p->head.last)
		return true;
	part_close(p);
	return false;
}
