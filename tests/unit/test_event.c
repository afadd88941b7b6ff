/* SPDX-License-Identifier: ISC */
/* What is read from a delivery: sources of schemes of one's own, what identifies a delivery, and kinds of bodies. */
#include "unit.h"

#include <time.h>

#include "hook/event.h"
#include "hook/stored.h"

static char messages[4096];

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	snprintf(messages, sizeof messages, "%s", message);
}

static struct conf *load(const char *scheme)
{
	char text[2048];

	messages[0] = '\0';
	unit_file("key", "mysecret", 0600);
	snprintf(text, sizeof text, "scheme \"own\" { header = \"X-Sig\"\n%s }\nendpoint \"/w\" { scheme = \"own\" secret-file = {\"key\"} }\n", scheme);
	unit_file("event.conf", text, 0600);
	return conf_load("event.conf", report, NULL);
}

static bool is(struct slice s, const char *want)
{
	return want ? s.p && s.n == strlen(want) && memcmp(s.p, want, s.n) == 0 : !s.p;
}

static enum event_result read_as(const struct scheme *s, const char *headers, const char *body, size_t n, struct event *ev)
{
	struct stored stored = {0};
	enum event_result result;

	assert_true(stored_request(slice_text(headers), (struct slice){body, n}, &stored));
	result = event_read(&stored.request, s, (struct slice){0}, ev);
	stored_free(&stored);
	return result;
}

static const char json[] = "Content-Type: application/json\n";

/* Sources of a scheme of one's own; fields in the order event, key, account. */
static void custom_fields_are_read(void **state)
{
	static const struct {
		const char *scheme, *headers, *body, *event, *key, *account;
		enum identity identity;
	} cases[] = {
		{"event = {\"json:e + text:. + json:a\", \"json:e\"} dedupe-key = {\"json:id + json:e + json:x\", \"json:id\"}", json,
			"{\"e\":\"deal\",\"a\":\"won\",\"id\":7,\"x\":\"p q%\"}", "deal.won", "7 deal p%20q%25", NULL, IDENTITY_SIGNED},
		{"event = {\"json:e + text:. + json:a\", \"json:e\"} dedupe-key = {\"json:id + json:e + json:x\", \"json:id\"}", json,
			"{\"e\":\"deal\",\"id\":7}", "deal", "7", NULL, IDENTITY_SIGNED},
		{"event = {\"text:a + b\"} dedupe-key = {\"json:id + header:X-Id\"}", "Content-Type: application/json\nX-Id: h\n",
			"{\"id\":\"i\"}", "a + b", "i h", NULL, IDENTITY_UNSIGNED},
		{"dedupe-key = {\"header:X-Id\"}", "Content-Type: application/json\nX-Id: h\n", "{\"event\":\"e\"}", "e", "h", NULL, IDENTITY_UNSIGNED},
		{"signs = \"{id}.{body}\" id-header = \"X-Id\" dedupe-key = {\"header:x-id\"}", "Content-Type: application/json\nX-Id: h\n",
			"{\"event\":\"e\"}", "e", "h", NULL, IDENTITY_SIGNED},
		{"dedupe-key = {\"json:id\", \"none\"}", json, "{\"event\":\"e\"}", "e", NULL, NULL, IDENTITY_NONE},
		{"dedupe-key = \"none\"", json, "{\"event\":\"e\",\"id\":1}", "e", NULL, NULL, IDENTITY_NONE},
		{"dedupe-key = {\"none\"}", json, "{\"event\":\"e\"}", "e", NULL, NULL, IDENTITY_NONE},
		{"dedupe-key = {\"json:id\"}", json, "{\"event\":\"e\"}", "e",
			"4a1c2ad1d8a46a9c1cc8ab3fcd07e0bcb6f53d47a39f9ef86dc4a23ac6e6c9b6", NULL, IDENTITY_BODY},
		{"event = {\"text:e\"} bodies = {\"any\"}", "Content-Type: \n", "", "e", NULL, NULL, IDENTITY_NONE},
		{"event = {\"member:!id!at\"} account = {\"json:!id!at.who\"}", json, "{\"id\":1,\"at\":{},\"n\":3,\"moved\":{\"who\":\"w\"},\"z\":{}}",
			"moved", "", "w", IDENTITY_BODY},
		{"event = {\"number:type\"} account = {\"json:list.=.who\"}", json, "{\"type\":2,\"list\":[{\"who\":\"w\"}]}", "2", "", "w", IDENTITY_BODY},
		{"event = {\"json:type\", \"text:x\"} account = {\"json:list.=.who\"}", json, "{\"type\":2,\"list\":[{\"who\":\"w\"},{}]}", "x", "", NULL,
			IDENTITY_BODY},
		{"like = \"connectsafely\" event = {\"header:X-Event\"}", "Content-Type: application/json\nX-Event: e\n", "{\"data\":{\"id\":\"i\"}}",
			"e", "i e ", NULL, IDENTITY_UNSIGNED},
		{"like = \"connectsafely\" dedupe-key = {\"json:data.id\"}", json, "{\"event\":\"e\",\"data\":{\"id\":\"i\"}}",
			"e", "i", NULL, IDENTITY_SIGNED},
	};
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].scheme);
		bool hash = cases[i].identity == IDENTITY_BODY;

		if (!c)
			fail_msg("%s: %s", cases[i].scheme, messages);
		assert_int_equal(read_as(&c->endpoints[0].scheme, cases[i].headers, cases[i].body, strlen(cases[i].body), &ev), EVENT_OK);
		if (!is(ev.field[FIELD_EVENT], cases[i].event) || !is(ev.field[FIELD_ACCOUNT], cases[i].account) ||
		    ev.identity != cases[i].identity || (hash ? ev.field[FIELD_KEY].n != 64 : !is(ev.field[FIELD_KEY], cases[i].key)))
			fail_msg("case %zu: %.*s, %.*s, %d", i, (int)ev.field[FIELD_EVENT].n, ev.field[FIELD_EVENT].p, (int)ev.field[FIELD_KEY].n,
				ev.field[FIELD_KEY].p ? ev.field[FIELD_KEY].p : "", (int)ev.identity);
		conf_free(c);
	}
	event_free(&ev);
}

