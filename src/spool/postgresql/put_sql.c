/* SPDX-License-Identifier: ISC */
/* The statements of a put. */
#include "spool/postgresql/put_sql.h"

/*
 * The weaker values of synchronous_commit acknowledge what a crash loses. remote_apply is stronger than on. A statement that a server
 * has after its receiver has given up ends by itself. A plan that was made while a table was small must not read the whole of it later. It is made once: planning takes longer than storing an event.
 */
#define SETTINGS "SELECT pg_catalog.set_config('synchronous_commit', CASE pg_catalog.current_setting('synchronous_commit')" \
	" WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)," \
	" pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('lock_timeout', $1, true)," \
	" pg_catalog.set_config('enable_seqscan', 'off', true), pg_catalog.set_config('enable_hashjoin', 'off', true)," \
	" pg_catalog.set_config('enable_mergejoin', 'off', true), pg_catalog.set_config('jit', 'off', true)," \
	" pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)"

/* Two transactions that have the same bytes under two unsigned ids go one behind the other. All locks come before all keys: no deadlock. */
#define LOCK "SELECT pg_catalog.pg_advisory_xact_lock(n) FROM (SELECT DISTINCT n FROM unnest($1) AS n ORDER BY n) AS o"

/* An event that is known by its bytes takes the key of one outside of the dedupe window. */
#define WINDOW "DELETE FROM event_key AS k USING unnest($1, $2, $3, $4) AS v(endpoint, hash, at, window_ms)" \
	" WHERE k.endpoint = v.endpoint AND k.hash = v.hash AND abs(k.received_at - v.at) > v.window_ms"

/* The newest other event of the endpoint with the same bytes under an unsigned id. */
#define SAME(column) "(SELECT " column " FROM event_key AS s WHERE s.endpoint = v.endpoint AND s.digest = v.digest AND s.is_unsigned" \
	" AND s.hash <> v.hash ORDER BY s.event DESC LIMIT 1)"

/*
 * The keys, in an order that all transactions keep. The ids are drawn in the events' order. The empty insert takes the lock of the table
 * event before the first id is drawn: readers that go by ids wait for it.
 */
#define KEYS "WITH lock AS (INSERT INTO event(id, received_at, endpoint, secret, event, headers, body)" \
	" SELECT 0, 0, '', 0, '', '', '' WHERE false)," \
	" o AS (SELECT endpoint, hash, digest, at, is_unsigned, nextval('event_id_seq') AS id" \
	" FROM (SELECT * FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS v(endpoint, hash, digest, at, is_unsigned, replay, n)" \
	" WHERE (v.is_unsigned AND v.replay > 0 AND abs(" SAME("s.received_at") " - v.at) <= v.replay) IS NOT TRUE ORDER BY n) AS v)" \
	" INSERT INTO event_key(endpoint, hash, event, received_at, digest, is_unsigned)" \
	" SELECT endpoint, hash, id, at, digest, is_unsigned FROM o ORDER BY endpoint, hash ON CONFLICT DO NOTHING"

#define COLUMNS "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21"
#define NAMES "endpoint, hash, digest, at, is_unsigned, replay, secret, event, key, scope, account, sender_id, sender_name, conversation," \
	" sent_at, remote_addr, headers, body, text, note, source"

/*
 * The events whose keys this transaction has inserted, and whose rows it has not: fresh ones. A statement later than the keys', as it
 * then sees the keys of transactions that it had to wait for.
 */
