/* SPDX-License-Identifier: ISC */
/* conf/: what is read, what is refused with file and line, address ranges, comments. */
#define _GNU_SOURCE /* asprintf */
#include "unit.h"

#include "sink/exec_options.h"
#include "sink/http_options.h"
#include "sink/type.h"

#include <confuse.h>

#include "conf/conf.h"
#include "conf/uncomment.h"

static char messages[2048];

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	strncat(messages, message, sizeof messages - strlen(messages) - 2);
	strcat(messages, "\n");
}

static struct conf *load(const char *text)
{
	unit_file("test.conf", text, 0600);
	messages[0] = '\0';
	return conf_load("test.conf", report, NULL);
}

static int files(void **state)
{
	int rc = unit_enter(state);

	unit_file("one", "first\n", 0600);
	unit_file("two", "second\n", 0600);
	unit_file("open", "readable\n", 0644);
	setenv("HS_TEST_SECRET", "from the environment", 1);
	unsetenv("HS_TEST_NONE");
	return rc;
}

static void defaults(void **state)
{
	struct conf *c = load("endpoint \"/w\" { secret-file = {\"one\"} }\n");
	const struct endpoint *e;

	(void)state;
	assert_non_null(c);
	assert_string_equal(messages, "");
	assert_string_equal(c->spool, "/var/lib/hookspool");
	assert_int_equal(c->journal, JOURNAL_WAL);
	assert_int_equal(c->max_in_flight, 16);
	assert_int_equal(c->params_timeout, 10000);
	assert_int_equal(c->idle_timeout, 300000);
	assert_int_equal(c->socket_mode, 0660);
	assert_null(c->listen);
	assert_false(c->log_bodies);
	e = conf_endpoint(c, "/w");
	assert_non_null(e);
	assert_string_equal(e->scheme.name, "connectsafely");
	assert_string_equal(e->secrets.item[0].text, "first");
	assert_int_equal(e->max_body, 1 << 20);
	assert_int_equal(e->authorizations.n, 0);
	assert_null(conf_endpoint(c, "/w/"));
	conf_free(c);
}

static void endpoints_are_found_in_any_order(void **state)
{
	static const char *const paths[] = {"/m", "/b", "/z", "/b/c", "/a", "/B"};
	struct buf text = {0};
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		buf_printf(&text, "endpoint \"%s\" { secret-file = {\"one\"} }\n", paths[i]);
	c = load(buf_str(&text));
	assert_non_null(c);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		assert_ptr_equal(conf_endpoint(c, paths[i]), &c->endpoints[i]);
		assert_string_equal(c->endpoints[i].path, paths[i]);
	}
	assert_null(conf_endpoint(c, ""));
	assert_null(conf_endpoint(c, "/c"));
	assert_null(conf_endpoint(c, "/zz"));
	conf_free(c);
	buf_free(&text);
}

static void everything(void **state)
{
	struct conf *c = load(
		"spool = \"data\"\njournal = \"delete\"\nlisten = \"unix:/x\"\nsocket-mode = \"0600\"\n"
		"max-in-flight = 2\nbody-timeout = \"500ms\"\nlog-level = \"debug\"\nlog-format = \"json\"\nlog-bodies = true\n"
		"max-body = \"2m\"\nreject-keep = 5\nreject-bodies = true\n"
		"endpoint \"/a\" {\n secret-file = {\"one\", \"two\"}\n secret-env = {\"HS_TEST_SECRET\"}\n"
		" authorization-file = {\"two\"}\n events = {\"message.received\"}\n accounts = {\"x\", \"y\"}\n"
		" allow = {\"192.0.2.0/24\"}\n max-body = \"1k\"\n scheme = \"github\"\n}\n"
		"endpoint \"/b\" { secret-file = {\"two\"} }\n");
	const struct endpoint *e;

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->spool, "data");
	assert_int_equal(c->journal, JOURNAL_DELETE);
	assert_int_equal(c->body_timeout, 500);
	assert_int_equal(c->log_format, LOG_FORMAT_JSON);
	assert_int_equal(c->reject.keep, 5);
	assert_int_equal(c->n_endpoints, 2);
	e = conf_endpoint(c, "/a");
	assert_int_equal(e->secrets.n, 3);
	assert_string_equal(e->secrets.item[1].text, "second");
	assert_string_equal(e->secrets.item[2].text, "from the environment");
	assert_string_equal(e->secrets.item[2].source, "env HS_TEST_SECRET");
	assert_string_equal(e->authorizations.item[0].text, "second");
	assert_int_equal(e->accounts.n, 2);
	assert_int_equal(e->allow.n, 1);
	assert_int_equal(e->max_body, 1024);
	assert_string_equal(e->scheme.header, "X-Hub-Signature-256");
	assert_int_equal(conf_endpoint(c, "/b")->max_body, 2 << 20);
	conf_free(c);
}

/* A name is bounded text that no terminal takes for more. */
static void names(void **state)
{
	static const char *const wrong[] = {"", "a\\nb", "\\x1b[2J", "\xC2\x9B", "\x7F", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xC3",
		"123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.1"};
	struct conf *c = load("endpoint \"/w\" { secret-file = {\"one\"} name = \"Lead \xE2\x86\x92 CRM\" replay-window = \"1d\" }\n"
		"dedupe-window = \"2d\"\n");
	char line[256];

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->endpoints[0].name, "Lead \xE2\x86\x92 CRM");
	assert_int_equal(c->endpoints[0].replay_window, 86400000);
	assert_int_equal(c->endpoints[0].dedupe_window, 2 * 86400000);
	conf_free(c);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(line, sizeof line, "\nendpoint \"/w\" { secret-file = {\"one\"}\n name = \"%s\"\n}\n", wrong[i]);
		assert_null(load(line));
		assert_non_null(strstr(messages, "test.conf:3: endpoint \"/w\": name: write 1 to 100 bytes"));
	}
}

static void sinks(void **state)
{
	struct conf *c = load(
		"sink \"plain\" { url = \"http://127.0.0.1:1/\" }\n"
		"sink \"slack\" {\n url-file = \"slack.url\"\n body = '{\"text\":\"{{data.body}}\"}'\n method = \"PUT\"\n"
		" headers = {\"X-A: b\"}\n timeout = \"2s\"\n retry-on = {\"404\", \"5xx\"}\n rate = \"60/m\"\n retry = {\"1s\", \"2s\", \"3s\"}\n ordered = true\n events = {\"e\"}\n}\n"
		"endpoint \"/a\" { secret-file = {\"one\"} relay = {\"slack\", \"plain\"} }\n"
		"endpoint \"/b\" { secret-file = {\"one\"} }\n");
	const struct sink *s;

	(void)state;
	assert_non_null(c);
	assert_int_equal(conf_endpoint(c, "/b")->n_relay, 0);
	assert_int_equal(conf_endpoint(c, "/a")->n_relay, 2);
	s = conf_endpoint(c, "/a")->relay[0];
	assert_ptr_equal(s, conf_sink(c, "slack"));
	assert_string_equal(http_options(s)->url_file, "slack.url");
	assert_non_null(s->body);
	assert_string_equal(s->content_type, "application/json");
	assert_true(http_options(s)->retry_on[404] && http_options(s)->retry_on[500] && http_options(s)->retry_on[599] && !http_options(s)->retry_on[429] && !http_options(s)->retry_on[400]);
	assert_true(s->ordered && s->rate.n == 60 && s->timeout == 2000);
	assert_true(s->needs_text);
	s = conf_sink(c, "plain");
	assert_true(http_options(s)->retry_on[429] && http_options(s)->retry_on[408] && http_options(s)->retry_on[503] && !http_options(s)->retry_on[404] && !s->body && !http_options(s)->allow_private);
	assert_false(s->needs_text);
	assert_null(conf_sink(c, "none"));
	conf_free(c);
}