static void wrong_custom_fields_are_rejected(void **state)
{
	static const char *const cases[] = {"event = {\"json:a + json:\"}", "event = {\"member:a\"}", "event = {\"json:!a.!b\"}",
		"event = {\"json:a.!b\"}", "dedupe-key = {\"none\", \"body\"}", "dedupe-key = {\"json:a + none\"}", "event = {\"none\"}",
		"event = {\"json:a + body\"}", "dedupe-key = {\"number:\"}",
		"account = {\"json:1 + json:2 + json:3 + json:4 + json:5 + json:6 + json:7 + json:8 + json:9 + json:10 + json:11 + json:12 + json:13\"}"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i]);

		if (c || !strstr(messages, "event.conf:"))
			fail_msg("%s: %s", cases[i], messages);
	}
}

static void read_own(const char *scheme, const char *body, struct event *ev, char *key, size_t size)
{
	struct conf *c = load(scheme);

	assert_non_null(c);
	read_as(&c->endpoints[0].scheme, json, body, strlen(body), ev);
	snprintf(key, size, "%.*s", (int)ev->field[FIELD_KEY].n, ev->field[FIELD_KEY].p);
	conf_free(c);
}

/* An id, the event's name and the account are told apart wherever blanks and percent signs stand in them. */
static void different_triples_have_different_keys(void **state)
{
	static const char *const values[] = {"a", "a b", "a%20b", "b", "", " ", "%", "%20"};
	static char keys[512][64];
	struct event ev = {0};
	char body[256];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 512; i++) {
		snprintf(body, sizeof body, "{\"event\":\"%s\",\"data\":{\"id\":\"%s\",\"account_id\":\"%s\"}}", values[i / 64], values[i / 8 % 8],
			values[i % 8]);
		read_as(scheme_find("connectsafely"), json, body, strlen(body), &ev);
		if (ev.identity != IDENTITY_SIGNED)
			continue;
		snprintf(keys[n], sizeof keys[n], "%.*s", (int)ev.field[FIELD_KEY].n, ev.field[FIELD_KEY].p);
		for (size_t k = 0; k < n; k++)
			assert_string_not_equal(keys[k], keys[n]);
		n++;
	}
	assert_int_equal(n, 7 * 64);
	event_free(&ev);
}

