/* SPDX-License-Identifier: ISC */
/* The search index: it leaves out no event that matches, whatever is searched, and whatever becomes of its files. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>

#include "core/utf8.h"
#include "spool/query/delete.h"
#include "spool/search.h"
#include "spool/search/part.h"
#include "spool/search_build.h"
#include "spool/spool.h"
#include "spool/sqlite/db.h"

enum { EVENTS = 140000 /* a part and a beginning */, LATE = 136000, BODIES = 3000, MANY = 4000 };

static struct search_scheme own[2];
static struct search_schemes schemes = {own, 1, 77};
static struct spool_db db;

/* Of an event, by its id: not stored, but what the builder is told. */
static char texts[BODIES][80];
static char names[BODIES][24];

/* The second part begins with few of them, so that its file has few rows, and has more rows when it has grown. */
static struct slice text_of(int64_t id)
{
	return slice_text(texts[id % (id < PART_IDS || id >= LATE ? BODIES : 50)]);
}

static struct slice name_of(int64_t id)
{
	return slice_text(names[id * 7 % BODIES]);
}

static void id_of(int64_t id, char out[24])
{
	snprintf(out, 24, "urn:person:%ld", (long)(id % 50000));
}

/* Values that are few and come in runs, and a time that now and then goes back. */
static struct slice value_of(int64_t id, int kind)
{
	static const char *const values[3][3] = {{"/w", "/w", "/other"}, {"message.received", "e", "rare"}, {"acc-1", "", NULL}};
	const char *value = values[kind][id % 9000 == 17 * kind ? 2 : id / 3000 % 2];

	return value ? slice_text(value) : (struct slice){0};
}

static int64_t time_of(int64_t id)
{
	return id % 1000 == 3 ? id - 500 : id;
}

/* Letters that have another case, some of several bytes, and bytes that are no UTF-8. */
static void add_letter(char *text, size_t room)
{
	static const char *const letters[] = {"a", "A", "e", "E", "n", "r", "S", "t", " ", "k", "\xE2\x84\xAA" /* Kelvin */, "\xC3\xA9", "\xC3\x89",
		"\xD0\x96", "\xD0\xB6", "\xE4\xBD\xA0", "\xE5\xA5\xBD", "\xF0\x9F\x99\x82", "\xC4\xB0", "i", "\xFF", "\xC3"};
	const char *letter = letters[(size_t)rand() % COUNT(letters)];

	if (strlen(text) + strlen(letter) < room)
		strcat(text, letter);
}

static void make_texts(void)
{
	srand(23);
	for (int i = 0; i < BODIES; i++) {
		for (int n = rand() % 40; n > 0; n--)
			add_letter(texts[i], sizeof texts[i]);
		for (int n = rand() % 9; n > 0; n--)
			add_letter(names[i], sizeof names[i]);
	}
}

static void add_events(int first, int last)
{
	char sql[256];

	snprintf(sql, sizeof sql, "INSERT INTO event(id, received_at, endpoint, secret, event, headers, body) WITH RECURSIVE n(i) AS"
		" (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, i, '/w', 1, 'e', '', x'00' FROM n", first, last);
	assert_true(spool_db_exec(&db, sql));
}

static int open_spool(void **state)
{
	if (unit_enter(state) != 0)
		return -1;
	setlocale(LC_CTYPE, "C.UTF-8");
	make_texts();
	own[0] = (struct search_scheme){search_endpoint(slice_text("/w")), 1};
	assert_true(spool_db_open(&db, "spool", JOURNAL_WAL, SPOOL_RECEIVE));
	add_events(1, LATE - 1);
	return 0;
}

static int close_spool(void **state)
{
	spool_db_close(&db);
	return unit_leave(state);
}

/* Builds what is missing. Returns the events added. */
static int build(int64_t least)
{
	struct search_build *b;
	int64_t first, last;
	char id[24];
	int n = 0;

	assert_int_equal(search_build_new(&db, &schemes, &b), SEARCH_BEGUN);
	while (search_build_part(b, least, &first, &last) && first <= last) {
		for (int64_t i = first ? first : 1; i <= last; i++, n++) {
			struct search_event ev = {.id = i, .received_at = time_of(i), .endpoint = search_endpoint(value_of(i, 0)), .event = value_of(i, 1),
				.account = value_of(i, 2), .sender_name = name_of(i), .text = text_of(i)};

			id_of(i, id);
			ev.sender_id = slice_text(id);
			search_build_add(b, &ev);
		}
		assert_true(search_build_write(b));
	}
	search_build_free(b);
	return n;
}