/* A type whose messages share a connection has more of them under way, unless the configuration says how many. */
static void test_sinks_have_their_types_attempts_at_a_time(void **state)
{
	struct conf *c = load("sink \"a\" { url = \"http://a/\" }\nsink \"b\" { type = \"file\" path = \"f\" }\n"
		"sink \"c\" { type = \"file\" path = \"f\" max-in-flight = 8 }\nsink \"d\" { type = \"file\" path = \"f\" max-in-flight = 10000 }\n"
		"endpoint \"/a\" { secret-file = {\"one\"} }\n");
	static const unsigned most[] = {8, 1024, 8, 10000};

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < COUNT(most); i++)
		assert_int_equal(c->sinks[i].max_in_flight, most[i]);
	conf_free(c);
}

/* The answer waits for these sinks; each is in one of the two lists, once. */
static void sinks_that_store(void **state)
{
	static const struct {
		const char *options, *says;
	} wrong[] = {
		{"store = {\"b\"}", "test.conf:4: endpoint \"/w\": store: there is no sink \"b\"; write its section"},
		{"store = {\"a\",\n \"a\"}", "test.conf:5: endpoint \"/w\": store: sink \"a\" stands there twice"},
		{"store = {\"a\"} relay = {\"a\"}", "test.conf:4: endpoint \"/w\": store: sink \"a\" stands in relay too"},
		{"store = {\"r\"}", "sends answers, and no events"}, {"store-wait = \"11s\"", "at most 10s"},
		{"store-wait = \"0s\"", "at most 10s"}, {"store-wait = \"soon\"", "test.conf:4: "},
	};
	struct conf *c = load("endpoint \"/w\" { secret-file = {\"one\"} store = {\"b\", \"a\"} store-wait = \"1ms\" store-required = true }\n"
		"endpoint \"/v\" { secret-file = {\"one\"} relay = {\"a\"} }\n"
		"sink \"a\" { url = \"http://a/\" }\nsink \"b\" { url = \"http://b/\" }\n");
	char text[512];

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->endpoints[0].n_store, 2);
	assert_ptr_equal(c->endpoints[0].store[0], conf_sink(c, "b"));
	assert_int_equal(c->endpoints[0].store_wait, 1);
	assert_true(c->endpoints[0].store_required);
	assert_int_equal(c->endpoints[1].n_store, 0);
	assert_int_equal(c->endpoints[1].store_wait, 4000);
	assert_false(c->endpoints[1].store_required);
	conf_free(c);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(text, sizeof text, "sink \"a\" { url = \"http://a/\" }\nsink \"r\" { url = \"http://a/\" body = '{{hookspool.reply}}' }\n"
			"endpoint \"/w\" { secret-file = {\"one\"}\n %s\n}\n", wrong[i].options);
		assert_null(load(text));
		if (!strstr(messages, wrong[i].says))
			fail_msg("%s: %s", wrong[i].options, messages);
	}
}

static void variables(void **state)
{
	struct conf *c = load("spool = \"/a/${HS_TEST_SECRET}/${HS_TEST_NONE:-x:y}\\${HS_TEST_NONE}\" # ${HS_TEST_NONE}\n"
		"socket-group = '${HS_TEST_NONE}' listen = ${HS_TEST_SECRET} log-to = ${HS_TEST_NONE:-syslog}\n");

	(void)state;
	assert_non_null(c);
	assert_null(strstr(messages, "environment"));
	assert_string_equal(c->spool, "/a/from the environment/x:y${HS_TEST_NONE}");
	assert_string_equal(c->socket_group, "${HS_TEST_NONE}");
	assert_string_equal(c->listen, "from the environment");
	assert_int_equal(c->log_target, LOG_TARGET_SYSLOG);
	conf_free(c);
}

static void variables_that_are_unset(void **state)
{
	static const struct {
		const char *text, *place, *name;
	} cases[] = {
		{"spool = {\"one\",\n \"${HS_TEST_NONE}/x\"}\n", "test.conf:2:", "no HS_TEST_NONE; set it"},
		{"# ${A}\nspool = \"\\${B} '\" listen = '${C} \\' \"'\nlog-to = ${HS_TEST_NONE}\n", "test.conf:3:", "write ${HS_TEST_NONE:-}"},
		{"spool = \"${HS_TEST_SECRET}\n${HS_TEST_NONE:-x\n}${}'\\\n ${HS_TEST_NONE}\"\n", "test.conf:4:", "no HS_TEST_NONE;"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		conf_free(load(cases[i].text));
		if (strncmp(messages, cases[i].place, strlen(cases[i].place)) != 0 || !strstr(messages, cases[i].name))
			fail_msg("%s: %s", cases[i].text, messages);
	}
}

/* One text is a list of one, as release 0.1 wrote it. */
static void secrets_of_a_sink(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} of[] = {{"", 0}, {"secret-file = {}", 0}, {"secret-file = \"old\"", 1}, {"secret-file = {\"old\", \"/new\"}", 2}};
	const struct strlist *files;
	char text[128];
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < COUNT(of); i++) {
		snprintf(text, sizeof text, "sink \"out\" { url = \"http://a/\" %s }\n", of[i].text);
		c = load(text);
		assert_non_null(c);
		files = &http_options(c->sinks)->secret_files;
		assert_int_equal(files->n, of[i].n);
		if (files->n)
			assert_string_equal(files->item[0], "old");
		if (files->n > 1)
			assert_string_equal(files->item[1], "/new");
		conf_free(c);
	}
}

/* What looks like what is refused, and is right. */
static void sinks_at_the_edge(void **state)
{
	static const char *const texts[] = {
		"url = \"https://a:65535/x:99999\"", "url = \"https://[::99999]\"", "url = \"https://u:99999@a/\"", "url = \"http://a:/\"",
		"url = \"http://99999/\"", "url = \"http://a:1?b=:99999\"", "url = \"http://a/\" headers = {\"Authorization: x\"}",
		"url = \"http://a/\" headers = {\"webhook-timestamp: x\", \"webhook-signature: x\"}",
		"url = \"http://a/\" secret-file = \"x\" authorization-file = \"x\" headers = {\"webhook-ids: x\", \"Authorizations: x\"}",
		"url = \"http://a/\" batch = 1 ordered = true content-type = \"a/b\" body = \"x\" pass-headers = true headers = {\"X: {{a}}\"}",
		"url = \"http://a/\" batch = 1000 batch-format = \"json-lines\" ordered = false pass-headers = false headers = {\"X: a\"}",
		"url = \"http://a/\" rate = \"5/s\" rate-burst = 1", "url = \"http://a/\" rate = \"5/s\"",
	};
	struct conf *c;
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		snprintf(text, sizeof text, "sink \"out\" { %s }\n", texts[i]);
		c = load(text);
		if (!c)
			fail_msg("%s: %s", text, messages);
		conf_free(c);
	}
}