/* The event's name is put together, and so is the key that it scopes. No buffer has grown before. */
static void key_with_a_joined_scope_is_whole(void **state)
{
	struct conf *c = load("like = \"connectsafely\" event = {\"json:entity + text:. + json:action\"} account = {\"json:a + json:b\"}");
	static char value[301], body[2048], key[2048];

	(void)state;
	assert_non_null(c);
	for (int n = 1; n < (int)sizeof value; n++) {
		struct event ev = {0};

		value[n - 1] = (char)('a' + n % 26);
		snprintf(body, sizeof body, "{\"entity\":\"%s\",\"action\":\"%s\",\"a\":\"%s\",\"b\":\"%s\",\"data\":{\"id\":\"i\"}}", value, value,
			value, value);
		snprintf(key, sizeof key, "i %s.%s %s%s", value, value, value, value);
		assert_int_equal(read_as(&c->endpoints[0].scheme, json, body, strlen(body), &ev), EVENT_OK);
		if (!is(ev.field[FIELD_KEY], key))
			fail_msg("values of %d bytes: %.*s", n, (int)ev.field[FIELD_KEY].n, ev.field[FIELD_KEY].p);
		event_free(&ev);
	}
	conf_free(c);
}

/* Ids that are no Unicode: yajl makes one of some of them. */
static void lone_surrogates_stay_different(void **state)
{
	static const char *const ids[] = {"\\ud800", "\\ud801", "\\udc00", "\\udfff", "?", "\\ud800\\udc41", "\\ud800A",
		"\\\\ud800", "\\\\\\\\ud800", "\\\\ud801", "\\ud800\\ud800", "\\ud800\\ud800\\udc00", "\\ud83d\\ude42", "\xED\x9F\xBF", "\\\\", "\\u005cud800x",
		"\\ud800\\\\", "\\ud800\\\\\\\\"};
	char keys[COUNT(ids)][128], body[128], again[128];
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++) {
		snprintf(body, sizeof body, "{\"x\":\"\\\"\",\"event\":\"e\",\"id\":\"%s\",\"y\":\"\\ud800\"}", ids[i]);
		read_own("dedupe-key = {\"json:id\"}", body, &ev, keys[i], sizeof keys[i]);
		for (size_t k = 0; k < i; k++)
			if (strcmp(keys[k], keys[i]) == 0)
				fail_msg("%s and %s: %s", ids[k], ids[i], keys[i]);
	}
	assert_string_equal(keys[0], "\\ud800");
	assert_string_equal(keys[12], "\xF0\x9F\x99\x82");
	read_own("dedupe-key = {\"json:id\"}", "{\"event\":\"e\",\"id\":\"\\uD800\"}", &ev, again, sizeof again);
	assert_string_equal(again, keys[0]);
	snprintf(body, sizeof body, "{\"event\":\"e\",\"data\":{\"body\":\"a\\udc00b\"}}");
	read_as(scheme_find("connectsafely"), json, body, strlen(body), &ev);
	assert_true(is(ev.field[FIELD_TEXT], "a?b"));
	event_free(&ev);
}

#define MULTIPART "multipart/form-data; boundary=other"
#define PART(name) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define END "\r\n--b--\r\n"

