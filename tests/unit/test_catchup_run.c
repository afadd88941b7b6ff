/* SPDX-License-Identifier: ISC */
/* catchup: what a run asks of an API whose answers are given here, what it stores, and where the next run goes on. */
#include "unit.h"

#include "catchup/provider.h"
#include "core/clock.h"

enum { HOUR = 3600000 };

/* The requests that are expected, in order: a part of the path, and the answer. */
struct exchange {
	const char *path, *body; /* body NULL: the verdict */
	enum catchup_verdict verdict;
};

static const struct exchange *script;
static size_t asked;

void catchup_client_get(struct catchup_client *client, const char *path, struct catchup_answer *a)
{
	const struct exchange *x = &script[asked];

	(void)client;
	if (!x->path || !strstr(path, x->path))
		fail_msg("request %zu: %s, and not %s", asked, path, x->path ? x->path : "none");
	asked++;
	a->body.len = 0;
	a->verdict = x->verdict;
	if (x->body)
		assert_true(buf_add(&a->body, x->body, strlen(x->body)));
}

void catchup_client_post(struct catchup_client *client, const char *path, struct catchup_answer *a)
{
	catchup_client_get(client, path, a);
}

void catchup_answer_free(struct catchup_answer *a)
{
	buf_free(&a->body);
}

const char *catchup_client_error(const struct catchup_client *client)
{
	(void)client;
	return script[asked - 1].verdict == CATCHUP_LATER ? "" : "it is said";
}

unsigned catchup_client_requests(const struct catchup_client *client)
{
	(void)client;
	return (unsigned)asked;
}

int64_t catchup_client_next(const struct catchup_client *client)
{
	(void)client;
	return 0;
}

bool catchup_client_escape(struct buf *out, struct slice text)
{
	return buf_add(out, text.p, text.n);
}

/* ---- */

struct world {
	struct conf *conf;
	struct spool *spool;
	struct spool_db *db;
};

static char answers[16][2000];
static int64_t base; /* ms since the epoch: the beginning of a test */

/* An answer with conversations "NUMBER:MINUTES AGO", between blanks, and what follows them. */
static const char *conversations(int i, const char *list, const char *rest)
{
	size_t n = (size_t)snprintf(answers[i], sizeof answers[i], "{\"success\":true,\"conversations\":[");
	int number, minutes, used;

	for (const char *p = list; sscanf(p, "%d:%d%n", &number, &minutes, &used) == 2; p += used)
		n += (size_t)snprintf(answers[i] + n, sizeof answers[i] - n, "%s{\"conversationUrn\":\"urn:li:messagingThread:2-c%d\",\"lastActivityAt\":%lld}",
			p == list ? "" : ",", number, (long long)(base - minutes * INT64_C(60000)));
	snprintf(answers[i] + n, sizeof answers[i] - n, "]%s}", rest);
	return answers[i];
}

/* The same with messages. */
static const char *messages(int i, const char *list, const char *rest)
{
	size_t n = (size_t)snprintf(answers[i], sizeof answers[i], "{\"success\":true,\"messages\":[");
	int number, minutes, used;

	for (const char *p = list; sscanf(p, "%d:%d%n", &number, &minutes, &used) == 2; p += used)
		n += (size_t)snprintf(answers[i] + n, sizeof answers[i] - n, "%s{\"messageUrn\":\"urn:li:messagingMessage:2-m%d\",\"text\":\"hi\",\"sentAt\":%lld,"
			"\"senderProfileId\":\"A\",\"isSentByOwner\":false}", p == list ? "" : ",", number, (long long)(base - minutes * INT64_C(60000)));
	snprintf(answers[i] + n, sizeof answers[i] - n, "]%s}", rest);
	return answers[i];
}

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	fail_msg("%s", message);
}

static struct world begin(const char *spool)
{
	struct world w = {.db = spool_db_new()};
	char text[512], why[256];

