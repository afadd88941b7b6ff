/* SPDX-License-Identifier: ISC */
/* hook/: signatures against published vectors, the event parser, and a delivery from request to outcome. */
#include "unit.h"

#include "hook/event.h"
#include "hook/handle.h"
#include "hook/log_delivery.h"
#include "hook/refusals.h"
#include "hook/respond.h"
#include "hook/verify.h"

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void authorization_is_compared(void **state)
{
	char a[] = "Bearer one", b[] = "Basic dHdvOg==", src[] = "test";
	struct secret item[] = {{src, a, strlen(a), 1, NULL, NULL}, {src, b, strlen(b), 1, NULL, NULL}};
	struct secrets both = {item, 2}, none = {item, 0};

	(void)state;
	assert_int_equal(verify_secret(&both, text("Bearer one")), 1);
	assert_int_equal(verify_secret(&both, text("Basic dHdvOg==")), 2);
	assert_int_equal(verify_secret(&both, text("Bearer one ")), 0);
	assert_int_equal(verify_secret(&both, text("bearer one")), 0);
	assert_int_equal(verify_secret(&both, text("Bearer on")), 0);
	assert_int_equal(verify_secret(&both, text("")), 0);
	assert_int_equal(verify_secret(&none, text("")), 0);
}

static bool is(struct slice s, const char *want)
{
	if (!want)
		return s.p == NULL;
	return s.p && s.n == strlen(want) && memcmp(s.p, want, s.n) == 0;
}

/* The event in n bytes of JSON from ConnectSafely. */
static enum event_result parse(const char *body, size_t n, struct event *ev)
{
	struct request r = {.content_type = REQUEST_JSON, .body = {.data = (char *)(uintptr_t)body, .len = n}};

	return event_read(&r, scheme_find("connectsafely"), (struct slice){0}, ev);
}

static void fields_of_an_event(void **state)
{
	static const char body[] =
		"{\"event\":\"message.received\",\"object\":\"event\",\"data\":{\"id\":\"urn:id\",\"message_urn\":\"urn:\\u006dsg\","
		"\"account_id\":\"65fa\",\"provider\":\"LINKEDIN\",\"sender\":{\"id\":\"urn:p\",\"name\":\"Zo\xC3\xAB \\ud83d\\ude00\","
		"\"profile_url\":null,\"nested\":{\"id\":\"no\",\"name\":\"no\"}},\"body\":\"Hey\",\"timestamp\":\"2026-05-12T14:33:21.000Z\","
		"\"conversation_id\":\"urn:t\",\"attachments\":[{\"id\":\"no\",\"sender\":{\"id\":\"no\"}}]},\"event2\":{\"event\":\"no\"}}";
	struct event ev = {0};

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(parse(body, sizeof body - 1, &ev), EVENT_OK);
		assert_true(is(ev.field[FIELD_EVENT], "message.received"));
		assert_true(is(ev.field[FIELD_KEY], "urn:msg message.received 65fa"));
		assert_true(is(ev.id, "urn:msg") && ev.identity == IDENTITY_SIGNED);
		assert_true(is(ev.field[FIELD_ACCOUNT], "65fa"));
		assert_true(is(ev.field[FIELD_SENDER_ID], "urn:p"));
		assert_true(is(ev.field[FIELD_SENDER_NAME], "Zo\xC3\xAB \xF0\x9F\x98\x80"));
		assert_true(is(ev.field[FIELD_CONVERSATION], "urn:t"));
		assert_true(is(ev.field[FIELD_SENT_AT], "2026-05-12T14:33:21.000Z"));
		assert_true(is(ev.field[FIELD_TEXT], "Hey"));
	}
	event_free(&ev);
}