/* The body, and not the Content-Type that nothing signs, tells what it is; JSON has many types. */
static void body_types_are_read(void **state)
{
	static const struct {
		const char *scheme, *type, *body, *event;
		enum event_result result;
	} cases[] = {
		{"event = {\"json:e\"}", "application/vnd.acme+json; charset=utf-8", "{\"e\":\"x\"}", "x", EVENT_OK},
		{"event = {\"json:e\"}", "text/json", "{\"e\":\"x\"}", "x", EVENT_OK},
		{"event = {\"json:1.e\"}", "application/json", "[1,{\"e\":\"x\"}]", "x", EVENT_OK},
		{"event = {\"text:x\"}", "application/json", "[]", "x", EVENT_OK},
		{"event = {\"text:x\"}", "application/json", "1", NULL, EVENT_MALFORMED},
		{"event = {\"json:e\", \"text:x\"} bodies = {\"any\"}", "text/plain", " {\"e\":\"y\"}", "y", EVENT_OK},
		{"event = {\"json:e\", \"text:x\"} bodies = {\"any\"}", "text/plain", "{no JSON", "x", EVENT_OK},
		{"event = {\"json:e\", \"text:x\"} bodies = {\"any\"}", "application/json", "{no JSON", NULL, EVENT_MALFORMED},
		{"event = {\"json:e\", \"text:x\"} bodies = {\"any\"}", "application/a+json;v=1", "{no JSON", NULL, EVENT_MALFORMED},
		{"event = {\"json:e\", \"text:x\"} bodies = {\"any\"}", "text/plain", "e=y", "x", EVENT_OK},
		{"event = {\"form:e\", \"json:e\"} bodies = {\"json\", \"form\"}", "application/json", "e=y", "y", EVENT_OK},
		{"event = {\"form:e\", \"json:e\"} bodies = {\"json\", \"form\"}", "application/x-www-form-urlencoded", "{\"e\":\"y\"}", "y", EVENT_OK},
		{"event = {\"json:e\"} bodies = {\"json\", \"form\"}", "application/x-www-form-urlencoded", "payload=%7B%22e%22:%22y%22%7D", "y", EVENT_OK},
		{"event = {\"json:e\"}", "application/json", "{}", NULL, EVENT_NAMELESS},
		/* the field that is JSON */
		{"event = {\"json:e\"} bodies = {\"form\"} json-field = \"raw\"", "application/x-www-form-urlencoded", "raw=%7B%22e%22:%22y%22%7D", "y", EVENT_OK},
		{"event = {\"json:e\"} bodies = {\"form\"} json-field = \"raw\"", "application/x-www-form-urlencoded", "payload=%7B%22e%22:%22y%22%7D", NULL, EVENT_NAMELESS},
		{"event = {\"json:e\"} bodies = {\"form\"} json-field = \"\"", "application/x-www-form-urlencoded", "=%7B%7D&payload=%7B%22e%22:%22y%22%7D", NULL, EVENT_NAMELESS},
		{"event = {\"json:e\"} bodies = {\"form\"} json-field = \"raw\"", "application/x-www-form-urlencoded", "raw=x", NULL, EVENT_MALFORMED},
		/* multipart/form-data, whose boundary is the body's own */
		{"event = {\"form:e\"} bodies = {\"multipart\"}", MULTIPART, PART("e") "y" END, "y", EVENT_OK},
		{"event = {\"json:e\"} bodies = {\"multipart\"}", MULTIPART, PART("a") "1\r\n" PART("payload") "{\"e\":\"y\"}" END, "y", EVENT_OK},
		{"event = {\"json:e\"} bodies = {\"multipart\", \"json\"} json-field = \"raw\"", MULTIPART, PART("raw") "{\"e\":\"y\"}" END, "y", EVENT_OK},
		{"event = {\"json:e\"} bodies = {\"multipart\", \"json\"}", "application/json", "{\"e\":\"y\"}", "y", EVENT_OK},
		{"event = {\"form:e\"} bodies = {\"multipart\", \"form\"}", MULTIPART, "e=y", "y", EVENT_OK},
		{"event = {\"form:e\"} bodies = {\"multipart\", \"form\"}", "application/x-www-form-urlencoded", PART("e") "y" END, "y", EVENT_OK},
		{"event = {\"form:e\"} bodies = {\"multipart\"}", MULTIPART, PART("e\"; filename=\"f") "y" END, NULL, EVENT_NAMELESS},
		{"event = {\"form:e\"} bodies = {\"multipart\"}", MULTIPART, PART("e") "y\r\n--b", NULL, EVENT_MALFORMED},
		{"event = {\"form:e\"} bodies = {\"multipart\"}", MULTIPART, "e=y", NULL, EVENT_MALFORMED},
		/* JSON under text/plain */
		{"event = {\"json:e\"} bodies = {\"text\"}", "text/plain; charset=UTF-8", "{\"e\":\"y\"}", "y", EVENT_OK},
		{"event = {\"json:e\"} bodies = {\"text\"}", "text/plain", "e=y", NULL, EVENT_MALFORMED},
		{"event = {\"form:e\", \"json:e\"} bodies = {\"text\", \"form\"}", "text/plain", "{\"e\":\"y\"}", "y", EVENT_OK},
	};
	struct event ev = {0};
	char headers[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].scheme);

		assert_non_null(c);
		snprintf(headers, sizeof headers, "Content-Type: %s\n", cases[i].type);
		if (read_as(&c->endpoints[0].scheme, headers, cases[i].body, strlen(cases[i].body), &ev) != cases[i].result ||
		    !is(ev.field[FIELD_EVENT], cases[i].event) || !ev.reason != (cases[i].result == EVENT_OK))
			fail_msg("case %zu: %.*s", i, (int)ev.field[FIELD_EVENT].n, ev.field[FIELD_EVENT].p ? ev.field[FIELD_EVENT].p : "");
		conf_free(c);
	}
	event_free(&ev);
}

