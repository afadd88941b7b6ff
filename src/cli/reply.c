/* SPDX-License-Identifier: ISC */
/* hookspool reply: sends an answer to an event, once, by a sink that sends answers. */
#include "cli/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "core/utf8.h"
#include "spool/events.h"
#include "spool/relay_lock.h"
#include "spool/reply.h"
#include "spool/wakeup.h"

/* ---- the sink */

static bool sink_sends(const struct conf *conf, const char *name)
{
	const struct sink *s = conf_sink(conf, name);

	return s && s->replies;
}

/* The sink that sends what a sink of the endpoint answers. *n becomes the number of such sinks, at most 2. */
static const struct sink *of_endpoint(const struct conf *conf, const struct endpoint *e, size_t *n)
{
	const struct sink *found = NULL, *from, *to;

	*n = 0;
	for (size_t i = 0; e && *n < 2 && (from = conf_endpoint_sink(e, i)); i++) {
		to = from->reply ? conf_sink(conf, from->reply) : NULL;
		if (!to || to == found)
			continue;
		found = to;
		++*n;
	}
	return found;
}

/* True when an endpoint is of another provider: a sink that answers its events must not get a person's answer to another event. */
static bool mixes_schemes(const struct conf *conf, const struct endpoint *e)
{
	for (const struct endpoint *o = conf->endpoints; o < conf->endpoints + conf->n_endpoints; o++)
		if (!e || strcmp(o->scheme.name, e->scheme.name) != 0)
			return true;
	return false;
}

/* The same among all sinks of the configuration. */
static const struct sink *of_conf(const struct conf *conf, size_t *n)
{
	const struct sink *found = NULL;

	*n = 0;
	for (const struct sink *s = conf->sinks; s < conf->sinks + conf->n_sinks; s++) {
		if (!s->replies)
			continue;
		found = s;
		++*n;
	}
	return found;
}

static void say_choice(const struct conf *conf, struct buf *said)
{
	size_t n;

	of_conf(conf, &n);
	if (!n) {
		buf_printf(said, "no sink sends answers; conf-examples/sinks/assistant.conf has one, \"connectsafely\"");
		return;
	}
	buf_printf(said, "it is not clear which sink sends it; choose one with --sink:");
	for (const struct sink *s = conf->sinks; s < conf->sinks + conf->n_sinks; s++)
		if (s->replies)
			buf_printf(said, " %s", s->name);
}

static const struct sink *choose_sink(const struct conf *conf, const struct endpoint *e, const char *name, struct buf *said)
{
	const struct sink *found;
	size_t n;

	if (name && !sink_sends(conf, name)) {
		buf_printf(said, conf_sink(conf, name) ? "sink \"%s\" sends no answers: it has no {{hookspool.reply}} in its body"
			: "the configuration has no sink \"%s\"", name);
		return NULL;
	}
	if (name)
		return conf_sink(conf, name);
	found = of_endpoint(conf, e, &n);
	if (n == 1)
		return found;
	if (!n)
		found = of_conf(conf, &n);
	if (n == 1 && !mixes_schemes(conf, e))
		return found;
	say_choice(conf, said);
	return NULL;
}

/* ---- the event */

/* Copies the event's endpoint. Returns CLI_OK; or another status, with the reason in said. Our own events have no conversation. */
static int find_event(struct spool_db *db, int64_t id, struct buf *endpoint, struct buf *said)
{
	struct spool_events_iter *it = spool_events_get(db, id);
	struct spool_row row;
	bool found = spool_events_next(it, &row), ok = !found || buf_add(endpoint, row.endpoint.p, row.endpoint.n);
	bool answerable = found && row.conversation.n && row.endpoint.n && row.endpoint.p[0] == '/';

	if (!spool_events_end(it)) {
		buf_printf(said, "%s", spool_db_error(db));
		return CLI_TEMPFAIL;
	}
	if (!found)
		buf_printf(said, "there is no event %" PRId64, id);
	else if (!answerable)
		buf_printf(said, "event %" PRId64 " belongs to no conversation, so that it can't be answered", id);
	return !ok ? CLI_TEMPFAIL : answerable ? CLI_OK : CLI_NO;
}

static struct slice trim_blanks(struct slice s)
{
	static const char blanks[] = " \t\r\n";

	while (s.n && memchr(blanks, s.p[s.n - 1], sizeof blanks - 1))
		s.n--;
	while (s.n && memchr(blanks, *s.p, sizeof blanks - 1)) {
		s.p++;
		s.n--;
	}
	return s;
}

static bool is_sendable(struct slice text, struct buf *said)
{
	if (!text.n)
		buf_printf(said, "the text is empty");
	else if (text.n > REPLY_MAX)
		buf_printf(said, "the text is longer than %d KiB", REPLY_MAX >> 10);
	else if (!utf8_valid(text.p, text.n) || memchr(text.p, '\0', text.n))
		buf_printf(said, "the text is not UTF-8, or has a NUL in it");
	else
		return true;
	return false;
}

/* ---- */