static struct slice part_of(const char *text)
{
	size_t n = strlen(text), from = n ? (size_t)rand() % n : 0;

	return (struct slice){text + from, n ? (size_t)rand() % (n - from) + 1 : 0};
}

static bool has_value(struct slice wanted, int64_t id, int kind)
{
	struct slice value = value_of(id, kind);

	return !wanted.p || (value.p && value.n == wanted.n && memcmp(value.p, wanted.p, wanted.n) == 0);
}

static bool matches(int64_t id, const struct search_terms *t)
{
	char person[24];
	bool sent, said;

	if (!has_value(t->endpoint, id, 0) || !has_value(t->event, id, 1) || !has_value(t->account, id, 2) ||
	    (t->until && (time_of(id) < t->since || time_of(id) >= t->until)))
		return false;
	if (!t->sender.p && !t->text.p)
		return true;
	id_of(id, person);
	sent = t->sender.p && ((strlen(person) == t->sender.n && memcmp(person, t->sender.p, t->sender.n) == 0) || utf8_contains(name_of(id), t->sender));
	said = t->text.p && utf8_contains(text_of(id), t->text);
	return t->either ? sent || said : (!t->sender.p || sent) && (!t->text.p || said);
}

/* Returns how many ids the index does not leave out; each that matches is among them. */
static int64_t candidates(const struct search_terms *t, bool down, int64_t min, int64_t max)
{
	struct spool_search *s = spool_search_new(&db, t, &schemes);
	int64_t first, last, n = 0, from = min, to = max;
	static bool found[EVENTS + 1];

	memset(found, 0, sizeof found);
	for (; from <= to; n += last - first + 1) {
		spool_search_next(s, down, from, to, &first, &last);
		if (first > last)
			break;
		assert_true(first >= from && last <= to);
		for (int64_t i = first; i <= last; i++)
			found[i] = true;
		if (down)
			to = first - 1;
		else
			from = last + 1;
	}
	for (int64_t i = min; i <= max; i++)
		if (!found[i] && matches(i, t))
			fail_msg("event %ld is left out: \"%.*s\" in \"%s\"", (long)i, (int)t->text.n, t->text.p, text_of(i).p);
	spool_search_free(s);
	return n;
}

static struct search_terms any_terms(void)
{
	struct search_terms t = {.either = rand() % 3 == 0};
	static char person[24];

	if (t.either || rand() % 2)
		t.text = part_of(texts[rand() % BODIES]);
	if (t.either || rand() % 2)
		t.sender = rand() % 2 ? part_of(names[rand() % BODIES]) : slice_text((id_of(rand() % 60000, person), person));
	if (rand() % 2)
		t.endpoint = value_of(rand() % EVENTS, 0);
	if (rand() % 2)
		t.event = value_of(rand() % EVENTS, 1);
	if (rand() % 2)
		t.account = value_of(rand() % EVENTS, 2);
	if (rand() % 2) {
		t.since = rand() % EVENTS;
		t.until = t.since + 1 + rand() % EVENTS;
	}
	return t;
}

static void check_searches(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		struct search_terms t = any_terms();
		int64_t min = 1 + rand() % EVENTS, max = min + rand() % (EVENTS - min + 1);

		candidates(&t, rand() % 2, rand() % 2 ? 1 : min, max);
	}
}

/* ---- tests */

/* What a part's file has stays in the one that takes its place. */
static void a_part_grows(void **state)
{
	(void)state;
	assert_int_equal(build(1), LATE / PART_BLOCK_IDS * PART_BLOCK_IDS - 1);
	add_events(LATE, EVENTS);
	assert_int_equal(build(1), EVENTS / PART_BLOCK_IDS * PART_BLOCK_IDS - LATE / PART_BLOCK_IDS * PART_BLOCK_IDS);
	for (int64_t id = PART_IDS; id < EVENTS; id += 300) {
		struct search_terms t = {.sender = part_of(name_of(id).p), .text = part_of(text_of(id).p)};

		candidates(&t, false, PART_IDS, EVENTS);
	}
	assert_true(spool_search_drop(&db));
}