/* What cannot be read leaves what is outside of the body: the key, and of an unreadable one the account in a header. */
static void unreadable_body_keeps_fields_of_headers(void **state)
{
	struct event ev = {0};

	(void)state;
	assert_int_equal(read_as(scheme_find("shopify"), "Content-Type: application/json\nX-Shopify-Topic: t\nX-Shopify-Webhook-Id: i\n"
		"X-Shopify-Shop-Domain: s\n", "{", 1, &ev), EVENT_MALFORMED);
	assert_true(is(ev.field[FIELD_EVENT], NULL) && is(ev.field[FIELD_KEY], "i") && is(ev.field[FIELD_ACCOUNT], "s"));
	assert_int_equal(ev.identity, IDENTITY_UNSIGNED);
	assert_int_equal(read_as(scheme_find("connectsafely"), json, "{", 1, &ev), EVENT_MALFORMED);
	assert_int_equal(ev.identity, IDENTITY_BODY);
	event_free(&ev);
}

/* The id of either set of headers is signed, and what a scheme that signs no body reads from there counts as if it were. */
static void signed_and_unsigned_ids(void **state)
{
	static const struct {
		const char *scheme, *headers;
		enum identity identity;
	} cases[] = {
		{"svix", "svix-id: i\n", IDENTITY_SIGNED}, {"svix", "webhook-id: i\n", IDENTITY_SIGNED}, {"github", "X-GitHub-Delivery: i\n", IDENTITY_UNSIGNED},
		{"gitlab", "Idempotency-Key: i\n", IDENTITY_UNSIGNED}, {"telegram", "", IDENTITY_SIGNED}, {"connectsafely", "", IDENTITY_SIGNED},
		{"twilio", "I-Twilio-Idempotency-Token: i\n", IDENTITY_UNSIGNED}, {"dropbox", "", IDENTITY_NONE}, {"zoom", "", IDENTITY_BODY},
	};
	static const char body[] = "{\"update_id\":1,\"event\":\"e\",\"data\":{\"id\":\"i\"}}";
	struct event ev = {0};
	char headers[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(headers, sizeof headers, "%s%s", json, cases[i].headers);
		read_as(scheme_find(cases[i].scheme), headers, body, sizeof body - 1, &ev);
		if (ev.identity != cases[i].identity)
			fail_msg("%s %s: %d", cases[i].scheme, cases[i].headers, (int)ev.identity);
	}
	event_free(&ev);
}