#define EVENTS "WITH u AS MATERIALIZED (SELECT v.*, k.event AS id, k.digest AS other, e.id AS live, e.source AS whence, s.event AS same," \
	" (k.xmin = pg_catalog.pg_current_xact_id()::xid AND e.id IS NULL) AS fresh" \
	" FROM unnest(" COLUMNS ") WITH ORDINALITY AS v(" NAMES ", n)" \
	" LEFT JOIN event_key AS k ON k.endpoint = v.endpoint AND k.hash = v.hash LEFT JOIN event AS e ON e.id = k.event" \
	" LEFT JOIN LATERAL " SAME("s.event") " AS s ON v.is_unsigned)," \
	" i AS (INSERT INTO event(id, received_at, endpoint, secret, event, key, scope, account, sender_id, sender_name, conversation, sent_at," \
	" remote_addr, headers, body, text, note, source, digest)" \
	" SELECT id, at, endpoint, secret, event, key, scope, account, sender_id, sender_name, conversation, sent_at," \
	" remote_addr, headers, body, text, CASE WHEN same IS NULL THEN note" \
	" ELSE coalesce(note || '; '::bytea, ''::bytea) || convert_to('same bytes as event ' || same, 'UTF8') END, source," \
	" CASE WHEN is_unsigned THEN digest END FROM u WHERE fresh ORDER BY n)"

/* A sink in store is waited for; a duplicate gets its relay there, too. One of a fetched event gets those that sinks did not want before. */
#define RELAYS ", w AS MATERIALIZED (SELECT * FROM unnest($22, $23, $24, $25, $26, $27) WITH ORDINALITY" \
	" AS w(n, sink, conversation, judge, store, withheld, k))," \
	" r AS (INSERT INTO relay(event, sink, state, since, due, attempts, conversation, judge)" \
	" SELECT u.id, w.sink, 0, u.at, u.at, 0, w.conversation, w.judge FROM u JOIN w ON w.n = u.n" \
	" WHERE u.fresh OR (u.live IS NOT NULL AND (w.store OR (w.withheld AND u.whence <> 0 AND u.source = 0)))" \
	" ORDER BY u.n, w.k ON CONFLICT (event, sink) DO NOTHING RETURNING id, event, sink)"

#define WAITS "(SELECT string_agg(x.id || ' ' || x.state, ' ') FROM w JOIN" \
	" (SELECT r.id, 0::bigint AS state, r.event, r.sink FROM r UNION ALL SELECT q.id, q.state, q.event, q.sink FROM relay AS q) AS x" \
	" ON x.event = u.id AND x.sink = w.sink WHERE w.n = u.n AND w.store)"

/* What put_transaction_take_row() reads, as texts: id, duplicate, other bytes under the same key, fetched by a catch-up, same bytes under another key, waits */
#define ANSWER(waits) " SELECT coalesce(id, same)::text, (fresh IS NOT TRUE)::text, (other <> digest AND coalesce(whence, 0) = 0)::text," \
	" (coalesce(whence, 0) <> 0)::text, (CASE WHEN fresh OR id IS NULL THEN same END)::text, " waits " FROM u ORDER BY n"

/*
 * The common case in one statement: events of which none has an unsigned id. Its answer has a row for each one that is new; the others
 * are duplicates, for the statements above. Elements of arrays are copied less often than rows of unnest().
 */
#define NEW "WITH lock AS (INSERT INTO event(id, received_at, endpoint, secret, event, headers, body)" \
	" SELECT 0, 0, '', 0, '', '', '' WHERE false)," \
	" v AS MATERIALIZED (SELECT n, nextval('event_id_seq') AS id FROM generate_series(1, cardinality($1)) AS n)," \
	" k AS (INSERT INTO event_key(endpoint, hash, event, received_at, digest, is_unsigned)" \
	" SELECT ($1)[n], ($2)[n], id, ($4)[n], ($3)[n], false FROM v ORDER BY 1, 2 ON CONFLICT DO NOTHING RETURNING event)," \
	" u AS MATERIALIZED (SELECT n, id FROM v WHERE id = ANY(ARRAY(SELECT event FROM k)))," \
	" i AS (INSERT INTO event(id, received_at, endpoint, secret, event, key, scope, account, sender_id, sender_name, conversation, sent_at," \
	" remote_addr, headers, body, text, note, source)" \
	" SELECT id, ($4)[n], ($1)[n], ($7)[n], ($8)[n], ($9)[n], ($10)[n], ($11)[n], ($12)[n], ($13)[n], ($14)[n], ($15)[n]," \
	" ($16)[n], ($17)[n], ($18)[n], ($19)[n], ($20)[n], ($21)[n] FROM u)"