static void no_event_that_matches_is_left_out(void **state)
{
	struct search_terms rare = {.text = slice_text("xylophon")}, person = {.sender = slice_text("urn:person:49999")};

	(void)state;
	assert_int_equal(candidates(&rare, false, 1, EVENTS), EVENTS); /* without an index */
	assert_int_equal(build(1), EVENTS / PART_BLOCK_IDS * PART_BLOCK_IDS - 1);
	assert_int_equal(build(1), 0);
	assert_true(candidates(&rare, false, 1, EVENTS) < MANY && candidates(&rare, true, 1, EVENTS) < MANY);
	assert_true(candidates(&person, true, 1, EVENTS) < MANY);
	check_searches(40);
}

static void whole_values_and_times_are_found(void **state)
{
	struct search_terms rare = {.event = slice_text("rare")}, none = {.account = slice_text("acc")}, other = {.endpoint = slice_text("/other")};
	struct search_terms early = {.since = INT64_MIN, .until = 1000}, late = {.since = 2 * EVENTS, .until = INT64_MAX};
	struct search_terms any = {.since = INT64_MIN, .until = INT64_MAX};

	(void)state;
	build(1);
	assert_true(candidates(&rare, true, 1, EVENTS) < 4 * MANY && candidates(&rare, true, 1, EVENTS) >= EVENTS / 9000);
	assert_true(candidates(&other, false, 1, EVENTS) < 4 * MANY);
	assert_true(candidates(&none, false, 1, EVENTS) < MANY);
	assert_true(candidates(&early, false, 1, EVENTS) <= PART_IDS + PART_BLOCK_IDS);
	assert_true(candidates(&late, false, 1, EVENTS) < 2 * PART_BLOCK_IDS);
	assert_int_equal(candidates(&any, false, 1, EVENTS), EVENTS);
}

static void newest_events_are_looked_at(void **state)
{
	struct search_terms t = {.text = slice_text("xylophon")};

	(void)state;
	build(1);
	assert_true(candidates(&t, true, EVENTS / PART_BLOCK_IDS * PART_BLOCK_IDS, EVENTS) == EVENTS % PART_BLOCK_IDS + 1);
	assert_int_equal(build(4096), 0);
}

static void texts_read_in_another_way_are_looked_at(void **state)
{
	struct search_terms t = {.text = slice_text("xylophon")}, sender = {.sender = slice_text("xylophon")};

	(void)state;
	build(1);
	own[0].reads = 2;
	assert_int_equal(candidates(&t, false, 1, EVENTS), EVENTS);
	assert_true(candidates(&sender, false, 1, EVENTS) < MANY);
	assert_true(build(1) > 0);
	assert_true(candidates(&t, false, 1, EVENTS) < MANY);
}

static void a_part_of_a_deleted_event_goes(void **state)
{
	const struct spool_doomed event = {.id = 139000};
	bool removed = false;

	(void)state;
	build(1);
	assert_true(access("spool/search/0", F_OK) == 0 && access("spool/search/1", F_OK) == 0);
	assert_true(spool_search_forget(&db, &event, 1, &removed, false));
	assert_true(removed && access("spool/search/0", F_OK) == 0 && access("spool/search/1", F_OK) != 0);
	assert_true(build(1) > 0 && access("spool/search/1", F_OK) == 0);
}

/* The builder has read the event, and has not written the part yet. */
static void a_part_is_not_written_when_an_event_was_deleted_since(void **state)
{
	const struct spool_doomed event = {.id = 139000};
	struct search_build *b;
	int64_t first, last;
	bool removed = false;

	(void)state;
	build(1);
	assert_int_equal(unlink("spool/search/1"), 0);
	assert_int_equal(search_build_new(&db, &schemes, &b), SEARCH_BEGUN);
	assert_true(search_build_part(b, 1, &first, &last) && first <= last);
	assert_true(spool_search_forget(&db, &event, 1, &removed, true) && removed);
	assert_true(search_build_write(b));
	search_build_free(b);
	assert_int_not_equal(access("spool/search/1", F_OK), 0);
	assert_int_not_equal(access("spool/search/1.new", F_OK), 0);
}

