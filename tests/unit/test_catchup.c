/* SPDX-License-Identifier: ISC */
/* catchup: URNs, times, JSON as it is written, a message as the webhook has it, and the allowance of an API. */
#include "unit.h"

#include "catchup/allowance.h"
#include "catchup/client.h"
#include "catchup/message.h"
#include "catchup/provider.h"
#include "catchup/raw.h"
#include "core/clock.h"
#include "core/paths.h"
#include "core/urn.h"

static void equals(struct slice got, const char *want)
{
	if (!want ? got.p != NULL : got.n != strlen(want) || memcmp(got.p, want, got.n) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)got.n, got.p ? got.p : "", want ? want : "nothing");
}

static void both_spellings_of_a_urn_have_one_id(void **state)
{
	static const char *const urns[][2] = {
		{"urn:li:messagingMessage:2-abc==", "2-abc=="},
		{"urn:li:msg_message:(urn:li:fsd_profile:ACoAA1,2-abc==)", "2-abc=="},
		{"urn:li:messagingThread:2-x_y", "2-x_y"},
		{"urn:li:msg_conversation:(urn:li:fsd_profile:ACoAA1,2-x_y)", "2-x_y"},
		{"2-bare", "2-bare"},
		{"ACoAA1", "ACoAA1"},
		{"", NULL}, {":", NULL}, {")", NULL}, {"urn:li:msg_message:()", NULL}, {"urn:li:msg_message:(a,)", NULL},
		{"urn:li:msg_message:(2-only)", NULL}, /* without an owner it is neither spelling */
		{"urn:li:messagingMessage:2 3", NULL}, {"urn:li:messagingMessage:\"", NULL}, {"urn:li:messagingMessage:2-\xC3\xA4", NULL},
	};
	char longest[URN_ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(urns); i++)
		equals(urn_id(slice_text(urns[i][0])), urns[i][1]);
	memset(longest, 'x', sizeof longest);
	assert_int_equal(urn_id((struct slice){longest, URN_ID_MAX}).n, URN_ID_MAX);
	assert_null(urn_id((struct slice){longest, URN_ID_MAX + 1}).p);
	assert_null(urn_id((struct slice){"2-\0x", 4}).p);
	assert_true(urn_is_api_message(slice_text(urns[1][0])));
	assert_false(urn_is_api_message(slice_text(urns[0][0])));
	assert_false(urn_is_api_message(slice_text("urn:li:msg_message:(")));
}

static void times_are_dates_or_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: it is none */
	} times[] = {
		{"2026-05-12T14:33:21.000Z", 1778596401000}, {"2026-05-12T16:33:21+02:00", 1778596401000}, {"2026-05-12", 1778544000000},
		{"1778596401000", 1778596401000}, {"1778596401", 1778596401000}, {"0", 0},
		{"", -1}, {"yesterday", -1}, {"2h", -1}, {"-1", -1}, {"1778596401000.5", -1}, {"1e12", -1}, {"9999999999999999", -1}, {"true", -1},
		{"999999999999999", -1}, {"2026-13-01", -1},
		{"1355517523.000005", 1355517523000}, {"1355517523.25", 1355517523250}, {"1355517523.", -1}, {"1.x", -1}, {".5", -1},
		{"Tue, 12 May 2026 14:33:21 GMT", 1778596401000}, {"12 May 2026 16:33:21 +0200", 1778596401000}, {"Tue, 5 May 2026 00:00:00 UTC", 1777939200000},
		{"Tue, 12 May 2026 14:33:21", -1}, {"Tue, 12 Mai 2026 14:33:21 GMT", -1}, {"Tue, 32 May 2026 14:33:21 GMT", -1}, {"12 May 2026 14:33:21 GMT ", -1},
		{"Tuesday, 12 May 2026 14:33:21 GMT", -1}, {"Tue, 12 May 2026 14:33:21 +02:00", -1}, {"Tue, 12 anF 2026 14:33:21 GMT", -1},
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		ms = -1;
		if (clock_read(slice_text(times[i].text), &ms) != (times[i].ms >= 0) || ms != times[i].ms)
			fail_msg("%s: %lld", times[i].text, (long long)ms);
	}
	assert_false(clock_read((struct slice){"2026\0", 5}, &ms));
}