/* Several accounts or names in one delivery: neither is its own, and the filters must know. */
static void field_with_several_values(void **state)
{
	static const struct {
		const char *scheme, *body, *event, *account;
		unsigned several;
	} cases[] = {
		{"meta", "{\"object\":\"page\",\"entry\":[{\"id\":\"1\",\"changes\":[{\"field\":\"a\"}]},{\"id\":\"1\",\"changes\":[{\"field\":\"a\"},{\"field\":\"a\"}]}]}",
			"a", "1", 0},
		{"meta", "{\"object\":\"page\",\"entry\":[{\"id\":\"1\",\"changes\":[{\"field\":\"a\"}]},{\"id\":\"2\",\"changes\":[{\"field\":\"b\"}]}]}",
			"page", NULL, 1U << FIELD_EVENT | 1U << FIELD_ACCOUNT},
		{"meta", "{\"object\":\"page\",\"entry\":[{\"id\":\"1\",\"changes\":[{\"field\":\"a\"}]},{\"id\":\"1\",\"changes\":[]}]}", "page", "1",
			1U << FIELD_EVENT}, /* one has a name, the other has none */
		{"meta", "{\"object\":\"page\",\"entry\":[{\"id\":\"1\",\"messaging\":[{\"sender\":{},\"recipient\":{},\"timestamp\":1,\"read\":{}}]}]}", "read", "1", 0},
		{"hubspot-v3", "[{\"subscriptionType\":\"a\",\"portalId\":1},{\"subscriptionType\":\"b\",\"portalId\":2}]", "a", NULL,
			1U << FIELD_EVENT | 1U << FIELD_ACCOUNT},
		{"dropbox", "{\"list_folder\":{\"accounts\":[\"a\",\"b\"]}}", "file.changed", NULL, 1U << FIELD_ACCOUNT},
	};
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		read_as(scheme_find(cases[i].scheme), json, cases[i].body, strlen(cases[i].body), &ev);
		if (!is(ev.field[FIELD_EVENT], cases[i].event) || !is(ev.field[FIELD_ACCOUNT], cases[i].account) ||
		    (ev.several & (1U << FIELD_EVENT | 1U << FIELD_ACCOUNT)) != cases[i].several)
			fail_msg("case %zu: %.*s, several %x", i, (int)ev.field[FIELD_EVENT].n, ev.field[FIELD_EVENT].p, ev.several);
	}
	event_free(&ev);
}