static void sinks_that_are_programs(void **state)
{
	struct conf *c = load(
		"sink \"answers\" { url = \"http://a/\" body = '{{hookspool.reply}}' }\n"
		"sink \"assistant\" { type = \"exec\" command = {\"bin/program\", \"an argument\"} reply = \"answers\" }\n"
		"sink \"mail\" { type = \"exec\" command = {\"sendmail\"} texts = {\"price\"} text-regex = \"^(hi|hello)\\\\>\" first-message = true }\n"
		"sink \"some\" { url = \"http://a/\" where = {\"json:a.b = c d\", \"json:e ~ f\"} }\n"
		"endpoint \"/a\" { secret-file = {\"one\"} relay = {\"assistant\", \"mail\"} }\n");
	const struct sink *s;

	(void)state;
	assert_non_null(c);
	assert_true(conf_sink(c, "answers")->replies && conf_sink(c, "answers")->type == sink_type_find("http"));
	s = conf_sink(c, "assistant");
	assert_true(s->type == sink_type_find("exec") && exec_options(s)->command.n == 2 && !s->replies && !s->filtered);
	assert_string_equal(exec_options(s)->command.item[0], "bin/program");
	assert_string_equal(s->reply, "answers");
	assert_null(exec_options(s)->command.item[2]);
	s = conf_sink(c, "mail");
	assert_string_equal(exec_options(s)->command.item[0], "sendmail");
	assert_true(s->filtered && s->first_message && s->texts.n == 1);
	assert_int_equal(pattern_find(s->text_regex, "Hello there"), PATTERN_FOUND);
	assert_int_equal(pattern_find(s->text_regex, "hellothere"), PATTERN_NOT_FOUND);
	s = conf_sink(c, "some");
	assert_true(s->filtered && !s->needs_text && s->conditions.n == 2 && s->conditions.item[1].pattern);
	assert_string_equal(s->conditions.item[0].path, "a.b");
	assert_string_equal(s->conditions.item[0].value, "c d");
	conf_free(c);
}

static void includes(void **state)
{
	struct conf *c;

	(void)state;
	assert_int_equal(system("mkdir -p conf.d && cp -p one conf.d/key"), 0);
	unit_file("conf.d/b.conf", "endpoint \"/b\" { secret-file = {\"key\"} }\n", 0600);
	unit_file("conf.d/a.conf", "max-in-flight = 7\n", 0600);
	unit_file("conf.d/ignored", "nonsense", 0600);
	c = load("max-in-flight = 5\ninclude(\"conf.d\")\nendpoint \"/a\" { secret-file = {\"one\"} }\n");
	assert_non_null(c);
	assert_int_equal(c->max_in_flight, 7);
	assert_string_equal(conf_endpoint(c, "/b")->secrets.item[0].text, "first");
	conf_free(c);
	unit_file("conf.d/b.conf", "\nmax-in-flight = many\n", 0600);
	assert_null(load("include(\"conf.d\")\n"));
	assert_non_null(strstr(messages, "conf.d/b.conf:2:"));
	unit_file("loop.conf", "include(\"loop.conf\")\n", 0600);
	assert_null(load("include(\"loop.conf\")\n"));
	assert_non_null(strstr(messages, "include itself"));
}

static void sinks_may_stand_anywhere(void **state)
{
	struct conf *c;

	(void)state;
	assert_int_equal(system("mkdir -p sinks.d && rm -f sinks.d/*"), 0);
	unit_file("sinks.d/b.conf", "sink \"out\" { url = \"http://a/\" }\n", 0600);
	unit_file("sinks.d/a.conf", "endpoint \"/c\" {\n scheme = \"none\"\n relay = {\n\"below\",\n\"out\"}\n}\n"
		"sink \"p\" { type = \"exec\" command = {\"a\"} reply = \"answers\" }\n", 0600);
	c = load("include(\"sinks.d\")\nendpoint \"/a\" { secret-file = {\"one\"} relay = {\"out\", \"below\", \"p\"} }\n"
		"sink \"below\" { url = \"http://a/\" }\nsink \"answers\" { url = \"http://a/\" body = '{{hookspool.reply}}' }\n");
	assert_non_null(c);
	assert_string_equal(conf_endpoint(c, "/a")->relay[0]->name, "out");
	assert_string_equal(conf_endpoint(c, "/a")->relay[1]->name, "below");
	assert_string_equal(conf_endpoint(c, "/c")->relay[1]->name, "out");
	assert_string_equal(conf_sink(c, "p")->reply, "answers");
	conf_free(c);
	assert_null(load("include(\"sinks.d\")\nsink \"answers\" { url = \"http://a/\" body = '{{hookspool.reply}}' }\n"));
	assert_non_null(strstr(messages, "sinks.d/a.conf:4: endpoint \"/c\": relay: there is no sink \"below\""));
	assert_null(load("include(\"sinks.d\")\nsink \"below\" { url = \"http://a/\" }\n"));
	assert_non_null(strstr(messages, "sinks.d/a.conf:7: sink \"p\": reply = \"answers\": there is no such sink"));
}

static void secrets_that_are_not_needed(void **state)
{
	static const char text[] = "endpoint \"/a\" { secret-file = {\"nowhere\", \"one\"} secret-env = {\"HS_TEST_NONE\"}"
		" authorization-file = {\"${HS_TEST_NONE:-}\"} }\nendpoint \"/b\" { scheme = \"svix\" secret-file = {\"one\"} }\n";
	struct conf *c;

	(void)state;
	assert_null(load(text));
	c = conf_load_with("test.conf", CONF_SECRETS_NONE, report, NULL);
	assert_non_null(c);
	assert_int_equal(conf_endpoint(c, "/a")->secrets.n, 0);
	conf_free(c);
	c = conf_load_with("test.conf", CONF_SECRETS_THERE, report, NULL);
	assert_non_null(c);
	assert_int_equal(conf_endpoint(c, "/a")->secrets.n, 3);
	assert_int_equal(conf_endpoint(c, "/a")->secrets.item[0].len, 0);
	assert_int_equal(conf_endpoint(c, "/a")->secrets.item[0].id, 0);
	assert_string_equal(conf_endpoint(c, "/a")->secrets.item[1].text, "first");
	assert_non_null(conf_endpoint(c, "/a")->secrets.item[1].key);
	assert_null(conf_endpoint(c, "/b")->secrets.item[0].key);
	conf_free(c);
	assert_null(load("endpoint \"/a\" { relay = {\"out\"} }\n"));
}