static void values_are_taken_as_they_are_written(void **state)
{
	struct slice whole = raw_whole(slice_text("\xEF\xBB\xBF {\"a\" : [1, {\"b\":\"]\\\"}\"} ,-2.50e3,null], \"c\\u0064\":\"x\\\\\" ,\"e\":{}} ")), rest, name, value;
	struct buf scratch = {0};

	(void)state;
	rest = raw_member(whole, "a");
	assert_true(raw_is_array(rest));
	assert_true(raw_next_element(&rest, &value));
	equals(value, "1");
	assert_true(raw_next_element(&rest, &value));
	equals(raw_member(value, "b"), "\"]\\\"}\"");
	equals(raw_text(raw_member(value, "b"), &scratch), "]\"}");
	assert_true(raw_next_element(&rest, &value));
	equals(raw_text(value, &scratch), "-2.50e3");
	assert_true(raw_next_element(&rest, &value));
	assert_true(raw_is_null(value));
	assert_false(raw_next_element(&rest, &value));
	assert_null(raw_member(whole, "b").p);
	assert_null(raw_member(value, "b").p);
	rest = whole;
	assert_true(raw_next_member(&rest, &name, &value) && raw_next_member(&rest, &name, &value));
	equals(name, "c\\u0064");
	equals(value, "\"x\\\\\"");
	assert_true(raw_next_member(&rest, &name, &value));
	assert_true(raw_is_object(value));
	assert_false(raw_next_member(&value, &name, &rest));
	buf_free(&scratch);
}

/* ---- messages */

#define MESSAGE(more) "{\"messageUrn\":\"urn:li:msg_message:(urn:li:fsd_profile:ACoAAOwner,2-abc)\",\"text\":\"Hey \\u2014 \\\"you\\\" \\ud83d\\ude80\"," \
	"\"sentAt\":1778596401000,\"senderProfileId\":\"ACoAAJane\",\"senderName\":\"Jane\",\"senderPhoto\":null,\"isSentByOwner\":false" more "}"

static enum message_result read_text(const char *message, struct buf *body, const char **why)
{
	static const char participants[] = "[{\"profileId\":\"other\",\"profileUrl\":\"https://no\"},{\"profileId\":\"ACoAAJane\",\"profileUrl\":\"https://li/jane\"}]";
	const struct message_context context = {"acc-1", {"2-xyz", 5}, {participants, sizeof participants - 1}};
	int64_t sent_at;
	enum message_result result;

	body->len = 0;
	result = message_read(slice_text(message), &context, body, &sent_at, why);
	if (result == MESSAGE_RECEIVED)
		assert_int_equal(sent_at, 1778596401000);
	return result;
}

static void message_becomes_the_webhooks_body(void **state)
{
	struct buf body = {0};
	const char *why;

	(void)state;
	assert_int_equal(read_text(MESSAGE(",\"hasAttachment\":true,\"attachments\":[{\"id\": 1.0}],\"new\":{\"x\":[]}"), &body, &why), MESSAGE_RECEIVED);
	assert_string_equal(buf_str(&body), "{\"event\":\"message.received\",\"object\":\"event\",\"data\":{\"id\":\"urn:li:messagingMessage:2-abc\","
		"\"message_urn\":\"urn:li:messagingMessage:2-abc\",\"account_id\":\"acc-1\",\"provider\":\"LINKEDIN\",\"sender\":{\"id\":"
		"\"urn:li:fsd_profile:ACoAAJane\",\"name\":\"Jane\",\"profile_url\":\"https://li/jane\",\"profile_picture\":null},"
		"\"body\":\"Hey \\u2014 \\\"you\\\" \\ud83d\\ude80\",\"timestamp\":\"2026-05-12T14:33:21.000Z\","
		"\"conversation_id\":\"urn:li:messagingThread:2-xyz\",\"attachments\":[{\"id\": 1.0}],"
		"\"api\":{\"hasAttachment\":true,\"new\":{\"x\":[]}}}}");
	assert_int_equal(read_text("{\"messageUrn\":\"2-a\",\"text\":null,\"sentAt\":\"2026-05-12T14:33:21Z\",\"senderProfileId\":null,\"isSentByOwner\":false}",
		&body, &why), MESSAGE_RECEIVED);
	assert_non_null(strstr(buf_str(&body), "\"sender\":{\"id\":null,\"name\":null,\"profile_url\":null,\"profile_picture\":null},\"body\":\"\","));
	assert_non_null(strstr(buf_str(&body), "\"attachments\":[],\"api\":{}}}"));
	buf_free(&body);
}