static void two_processes_do_not_build_at_once(void **state)
{
	struct search_build *b, *other;

	(void)state;
	assert_int_equal(search_build_new(&db, &schemes, &b), SEARCH_BEGUN);
	assert_int_equal(search_build_new(&db, &schemes, &other), SEARCH_HELD);
	search_build_free(other);
	search_build_free(b);
	assert_int_equal(search_build_new(&db, &schemes, &b), SEARCH_BEGUN);
	search_build_free(b);
}

/* A bit of any page, or the length: what is left is right. */
static void damage_is_found(void **state)
{
	struct search_terms own_text = {0};
	char *whole, *damaged;
	struct stat st;
	size_t n, at;
	int fd;

	(void)state;
	build(1);
	assert_true((fd = open("spool/search/0", O_RDONLY)) >= 0 && fstat(fd, &st) == 0);
	for (int64_t id = 1; own_text.text.n < 10; id++)
		own_text.text = text_of(id);
	n = (size_t)st.st_size;
	whole = malloc(n);
	damaged = malloc(n);
	assert_true(read(fd, whole, n) == (ssize_t)n);
	close(fd);
	for (int i = 0; i < 30; i++) {
		at = i < 3 ? (size_t)i : (size_t)rand() % n;
		memcpy(damaged, whole, n);
		damaged[at] ^= (char)(1 << rand() % 8);
		if (i == 5)
			memset(damaged + 2 * PART_PAGE, 0, n - 2 * PART_PAGE); /* no block has anything */
		assert_true((fd = open("spool/search/0", O_WRONLY | O_TRUNC)) >= 0);
		assert_true(write(fd, damaged, i % 5 == 4 ? at : n) >= 0);
		close(fd);
		check_searches(1);
		candidates(&own_text, false, 1, 20000);
	}
	assert_int_equal(unlink("spool/search/0"), 0);
	free(whole);
	free(damaged);
}

static void a_foreign_index_is_not_used(void **state)
{
	struct search_terms t = {.text = slice_text("xylophon")};
	int fd;

	(void)state;
	build(1);
	assert_true(candidates(&t, false, 1, EVENTS) < MANY);
	assert_true(spool_db_exec(&db, "UPDATE spool SET salt = randomblob(16)"));
	assert_int_equal(candidates(&t, false, 1, EVENTS), EVENTS);
	unit_file("spool/search/rubbish", "x", 0600);
	assert_int_equal(symlink("/etc/passwd", "spool/search/7"), 0);
	assert_true((fd = open("spool/search/5.new", O_CREAT | O_WRONLY, 0600)) >= 0);
	close(fd);
	assert_true(build(1) > PART_IDS);
	assert_true(access("spool/search/rubbish", F_OK) != 0 && access("spool/search/5.new", F_OK) != 0);
	assert_int_equal(faccessat(AT_FDCWD, "spool/search/7", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_true(candidates(&t, false, 1, EVENTS) < MANY);
}

/* ---- an older copy */

static void copy(const char *from, const char *to)
{
	static char block[1 << 20];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600); /* as cp: the file stays the same */
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, block, sizeof block)) > 0)
		assert_true(write(out, block, (size_t)n) == n);
	assert_true(n == 0);
	close(in);
	close(out);
}

static void swap_copy(const char *from, const char *to)
{
	assert_true(spool_db_exec(&db, "PRAGMA wal_checkpoint(TRUNCATE)"));
	spool_db_close(&db);
	assert_true(unlink("spool/hookspool.db-wal") == 0 || errno == ENOENT);
	copy(from, to);
	assert_true(spool_db_open(&db, "spool", JOURNAL_WAL, SPOOL_RECEIVE));
}

/* Events that came since have ids which the index has of others. */
static void an_index_of_newer_events_is_not_used(void **state)
{
	struct search_terms t = {.text = slice_text("xylophon")};

	(void)state;
	swap_copy("spool/hookspool.db", "older");
	add_events(LATE, EVENTS);
	build(1);
	assert_true(candidates(&t, false, PART_IDS, EVENTS) < MANY);
	swap_copy("older", "spool/hookspool.db");
	assert_int_equal(candidates(&t, false, PART_IDS, EVENTS), EVENTS - PART_IDS + 1);
	add_events(LATE, EVENTS);
	assert_true(spool_db_exec(&db, "UPDATE event SET received_at = received_at + 1 WHERE id >= " "136000"));
	assert_int_equal(candidates(&t, false, PART_IDS, EVENTS), EVENTS - PART_IDS + 1);
	assert_true(candidates(&t, false, 1, PART_IDS - 1) < MANY);
	assert_true(build(1) > 0);
	assert_true(candidates(&t, false, PART_IDS, EVENTS) < MANY);
	swap_copy("older", "spool/hookspool.db");
	assert_true(spool_search_drop(&db));
}