static void errors_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *at, *says;
	} cases[] = {
		{"\nspol = \"x\"\n", "test.conf:2:", "spol"},
		{"max-body = \"1mb\"\n", "test.conf:1:", "not a size"},
		{"max-body = \"0\"\n", "test.conf:1:", "not a size"},
		{"body-timeout = \"soon\"\n", "test.conf:1:", "not a time"},
		{"max-in-flight = 0\n", "test.conf:1:", "out of range"},
		{"max-in-flight = 2000\n", "test.conf:1:", "1 to 1024"},
		{"log-level = \"loud\"\n", "test.conf:1:", "\"info\""},
		{"journal = \"memory\"\n", "test.conf:1:", "\"wal\" or \"delete\""},
		{"socket-mode = \"rw\"\n", "test.conf:1:", "file mode"},
		{"endpoint \"w\" { secret-file = {\"one\"} }\n", "test.conf:1:", "URL's path"},
		{"endpoint \"/w\" {\n}\n", "test.conf:2:", "has no secret"},
		{"endpoint \"/w\" {\n scheme = \"none\"\n secret-file = {\"one\"}\n}\n", "test.conf:4:", "would not use"},
		{"endpoint \"/w\" {\n scheme = \"stripes\"\n}\n", "test.conf:2:", "`hookspool schemes` prints"},
		{"endpoint \"/w\" {\n\n secret-file = {\"nowhere\"}\n}\n", "test.conf:3:", "nowhere: No such file"},
		{"endpoint \"/w\" {\n secret-file = {\"one\",\n\"open\"}\n}\n", "test.conf:3:", "chmod o="},
		{"endpoint \"/w\" {\n authorization-file = {\"open\"}\n}\n", "test.conf:2:", "chmod o="},
		{"endpoint \"/w\" {\n secret-env = {\"HS_TEST_NONE\"}\n}\n", "test.conf:2:", "no HS_TEST_NONE"},
		{"endpoint \"/w\" {\n secret-file = {\"${HS_TEST_NONE:-}\"}\n}\n", "test.conf:2:", "an empty name"},
		{"log-to = \"syslog\"\nspool = \"/a\nmax-body = \"1m\"\n\nlisten = \"unix:/a\"\n", "test.conf:2:", "a \" is missing"},
		{"sink \"out\" { url = \"http://a/\" body = '{\n\"a\" = 1}'\n rate = \"1/s }\n", "test.conf:3:", "a \" is missing"},
		{"endpoint \"/w\" {\n allow = {\"10.0.0.1/8\"}\n}\n", "test.conf:2:", "address range"},
		{"endpoint \"/w\" { scheme = \"none\"\n relay = {\"out\"}\n}\n", "test.conf:2:", "there is no sink \"out\"; write its section"},
		{"sink \"out\" {\n}\n", "test.conf:2:", "needs a url"},
		{"sink \"out\" { url = \"http://a/\" url-file = \"x\" }\n", "test.conf:1:", "not both"},
		{"sink \"out\" { url = \"ftp://a/\" }\n", "test.conf:1:", "sink \"out\": url: write it as \"https://example.com"},
		{"sink \"out\" { type = \"pigeon\" url = \"http://a/\" }\n", "test.conf:1:", "there are \"http\", \"exec\""},
		{"sink \"out\" { type = \"exec\" }\n", "test.conf:1:", "needs a command"},
		{"sink \"out\" { type = \"exec\" command = {\"a\"} environment = {\"A=b\"} }\n", "test.conf:1:", "without a value"},
		{"sink \"out\" { type = \"exec\" command = {\"a\"} environment = {\"OK\", \"HOOKSPOOL_ID\"} }\n", "test.conf:1:", "tell of the event"},
		{"sink \"out\" { type = \"exec\" command = {\"a\"}\nenvironment = {\"HS_TEST_SECRET\"} }\nendpoint \"/w\" { secret-env = {\"HS_TEST_SECRET\"} }\n",
			"test.conf:2:", "is a secret of endpoint \"/w\""},
		{"sink \"out\" { type = \"null\"\n url = \"http://a/\" }\n", "test.conf:2:", "url is not for a sink of the type \"null\"; remove it"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"\" { endpoint = \"/w\" api-key-file = \"k\" }\n", "test.conf:", "needs a name"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { api-key-file = \"k\" }\n", "test.conf:", "it has no endpoint; add"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" }\n", "test.conf:", "it has no key; add"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/v\" api-key-file = \"k\" }\n", "test.conf:", "there is no endpoint \"/v\""},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" url = \"ftp://a\" }\n", "test.conf:", "write it as \"https://api.example.com\""},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" url = \"https://user:key@a\" }\n", "test.conf:", "write it as"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" url = \"https://a/?x=1\" }\n", "test.conf:", "without a query"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" accounts = {\"a,b\"} }\n", "test.conf:", "one a text"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" every = \"2d\" }\n", "test.conf:", "at most 1d"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" since = \"31d\" }\n", "test.conf:", "at most 30d"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ndedupe-window = \"1d\"\n catch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" }\n", "test.conf:", "longer than dedupe-window"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/w\" api-key-file = \"k\" rate = \"fast\" }\n", "test.conf:", "write it as \"60/m\""},
		{"endpoint \"/s\" { scheme = \"stripe\" secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/s\" api-key-file = \"k\" }\n", "test.conf:2:",
			"no API that hookspool knows"},
		{"endpoint \"/g\" { scheme = \"github\" secret-file = {\"one\"} }\ncatch-up \"c\" { endpoint = \"/g\" api-key-file = \"k\" }\n", "test.conf:2:",
			"it has no url; add url = \"https://api.github.com"},
		{"sink \"out\" { type = \"null\"\n body = \"x\" }\n", "test.conf:2:", "body is not for a sink of the type \"null\""},
		{"sink \"out\" { type = \"null\"\n reply = \"x\" }\n", "test.conf:2:", "reply is not for a sink of the type \"null\""},
		{"sink \"out\" { url = \"http://a/\"\n reply = \"x\" }\n", "test.conf:2:", "reply is not for a sink of the type \"http\""},
		{"sink \"out\" { url = \"http://a/\"\n result = \"down\" }\n", "test.conf:2:", "result is not for a sink of the type \"http\""},
		{"sink \"out\" { type = \"null\"\n result = \"lost\" }\n", "test.conf:2:", "result = \"lost\" is unknown; write \"delivered\", \"retry\""},
		{"sink \"out\" { url = \"http://a/\" environment = {\"A\"} }\n", "test.conf:1:", "environment is not for a sink of the type \"http\""},
		{"sink \"out\" { type = \"exec\" command = {\"\"} }\n", "test.conf:1:", "needs a command"},
		{"sink \"out\" { type = \"exec\" command = {\"a\"} url = \"http://a/\" }\n", "test.conf:1:", "url is not for a sink of the type \"exec\""},
		{"sink \"out\" { type = \"exec\" command = {\"a\"} retry-on = {\"500\"} }\n", "test.conf:1:", "retry-on is not for"},
		{"sink \"out\" { url = \"http://a/\" command = {\"a\"} }\n", "test.conf:1:", "command is not for a sink of the type \"http\"; write the sink's type"},
		{"sink \"out\" { type = \"exec\" command = {\"a\"} reply = \"b\" }\n", "test.conf:1:", "no such sink of the type"},
		{"sink \"b\" { url = \"http://a/\" }\nsink \"out\" { type = \"exec\" command = {\"a\"} reply = \"b\" }\n", "test.conf:2:", "{{hookspool.reply}}"},
		{"sink \"b\" { type = \"exec\" command = {\"a\"} body = '{{hookspool.reply}}' }\nsink \"out\" { type = \"exec\" command = {\"a\"} reply = \"b\" }\n",
			"test.conf:2:", "of the type \"http\""},
		{"sink \"b\" { url = \"http://a/\" body = '{{hookspool.reply}}' }\nendpoint \"/w\" { scheme = \"none\"\n relay = {\"b\"}\n}\n", "test.conf:3:", "another sink's reply"},
		{"sink \"out\" { url = \"http://a/\" retry = {\"1h\", \"10s\", \"3d\"} }\n", "test.conf:1:", "longer than the longest"},
		{"sink \"out\" { url = \"http://a/\" texts = {\"a\", \"\"} }\n", "test.conf:1:", "empty"},
		{"sink \"out\" { url = \"http://a/\" headers = {\"content-length: 3\"} }\n", "test.conf:1:", "not for here"},
		{"sink \"a\" { url = \"http://a/\" }\nendpoint \"/w\" { scheme = \"none\"\n relay = {\"a\", \"a\"}\n}\n", "test.conf:3:", "twice"},
		{"sink \"out\" { url = \"http://a/\" text-regex = \"a(\" }\n", "test.conf:1:", "; write an extended regular expression"},
		{"sink \"out\" { url = \"http://a/\" text-regex = \"(a)\\\\1\" }\n", "test.conf:1:", "must not refer to a group"},
		{"sink \"out\" { url = \"http://a/\" body = \"{{x\" }\n", "test.conf:1:", "}} is missing"},
		{"sink \"out\" {\n url = \"http://a/\"\n headers = {\"X-A: b\",\n\"X-B: {{hookspool.nothing}}\"} }\n", "test.conf:4:", "headers: X-B: template, line 1, column"},
		{"sink \"out\" {\n url = \"http://a/{{hookspool.event}}\" }\n", "test.conf:2:", "url: it is no template"},
		{"sink \"out\" { url = \"http://a/\" content-type = \"text/{{a}}\" }\n", "test.conf:1:", "it is no template"},
		{"sink \"out\" { type = \"exec\" command = {\"a\", \"-x={{hookspool.text}}\"} }\n", "test.conf:1:", "HOOKSPOOL_TEXT"},
		{"sink \"out\" { url = \"http://a/\" headers = {\"X-{{a}}: b\"} }\n", "test.conf:1:", "Name: value"},
		{"sink \"out\" { url = \"http://a/\" headers = {\"X-B: {{a}}\\x01\"} }\n", "test.conf:1:", "Name: value"},
		{"sink \"out\" { url = \"http://a/\" headers = {\"X\"} }\n", "test.conf:1:", "Name: value"},
		{"sink \"out\" { url = \"http://a/\" retry = {\"10s\", \"1h\"} }\n", "test.conf:1:", "retry has 2 times"},
		{"sink \"out\" { url = \"http://a/\" retry = {\"10s\", \"1h\", \"soon\"} }\n", "test.conf:1:", "the longest"},
		{"sink \"out\" { url = \"http://a/\" retry-on = {\"6xx\"} }\n", "test.conf:1:", "5xx"},
		{"sink \"out\" { url = \"http://a/\" retry-on = {\"2xx\"} }\n", "test.conf:1:", "5xx"},
		{"sink \"out\" { url = \"http://a/\" rate = \"often\" }\n", "test.conf:1:", "60/m"},
		{"sink \"out\" { url = \"http://a/\" rate-burst = 5 }\n", "test.conf:1:", "goes with a rate"},
		{"sink \"out\" { url = \"http://a/\" rate = \"5/s\" rate-burst = 0 }\n", "test.conf:1:", "is 1 to 1000000"},
		{"sink \"out\" { url = \"http://a/\" rate-burst = 0 }\n", "test.conf:1:", "is 1 to 1000000"},
		{"endpoint \"/w\" { secret-file = {\"one\"} rate = \"5/s\" rate-burst = 0 }\n", "test.conf:1:", "is 1 to 1000000"},
		{"sink \"\" { url = \"http://a/\" }\n", "test.conf:1:", "needs a name"},
		{"sink \"out\" { url = \"https://example.com:99999/x\" }\n", "test.conf:1:", "1 to 65535"},
		{"sink \"out\" { url = \"https://u:p@[::1]:0\" }\n", "test.conf:1:", "1 to 65535"},
		{"sink \"out\" { url = \"https://a:99999999999999999999?b\" }\n", "test.conf:1:", "1 to 65535"},
		{"sink \"out\" { url = \"http://a/\" authorization-file = \"x\" headers = {\"authorization: first\"} }\n", "test.conf:1:", "authorization of its own"},
		{"sink \"out\" { url = \"http://a/\" headers = {\"Webhook-Id: 1\"} }\n", "test.conf:1:", "webhook-id of its own"},
		{"sink \"out\" { url = \"http://a/\" secret-file = \"x\" headers = {\"a: b\", \"Webhook-Timestamp: 1\"} }\n", "test.conf:1:", "webhook-timestamp of its own"},
		{"sink \"out\" { url = \"http://a/\" secret-file = \"x\" headers = {\"WEBHOOK-SIGNATURE: 1\"} }\n", "test.conf:1:", "webhook-signature of its own"},
		{"sink \"out\" { url = \"http://a/\" batch = 0 }\n", "test.conf:1:", "1 to 1000"},
		{"sink \"out\" { url = \"http://a/\" batch-wait = \"20ms\" }\n", "test.conf:1:", "it needs a batch"},
		{"sink \"out\" { url = \"http://a/\" batch = 2 batch-wait = \"20s\" }\n", "test.conf:1:", "10s"},
		{"sink \"out\" { type = \"null\" batch = 2 }\n", "test.conf:1:", "not for a sink of the type"},
		{"sink \"out\" { url = \"http://a/\" batch = 2 batch-format = \"xml\" }\n", "test.conf:1:", "json-lines"},
		{"sink \"out\" { url = \"http://a/\" ordered = true\n batch = 2 }\n", "test.conf:2:", "it keeps no order"},
		{"sink \"out\" { url = \"http://a/\" batch = 2 body = '{\"t\":\"{{hookspool.reply}}\"}' }\n", "test.conf:1:", "a reply is sent once"},
		{"sink \"out\" { url = \"http://a/\" batch = 2 body = '{}' content-type = \"text/x\" }\n", "test.conf:1:", "remove content-type"},
		{"sink \"out\" { url = \"http://a/\" batch = 2 pass-headers = true }\n", "test.conf:1:", "remove pass-headers"},
		{"sink \"out\" { url = \"http://a/\" batch = 2 headers = {\"X: {{hookspool.id}}\"} }\n", "test.conf:1:", "remove the templates"},
		{"sink \"out\" { url = \"http://a/\" timeout = \"1h\" }\n", "test.conf:1:", "at most 10m"},
		{"sink \"out\" { url = \"http://a/\" max-in-flight = 0 }\n", "test.conf:1:", "1 to 256"},
		{"sink \"out\" { url = \"http://a/\" method = \"PO ST\" }\n", "test.conf:1:", "POST"},
		{"sink \"out\" { url = \"http://a/\" method = \"post\" }\n", "test.conf:1:", "\"POST\", \"PUT\" or another one, in capitals"},
		{"endpoint \"/w\" { secret-file = {\"one\"} }\nendpoint \"/w\" { secret-file = {\"one\"} }\n", "test.conf:2:", "/w"},
		{"include(\"nowhere\")\n", "test.conf:1:", "No such file"},
		{"# one\n// two\n/* three\n four */ max-in-flight = 5 # five\nmax-body = \"1m\" // six\n\nfoo = 1\n", "test.conf:7:", "foo"},
		{"sink \"out\" { url = \"http://a/#b\" # c \"\n headers = {\"X: # \\\" //\"}\n body = '# {\n//\n'\n foo = 1\n}\n", "test.conf:6:", "foo"},
		{"sink \"out\" {\n url = http://a/#b\n foo = 1\n}\n", "test.conf:3:", "foo"},
		{"spool = \"x\"\nmax-body", "test.conf:2:", "end of file"},
		{"spool = \"x\"\nmax-body =\n", "test.conf:2:", "end of file"},
		{"spool = \"x\"\nmax-body = # \"1m\"\n", "test.conf:2:", "end of file"},
		{"spool = \"x\"\nmax-in-flight = 0", "test.conf:2:", "out of range"},
		{"\nsink \"\" {\n url = \"http://a/\"\n texts = {\"}\",\n \"{\"}\n}\n", "test.conf:2:", "needs a name"},
		{"sink \"a\" {\n url = \"http://a/\"\n}\nsink \"\" {\n url = \"http://a/\"\n}\n", "test.conf:4:", "needs a name"},
		{"\n\nendpoint \"w\"\n{\n secret-file = {\"one\"}\n}\n", "test.conf:4:", "URL's path"},
		{"endpoint \"/g\" { scheme = \"github\" secret-file = {\"one\"} }\nscheme \"github\" {\n header = \"X\"\n}\n", "test.conf:4:",
			"write this section before that one"},
		{"\nsink \"a\\nb\" {\n url = \"http://a/\"\n}\n", "test.conf:2: sink: ", "control character"},
		{"\nsink \"a\nb\" {\n url = \"http://a/\"\n}\n", "test.conf:3: sink: ", "control character"},
		{"endpoint \"/w\\x7f\" {\n secret-file = {\"one\"}\n}\n", "test.conf:1: endpoint: ", "write it without"},
		{"scheme \"\\e\" {\n like = \"github\"\n}\n", "test.conf:1: scheme: ", "write it without"},
		{"\nspol = \"x\"\n", "test.conf:2:", "'spol'; hookspool.conf(5)"},
		{"endpoint|rate = \"5/s\"\n", "test.conf:1:", "'endpoint'; write the option in its section"},
		{"log-bodies = maybe\n", "test.conf:1:", "'log-bodies'; write true or false"},
		{"max-in-flight = many\n", "test.conf:1:", "'max-in-flight'; write a number"},
		{"max-in-flight = 99999999999999999999\n", "test.conf:1:", "out of range; write a smaller number"},
		{"sink \"a\" { url = \"http://a/\" }\nsink \"a\" { url = \"http://b/\" }\n", "test.conf:2:", "'a'; merge the two sections"},
		{"max-body =", "test.conf:1:", "end of file; write what is missing"},
		{"spool = {\"x\"}\n", "test.conf:1:", "'{'; write NAME = \"text\""},
		{"endpoint \"/w\" {\n events = {\"a\" \"b\"}\n}\n", "test.conf:2:", "NAME = {\"text\", \"text\"}"},
		{"endpoint \"/w\" {\n events = {\"a\"\n allow = {}\n}\n", "test.conf:3:", "'allow'; write"},
		{"\n}\n", "test.conf:2:", "brace; remove it"},
		{"spool \"x\"\n", "test.conf:1:", "'spool'; write NAME = VALUE"},
		{"sink { url = \"http://a/\" }\n", "test.conf:1:", "'sink'; write it in double quotes"},
		{"sink \"a\" url = \"http://a/\"\n", "test.conf:1:", "'sink'; write { behind the title"},
		{"include \"conf.d\"\n", "test.conf:1:", "'include'; write include(\"FILE\")"},
		{"include(=)\n", "test.conf:1:", "'include'; write include(\"FILE\")"},
		{"spool += \"x\"\n", "test.conf:1:", "'spool'; write = in place of +="},
		{"spool = \"\\777\"\n", "test.conf:1:", "; write \\\\ for a backslash"},
		{"spool = \"\\9\"\n", "test.conf:1:", "; write \\\\ for a backslash"},
		{"\nspool = \"x\nmax-body = 1m\n", "test.conf:2:", "a \" is missing for what begins here"},
		{"spool = 'x'\n'\n", "test.conf:2:", "a ' is missing"},
		{"spool = 'x'\n\n\"", "test.conf:3:", "a \" is missing"},
		{"spool = 'x'\n\n/* max-body = 1m\n", "test.conf:3:", "a */ is missing"},
		{"# {\n\nendpoint \"/w\" {\n secret-file = {\"one\"}\n", "test.conf:3:", "a } is missing"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_null(load(cases[i].text));
		if (!strstr(messages, cases[i].at) || !strstr(messages, cases[i].says))
			fail_msg("case %zu: %s", i, messages);
	}
	messages[0] = '\0';
	assert_null(conf_load("missing.conf", report, NULL));
	assert_non_null(strstr(messages, "missing.conf: No such file or directory; name the configuration's file with -c"));
	assert_null(load("include(\"nowhere.conf\")\n"));
	assert_null(strstr(messages, "with -c"));
	unit_file("whole.conf", "endpoint \"/w\" { secret-file = {\"one\"} }\n", 0600);
	assert_null(load("include(\"whole.conf\")\n\""));
	assert_non_null(strstr(messages, "test.conf:2: a \" is missing"));
}