/* Payloads that the providers document, and tests/providers has not: fields from the event's name to the text, in order. */
static void documented_payloads(void **state)
{
	static const struct {
		const char *scheme, *headers, *body, *want; /* want: event, id, account, sender's id and name, conversation, time, text */
	} cases[] = {
		{"github", "X-GitHub-Event: issue_comment\nX-GitHub-Delivery: d\n", "{\"action\":\"created\",\"comment\":{\"body\":\"Same here\",\"created_at\":\"2026\","
			"\"user\":{\"id\":1}},\"repository\":{\"full_name\":\"o/w\"},\"organization\":{\"login\":\"o\"},\"sender\":{\"id\":5,\"login\":\"l\"}}",
			"issue_comment|d|o/w|5|l||2026|Same here"},
		{"standard-webhooks", "X-Gitlab-Event: Note Hook\nwebhook-id: w\n", "{\"object_kind\":\"note\",\"event_type\":\"note\",\"user\":{\"id\":4,\"username\":\"f\"},"
			"\"project\":{\"path_with_namespace\":\"e/w\"},\"object_attributes\":{\"note\":\"Please\",\"created_at\":\"2026\",\"discussion_id\":\"dd\"}}",
			"Note Hook|w|e/w|4|f|dd|2026|Please"},
		{"svix", "svix-id: s\n", "{\"type\":\"email.delivered\",\"created_at\":\"2026\",\"data\":{\"from\":\"a\",\"subject\":\"b\"}}",
			"email.delivered|s|||||2026|"},
		{"hubspot-v3", "", "[{\"subscriptionType\":\"contact.creation\",\"portalId\":1,\"objectId\":2,\"occurredAt\":3}]", "contact.creation|*|1||||3|"},
		{"hubspot-v3", "", "{\"portal-id\":62515,\"x\":1}", "request|*|62515|||||"},
		{"meta", "", "{\"object\":\"page\",\"entry\":[{\"id\":\"p\",\"time\":1,\"messaging\":[{\"sender\":{\"id\":\"u\"},\"recipient\":{\"id\":\"p\"},"
			"\"timestamp\":2,\"postback\":{\"mid\":\"m2\",\"title\":\"Go\",\"payload\":\"G\"}}]}]}", "postback|m2|p|u||u|2|"},
		{"meta", "", "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"w\",\"changes\":[{\"field\":\"message_template_status_update\","
			"\"value\":{\"event\":\"APPROVED\",\"message_template_id\":1}}]}]}", "message_template_status_update|*|w|||||"},
		{"slack", "", "{\"team_id\":\"T\",\"event\":{\"type\":\"reaction_added\",\"user\":\"U\",\"reaction\":\"x\",\"item\":{\"type\":\"message\",\"channel\":\"C\","
			"\"ts\":\"1.1\"},\"event_ts\":\"2.2\"},\"type\":\"event_callback\",\"event_id\":\"E\",\"event_time\":2}", "reaction_added|E|T|U||C|2.2|"},
		{"shopify", "shopify-topic: Product\nshopify-action: create\nshopify-webhook-id: w\nshopify-shop-domain: s\nshopify-triggered-at: t\n", "{}",
			"Product/create|w|s||||t|"},
		{"stripe", "", "{\"id\":\"evt\",\"object\":\"v2.core.event\",\"type\":\"v1.x\",\"created\":\"2026\",\"context\":\"acct\"}", "v1.x|evt|acct||||2026|"},
		{"telegram", "", "{\"update_id\":5,\"channel_post\":{\"message_id\":1,\"sender_chat\":{\"id\":-100,\"title\":\"News\",\"type\":\"channel\"},"
			"\"chat\":{\"id\":-100,\"title\":\"News\",\"type\":\"channel\"},\"date\":1,\"text\":\"Launch\"}}", "channel_post|5||-100|News|-100|1|Launch"},
		{"telegram", "", "{\"channel_post\":{\"chat\":{\"id\":-100,\"title\":\"News\"},\"date\":1,\"text\":\"Launch\"},\"update_id\":5}",
			"channel_post|5||-100|News|-100|1|Launch"},
		{"twilio", "I-Twilio-Idempotency-Token: t\n", "[{\"specversion\":\"1.0\",\"type\":\"com.twilio.m\",\"id\":\"E\",\"time\":\"2026\",\"data\":{\"accountSid\":\"A\"}}]",
			"com.twilio.m|t|A||||2026|"},
		{"unipile-v2", "", "{\"id\":\"evt\",\"created_at\":\"2026\",\"account_id\":\"a\",\"type\":\"message.new\",\"payload\":{\"chat_id\":\"c\",\"text\":\"t\","
			"\"sender\":{\"id\":\"s\",\"name\":\"n\"}}}", "message.new|evt|a|s|n|c|2026|t"},
		{"zoom", "", "{\"event\":\"chat_message.sent\",\"event_ts\":1,\"payload\":{\"account_id\":\"a\",\"operator\":\"k@e\",\"operator_id\":\"u\","
			"\"object\":{\"channel_id\":\"c\",\"message\":\"Lunch?\"}}}", "chat_message.sent|*|a|u|k@e|c|1|Lunch?"},
		{"discord", "", "{\"version\":1,\"application_id\":\"a\",\"type\":1,\"event\":{\"type\":\"LOBBY_MESSAGE_CREATE\",\"timestamp\":\"2026\",\"data\":{\"id\":\"3\","
			"\"content\":\"gg\",\"lobby_id\":\"4\",\"author\":{\"id\":\"2\",\"username\":\"nia\"}}}}", "LOBBY_MESSAGE_CREATE|3|a|2|nia|4|2026|gg"},
		{"discord", "", "{\"version\":1,\"application_id\":\"a\",\"type\":0}", "0|*|a|||||"},
		{"x", "", "{\"for_user_id\":\"9\",\"users\":{\"1\":{}},\"tweet_delete_events\":[{\"status\":{\"id\":\"7\",\"user_id\":\"1\"},\"timestamp_ms\":\"2\"}]}",
			"tweet_delete_events|7|9|1|||2|"},
		{"microsoft-graph", "", "{\"value\":[{\"id\":\"1\",\"changeType\":\"a\",\"tenantId\":\"t\"},{\"id\":\"2\",\"changeType\":\"b\",\"tenantId\":\"t\"}]}", "a|1|t|||||"},
	};
	struct event ev = {0};
	char headers[512], got[512];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(headers, sizeof headers, "%s%s%s", json, cases[i].headers, strcmp(cases[i].scheme, "twilio") == 0 ? ":query: bodySHA256=" : "");
		if (strcmp(cases[i].scheme, "twilio") == 0)
			strcat(headers, "f0f1c3e4a2a4bbd6e3b2bb5c0b1dd0c9f2f0c4a6d6a7d0a4a2c3f0f1e2d3c4b5\n");
		read_as(scheme_find(cases[i].scheme), headers, cases[i].body, strlen(cases[i].body), &ev);
		got[0] = '\0';
		for (int f = 0; f <= FIELD_TEXT; f++) {
			struct slice s = f != FIELD_KEY ? ev.field[f] : ev.identity == IDENTITY_BODY ? slice_text("*") : ev.id;

			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", f ? "|" : "", (int)s.n, s.p ? s.p : "");
		}
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu, %s: %s", i, cases[i].scheme, got);
	}
	event_free(&ev);
}