/* Events that were purged since are there again. */
static void an_index_without_the_oldest_events_is_not_used(void **state)
{
	struct search_terms t = {.text = slice_text("xylophon")};

	(void)state;
	swap_copy("spool/hookspool.db", "older");
	assert_true(spool_db_exec(&db, "DELETE FROM event WHERE id <= 1000"));
	build(1);
	assert_true(candidates(&t, false, 1, PART_IDS - 1) < MANY);
	swap_copy("older", "spool/hookspool.db");
	assert_int_equal(candidates(&t, false, 1, PART_IDS - 1), PART_IDS - 1);
	assert_true(spool_search_drop(&db));
}

static void a_small_spool_has_no_index(void **state)
{
	struct search_build *b;
	int64_t first, last;
	struct spool_db small = {0};

	(void)state;
	assert_true(spool_db_open(&small, "small", JOURNAL_WAL, SPOOL_RECEIVE));
	assert_true(spool_db_exec(&small, "INSERT INTO event(id, received_at, endpoint, secret, event, headers, body) WITH RECURSIVE n(i) AS"
		" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16000) SELECT i, i, '/w', 1, 'e', '', x'00' FROM n"));
	assert_int_equal(search_build_new(&small, &schemes, &b), SEARCH_BEGUN);
	assert_true(search_build_part(b, 1, &first, &last) && first > last);
	search_build_free(b);
	assert_true(spool_search_drop(&small));
	assert_int_not_equal(access("small/search", F_OK), 0);
	spool_db_close(&small);
}

/* A stranger's text does not fill the index: its block is always looked at. */
static void a_long_text_opens_its_block(void **state)
{
	struct search_terms t = {.text = slice_text("xylophon")};
	struct search_build *b;
	char *text = malloc(SEARCH_TEXT_MOST + 1);
	int64_t first, last;

	(void)state;
	memset(text, 'x', SEARCH_TEXT_MOST + 1);
	spool_search_drop(&db);
	assert_int_equal(search_build_new(&db, &schemes, &b), SEARCH_BEGUN);
	assert_true(search_build_part(b, 1, &first, &last));
	for (int64_t i = first; i <= last; i++)
		search_build_add(b, &(struct search_event){.id = i, .endpoint = search_endpoint(slice_text("/gone")),
			.text = {text, i == first + 700 ? SEARCH_TEXT_MOST + 1 : 5}});
	assert_true(search_build_write(b));
	search_build_free(b);
	{
		struct spool_search *s = spool_search_new(&db, &t, &schemes);
		int64_t from, to;

		spool_search_next(s, false, first, last, &from, &to);
		assert_true(from <= first + 700 && to >= first + 700 && to - from < PART_BLOCK_IDS);
		spool_search_free(s);
	}
	free(text);
	spool_search_drop(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_of_newer_events_is_not_used),
		cmocka_unit_test(an_index_without_the_oldest_events_is_not_used),
		cmocka_unit_test(a_part_grows),
		cmocka_unit_test(no_event_that_matches_is_left_out),
		cmocka_unit_test(newest_events_are_looked_at),
		cmocka_unit_test(whole_values_and_times_are_found),
		cmocka_unit_test(texts_read_in_another_way_are_looked_at),
		cmocka_unit_test(a_part_of_a_deleted_event_goes),
		cmocka_unit_test(a_part_is_not_written_when_an_event_was_deleted_since),
		cmocka_unit_test(two_processes_do_not_build_at_once),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(a_foreign_index_is_not_used),
		cmocka_unit_test(a_small_spool_has_no_index),
		cmocka_unit_test(a_long_text_opens_its_block),
	};

	return cmocka_run_group_tests(tests, open_spool, close_spool);
}
