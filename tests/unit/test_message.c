/* SPDX-License-Identifier: ISC */
/* relay/message and attempt: what is sent of an event. */
#include "unit.h"

#include "relay/attempt.h"
#include "sink/type.h"

/* message.c itself, with a stored_request() that fails when it is told to. */
#define stored_request request_or_not
#include "relay/message.c"
#undef stored_request

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

static bool memory_is_short;

bool stored_request(struct slice headers, struct slice body_of_it, struct stored *out);

bool request_or_not(struct slice headers, struct slice body_of_it, struct stored *out)
{
	return !memory_is_short && stored_request(headers, body_of_it, out);
}

/* The type is in the kept headers: where they can't be read, no other type is sent, and the attempt is made again. */
static void no_message_without_its_type(void **state)
{
	struct conf conf = {0};
	const struct sink sink = {.type = sink_type_find("http")};
	const struct spool_relay_row row = {.event = {.endpoint = text("/e"), .headers = text("Content-Type: application/json\n"), .body = text("{}")}};
	struct attempt *a = attempt_new(&row, "test");

	(void)state;
	assert_true(message_make(a, &sink, &conf, NULL, 0));
	assert_string_equal(a->message.type, "application/json");
	assert_int_equal(a->message.body.n, 2);
	memory_is_short = true;
	assert_false(message_make(a, &sink, &conf, NULL, 0));
	memory_is_short = false;
	attempt_free(a);
}

static void a_message_has_its_endpoints_name(void **state)
{
	static char path[] = "/e", name[] = "Lead";
	struct endpoint endpoint = {.path = path, .name = name};
	const struct endpoint *by_path[] = {&endpoint};
	struct conf conf = {.endpoints = &endpoint, .n_endpoints = 1, .by_path = by_path};
	const struct sink sink = {.type = sink_type_find("file")};
	const struct spool_relay_row row = {.event = {.endpoint = text("/e"), .headers = text(""), .body = text("{}")}};
	const struct spool_relay_row other = {.event = {.endpoint = text("/other"), .headers = text(""), .body = text("{}")}};
	struct attempt *a = attempt_new(&row, "test"), *b = attempt_new(&other, "test");

	(void)state;
	assert_true(message_make(a, &sink, &conf, NULL, 0));
	assert_string_equal(a->message.endpoint_name.p, "Lead");
	assert_true(message_make(b, &sink, &conf, NULL, 0));
	assert_null(b->message.endpoint_name.p);
	attempt_free(a);
	attempt_free(b);
}

/* An event's text is in its body, in "text" of the endpoint's scheme; what was stored with the event counts more. */
static void stored_text_is_sent_without_a_look_at_the_body(void **state)
{
	static const char stored[] = "stored", other[] = "{\"event\":\"message.received\",\"data\":{\"body\":\"in the body\"}}";
	const struct spool_row known[] = {{.text = text(stored), .text_known = true}, {.text_known = true}, {0}};
	static const char *const want[] = {stored, NULL, "in the body"};
	struct conf conf = {0};
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct spool_relay_row row = {.event = known[i]};
		struct attempt *a;

		row.event.endpoint = text("/e");
		row.event.headers = text("Content-Type: application/json\n");
		row.event.body = text(other);
		a = attempt_new(&row, "test");
		assert_true(attempt_read_text(a, &conf, &ev));
		assert_int_equal(a->values.known[TEMPLATE_TEXT].p != NULL, want[i] != NULL);
		assert_int_equal(a->values.known[TEMPLATE_TEXT].n, want[i] ? strlen(want[i]) : 0);
		assert_memory_equal(a->values.known[TEMPLATE_TEXT].p ? a->values.known[TEMPLATE_TEXT].p : "", want[i] ? want[i] : "",
			want[i] ? strlen(want[i]) : 0);
		attempt_free(a);
	}
	event_free(&ev);
}

static struct attempt *attempt_with(const char *headers, const char *body, const char *reply)
{
	struct spool_relay_row row = {.reply = text(reply), .event = {.id = 7, .received_at = 1000, .endpoint = text("/e"), .sender_name = text("Zoë"),
		.headers = text(headers), .body = text(body)}};
	struct attempt *a = attempt_new(&row, "spool");