/* What to do where the event has an answer already. */
static void say_answered(int64_t event, const struct spool_reply *reply, struct buf *said)
{
	switch (reply->state) {
	case SPOOL_RELAY_PENDING:
		buf_printf(said, "an answer to event %" PRId64 " is pending already; hookspool drop %" PRId64 " gives it up", event, reply->delivery);
		break;
	case SPOOL_RELAY_DEAD:
		buf_printf(said, "an answer to event %" PRId64 " is a dead letter; hookspool deliveries %" PRId64
			" says why, and with --again this one is sent", event, reply->delivery);
		break;
	default:
		buf_printf(said, "event %" PRId64 " was answered already, by delivery %" PRId64 "; with --again another answer is sent", event,
			reply->delivery);
	}
}

static void say_due(const struct conf *conf, const struct sink *sink, int64_t event, const struct spool_reply *reply, struct buf *said)
{
	int64_t alive;

	buf_printf(said, "the answer to event %" PRId64 " is due for sink %s, delivery %" PRId64, event, sink->name, reply->delivery);
	if (spool_relay_lock_look(conf->dir, &alive) != SPOOL_RELAY_RUNS)
		buf_printf(said, "; no relay runs: hookspool relay sends it when it starts");
}

static int put_for(const struct conf *conf, struct spool_db *db, const struct reply_request *r, const char *endpoint, struct slice text,
	struct buf *said)
{
	const struct sink *sink = choose_sink(conf, conf_endpoint(conf, endpoint), r->sink, said);
	struct spool_wakeup wakeup = {-1};
	struct spool_reply reply;

	if (!sink)
		return CLI_NO;
	if (!spool_reply_put(db, sink, r->event, text, r->again, clock_now(), &reply)) {
		buf_printf(said, "%s", spool_db_error(db));
		return CLI_TEMPFAIL;
	}
	if (!reply.delivery) {
		buf_printf(said, "there is no event %" PRId64, r->event);
		return CLI_NO;
	}
	if (!reply.added) {
		say_answered(r->event, &reply, said);
		return CLI_NO;
	}
	spool_wakeup_send(&wakeup, conf->dir, false);
	spool_wakeup_close(&wakeup);
	say_due(conf, sink, r->event, &reply, said);
	return CLI_OK;
}

int reply_put(const struct conf *conf, struct spool_db *db, const struct reply_request *r, struct buf *said)
{
	struct slice text = trim_blanks(r->text);
	struct buf endpoint = {0};
	int status;

	if (!is_sendable(text, said))
		return CLI_NO;
	status = find_event(db, r->event, &endpoint, said);
	if (status == CLI_OK)
		status = put_for(conf, db, r, buf_str(&endpoint), text, said);
	buf_free(&endpoint);
	return status;
}

/* ---- the command */

struct reply_options {
	const char *sink;
	char **words; /* the event's ID and the text */
	bool again;
};

static int reply_with(const struct cli *cli, const struct reply_request *r)
{
	struct spool_db *db = NULL;
	struct buf said = {0};
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);

	if (status != CLI_OK)
		return status;
	status = reply_put(conf, db, r, &said);
	if (status == CLI_OK)
		puts(buf_str(&said));
	else
		cli_error("%s", buf_str(&said));
	buf_free(&said);
	cli_close(conf, db, true, NULL);
	return status;
}

static int reply_run(const struct cli *cli, void *values)
{
	const struct reply_options *o = values;
	struct reply_request r = {.sink = o->sink, .again = o->again};
	struct buf text = {0};
	int status = CLI_USAGE;

	if (!o->words[0] || !command_read_number(o->words[0], 1, INT64_MAX, &r.event))
		return cli_usage("reply", "\"%s\" is no ID; list prints them", o->words[0] ? o->words[0] : "");
	if (!o->words[1] || o->words[2])
		return cli_usage("reply", o->words[1] ? "one text at a time; put it between quotes" : "the TEXT is missing");
	r.text = slice_text(o->words[1]);
	if (strcmp(o->words[1], "-") != 0)
		return reply_with(cli, &r);
	if (cli_read("-", &text, REPLY_MAX + 1024)) {
		r.text = (struct slice){text.data, text.len};
		status = reply_with(cli, &r);
	}
	buf_free(&text);
	return status;
}

static const struct command_option reply_options[] = {
	{.name = "sink", .kind = COMMAND_SINK, .offset = offsetof(struct reply_options, sink), .argument = "NAME",
		.help = "by this sink, which has {{hookspool.reply}} in its body"},
	{.name = "again", .offset = offsetof(struct reply_options, again), .help = "also when the event was answered already"},
	{0},
};

const struct command cli_reply = {
	.name = "reply",
	.purpose = "send an answer to an event",
	.usage = "[OPTION]... ID TEXT",
	.about = "Sends TEXT (- is standard input) to the conversation of an event, by the provider's API: hookspool relay sends it with the "
		"sink that sends the answers of the endpoint's programs, or the only sink that sends answers. It is sent once, as a program's "
		"answer is. A second answer to the same event by the same sink is refused.",
	.more = "Exit status: 0 the answer is due; 1 it is not, as the event was answered, does not exist or can't be answered; 64 wrong usage; "
		"75 the spool can't be used; 78 wrong configuration.",
	.examples = "reply 4711 'Thank you, I call you tomorrow.'\nreply --sink connectsafely 4711 - < answer.txt",
	.options = reply_options,
	.argument = {.kind = COMMAND_WORDS, .offset = offsetof(struct reply_options, words), .argument = "ID TEXT"},
	.size = sizeof(struct reply_options),
	.run = reply_run,
};
