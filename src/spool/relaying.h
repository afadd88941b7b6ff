/* SPDX-License-Identifier: ISC */
/* What an engine does for the relay: relay.h says what each function does. Included by src/spool/ alone. */
#ifndef SPOOL_RELAYING_H
#define SPOOL_RELAYING_H

#include "spool/relay.h"

/* An engine's own struct begins with this one. */
struct spool_relay_iter {
	struct spool_db *db;
};

struct spool_relaying {
	struct spool_relay_iter *(*due)(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from,
		spool_relay_skip *skip, const void *ctx);
	struct spool_relay_iter *(*find)(struct spool_db *db, const struct spool_relay_key *keys, size_t n);
	bool (*next)(struct spool_relay_iter *it, struct spool_relay_row *row);
	bool (*end)(struct spool_relay_iter *it, struct spool_relay_cursor *cursor, bool *more);
	bool (*pending)(struct spool_db *db, struct spool_relay_key *keys, size_t n);
	bool (*record)(struct spool_db *db, const struct spool_attempt *first);
	bool (*sending)(struct spool_db *db, struct spool_relay_key *key, int64_t now);
	bool (*doubt)(struct spool_db *db, int64_t *n);
	bool (*beat)(struct spool_db *db); /* spool_relay_lock_beat(); NULL: nothing */
	int (*listen)(struct spool_db *db); /* spool_relay_listen(); NULL: wakeup.h tells of all */
	bool (*heard)(struct spool_db *db);
};

extern const struct spool_relaying spool_sqlite_relaying;

/* Of spool/query/, for an engine whose relays are all of one process. */
bool spool_query_record(struct spool_db *db, const struct spool_attempt *first);
bool spool_query_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now);
bool spool_query_doubt(struct spool_db *db, int64_t *n);

#endif