	assert_non_null(a);
	return a;
}

static void make_any(struct attempt *a, const struct sink *s)
{
	static struct conf conf;
	struct event ev = {0};

	assert_true(message_make(a, s, &conf, &ev, 42));
	event_free(&ev);
}

static void make(struct attempt *a, const struct sink *s)
{
	make_any(a, s);
	assert_int_equal(a->message.deadline, 42);
	assert_string_equal(a->message.id, "evt_spool_7");
}

static void assert_message(const struct attempt *a, const char *type, const char *body)
{
	assert_string_equal(a->message.type, type);
	assert_int_equal(a->message.body.n, strlen(body));
	assert_memory_equal(a->message.body.p, body, strlen(body));
}

static void without_a_template_the_own_bytes_are_sent(void **state)
{
	static const char odd[] = "{\"a\" :\t1}\n\xff";
	const struct sink sink = {.type = sink_type_find("http")};
	struct attempt *a = attempt_with("X-A: b\nContent-Type: text/json; charset=x\n", odd, NULL);

	(void)state;
	make(a, &sink);
	assert_message(a, "text/json; charset=x", odd);
	assert_false(a->message.at_most_once);
	assert_int_equal(a->message.attempt, 1);
	attempt_free(a);
	a = attempt_with("", "x", NULL);
	make(a, &sink);
	assert_message(a, "application/octet-stream", "x");
	attempt_free(a);
}

/* Twilio's GET: the query is sent as the form that its POST has. */
static void a_delivery_by_get_is_sent_as_a_form(void **state)
{
	const struct sink sink = {.type = sink_type_find("http")};
	struct attempt *a = attempt_with(":query: Body=hi&From=1\n", "", NULL);

	(void)state;
	make(a, &sink);
	assert_message(a, "application/x-www-form-urlencoded", "Body=hi&From=1");
	attempt_free(a);
}

static void a_template_has_the_events_values_and_its_text(void **state)
{
	char why[256], type[] = "text/plain";
	const struct sink sink = {.type = sink_type_find("http"), .content_type = type, .needs_text = true,
		.body = template_new("{{hookspool.sender_name}}: {{hookspool.text}} {{hookspool.reply}}", TEMPLATE_PLAIN, why, sizeof why)};
	struct attempt *a = attempt_with("Content-Type: application/json\n", "{\"event\":\"message.received\",\"data\":{\"body\":\"hello\"}}", "bye");

	(void)state;
	make(a, &sink);
	assert_message(a, "text/plain", "Zoë: hello bye");
	assert_true(a->message.at_most_once); /* a reply */
	assert_ptr_equal(a->values.known[TEMPLATE_TEXT].p, a->text.data); /* it stays when the next event is read */
	template_free(sink.body);
	attempt_free(a);
}

/* gzip of "packed": HTTP targets get it as it came, with its header; programs get it unpacked. */
static void compressed_bodies_are_unpacked_for_programs(void **state)
{
	static const char gz[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\x48\x4c\xce\x4e\x4d\x01\x00\x10\xb4\xf6\x21\x06\x00\x00\x00";
	const struct sink http = {.type = sink_type_find("http")}, exec = {.type = sink_type_find("exec")};
	const struct spool_relay_row row = {.event = {.endpoint = text("/e"), .headers = text("Content-Type: text/plain\n"), .body = {gz, sizeof gz - 1}}};
	struct attempt *a = attempt_new(&row, "spool");

	(void)state;
	assert_non_null(a);
	make_any(a, &http);
	assert_true(a->message.body.n == sizeof gz - 1 && memcmp(a->message.body.p, gz, sizeof gz - 1) == 0);
	make_any(a, &exec);
	assert_message(a, "text/plain", "packed");
	attempt_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_message_without_its_type),
		cmocka_unit_test(a_message_has_its_endpoints_name),
		cmocka_unit_test(stored_text_is_sent_without_a_look_at_the_body),
		cmocka_unit_test(without_a_template_the_own_bytes_are_sent),
		cmocka_unit_test(a_delivery_by_get_is_sent_as_a_form),
		cmocka_unit_test(a_template_has_the_events_values_and_its_text),
		cmocka_unit_test(compressed_bodies_are_unpacked_for_programs),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