	base = clock_now();
	unit_file("key", "k", 0600);
	unit_file("one", "secret", 0600);
	snprintf(text, sizeof text, "spool = \"%s\"\nendpoint \"/w\" { secret-file = {\"one\"} }\n"
		"catch-up \"c\" { endpoint = \"/w\" api-key-file = \"key\" since = \"10h\" }\n", spool);
	unit_file("test.conf", text, 0600);
	w.conf = conf_load("test.conf", report, NULL);
	assert_non_null(w.conf);
	w.spool = spool_new(w.conf->spool, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	assert_true(spool_open(w.spool, why, sizeof why));
	assert_true(spool_db_open(w.db, w.conf->spool, JOURNAL_WAL, SPOOL_RELAY));
	return w;
}

static void end(struct world *w)
{
	spool_db_free(w->db);
	spool_close(w->spool);
	conf_free(w->conf);
}

/* Runs once, and expects exactly these requests. killed: before the result is written. */
static struct catchup_run run_or_kill(struct world *w, const struct exchange *of, int64_t leave, bool killed)
{
	struct catchup_run r = {.conf = w->conf->catchups, .provider = &catchup_connectsafely, .db = w->db, .spool = w->spool, .account = "acc",
		.leave = leave, .client = (struct catchup_client *)(void *)w};