/* The id that a key begins with. Without one the key is the body's hash. */
static void keys_of_an_event(void **state)
{
	static const struct {
		const char *body, *id;
	} cases[] = {
		{"{\"event\":\"e\"}", NULL}, {"{\"event\":\"e\",\"data\":null}", NULL}, {"{\"event\":\"e\",\"data\":[]}", NULL},
		{"{\"event\":\"e\",\"data\":{}}", NULL}, {"{\"event\":\"e\",\"data\":{\"id\":\"i\"}}", "i"},
		{"{\"event\":\"e\",\"data\":{\"message_urn\":null,\"id\":\"i\"}}", "i"},
		{"{\"event\":\"e\",\"data\":{\"message_urn\":\"\",\"id\":\"i\"}}", "i"},
		{"{\"event\":\"e\",\"data\":{\"id\":\"i\",\"message_urn\":\"u\"}}", "u"},
		{"{\"event\":\"e\",\"data\":{\"id\":12345678901234567890123}}", "12345678901234567890123"},
		{"{\"event\":\"e\",\"data\":{\"id\":{\"id\":\"x\"}}}", NULL}, {"{\"event\":\"e\",\"data\":{\"id\":[\"x\"]}}", NULL},
		{"{\"event\":\"e\",\"data\":{\"id\":true}}", NULL}, {"{\"event\":\"e\",\"data\":[{\"id\":\"x\"}]}", NULL},
		{"{\"event\":\"e\",\"id\":\"x\",\"message_urn\":\"y\"}", NULL},
		{" \t\r\n{\"event\" : \"e\" , \"data\" : { \"id\" : \"i\" } } \n", "i"},
	};
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].body, strlen(cases[i].body), &ev), EVENT_OK);
		if (cases[i].id ? !is(ev.id, cases[i].id) || ev.identity != IDENTITY_SIGNED : ev.identity != IDENTITY_BODY)
			fail_msg("%s", cases[i].body);
	}
	event_free(&ev);
}

static void malformed_events_are_rejected(void **state)
{
	static const char *const cases[] = {
		"", " ", "x", "1", "\"event\"", "null", "true", "[]", "[{\"event\":\"e\"}]", "{", "{}", "{\"event\":1}",
		"{\"event\":null}", "{\"event\":\"\"}", "{\"event\":{\"event\":\"e\"}}", "{\"data\":{\"event\":\"e\"}}",
		"{\"event\":\"e\"}x", "{\"event\":\"e\"}{}", "{\"event\":\"e\",}", "{'event':'e'}", "{\"event\":\"e\" /* c */}",
		"{\"event\":\"e\"}\f", "\v{\"event\":\"e\"}", "{\"event\":\"a\nb\"}",
		"{\"event\":\"e\",\"event\":\"e\"}", "{\"event\":\"e\",\"a\":1,\"a\":2}", "{\"event\":\"e\",\"\\u0065vent\":\"e\"}",
		"{\"event\":\"e\",\"data\":{},\"data\":{}}", "{\"event\":\"e\",\"data\":{\"id\":\"1\",\"id\":\"2\"}}",
		"{\"event\":\"e\",\"data\":{\"id\":null,\"id\":\"2\"}}", "{\"event\":\"e\",\"data\":{\"sender\":{\"id\":\"1\",\"id\":\"2\"}}}",
		"{\"event\":\"\xC0\x80\"}", "{\"event\":\"e\",\"x\":\"\xED\xA0\x80\"}", "{\"event\":\"e\",\"\xFF\":1}",
		"{\"event\":\"e\",\"n\":01}", "{\"event\":\"e\",\"n\":NaN}",
	};
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum event_result result = parse(cases[i], strlen(cases[i]), &ev);

		if (result != EVENT_MALFORMED && result != EVENT_NAMELESS)
			fail_msg("%s", cases[i]);
		assert_non_null(ev.reason);
		assert_null(ev.field[FIELD_EVENT].p);
	}
	assert_int_equal(parse("{\"event\":\"e\"}\0", 14, &ev), EVENT_MALFORMED);
	event_free(&ev);
}

/* {"event":"e","x":[[[...]]]}: containers nested to that depth in all. */
static enum event_result nested(struct event *ev, int depth, char open, char shut)
{
	struct buf b = {0};
	enum event_result r;

	buf_printf(&b, "{\"event\":\"e\",\"x\":");
	for (int i = 1; i < depth; i++)
		buf_printf(&b, open == '[' ? "[" : "{\"a\":");
	buf_printf(&b, "1");
	for (int i = 1; i < depth; i++)
		buf_add(&b, &shut, 1);
	buf_printf(&b, "}");
	r = parse(b.data, b.len, ev);
	buf_free(&b);
	return r;
}

