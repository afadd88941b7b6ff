/* SPDX-License-Identifier: ISC */
/* An event is stored once, with its exact bytes, whichever thread or process puts it, and after its purge. */
#include "engines.h"
#include "put.h"

#include <pthread.h>

#include "spool/retention.h"

static void event_is_stored_once(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	int64_t first, id;

	assert_int_equal(put(s, "/a", "k", "one", &first), STORED);
	assert_int_equal(put(s, "/a", "k", "two", &id), DUPLICATE);
	assert_int_equal(id, first);
	assert_int_equal(put(s, "/b", "k", "one", &id), STORED); /* another endpoint */
	assert_int_not_equal(id, first);
	assert_int_equal(put(s, "/a", NULL, "one", &id), STORED); /* no key: never merged */
	assert_int_equal(put(s, "/a", NULL, "one", &id), STORED);
	assert_int_equal(put(s, "/a", "", "one", &id), STORED); /* an empty key is a key */
	assert_int_equal(put(s, "/a", "", "one", &id), DUPLICATE);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 5);
	assert_int_equal(engines_ask(w, w->server ? "SELECT count(*) FROM event WHERE body = 'one'" : "SELECT count(*) FROM event WHERE body = X'6f6e65'"), 5);
	if (w->server)
		return;
	assert_int_equal(engines_ask(w, "PRAGMA user_version"), 5);
	assert_int_equal(engines_ask(w, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(engines_ask(w, "PRAGMA page_size"), 16384);
}

/* A note stays with its event. */
static void delivery_note_is_stored(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event ev = event("/a", "k", "one");
	char why[256];
	int64_t id;

	ev.note = "the body could not be read";
	assert_true(spool_put(s, &ev, why, sizeof why));
	assert_int_equal(put(s, "/a", "other", "one", &id), STORED);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE key = 'k' AND note = 'the body could not be read'"), 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE key = 'other' AND note IS NULL"), 1);
}

enum { THREADS = 16, EACH = 40, PROCESSES = 4 };

struct shared {
	struct spool *s;
	int stored, duplicate;
	pthread_mutex_t mutex;
};

/* Every thread puts the same keys, in an order of its own. */
static void *put_many(void *arg)
{
	struct shared *all = arg;
	int64_t id;
	char key[16];

	for (int i = 0; i < EACH; i++) {
		enum put_result r;

		snprintf(key, sizeof key, "%d", (int)((i * 7 + (intptr_t)&id / 4096) % EACH));
		r = put(all->s, "/a", key, key, &id);
		pthread_mutex_lock(&all->mutex);
		all->stored += r == STORED;
		all->duplicate += r == DUPLICATE;
		pthread_mutex_unlock(&all->mutex);
	}
	return NULL;
}

static struct shared put_from_threads(const struct world *w)
{
	struct shared all = {.s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10)), .mutex = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_many, &all), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	spool_close(all.s);
	return all;
}

static void event_is_stored_once_across_threads(void **state)
{
	struct world *w = engines_take(state);
	struct shared all = put_from_threads(w);

	assert_int_equal(all.stored, engines_ask(w, "SELECT count(*) FROM event"));
	assert_int_equal(all.stored + all.duplicate, THREADS * EACH);
	assert_int_equal(engines_ask(w, "SELECT count(*) - count(DISTINCT key) FROM event"), 0);
}

static void event_is_stored_once_across_processes(void **state)
{
	struct world *w = engines_take(state);
	int status, failed = 0;

	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			struct shared all = put_from_threads(w);

			_exit(all.stored + all.duplicate == THREADS * EACH ? 0 : 1);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		failed += status != 0;
	}
	assert_int_equal(failed, 0);
	assert_int_equal(engines_ask(w, "SELECT count(*) - count(DISTINCT key) FROM event"), 0);
	assert_true(engines_ask(w, "SELECT count(*) FROM event") <= EACH);
	if (!w->server)
		assert_int_equal(engines_ask(w, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static int64_t purge(struct world *w, int64_t before, int64_t keys_since)
{
	struct spool_retention r = {.before = before, .now = INT64_MAX, .keys_since = keys_since};
	struct spool_retention_cursor c = {0};
	struct spool_db *db = engines_open(w, SPOOL_MANAGE);

	while (!c.done)
		assert_true(spool_retention_page(db, &r, &c));
	assert_true(spool_retention_forget(db, &r));
	return c.sum.events;
}

/* The key of a purged event is known for as long as the window says, and no longer. */
static void purged_keys_are_known(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event old = event("/a", "old", "o"), young = event("/a", "young", "y"), none = event("/a", NULL, "n");
	char why[256];
	int64_t id;

	young.received_at = 2000;
	none.received_at = 2000;
	assert_true(spool_put(s, &old, why, sizeof why));
	assert_true(spool_put(s, &young, why, sizeof why));
	assert_true(spool_put(s, &none, why, sizeof why));
	assert_int_equal(purge(w, 3000, 1500), 3);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 0);
	assert_int_equal(put(s, "/a", "young", "y", &id), DUPLICATE);
	assert_int_equal(id, young.id);
	assert_int_equal(put(s, "/b", "young", "y", &id), STORED);
	assert_int_equal(put(s, "/a", "old", "o", &id), STORED);
	assert_int_equal(purge(w, 0, 2001), 0);
	assert_int_equal(engines_ask(w, w->server ? "SELECT count(*) FROM event_key WHERE purged" : "SELECT count(*) FROM purged"), 0);
	assert_int_equal(put(s, "/a", "young", "y", &id), STORED);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(event_is_stored_once),
		ENGINES(delivery_note_is_stored),
		ENGINES(event_is_stored_once_across_threads),
		ENGINES(event_is_stored_once_across_processes),
		ENGINES(purged_keys_are_known),
	};

	return cmocka_run_group_tests_name("spool_once", tests, engines_enter, engines_leave);
}