/* A handshake that gives strangers an HMAC: JSON bodies only, and a secret of its own. */
static void secrets_that_strangers_can_use(void **state)
{
	static const struct {
		const char *text, *at, *says; /* NULL: it is taken */
	} cases[] = {
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\n", NULL, NULL},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} bodies = {\"json\"} }\n", NULL, NULL},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"}\n bodies = {\"any\"} }\n", "test.conf:2:", "write bodies = {\"json\"}"},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"}\n\n bodies = {\"json\", \"form\"} }\n", "test.conf:3:", "write bodies"},
		{"endpoint \"/l\" { scheme = \"linkedin\" secret-file = {\"one\"}\n bodies = {\"json\", \"any\"} }\n", "test.conf:2:", "write bodies"},
		{"endpoint \"/d\" { scheme = \"dropbox\" secret-file = {\"one\"} bodies = {\"any\"} }\n", NULL, NULL},
		{"scheme \"own\" { like = \"x\" bodies = {\"any\"} }\nendpoint \"/o\" { scheme = \"own\" secret-file = {\"one\"} }\n", "test.conf:2:", "write bodies"},
		{"scheme \"own\" { like = \"x\" bodies = {\"any\"} }\nendpoint \"/o\" { scheme = \"own\" secret-file = {\"one\"} bodies = {\"json\"} }\n", NULL, NULL},
		{"scheme \"own\" { like = \"zoom\" challenge = {\"json:token\", \"header:X-Token\"} }\n"
		 "endpoint \"/o\" { scheme = \"own\" secret-file = {\"one\"} }\n", "test.conf:1:", "that nothing signs"},
		{"scheme \"own\" { header = \"X-Own\" handshake = \"challenge-code\" bodies = {\"form\"} }\n"
			"endpoint \"/o\" { scheme = \"own\" secret-file = {\"one\"} }\n", "test.conf:2:", "write bodies"},
		/* one secret in two endpoints */
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\nendpoint \"/s\" { scheme = \"slack\" secret-file = {\"one\"} }\n",
			"test.conf:2: endpoint \"/s\"", "a secret of its own"},
		{"endpoint \"/s\" { secret-file = {\"two\", \"one\"} }\nendpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"}\n}\n",
			"test.conf:3: endpoint \"/x\"", "also stands in endpoint \"/s\""},
		{"endpoint \"/l\" { scheme = \"linkedin\" secret-file = {\"one\"} }\nendpoint \"/z\" { scheme = \"zoom\" secret-file = {\"copy\"} }\n",
			"test.conf:2:", "copy"},
		{"endpoint \"/l\" { scheme = \"linkedin\" secret-env = {\"HS_TEST_SECRET\"} }\nendpoint \"/z\" { scheme = \"zoom\" secret-file = {\"env\"} }\n",
			"test.conf:2:", "a secret of its own"},
		{"endpoint \"/l\" { scheme = \"linkedin\" secret-file = {\"one\"} }\nendpoint \"/t\" { scheme = \"twilio\" url = \"https://e.com/t\" secret-file = {\"one\"} }\n",
			"test.conf:2:", "a secret of its own"},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\nendpoint \"/v\" { scheme = \"svix\" secret-file = {\"base64\"} }\n",
			"test.conf:2:", "a secret of its own"},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\nendpoint \"/y\" { scheme = \"x\" secret-file = {\"one\"} }\n", NULL, NULL},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\nendpoint \"/l\" { scheme = \"linkedin\" secret-file = {\"one\"} }\n", NULL, NULL},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\nendpoint \"/b\" { scheme = \"bearer\" secret-file = {\"one\"} }\n", NULL, NULL},
		{"endpoint \"/x\" { scheme = \"x\" secret-file = {\"one\"} }\nendpoint \"/s\" { scheme = \"slack\" secret-file = {\"two\"} }\n", NULL, NULL},
		{"endpoint \"/g\" { scheme = \"github\" secret-file = {\"one\"} }\nendpoint \"/s\" { scheme = \"slack\" secret-file = {\"one\"} }\n", NULL, NULL},
	};
	struct conf *c;

	(void)state;
	unit_file("copy", "  first \n", 0600);
	unit_file("env", "from the environment", 0600);
	unit_file("base64", "whsec_Zmlyc3Q", 0600); /* "first" */
	for (size_t i = 0; i < COUNT(cases); i++) {
		c = load(cases[i].text);
		if ((c == NULL) != (cases[i].at != NULL) || (cases[i].at && (!strstr(messages, cases[i].at) || !strstr(messages, cases[i].says))))
			fail_msg("case %zu: %s", i, messages);
		assert_null(strstr(messages, "first"));
		conf_free(c);
	}
}