static void event_size_and_depth_are_bounded(void **state)
{
	struct event ev = {0};
	struct buf b = {0};

	(void)state;
	assert_int_equal(nested(&ev, 64, '[', ']'), EVENT_OK);
	assert_int_equal(nested(&ev, 65, '[', ']'), EVENT_MALFORMED);
	assert_int_equal(nested(&ev, 64, '{', '}'), EVENT_OK);
	assert_int_equal(nested(&ev, 65, '{', '}'), EVENT_MALFORMED);
	assert_int_equal(nested(&ev, 100000, '[', ']'), EVENT_MALFORMED);
	assert_int_equal(parse("\xEF\xBB\xBF{\"event\":\"e\"}", 16, &ev), EVENT_OK);
	for (int twice = 0; twice < 2; twice++) {
		for (int keys = 31; keys <= 20000; keys = keys < 34 ? keys + 1 : keys * 5) {
			b.len = 0;
			buf_printf(&b, "{\"event\":\"e\"");
			for (int i = 1; i < keys; i++)
				buf_printf(&b, ",\"k%d\":{}", i);
			buf_printf(&b, twice ? ",\"k7\":1}" : "}");
			assert_int_equal(parse(b.data, b.len, &ev), twice ? EVENT_MALFORMED : EVENT_OK);
		}
	}
	buf_free(&b);
	event_free(&ev);
}

/* A request from memory: its variables, its body in pieces of `piece` bytes, and how the body ends. */
struct bytes_source {
	const char *body;
	size_t at, piece;
	enum read_result end;
};

static enum read_result read_source(void *ctx, char *p, size_t n, size_t *got)
{
	struct bytes_source *s = ctx;

	*got = strlen(s->body + s->at);
	if (*got == 0)
		return s->end;
	if (*got > s->piece)
		*got = s->piece;
	if (*got > n)
		*got = n;
	memcpy(p, s->body + s->at, *got);
	s->at += *got;
	return READ_DATA;
}

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	print_message("%s\n", message);
}

static struct conf *load_conf(void)
{
	unit_file("key", "mysecret", 0600);
	unit_file("auth", "Bearer token", 0600);
	unit_file("hook.conf",
		"spool = \"spool\"\nmax-body = \"64\"\n"
		"endpoint \"/w\" { secret-file = {\"key\"} }\n"
		"endpoint \"/both\" { secret-file = {\"key\"} authorization-file = {\"auth\"} }\n"
		"endpoint \"/auth\" { scheme = \"none\" authorization-file = {\"auth\"} }\n"
		"endpoint \"/near\" { scheme = \"none\" allow = {\"192.0.2.0/24\"} }\n"
		"endpoint \"/drop\" { scheme = \"dropbox\" secret-file = {\"key\"} }\n"
		"endpoint \"/some\" { scheme = \"none\" events = {\"a\", \"b\"} accounts = {\"1\"} }\n", 0600);
	return conf_load("hook.conf", report, NULL);
}

#define POST "REQUEST_METHOD=POST", "CONTENT_TYPE=application/json"
#define FOO "{\"foo\":\"bar\"}"
#define FOO_SIGNED "HTTP_X_WEBHOOK_SIGNATURE=sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"