/* Ten times the members take some ten times as long, and not a hundred times. */
static void parse_time_is_linear(void **state)
{
	struct event ev = {0};
	struct buf b = {0};
	clock_t started;
	double took[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		b.len = 0;
		buf_printf(&b, "{\"event\":\"e\"");
		for (int k = 0; k < (i ? 200000 : 20000); k++)
			buf_printf(&b, ",\"k%d\":{}", k);
		buf_printf(&b, "}");
		started = clock();
		assert_int_equal(read_as(scheme_find("connectsafely"), json, b.data, b.len, &ev), EVENT_OK);
		took[i] = (double)(clock() - started) / CLOCKS_PER_SEC;
	}
	assert_true(took[1] < 40 * took[0] + 0.1);
	buf_free(&b);
	event_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(custom_fields_are_read),
		cmocka_unit_test(wrong_custom_fields_are_rejected),
		cmocka_unit_test(different_triples_have_different_keys),
		cmocka_unit_test(key_with_a_joined_scope_is_whole),
		cmocka_unit_test(lone_surrogates_stay_different),
		cmocka_unit_test(body_types_are_read),
		cmocka_unit_test(unreadable_body_keeps_fields_of_headers),
		cmocka_unit_test(signed_and_unsigned_ids),
		cmocka_unit_test(field_with_several_values),
		cmocka_unit_test(documented_payloads),
		cmocka_unit_test(parse_time_is_linear),
	};

	return cmocka_run_group_tests_name("event", tests, unit_enter, unit_leave);
}