#define FOUR_CONDITIONS "'json:a = b', 'json:a = b', 'json:a = b', 'json:a = b', "

/* One option of a section is wrong: it is on line 5, or its line is given, and the section ends further down. */
static void errors_name_the_options_line(void **state)
{
	static const char http[] = "\nsink \"out\" {\n url = \"http://a/\"\n texts = {\"a\"}\n ";
	static const char exec[] = "\nsink \"out\" {\n type = \"exec\"\n command = {\"a\"}\n ";
	static const char none[] = "\nsink \"out\" {\n\n\n ";
	static const char endpoint[] = "\nendpoint \"/w\" {\n secret-file = {\"one\"}\n\n ";
	static const char scheme[] = "\nscheme \"s\" {\n like = \"github\"\n\n ";
	static const struct {
		const char *section, *option, *says;
		int line;
	} cases[] = {
		{none, "url = \"ftp://a/\"", "https://example.com", 5},
		{none, "url = \"https://a/ b\"", "https://example.com", 5},
		{none, "type = \"pigeon\"", "there are \"http\", \"exec\"", 5},
		{none, "type = \"exec\"\n command = {\"\"}", "needs a command", 6},
		{none, "type = \"exec\"", "needs a command", 8},
		{none, "", "needs a url", 8},
		{http, "url-file = \"x\"", "not both", 5},
		{http, "command = {\"a\"}", "command is not for", 5},
		{http, "method = \"PO ST\"", "POST", 5},
		{http, "headers = {\"X: a\",\n \"X\",\n \"Y: b\"\n }", "headers: write", 6},
		{http, "headers = {\n \"content-length: 3\"\n }", "not for here", 6},
		{http, "retry-on = {\"6xx\"}", "5xx", 5},
		{http, "content-type = \"\"", "application/json", 5},
		{http, "body = \"{{x\"", "}} is missing", 5},
		{http, "body = '\n\n{{x'", "template, line 3, column 4", 5},
		{http, "body = \"a\\nb\\n\\\n\n{{x\"", "template, line 4, column 4", 5},
		{http, "accounts = {'a\nb'} body = '{{x'", "}} is missing", 6},
		{http, "# '\n accounts = {'a\n# b'} /*\n*/ body = '\n{{x\n' # \"", "}} is missing", 8},
		{http, "connect-timeout = \"1h\"", "at most 10m", 5},
		{http, "timeout = \"soon\"", "at most 10m", 5},
		{http, "retry = {\"10s\", \"1h\"}", "retry has 2 times", 5},
		{http, "retry = {\"10s\", \"1h\",\n \"soon\"}", "the longest", 6},
		{http, "retry = {\"1h\", \"10s\", \"3d\"}", "longer than the longest", 5},
		{http, "rate = \"bogus\"", "60/m", 5},
		{http, "rate = \"1/s\"\n rate = \"bogus\"", "60/m", 6},
		{http, "rate-burst = 5", "goes with a rate", 5},
		{http, "max-in-flight = 0", "1 to 256", 5},
		{http, "max-in-flight = 257", "1 to 256", 5},
		{http, "accounts = {\"a\",\n \"b\"}\n text-regex = \"a(\"", "text-regex", 7},
		{http, "where = {\"json:a = b\",\n \"a = b\"}", "\"a\" is no source; write \"json:PATH = TEXT\"", 6},
		{http, "where = {\"json:a ~ (\"}", "write an extended regular expression", 5},
		{http, "where = {" FOUR_CONDITIONS FOUR_CONDITIONS FOUR_CONDITIONS FOUR_CONDITIONS "'json:a = b'}", "more than 16 conditions", 5},
		{exec, "where = {\"json:a=b\"}", "with spaces around it", 5},
		{http, "texts = {\"a\",\n \"\"\n }", "empty", 6},
		{exec, "url = \"http://a/\"", "url is not for", 5},
		{exec, "allow-private = true", "allow-private is not for", 5},
		{exec, "reply = \"b\"", "no such sink", 5},
		{exec, "body = \"{{x\"", "}} is missing", 5},
		{exec, "rate = \"bogus\"", "60/m", 5},
		{endpoint, "answer-status = 500", "200, 201", 5},
		{endpoint, "answer-type = \"text/plain\"", "media type", 5},
		{endpoint, "rate-burst = 5", "goes with a rate", 5},
		{endpoint, "rate = \"bogus\"", "60/m", 5},
		{scheme, "encoding = \"hey\"", "\"hex\" or \"base64\"", 5},
		{scheme, "event = {\"json:a\",\n \"b\"}", "json:PATH", 6},
		{scheme, "tolerance = \"soon\"", "300s", 5},
	};
	char text[512], at[2][64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof text, "%s%s\n\n\n}\n", cases[i].section, cases[i].option);
		snprintf(at[0], sizeof at[0], "test.conf:%d: ", cases[i].line);
		assert_null(load(text));
		if (strncmp(messages, at[0], strlen(at[0])) != 0 || !strstr(messages, cases[i].says))
			fail_msg("case %zu: not %s%s", i, at[0], messages);
		unit_file("part.conf", text, 0600);
		snprintf(at[1], sizeof at[1], "part.conf:%d: ", cases[i].line);
		assert_null(load("\n\n\ninclude(\"part.conf\")\nbody-timeout = '1s'\n"));
		if (strncmp(messages, at[1], strlen(at[1])) != 0)
			fail_msg("case %zu: not %s%s", i, at[1], messages);
	}
}