static void outcome_of_each_check(void **state)
{
	static const struct {
		const char *name;
		enum outcome want;
		const char *body;
		enum read_result end;
		const char *env[8];
	} cases[] = {
		{"stored", OUTCOME_STORED, "{\"event\":\"a\",\"data\":{\"id\":\"1\",\"account_id\":\"1\"}}", READ_END,
			{POST, "SCRIPT_NAME=/some"}},
		{"duplicate", OUTCOME_DUPLICATE, "{\"event\":\"a\",\"data\":{\"id\":\"1\",\"account_id\":\"1\"}}", READ_END,
			{POST, "SCRIPT_NAME=/so", "PATH_INFO=me"}},
		{"request uri", OUTCOME_DUPLICATE, "{\"event\":\"a\",\"data\":{\"id\":\"1\",\"account_id\":\"1\"}}", READ_END,
			{POST, "SCRIPT_NAME=", "REQUEST_URI=/some?x=/y"}},
		{"event filter", OUTCOME_IGNORED, "{\"event\":\"c\",\"data\":{\"id\":\"2\",\"account_id\":\"1\"}}", READ_END,
			{POST, "SCRIPT_NAME=/some"}},
		{"account filter", OUTCOME_IGNORED, "{\"event\":\"b\",\"data\":{\"id\":\"2\"}}", READ_END, {POST, "SCRIPT_NAME=/some"}},
		{"signed, no event", OUTCOME_STORED, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"unsigned", OUTCOME_UNAUTHORIZED, FOO, READ_END, {POST, "SCRIPT_NAME=/w"}},
		{"signed twice", OUTCOME_UNAUTHORIZED, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED, FOO_SIGNED}},
		{"a comma", OUTCOME_UNAUTHORIZED, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED ", x"}},
		{"not the bytes", OUTCOME_UNAUTHORIZED, FOO " ", READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"signed, no authorization", OUTCOME_UNAUTHORIZED, FOO, READ_END, {POST, "SCRIPT_NAME=/both", FOO_SIGNED}},
		{"authorized, unsigned", OUTCOME_UNAUTHORIZED, FOO, READ_END,
			{POST, "SCRIPT_NAME=/both", "HTTP_AUTHORIZATION=Bearer token"}},
		{"both", OUTCOME_STORED, FOO, READ_END,
			{POST, "SCRIPT_NAME=/both", FOO_SIGNED, "HTTP_AUTHORIZATION=Bearer token"}},
		{"redirected authorization", OUTCOME_DUPLICATE, FOO, READ_END,
			{POST, "SCRIPT_NAME=/both", FOO_SIGNED, "REDIRECT_HTTP_AUTHORIZATION=Bearer token"}},
		{"far", OUTCOME_FORBIDDEN, "{\"event\":\"a\"}", READ_END, {POST, "SCRIPT_NAME=/near", "REMOTE_ADDR=203.0.113.1"}},
		{"nowhere", OUTCOME_FORBIDDEN, "{\"event\":\"a\"}", READ_END, {POST, "SCRIPT_NAME=/near"}},
		{"near", OUTCOME_STORED, "{\"event\":\"a\"}", READ_END, {POST, "SCRIPT_NAME=/near", "REMOTE_ADDR=192.0.2.9"}},
		{"no such path", OUTCOME_NOT_FOUND, "{}", READ_END, {POST, "SCRIPT_NAME=/W"}},
		{"no path", OUTCOME_NOT_FOUND, "{}", READ_END, {POST}},
		{"get", OUTCOME_METHOD, "", READ_END, {"REQUEST_METHOD=GET", "SCRIPT_NAME=/w", "QUERY_STRING=challenge=x"}},
		{"challenge", OUTCOME_CHALLENGE, "", READ_END, {"REQUEST_METHOD=GET", "SCRIPT_NAME=/drop", "QUERY_STRING=a=b&challenge=x-1"}},
		{"markup", OUTCOME_METHOD, "", READ_END, {"REQUEST_METHOD=GET", "SCRIPT_NAME=/drop", "QUERY_STRING=challenge=<b>"}},
		{"no challenge", OUTCOME_METHOD, "", READ_END, {"REQUEST_METHOD=GET", "SCRIPT_NAME=/drop", "QUERY_STRING=xchallenge=x"}},
		{"signed, another type", OUTCOME_DUPLICATE, FOO, READ_END, {"REQUEST_METHOD=POST", "CONTENT_TYPE=text/plain", "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"signed, no type", OUTCOME_DUPLICATE, FOO, READ_END, {"REQUEST_METHOD=POST", "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"signed wrong, another type", OUTCOME_UNAUTHORIZED, FOO " ", READ_END,
			{"REQUEST_METHOD=POST", "CONTENT_TYPE=text/plain", "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"authorized, another type", OUTCOME_STORED, "hello", READ_END,
			{"REQUEST_METHOD=POST", "CONTENT_TYPE=text/plain", "SCRIPT_NAME=/auth", "HTTP_AUTHORIZATION=Bearer token"}},
		{"authorized wrong, another type", OUTCOME_UNAUTHORIZED, "hello", READ_END,
			{"REQUEST_METHOD=POST", "CONTENT_TYPE=text/plain", "SCRIPT_NAME=/auth", "HTTP_AUTHORIZATION=Bearer x"}},
		{"nothing proves it, another type", OUTCOME_CONTENT_TYPE, "{\"event\":\"a\"}", READ_END,
			{"REQUEST_METHOD=POST", "CONTENT_TYPE=text/plain", "SCRIPT_NAME=/some"}},
		{"nothing proves it, malformed", OUTCOME_MALFORMED, "hello", READ_END, {POST, "SCRIPT_NAME=/some"}},
		{"nothing proves it, no event", OUTCOME_MALFORMED, FOO, READ_END, {POST, "SCRIPT_NAME=/some"}},
		{"type", OUTCOME_CONTENT_TYPE, FOO, READ_END, {"REQUEST_METHOD=POST", "CONTENT_TYPE=text/plain", "SCRIPT_NAME=/w"}},
		{"no type", OUTCOME_CONTENT_TYPE, FOO, READ_END, {"REQUEST_METHOD=POST", "SCRIPT_NAME=/w"}},
		{"type with charset", OUTCOME_DUPLICATE, FOO, READ_END,
			{"REQUEST_METHOD=POST", "CONTENT_TYPE=Application/JSON; charset=utf-8", "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"declared too large", OUTCOME_TOO_LARGE, "", READ_END, {POST, "SCRIPT_NAME=/w", "CONTENT_LENGTH=65"}},
		{"too large", OUTCOME_TOO_LARGE, "12345678901234567890123456789012345678901234567890123456789012345", READ_END,
			{POST, "SCRIPT_NAME=/w"}},
		{"as large as allowed", OUTCOME_UNAUTHORIZED, "1234567890123456789012345678901234567890123456789012345678901234",
			READ_END, {POST, "SCRIPT_NAME=/w"}},
		{"short", OUTCOME_INCOMPLETE, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED, "CONTENT_LENGTH=14"}},
		{"long", OUTCOME_INCOMPLETE, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED, "CONTENT_LENGTH=12"}},
		{"no number", OUTCOME_INCOMPLETE, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED, "CONTENT_LENGTH=-2"}},
		{"no number either", OUTCOME_INCOMPLETE, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED, "CONTENT_LENGTH=-10"}},
		{"-1, as Caddy has it for a chunked body", OUTCOME_DUPLICATE, FOO, READ_END,
			{POST, "SCRIPT_NAME=/w", FOO_SIGNED, "CONTENT_LENGTH=-1"}},
		{"overflow", OUTCOME_INCOMPLETE, FOO, READ_END, {POST, "SCRIPT_NAME=/w", "CONTENT_LENGTH=99999999999999999999999"}},
		{"empty length", OUTCOME_DUPLICATE, FOO, READ_END, {POST, "SCRIPT_NAME=/w", FOO_SIGNED, "CONTENT_LENGTH="}},
		{"cut", OUTCOME_INCOMPLETE, FOO, READ_BROKEN, {POST, "SCRIPT_NAME=/w", FOO_SIGNED}},
		{"slow", OUTCOME_TIMEOUT, FOO, READ_TIMEOUT, {POST, "SCRIPT_NAME=/w", FOO_SIGNED}},
	};
	struct conf *c = load_conf();
	struct spool *s;
	struct request r = {0};
	struct delivery d = {0};

	(void)state;
	assert_non_null(c);
	s = spool_new(c->spool, c->journal, SPOOL_RECEIVE, c->reject);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	for (size_t piece = 1; piece < 100; piece += 98) {
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct bytes_source src = {cases[i].body, 0, piece, cases[i].end};
			char *env[COUNT(cases[i].env) + 1] = {0};
			enum outcome want = cases[i].want;

			for (size_t k = 0; k < COUNT(cases[i].env) && cases[i].env[k]; k++)
				env[k] = strdup(cases[i].env[k]);
			if (piece > 1 && want == OUTCOME_STORED)
				want = OUTCOME_DUPLICATE;
			request_init(&r, env, read_source, &src);
			if (handle(&r, c, &d))
				handle_store(s, &(struct delivery *){&d}, 1);
			if (d.outcome != want)
				fail_msg("%s: %s, %s", cases[i].name, outcome_info(d.outcome)->code, d.reason ? d.reason : "");
			log_delivery(&r, c, s, &d);
			for (size_t k = 0; env[k]; k++)
				free(env[k]);
		}
	}
	handle_free(&d);
	buf_free(&r.body);
	spool_close(s);
	conf_free(c);
}