	script = of;
	asked = 0;
	assert_true(run_begin(&r));
	r.provider->fetch(&r);
	assert_true(killed || run_end(&r));
	run_free(&r);
	if (of[asked].path)
		fail_msg("%s is not asked for; %s", of[asked].path, r.error);
	return r;
}

static struct catchup_run run(struct world *w, const struct exchange *of, int64_t leave)
{
	return run_or_kill(w, of, leave, false);
}

#define RUN(w, ...) run(w, (const struct exchange[]){__VA_ARGS__, {0}}, 0)

/* It pages back to where it was complete, less an hour, and asks for messages of conversations that moved since they were fetched. */
static void pages_back_to_where_it_was_complete(void **state)
{
	struct world w = begin("pages");
	struct catchup_run r;

	(void)state;
	r = RUN(&w, {"conversations?count=20&accountId=acc", conversations(0, "1:5 2:30", ",\"hasMore\":true,\"nextCursor\":\"two\""), CATCHUP_ANSWERED},
		{"2-c1/messages", messages(1, "11:5", ",\"hasMore\":true,\"cursor\":\"older\""), CATCHUP_ANSWERED},
		{"&cursor=older", messages(2, "12:90", ""), CATCHUP_ANSWERED},
		{"2-c2/messages", messages(3, "21:30 22:700", ",\"hasMore\":true,\"cursor\":\"not needed\""), CATCHUP_ANSWERED},
		{"&nextCursor=two", conversations(4, "3:599 4:610", ",\"hasMore\":true,\"nextCursor\":\"three\""), CATCHUP_ANSWERED},
		{"2-c3/messages", messages(5, "31:599", ""), CATCHUP_ANSWERED},
		{"&nextCursor=three", conversations(6, "5:700", ",\"hasMore\":true,\"nextCursor\":\"never\""), CATCHUP_ANSWERED});
	assert_false(r.failed || r.later);
	assert_int_equal(r.found, 4);
	assert_true(r.state.complete_until && !r.state.run_until && !*r.state.cursor);
	/* a new message in an old conversation: it begins where that one was fetched last, and not where the run begins */
	r = RUN(&w, {"accountId=acc", conversations(0, "3:0 1:5 2:30", ",\"hasMore\":true,\"nextCursor\":\"two\""), CATCHUP_ANSWERED},
		{"2-c3/messages", messages(1, "33:0 32:500 31:599", ""), CATCHUP_ANSWERED},
		{"&nextCursor=two", conversations(2, "4:610", ",\"hasMore\":true,\"nextCursor\":\"never\""), CATCHUP_ANSWERED});
	assert_int_equal(r.found, 2);
	assert_int_equal(r.known, 1);
	end(&w);
}

static void page_that_cannot_be_asked_for_is_told(void **state)
{
	static const char *const rest[] = {",\"hasMore\":true", ",\"hasMore\":true,\"nextCursor\":null", ",\"hasMore\":true,\"nextCursor\":\"\""};
	struct world w = begin("cursors");
	struct catchup_run r;

	(void)state;
	for (size_t i = 0; i < COUNT(rest); i++) {
		r = RUN(&w, {"accountId=acc", conversations(0, "", rest[i]), CATCHUP_ANSWERED});
		assert_true(r.failed && strstr(r.error, "nextCursor"));
	}
	r = RUN(&w, {"accountId=acc", conversations(0, "", ",\"hasMore\":true,\"nextCursor\":\"x\""), CATCHUP_ANSWERED},
		{"&nextCursor=x", conversations(1, "", ",\"hasMore\":true,\"nextCursor\":\"x\""), CATCHUP_ANSWERED});
	assert_true(r.failed && strstr(r.error, "circle"));
	assert_int_equal(r.state.complete_until, 0);
	end(&w);
}

/* Pages that never end are told, and a conversation that has such holds up no other. */
static void pages_in_a_circle_are_told(void **state)
{
	const char *a = ",\"hasMore\":true,\"cursor\":\"a\"", *b = ",\"hasMore\":true,\"cursor\":\"b\"";
	struct world w = begin("circle");
	struct catchup_run r;

	(void)state;
	r = RUN(&w, {"accountId=acc", conversations(0, "1:1 2:2", ""), CATCHUP_ANSWERED}, {"2-c1/messages", messages(1, "11:1", a), CATCHUP_ANSWERED},
		{"&cursor=a", messages(2, "12:2", b), CATCHUP_ANSWERED}, {"&cursor=b", messages(3, "11:1", a), CATCHUP_ANSWERED},
		{"&cursor=a", messages(4, "12:2", b), CATCHUP_ANSWERED}, {"2-c2/messages", messages(5, "21:2", ""), CATCHUP_ANSWERED});
	assert_true(r.failed && strstr(r.error, "circle"));
	assert_int_equal(r.found, 3);
	assert_int_equal(r.state.complete_until, 0);
	for (unsigned length = 1; length < 100; length++) {
		struct catchup_pages pages = {.n = 0};
		char cursor[16];
		unsigned n = 0;

		do
			snprintf(cursor, sizeof cursor, "%u", n < 5 ? n : 5 + (n - 5) % length);
		while (n++ < CATCHUP_REQUESTS_MAX && run_next_page(&r, &pages, slice_text(cursor)));
		assert_in_range(n, length + 1, CATCHUP_REQUESTS_MAX - 1);
	}
	end(&w);
}

/* Where its requests are used up, the next run goes on at that page, and what was fetched of it is not fetched again. */
static void run_goes_on_at_its_page(void **state)
{
	struct world w = begin("resume");
	struct catchup_run r;
	int64_t until;

	(void)state;
	r = RUN(&w, {"accountId=acc", conversations(0, "", ",\"hasMore\":true,\"nextCursor\":\"two\""), CATCHUP_ANSWERED},
		{"&nextCursor=two", conversations(1, "1:5 2:6", ""), CATCHUP_ANSWERED},
		{"2-c1/messages", messages(2, "11:5", ""), CATCHUP_ANSWERED}, {"2-c2/messages", NULL, CATCHUP_LATER});
	assert_true(r.later && !r.failed);
	assert_string_equal(r.state.cursor, "two");
	until = r.state.run_until;
	r = RUN(&w, {"&nextCursor=two", conversations(1, "1:5 2:6", ""), CATCHUP_ANSWERED}, {"2-c2/messages", messages(2, "21:6", ""), CATCHUP_ANSWERED});
	assert_int_equal(r.state.complete_until, until); /* as of the run that began */
	/* a cursor that the API does not know any more */
	RUN(&w, {"accountId=acc", conversations(0, "", ",\"hasMore\":true,\"nextCursor\":\"old\""), CATCHUP_ANSWERED}, {"&nextCursor=old", NULL, CATCHUP_LATER});
	r = RUN(&w, {"&nextCursor=old", NULL, CATCHUP_REFUSED}, {"accountId=acc", conversations(0, "1:5", ""), CATCHUP_ANSWERED});
	assert_true(!r.failed && r.state.complete_until > until);
	end(&w);
}

/* A run that is killed has told of its failures to nobody: the next one begins at the first page. */
static void killed_run_passes_over_no_failure(void **state)
{
	struct world w = begin("killed");
	struct catchup_run r;

	(void)state;
	run_or_kill(&w, (const struct exchange[]){{"accountId=acc", conversations(0, "1:200 2:201", ",\"hasMore\":true,\"nextCursor\":\"two\""), CATCHUP_ANSWERED},
		{"2-c1/messages", NULL, CATCHUP_FAILED}, {"2-c2/messages", messages(1, "21:201", ""), CATCHUP_ANSWERED},
		{"&nextCursor=two", conversations(2, "3:300", ""), CATCHUP_ANSWERED}, {"2-c3/messages", messages(3, "31:300", ""), CATCHUP_ANSWERED}, {0}}, 0, true);
	r = RUN(&w, {"accountId=acc", conversations(0, "1:200 2:201 3:300", ""), CATCHUP_ANSWERED}, {"2-c1/messages", messages(1, "11:200", ""), CATCHUP_ANSWERED},
		{"2-c3/messages", messages(3, "31:300", ""), CATCHUP_ANSWERED});
	assert_true(!r.failed && r.found == 1);
	run_or_kill(&w, (const struct exchange[]){{"accountId=acc", conversations(0, "", ",\"hasMore\":true,\"nextCursor\":\"two\""), CATCHUP_ANSWERED},
		{"&nextCursor=two", conversations(2, "4:0", ""), CATCHUP_ANSWERED}, {"2-c4/messages", NULL, CATCHUP_LATER}, {0}}, 0, true);
	r = RUN(&w, {"&nextCursor=two", conversations(2, "", ""), CATCHUP_ANSWERED}); /* without a failure it goes on there */
	end(&w);
}

/* A conversation that cannot be read is asked for again, and others go on; three in a row are the API's end. */
static void conversation_that_fails_holds_up_no_other(void **state)
{
	struct world w = begin("fails");
	struct catchup_run r;

	(void)state;
	r = RUN(&w, {"accountId=acc", conversations(0, "1:1 2:2 3:3 4:4", ""), CATCHUP_ANSWERED}, {"2-c1/messages", NULL, CATCHUP_FAILED},
		{"2-c2/messages", NULL, CATCHUP_GONE}, {"2-c3/messages", "{\"success\":true}", CATCHUP_ANSWERED},
		{"2-c4/messages", messages(1, "41:4", ""), CATCHUP_ANSWERED});
	assert_true(r.failed && r.found == 1 && strstr(r.error, "it is said"));
	assert_int_equal(r.state.complete_until, 0);
	r = RUN(&w, {"accountId=acc", conversations(0, "1:1 2:2 3:3 4:4 5:5", ""), CATCHUP_ANSWERED}, {"2-c1/messages", NULL, CATCHUP_FAILED},
		{"2-c2/messages", NULL, CATCHUP_FAILED}, {"2-c3/messages", NULL, CATCHUP_FAILED});
	assert_true(r.failed && !r.found);
	end(&w);
}

/* What came from a cache is complete as far as its newest conversation; what is left to the webhook is not fetched. */
static void completeness_is_not_claimed_too_far(void **state)
{
	struct world w = begin("cache");
	struct catchup_run r;

	(void)state;
	r = RUN(&w, {"accountId=acc", conversations(0, "1:50", ",\"fromCache\":true"), CATCHUP_ANSWERED}, {"2-c1/messages", messages(1, "11:50", ""), CATCHUP_ANSWERED});
	assert_true(r.now - r.state.complete_until >= 50 * 60000);
	r = run(&w, (const struct exchange[]){{"accountId=acc", conversations(0, "2:1", ""), CATCHUP_ANSWERED},
		{"2-c2/messages", messages(1, "21:1 22:9", ""), CATCHUP_ANSWERED}, {0}}, 5 * 60000);
	assert_int_equal(r.found, 1);
	assert_true(r.now - r.state.complete_until == 5 * 60000);
	r = RUN(&w, {"accountId=acc", conversations(0, "2:1", ""), CATCHUP_ANSWERED}, {"2-c2/messages", messages(1, "21:1 22:9", ""), CATCHUP_ANSWERED});
	assert_int_equal(r.found, 1);
	assert_int_equal(r.known, 1);
	end(&w);
}

/* The spool's clock was ahead: the run looks back as far as it may. */
static void state_of_the_future_is_not_believed(void **state)
{
	struct world w = begin("future");
	struct spool_catchup s;
	struct catchup_run r;

	(void)state;
	assert_true(spool_catchup_read(w.db, "c", "acc", &s));
	s.complete_until = clock_now() + HOUR;
	assert_true(spool_catchup_write(w.db, &s, NULL, 0, 0));
	r = RUN(&w, {"accountId=acc", conversations(0, "1:500", ""), CATCHUP_ANSWERED}, {"2-c1/messages", messages(1, "11:500", ""), CATCHUP_ANSWERED});
	assert_int_equal(r.found, 1);
	assert_true(r.state.complete_until <= clock_now());
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_back_to_where_it_was_complete),
		cmocka_unit_test(page_that_cannot_be_asked_for_is_told),
		cmocka_unit_test(pages_in_a_circle_are_told),
		cmocka_unit_test(run_goes_on_at_its_page),
		cmocka_unit_test(killed_run_passes_over_no_failure),
		cmocka_unit_test(conversation_that_fails_holds_up_no_other),
		cmocka_unit_test(completeness_is_not_claimed_too_far),
		cmocka_unit_test(state_of_the_future_is_not_believed),
	};

	return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