/* A tolerance at the end of the numbers would overflow when it is added to a time. */
static void tolerance_is_at_most_a_year(void **state)
{
	static const struct {
		const char *text;
		bool fault;
	} cases[] = {{"365d", false}, {"366d", true}, {"9223372036854775807ms", true}, {"106751991167d", true}};
	char text[256];
	struct conf *c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof text, "scheme \"s\" { like = \"stripe\" tolerance = \"%s\" }\n"
			"endpoint \"/w\" { scheme = \"s\" secret-file = {\"one\"} }\n", cases[i].text);
		c = load(text);
		assert_non_null(c);
		assert_int_equal(strstr(messages, "test.conf:1: ") && strstr(messages, "longer than 365d"), cases[i].fault);
		assert_int_equal(c->endpoints[0].scheme.tolerance, 365 * INT64_C(86400000));
		conf_free(c);
	}
	assert_null(load("scheme \"s\" { like = \"stripe\" tolerance = \"106751991168d\" }\n")); /* no number of 64 bits */
}

static void none_warns(void **state)
{
	struct conf *c = load("endpoint \"/w\" { scheme = \"none\" }\n");

	(void)state;
	assert_non_null(c);
	assert_non_null(strstr(messages, "checks no signature"));
	conf_free(c);
}

static void accounts_without_an_account_warn(void **state)
{
	struct conf *c = load("scheme \"own\" { header = \"X-Own\" }\n"
		"endpoint \"/w\" { scheme = \"own\" secret-file = {\"one\"} accounts = {\"a\"} }\n");

	(void)state;
	assert_non_null(c);
	assert_non_null(strstr(messages, "reads no account"));
	conf_free(c);
	messages[0] = '\0';
	c = load("endpoint \"/w\" { secret-file = {\"one\"} accounts = {\"a\"} }\n");
	assert_non_null(c);
	assert_string_equal(messages, "");
	conf_free(c);
}

static void secrets_stay_out_of_messages(void **state)
{
	(void)state;
	assert_null(load("endpoint \"/w\" { secret-file = {\"one\"} secret-env = {\"HS_TEST_SECRET\"} }\nmax-in-flight = x\n"));
	assert_null(strstr(messages, "first"));
	assert_null(strstr(messages, "environment"));
	assert_null(load("sink \"out\" { url = \"https://a/\" headers = {\"X-Key topsecret\"} }\n"));
	assert_null(strstr(messages, "topsecret"));
}