static void answer_of_each_outcome(void **state)
{
	struct delivery d = {.outcome = OUTCOME_STORED, .id = 7};
	struct buf b = {0};

	(void)state;
	assert_true(respond(&d, &b));
	assert_string_equal(buf_str(&b), "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n"
		"Cache-Control: no-store\r\n\r\n{\"status\":\"stored\",\"id\":7}\n");
	for (int o = 0; o < OUTCOME_COUNT; o++) {
		const struct outcome_info *info = outcome_info((enum outcome)o);

		if (o == OUTCOME_CHALLENGE)
			continue;
		d.outcome = (enum outcome)o;
		b.len = 0;
		assert_true(respond(&d, &b));
		assert_non_null(strstr(buf_str(&b), info->code));
		assert_int_equal(info->status == 503, strstr(b.data, "Retry-After: ") != NULL);
		assert_int_equal(info->status == 405, strstr(b.data, "Allow: POST\r\n") != NULL);
		assert_int_equal(info->status == 200, info->exit_status == 0);
	}
	buf_free(&b);
}

/* The server gives back what a large delivery left behind: it has to see every buffer. */
static void memory_of_a_delivery_counts_every_buffer(void **state)
{
	struct delivery d = {0};
	struct buf *all[] = {&d.event.arena, &d.event.headers, &d.event.joined, &d.event.form.arena, &d.verify.scratch.text,
		&d.verify.scratch.form.arena, &d.verify.url, &d.challenge.body, &d.headers};
	struct form *forms[] = {&d.event.form, &d.verify.scratch.form};
	static char many[200000];

	(void)state;
	assert_int_equal(handle_memory(&d), 0);
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 2 ? '&' : 'a';
	for (size_t i = 0; i < COUNT(forms); i++) {
		assert_int_equal(form_parse(forms[i], many, sizeof many), FORM_OK);
		assert_int_equal(forms[i]->n, sizeof many / 2);
		assert_int_equal(handle_memory(&d), forms[i]->cap * sizeof(struct form_param));
		handle_free(&d);
		assert_int_equal(handle_memory(&d), 0);
	}
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_true(buf_reserve(all[i], 1 << 20));
		assert_int_equal(handle_memory(&d), 1 << 20);
		handle_free(&d);
		assert_int_equal(handle_memory(&d), 0);
	}
}

