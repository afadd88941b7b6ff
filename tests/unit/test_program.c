/* SPDX-License-Identifier: ISC */
/* The programs' rows in the spool, the processes they are of, fingerprints of configurations, and characters unseen. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "conf/loaded.h"
#include "core/invisible.h"
#include "spool/sqlite/db.h"
#include "spool/query/program.h"
#include "spool/sqlite/inspect.h"

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)level;
	if (ctx)
		snprintf(ctx, 512, "%s", message);
}

/* ---- processes */

static pid_t child_that_waits(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	assert_true(pid > 0);
	return pid;
}

/* The child as spool_program_self() would describe it. */
static struct process of_child(pid_t pid)
{
	struct process p = process_self();

	p.pid = pid;
	p.ticks = 0; /* unknown: the number alone tells */
	return p;
}

static void process_is_known_by_pid_and_start_time(void **state)
{
	struct process self = process_self(), other = self, child;
	pid_t pid;

	(void)state;
	assert_true(self.pid == getpid() && self.ticks > 0 && self.space > 0);
	assert_int_equal(process_look(&self), PROCESS_RUNS);
	other.ticks--; /* an earlier process had this number */
	assert_int_equal(process_look(&other), PROCESS_GONE);
	other = self;
	other.space++;
	assert_int_equal(process_look(&other), PROCESS_UNKNOWN);
	other = (struct process){.pid = 0};
	assert_int_equal(process_look(&other), PROCESS_GONE);
	other.pid = INT64_C(1) << 40;
	assert_int_equal(process_look(&other), PROCESS_GONE);

	pid = child_that_waits();
	child = of_child(pid);
	assert_int_equal(process_look(&child), PROCESS_RUNS);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	assert_int_equal(process_look(&child), PROCESS_STOPPED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_look(&child), PROCESS_GONE);
}

/* ---- rows */

struct rows {
	struct spool_program row[8];
	size_t n;
};

static struct rows rows_of(struct spool_db *db)
{
	struct spool_rows *list = spool_program_list(db);
	struct rows rows = {0};

	while (rows.n < 8 && spool_program_next(list, &rows.row[rows.n]))
		rows.n++;
	assert_true(spool_rows_end(list));
	return rows;
}

static struct spool_program program(const char *role, const char *address)
{
	struct spool_program p = spool_program_self(role);

	snprintf(p.address, sizeof p.address, "%s", address);
	return p;
}

static void rows_of_programs(void **state)
{
	struct spool_program old = program("receiver", "unix:/nonexistent"), other = program("receiver", "tcp:127.0.0.1:1"),
		relay = program("relay", ""), new = program("receiver", "tcp:127.0.0.1:1");
	struct spool_db db = {0};
	struct rows rows;

	(void)state;
	assert_true(spool_db_open(&db, "programs", JOURNAL_WAL, SPOOL_RECEIVE));
	other.process.pid = INT64_C(1) << 40; /* gone, and the last that knows of that port */
	assert_true(spool_program_tell(&db, &other));
	old.process.pid = INT64_C(1) << 41; /* gone, with its socket */
	old.process.ticks = 1;
	assert_true(spool_program_tell(&db, &old));
	assert_true(spool_program_tell(&db, &relay));
	assert_int_equal(rows_of(&db).n, 3);

	relay.process.pid++;
	assert_true(spool_program_tell(&db, &relay));
	rows = rows_of(&db);
	assert_int_equal(rows.n, 3); /* one relay runs for a spool */

	spool_program_refused(&new, "x.conf:1: wrong");
	assert_true(spool_program_tell(&db, &new));
	rows = rows_of(&db);
	assert_int_equal(rows.n, 2);
	assert_string_equal(rows.row[0].address, "tcp:127.0.0.1:1");
	assert_true(rows.row[0].process.pid == getpid() && rows.row[0].process.ticks == new.process.ticks);
	assert_true(rows.row[0].reloads == 1 && rows.row[0].reload_at > 0);
	assert_string_equal(rows.row[0].reload_error, "x.conf:1: wrong");
	assert_string_equal(rows.row[1].role, "relay");

	assert_true(spool_db_begin(&db, true));
	assert_int_equal(spool_inspect_pages_try(db.sql), SQLITE_OK);
	assert_true(spool_db_commit(&db));
	spool_db_end(&db);
	assert_int_equal(rows_of(&db).n, 2); /* what was tried was taken back, though all was committed */
	spool_db_close(&db);
}