static void ranges(void **state)
{
	static const struct {
		const char *range, *address;
		bool in;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.255", true}, {"192.0.2.0/24", "192.0.3.0", false}, {"192.0.2.7", "192.0.2.7", true},
		{"0.0.0.0/0", "203.0.113.9", true}, {"0.0.0.0/0", "2001:db8::1", false}, {"::/0", "203.0.113.9", true},
		{"192.0.2.0/24", "::ffff:192.0.2.1", true}, {"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false}, {"192.0.2.0/24", "", false}, {"192.0.2.0/24", "unix:", false},
	};
	static const char *const bad[] = {"", "x", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2/24",
		"2001:db8::/129", "192.0.2.0/24x"};
	struct cidr c;
	struct cidrs one = {&c, 1};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(cidr_parse(cases[i].range, &c));
		if (cidr_match(&one, cases[i].address) != cases[i].in)
			fail_msg("%s in %s", cases[i].address, cases[i].range);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(cidr_parse(bad[i], &c));
}

static void no_report(cfg_t *cfg, const char *fmt, va_list ap)
{
	(void)cfg;
	(void)fmt;
	(void)ap;
}

/* The values that libconfuse itself reads in the text, freed by the caller; NULL when it refuses it. */
static char *values_of(const char *text)
{
	cfg_opt_t options[] = {CFG_STR("a", "", CFGF_NONE), CFG_STR("b", "", CFGF_NONE), CFG_STR_LIST("l", NULL, CFGF_NONE), CFG_END()};
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	char *values = NULL;

	cfg_set_error_function(cfg, no_report);
	if (cfg_parse_buf(cfg, text) == CFG_SUCCESS)
		assert_true(asprintf(&values, "a=%s b=%s l=%u", cfg_getstr(cfg, "a"), cfg_getstr(cfg, "b"), cfg_size(cfg, "l")) > 0);
	cfg_free(cfg);
	return values;
}

static char *uncommented_values_of(const char *text)
{
	char *copy = strdup(text), *values;
	const char *missing;

	uncomment(copy, strlen(copy), &missing);
	values = values_of(copy);
	free(copy);
	return values;
}

static void comments(void **state)
{
	static const struct {
		const char *text, *values;
	} cases[] = {
		{"a = /var/lib//x b = y", "a=/var/lib//x b=y l=0"}, {"a = http://x/ b = y", "a=http://x/ b=y l=0"},
		{"a = x// b = y", "a=x// b=y l=0"}, {"a = x // b = y", "a=x b= l=0"}, {"//a = x\nb = y", "a= b=y l=0"},
		{"a = x///\n//\n///b\nb = y", "a=x/// b=y l=0"}, {"l = {a//, b}", "a= b= l=2"}, {"a = x#y\nb = y", "a=x b=y l=0"},
		{"a = x /* b = z */ b = y", "a=x b=y l=0"}, {"/*/ a = x /**/ b = y", "a= b=y l=0"}, {"a = x /* # */ b = y", "a=x b=y l=0"},
		{"a = \"//\" b = '#'", "a=// b=# l=0"}, {"a = \"\\\"#\" b = '\\'#'", "a=\"# b='# l=0"},
		{"a = ${HS_TEST_NONE:-#x} b = y", "a=#x b=y l=0"}, {"a = \"${HS_TEST_NONE:-\"#\"}\" b = y", "a=\"#\" b=y l=0"},
		{"a = '${' b = y # }", "a=${ b=y l=0"},
	};
	char *raw, *without;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		raw = values_of(cases[i].text);
		without = uncommented_values_of(cases[i].text);
		if (!raw || !without || strcmp(raw, cases[i].values) != 0 || strcmp(without, raw) != 0)
			fail_msg("%s: not %s, but %s and %s", cases[i].text, cases[i].values, raw, without);
		free(raw);
		free(without);
	}
}

/* Every short text that libconfuse can read is the same to it without comments. */
static void comments_as_libconfuse_has_them(void **state)
{
	static const char marks[] = "x /*#\"'${}\\\n";
	char text[32], *raw, *without;
	unsigned read = 0;

	(void)state;
	for (int i = 0; i < 12 * 12 * 12 * 12; i++) {
		snprintf(text, sizeof text, "a = x%c%c%c%c\nb = 'y#'\n", marks[i % 12], marks[i / 12 % 12], marks[i / 144 % 12], marks[i / 1728]);
		raw = values_of(text);
		without = raw ? uncommented_values_of(text) : NULL;
		if (raw && (!without || strcmp(raw, without) != 0))
			fail_msg("%s: not %s, but %s", text, raw, without);
		read += raw != NULL;
		free(raw);
		free(without);
	}
	assert_in_range(read, 1000, 12 * 12 * 12 * 12);
}

/* The scheme of the endpoint tells the provider, also one that is made like a built-in one. */
static void catch_up_takes_the_api_of_its_endpoint(void **state)
{
	struct conf *c = load("scheme \"own\" { like = \"connectsafely\" }\nendpoint \"/w\" { scheme = \"own\" secret-file = {\"one\"} }\n"
		"endpoint \"/g\" { scheme = \"github\" secret-file = {\"one\"} }\n"
		"catch-up \"a\" { endpoint = \"/w\" api-key-file = \"key\" }\n"
		"catch-up \"b\" { endpoint = \"/g\" api-key-file = \"/key\" url = \"https://api.github.com/repos/o/r/hooks/1//\" accounts = {\"x\"} every = \"1s\""
		" since = \"2h\" rate = \"240/m\" allow-private = true }\n");
	const struct catchup *k;

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->n_catchups, 2);
	k = c->catchups;
	assert_string_equal(k->name, "a");
	assert_ptr_equal(k->endpoint, conf_endpoint(c, "/w"));
	assert_string_equal(k->api->scheme, "connectsafely");
	assert_string_equal(k->url, "https://api.connectsafely.ai");
	assert_int_equal(k->every, 600000);
	assert_int_equal(k->since, INT64_C(72) * 3600000);
	assert_true(k->rate.n == 30 && k->rate.per == 60000 && !k->allow_private && !k->accounts.n);
	k++;
	assert_string_equal(k->api->scheme, "github");
	assert_string_equal(k->url, "https://api.github.com/repos/o/r/hooks/1");
	assert_string_equal(k->key_file, "/key");
	assert_true(k->every == 1000 && k->since == 7200000 && k->rate.n == 240 && k->allow_private && k->accounts.n == 1);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(catch_up_takes_the_api_of_its_endpoint),
		cmocka_unit_test(defaults),
		cmocka_unit_test(endpoints_are_found_in_any_order),
		cmocka_unit_test(everything),
		cmocka_unit_test(includes),
		cmocka_unit_test(variables),
		cmocka_unit_test(variables_that_are_unset),
		cmocka_unit_test(names),
		cmocka_unit_test(sinks),
		cmocka_unit_test(test_sinks_have_their_types_attempts_at_a_time),
		cmocka_unit_test(sinks_that_store),
		cmocka_unit_test(secrets_of_a_sink),
		cmocka_unit_test(sinks_at_the_edge),
		cmocka_unit_test(sinks_that_are_programs),
		cmocka_unit_test(sinks_may_stand_anywhere),
		cmocka_unit_test(secrets_that_are_not_needed),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(secrets_that_strangers_can_use),
		cmocka_unit_test(errors_name_the_options_line),
		cmocka_unit_test(tolerance_is_at_most_a_year),
		cmocka_unit_test(none_warns),
		cmocka_unit_test(accounts_without_an_account_warn),
		cmocka_unit_test(secrets_stay_out_of_messages),
		cmocka_unit_test(ranges),
		cmocka_unit_test(comments),
		cmocka_unit_test(comments_as_libconfuse_has_them),
	};

	return cmocka_run_group_tests_name("conf", tests, files, unit_leave);
}