/* Lines a minute are bounded by endpoint, however many networks; and where there are more endpoints than room. */
static void refusals_in_the_log_are_bounded(void **state)
{
	const int64_t minute = 60 * 1000 * 1000;
	char name[64];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		n += refusals_pass("/w", OUTCOME_UNAUTHORIZED, i % 2 ? "192.0.2.1" : "::ffff:192.0.2.1", 1);
	assert_int_equal(n, REFUSALS_OF_ONE);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "2001:db8:%x::1", i);
		n += refusals_pass("/w", OUTCOME_UNAUTHORIZED, name, 2);
	}
	assert_int_equal(n, REFUSALS_OF_ALL);
	assert_true(refusals_pass("/w", OUTCOME_FORBIDDEN, "192.0.2.1", 3));
	assert_true(refusals_pass("/v", OUTCOME_UNAUTHORIZED, "192.0.2.1", 3));
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR); /* the sums are warnings */
	refusals_flush(minute - 1, false);
	assert_false(refusals_pass("/w", OUTCOME_UNAUTHORIZED, "192.0.2.1", minute));
	refusals_flush(minute + 1, false);
	assert_true(refusals_pass("/w", OUTCOME_UNAUTHORIZED, "192.0.2.1", minute + 2));
	refusals_flush(0, true);
	n = 0;
	for (int i = 0; i < 100 * 1000; i++) {
		snprintf(name, sizeof name, "/%d", i % 1000);
		n += refusals_pass(name, OUTCOME_UNAUTHORIZED, "192.0.2.1", 1);
	}
	assert_true(n <= (128 + 1) * REFUSALS_OF_ALL);
	refusals_flush(0, true);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorization_is_compared),
		cmocka_unit_test(fields_of_an_event),
		cmocka_unit_test(keys_of_an_event),
		cmocka_unit_test(malformed_events_are_rejected),
		cmocka_unit_test(event_size_and_depth_are_bounded),
		cmocka_unit_test(outcome_of_each_check),
		cmocka_unit_test(answer_of_each_outcome),
		cmocka_unit_test(memory_of_a_delivery_counts_every_buffer),
		cmocka_unit_test(refusals_in_the_log_are_bounded),
	};

	return cmocka_run_group_tests_name("hook", tests, unit_enter, unit_leave);
}