/* Its id, its time and the word whose it is decide whether it is stored, and under which key. */
static void message_that_is_not_sure_is_refused(void **state)
{
	static const char *const unsure[][2] = {
		{"[]", "no object"},
		{"{}", "messageUrn"},
		{"{\"messageUrn\":5}", "messageUrn"},
		{"{\"messageUrn\":\"urn:li:msg_message:()\"}", "messageUrn"},
		{"{\"messageUrn\":\"2-a\",\"messageUrn\":\"2-b\"}", "twice"},
		{"{\"messageUrn\":\"2-a\"}", "sentAt"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":\"soon\"}", "sentAt"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1}", "isSentByOwner"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":\"false\"}", "isSentByOwner"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":false}", "text"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":false,\"text\":{}}", "text"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":false,\"text\":\"\"}", "senderProfileId"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":false,\"text\":\"\",\"senderProfileId\":\"a\\\"b\"}", "senderProfileId"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":false,\"text\":\"\",\"senderProfileId\":null,\"attachments\":1}", "attachments"},
		{"{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":false,\"text\":\"\",\"senderProfileId\":null,\"senderName\":{}}", "senderName"},
	};
	struct buf body = {0};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(unsure); i++) {
		if (read_text(unsure[i][0], &body, &why) != MESSAGE_UNSURE || !strstr(why, unsure[i][1]))
			fail_msg("%s: %s", unsure[i][0], why);
		assert_int_equal(body.len, 0);
	}
	assert_int_equal(read_text("{\"messageUrn\":\"2-a\",\"sentAt\":1,\"isSentByOwner\":true}", &body, &why), MESSAGE_OWN);
	buf_free(&body);
}

static void account_is_what_a_body_can_have(void **state)
{
	(void)state;
	assert_true(message_is_account(slice_text("65fa0c")));
	assert_false(message_is_account(slice_text("")));
	assert_false(message_is_account(slice_text("a\"b")));
	assert_false(message_is_account(slice_text("a\\b")));
	assert_false(message_is_account(slice_text("a,b")));
	assert_false(message_is_account(slice_text("\xC3\xA4")));
	assert_false(message_is_account((struct slice){"a\0b", 3}));
}

/* ---- the allowance */

static int64_t wait_of(const char *const *headers, long status, int64_t retry_after)
{
	struct allowance_headers h = allowance_none;
	const struct rate rate = {.n = 30, .per = 60000};

	for (; *headers; headers++)
		allowance_take(&h, slice_text(*headers));
	h.retry_after = retry_after;
	return allowance_wait(&h, status, &rate, INT64_C(1778596401500));
}

#define HEADERS(...) (const char *const[]){__VA_ARGS__, NULL}

static void next_request_keeps_every_limit(void **state)
{
	(void)state;
	assert_int_equal(wait_of(HEADERS("Date: x"), 200, -1), 2000); /* 30 a minute */
	assert_int_equal(wait_of(HEADERS("x-ratelimit-limit: 60", "X-RateLimit-Remaining: 7", "X-RateLimit-Reset: 40"), 200, -1), 2000);
	/* the last tenth is for others */
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 6", "X-RateLimit-Reset: 40"), 200, -1), 40000);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Limit:60", "X-RateLimit-Remaining:0", "X-RateLimit-Reset: 1778596441"), 200, -1), 39500);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 0"), 200, -1), 60000);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1778590000"), 200, -1), 2000);
	/* a refusal: what it says, else the window */
	assert_int_equal(wait_of(HEADERS("Date: x"), 429, 7), 7000);
	assert_int_equal(wait_of(HEADERS("Date: x"), 429, -1), 60000);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Reset: 12"), 429, -1), 12000);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 12"), 403, -1), 12000); /* GitHub's */
	assert_int_equal(wait_of(HEADERS("Date: x"), 403, -1), 2000);
	assert_int_equal(wait_of(HEADERS("Date: x"), 429, 1), 2000);
	/* no header makes it wait for longer than a day, and no number is too large */
	assert_int_equal(wait_of(HEADERS("Date: x"), 429, INT64_C(99999999999)), 86400000);
	assert_int_equal(wait_of(HEADERS("Date: x"), 429, INT64_MAX), 86400000);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 999999999999999"), 200, -1), 86400000);
	assert_int_equal(wait_of(HEADERS("X-RateLimit-Limit: 60", "X-RateLimit-Remaining: -1", "X-RateLimit-Reset: 99999999999999999999"), 200, -1), 2000);
}

static void urls_are_escaped(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_true(catchup_client_escape(&b, slice_text("urn:li:x:(a,2-b==)/..?\xC3\xA4 ~")));
	assert_string_equal(buf_str(&b), "urn%3Ali%3Ax%3A%28a%2C2-b%3D%3D%29%2F..%3F%C3%A4%20~");
	buf_free(&b);
}

static void each_api_has_its_code(void **state)
{
	const struct catchup_api *api;

	(void)state;
	for (size_t i = 0; (api = catchup_api_at(i)); i++)
		assert_string_equal(catchup_provider_of(api)->scheme, api->scheme);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_spellings_of_a_urn_have_one_id),
		cmocka_unit_test(times_are_dates_or_numbers),
		cmocka_unit_test(values_are_taken_as_they_are_written),
		cmocka_unit_test(message_becomes_the_webhooks_body),
		cmocka_unit_test(message_that_is_not_sure_is_refused),
		cmocka_unit_test(account_is_what_a_body_can_have),
		cmocka_unit_test(next_request_keeps_every_limit),
		cmocka_unit_test(urls_are_escaped),
		cmocka_unit_test(each_api_has_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