/* ---- fingerprints */

static struct conf *load(const char *text, const char *secret)
{
	struct conf *c;

	unit_file("f.conf", text, 0600);
	unit_file("s", secret, 0600);
	c = conf_load("f.conf", report, NULL);
	assert_non_null(c);
	return c;
}

static void fingerprint_changes_with_text_and_secret(void **state)
{
	static const char text[] = "spool = \"spool\"\nendpoint \"/w\" { secret-file = {\"s\"} }\n";
	struct conf *a = load(text, "one-secret-of-many"), *b = load(text, "one-secret-of-many\n"), *c = load(text, "another-secret"),
		*d = load("spool = \"spool\"\nendpoint \"/w\" { secret-file = {\"s\"} } \n", "one-secret-of-many");
	char prints[4][CONF_FINGERPRINT];

	(void)state;
	loaded_endpoints(a, prints[0]);
	loaded_endpoints(b, prints[1]);
	loaded_endpoints(c, prints[2]);
	loaded_endpoints(d, prints[3]);
	assert_int_equal(strlen(prints[0]), CONF_FINGERPRINT - 1);
	assert_string_equal(prints[0], prints[1]);
	assert_string_equal(prints[0], prints[3]);
	assert_string_not_equal(prints[0], prints[2]);
	assert_string_equal(a->fingerprint, c->fingerprint);
	assert_string_not_equal(a->fingerprint, d->fingerprint);
	assert_int_equal(a->files.n, 1);
	assert_string_equal(a->files.item[0], "f.conf");
	conf_free(a);
	conf_free(b);
	conf_free(c);
	conf_free(d);

	remove("s");
	a = conf_load_with("f.conf", CONF_SECRETS_THERE, report, NULL);
	assert_non_null(a);
	loaded_endpoints(a, prints[0]);
	assert_string_equal(prints[0], ""); /* unknown: it is compared with nothing */
	assert_null(a->endpoints[0].secrets.item[0].key);
	conf_free(a);
}

/* ---- characters */

static void invisible_characters_are_found(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
		{"\xC2\xA0", 2}, {"\xC2\xAD", 2}, {"\xE2\x80\x8B", 3}, {"\xE2\x80\x8E", 3}, {"\xE2\x81\xA0", 3}, {"\xE3\x80\x80", 3},
		{"\xEF\xBB\xBF", 3}, {"\xD8\x9C", 2}, {"\xE2\x80\xAE", 3}, {"a", 0}, {" ", 0}, {"\xC3\xA9", 0}, {"\xC2", 0}, {"\xE2\x80", 0},
		{"\xF0\x9F\x98\x80", 0}, {"\x80\x8B", 0}, {"", 0},
	};
	const char *name;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(invisible_at(cases[i].text, strlen(cases[i].text), &name), cases[i].length);
	assert_string_equal(invisible_encoding("\xFF\xFE" "a\0", 4), "UTF-16");
	assert_string_equal(invisible_encoding("\xFE\xFF\0a", 4), "UTF-16");
	assert_string_equal(invisible_encoding("a\0b\0", 4), "UTF-16");
	assert_string_equal(invisible_encoding("\xFF\xFE\0\0", 4), "UTF-32");
	assert_null(invisible_encoding("abc", 3));
	assert_null(invisible_encoding("a", 1));
	assert_null(invisible_encoding("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_is_known_by_pid_and_start_time),
		cmocka_unit_test(rows_of_programs),
		cmocka_unit_test(fingerprint_changes_with_text_and_secret),
		cmocka_unit_test(invisible_characters_are_found),
	};

	return cmocka_run_group_tests_name("program", tests, unit_enter, unit_leave);
}