/* The relays of new events: their events' ids by the numbers in the run, 0 for a duplicate. No sink is named twice for one event. */
#define NEW_RELAYS ", a AS MATERIALIZED (SELECT array_agg(coalesce(u.id, 0) ORDER BY v.n) AS id FROM v LEFT JOIN u ON u.n = v.n)," \
	" r AS (INSERT INTO relay(event, sink, state, since, due, attempts, conversation, judge)" \
	" SELECT o.id, ($23)[o.k], 0, ($4)[o.n], ($4)[o.n], 0, ($24)[o.k], ($25)[o.k]" \
	" FROM (SELECT ($22)[k] AS n, k, ((SELECT id FROM a))[($22)[k]] AS id FROM generate_series(1, cardinality($22)) AS k) AS o WHERE o.id <> 0" \
	" RETURNING id, event, sink)"

/* Only where a sink is waited for. */
#define NEW_WAITS "(SELECT string_agg(r.id || ' 0', ' ') FROM r JOIN unnest($22, $23, $26) AS w(n, sink, store) ON w.sink = r.sink" \
	" WHERE r.event = u.id AND w.n = u.n AND w.store)"

/* What take_new() of put_transaction.c reads: the number of an event in the run, its id, waits */
#define NEW_ANSWER(waits) " SELECT n::text, id::text, " waits " FROM u"

#define ACCEPTED "DELETE FROM reject WHERE id = ANY($1)"

/*
 * In a transaction of its own, which waits for no disk: a transaction with a notification holds a lock of all databases while it commits.
 * With one in each transaction of events, eight receivers made a quarter of the commits.
 */
#define TELL "SELECT pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify('" PUT_CHANNEL "', '')"

/* The parameters' types: PostgreSQL's pg_type.dat. */
enum { ONE_TEXT = 25, TEXTS = 1009, BYTES = 1001, NUMBERS = 1016, BOOLS = 1000 };

static const Oid set_types[] = {ONE_TEXT};
static const Oid number_types[] = {NUMBERS};
static const Oid clear_types[] = {TEXTS, BYTES, NUMBERS, NUMBERS};
static const Oid put_types[] = {TEXTS, BYTES, BYTES, NUMBERS, BOOLS, NUMBERS, NUMBERS, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, BYTES,
	BYTES, BYTES, BYTES, BYTES, NUMBERS, NUMBERS, TEXTS, BYTES, NUMBERS, BOOLS, BOOLS};

const struct put_sql put_sql[PUT_STATEMENTS] = {
	[PUT_SET] = {"hookspool_set", SETTINGS, set_types, 1},
	[PUT_LOCK_BYTES] = {"hookspool_lock", LOCK, number_types, 1},
	[PUT_CLEAR_WINDOW] = {"hookspool_window", WINDOW, clear_types, 4},
	[PUT_ADD_KEYS] = {"hookspool_keys", KEYS, put_types, 6},
	[PUT_ADD_EVENTS] = {"hookspool_events", EVENTS ANSWER("NULL"), put_types, 21},
	[PUT_ADD_RELAYED] = {"hookspool_relayed", EVENTS RELAYS ANSWER(WAITS), put_types, 27},
	[PUT_ADD_NEW] = {"hookspool_new", NEW NEW_ANSWER("NULL"), put_types, 21},
	[PUT_ADD_NEW_RELAYED] = {"hookspool_new_relayed", NEW NEW_RELAYS NEW_ANSWER("NULL"), put_types, 25},
	[PUT_ADD_NEW_WAITED] = {"hookspool_new_waited", NEW NEW_RELAYS NEW_ANSWER(NEW_WAITS), put_types, 26},
	[PUT_ACCEPT] = {"hookspool_accept", ACCEPTED, number_types, 1},
	[PUT_TELL] = {"hookspool_tell", TELL, NULL, 0},
};
