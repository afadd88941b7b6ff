/* SPDX-License-Identifier: ISC */
/* The section of a sink: the options that all types have, and the sink that a section makes. */
#include "conf/sink_section.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/kind.h"
#include "conf/reader.h"
#include "conf/sink_type.h"

enum { IN_FLIGHT_MAX = 10000, BATCH_MAX = 1000, CALLS_MAX = 256 /* of a type whose attempts are a connection or a process each */ };

/* ---- kinds of its own */

static bool check_type(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (sink_type_find(text))
		return true;
	buf_printf(why, ": there are");
	for (const struct sink_type *const *t = sink_types; *t; t++)
		buf_printf(why, " \"%s\"%s", (*t)->name, !t[1] ? "" : !t[2] ? " and" : ",");
	return false;
}

static const char *type_word(size_t i)
{
	return sink_types[i] ? sink_types[i]->name : NULL;
}

static bool read_type(const struct option_row *row, cfg_t *sec, void *field)
{
	(void)row;
	*(const struct sink_type **)field = sink_section_type(sec);
	return true;
}

static bool check_content_type(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (!*text || strpbrk(text, "\r\n"))
		buf_printf(why, ": write \"application/json\"");
	else if (strstr(text, "{{"))
		buf_printf(why, ": it is no template; those are for body and headers");
	else
		return true;
	return false;
}

static enum template_escape escape_of(const char *type)
{
	size_t n = strcspn(type, "; ");

	if (n == 33 && strncasecmp(type, "application/x-www-form-urlencoded", n) == 0)
		return TEMPLATE_URL;
	return (n == 16 && strncasecmp(type, "application/json", n) == 0) || (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0)
		? TEMPLATE_JSON : TEMPLATE_PLAIN;
}

static struct template *new_body(cfg_t *sec, char *why, size_t n)
{
	return template_new(cfg_getstr(sec, "body"), escape_of(cfg_getstr(sec, "content-type")), why, n);
}

static bool check_body_template(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	char reason[256];
	struct template *body = new_body(sec, reason, sizeof reason);

	(void)row;
	(void)text;
	if (!body)
		buf_printf(why, ": %s", reason);
	template_free(body);
	return body != NULL;
}

static bool read_body_template(const struct option_row *row, cfg_t *sec, void *field)
{
	struct template **body = field;
	char reason[256];

	(void)row;
	*body = new_body(sec, reason, sizeof reason);
	return *body != NULL;
}

static void free_body(void *field)
{
	struct template **body = field;

	template_free(*body);
	*body = NULL;
}

#define RETRY_FIX "write {\"10s\", \"1h\", \"3d\"}: the first pause, the longest, and how long in all, at most 365d"

static bool check_retry(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	int64_t first, most;

	if (!kind_read_time(text, row->max, &first)) {
		buf_printf(why, ": " RETRY_FIX);
		return false;
	}
	if (text != cfg_getnstr(sec, row->name, 0) || cfg_size(sec, row->name) < 2 ||
	    !kind_read_time(cfg_getnstr(sec, row->name, 1), row->max, &most) || first <= most)
		return true;
	buf_printf(why, ": the first pause is longer than the longest");
	return false;
}

static bool read_retry(const struct option_row *row, cfg_t *sec, void *field)
{
	struct retry *retry = field;
	int64_t *const times[] = {&retry->first, &retry->most, &retry->within};

	for (unsigned i = 0; i < cfg_size(sec, row->name) && i < 3; i++)
		kind_read_time(cfg_getnstr(sec, row->name, i), row->max, times[i]);
	return true;
}

static bool check_part(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (*text)
		return true;
	buf_printf(why, ": an empty text is in every other; remove it");
	return false;
}

static const struct option_kind type_kind = {"type of sink", CFGT_STR, .check = check_type, .read = read_type, .word = type_word};
static const struct option_kind content_type_kind = {"media type", CFGT_STR, .check = check_content_type, .read = kind_read_text,
	.free = kind_free_text};
static const struct option_kind body_kind = {"template", CFGT_STR, .hidden = true, .check = check_body_template, .read = read_body_template, .free = free_body};
static const struct option_kind retry_kind = {"list of times", CFGT_STR, .list = true, .check = check_retry, .read = read_retry};
static const struct option_kind parts_kind = {"list of texts", CFGT_STR, .list = true, .check = check_part, .read = kind_read_list,
	.free = kind_free_list};

/* ---- the options */

#define AT(field) offsetof(struct sink, field)

/* The retries: 10 s, 20 s, ... 1 h, for three days, as Stripe's "Automatic retries" and other providers do it. */
static const struct option_row common[] = {
	{"type", &type_kind, "http", AT(type), .help = "how events are sent"},
	{"timeout", &kind_time, "30s", AT(timeout), 1, 10 * KIND_MINUTE, .fix = "\"30s\"", .help = "the longest time of an attempt"},
	{"max-in-flight", &kind_count, "8", AT(max_in_flight), 1, IN_FLIGHT_MAX, .help = "how many attempts may be under way at a time"},
	{"rate", &kind_rate, NULL, AT(rate), .help = "the most attempts in a second, minute or hour, as \"60/m\""},
	{"rate-burst", &kind_burst, NULL, AT(rate.burst), 1, RATE_MAX, .help = "how many attempts of the rate may come at once"},
	{"retry", &retry_kind, "{10s, 1h, 3d}", AT(retry), 1, 365 * KIND_DAY,
		.help = "the first pause before another attempt, the longest pause, and how long it is tried in all"},
	{"ordered", &kind_bool, "false", AT(ordered), .help = "send a conversation's events one after the other, the oldest first"},
	{"events", &kind_list, NULL, AT(events), .help = "send only events of these types; empty: all"},
	{"accounts", &kind_list, NULL, AT(accounts), .help = "send only events of these accounts; empty: all"},
	{"senders", &parts_kind, NULL, AT(senders), .help = "send only events of these senders, by id or a part of the name; empty: all", .free_text = true},
	{"texts", &parts_kind, NULL, AT(texts), .help = "send only messages with one of these texts in them; empty: all", .free_text = true},
	{"text-regex", &kind_pattern, NULL, AT(text_regex), .help = "send only messages that match this extended regular expression", .free_text = true},
	{"where", &kind_conditions, NULL, AT(conditions), .help = "send only events whose body meets all these conditions; empty: all", .free_text = true},
	{"first-message", &kind_bool, "false", AT(first_message), .help = "send only the first message of a conversation"},
	{"catch-up", &kind_bool, "true", AT(catch_up), .help = "send events that a catch-up has fetched, too"},
	{"max-age", &kind_age, NULL, AT(max_age), 1, KIND_YEARS, .help = "send only events that are no older than that"},
	{.name = NULL},
};

static const struct option_row body_rows[] = {
	{"body", &body_kind, NULL, AT(body), .help = "a template of what is sent, in place of the event's own bytes", .free_text = true},
	{"content-type", &content_type_kind, "application/json", AT(content_type), .help = "the media type of the body"},
	{.name = NULL},
};

static const struct option_row batch_rows[] = {
	{"batch", &kind_count, NULL, AT(batch), 1, BATCH_MAX, .help = "the events that are sent together, at most"},
	{"batch-wait", &kind_time, NULL, AT(batch_wait), 1, 10 * KIND_SECOND, .fix = "\"20ms\"", .help = "the time that an event waits for others to be sent with"},
	{.name = NULL},
};

static const struct option_row reply_rows[] = {
	{"reply", &kind_text, NULL, AT(reply), .help = "the sink that sends what this sink's target answers"},
	{.name = NULL},
};

/* The rows that several types have; the types' own rows come behind them. */
static const struct option_row *const shared[] = {common, body_rows, batch_rows, reply_rows};

enum { SHARED = sizeof shared / sizeof *shared };

const struct option_row *sink_section_rows(size_t i)
{
	if (i < SHARED)
		return shared[i];
	return sink_types[i - SHARED] ? sink_types[i - SHARED]->rows : NULL;
}

const struct sink_type *sink_section_type_of(size_t i)
{
	return i < SHARED ? NULL : sink_types[i - SHARED];
}

const struct sink_type *sink_section_type(cfg_t *sec)
{
	return sink_type_find(cfg_getstr(sec, "type"));
}

bool sink_section_replies(cfg_t *sec)
{
	struct template *body = cfg_getstr(sec, "body") ? new_body(sec, NULL, 0) : NULL;
	bool found = body && template_has(body, TEMPLATE_REPLY);

	template_free(body);
	return found;
}

/* ---- checks */

static const struct option_row *has_row(const struct option_row *rows, const char *name)
{
	for (; rows->name; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

/* Refuses an option of these rows that is given and is not an option of the section's type. */
static bool refuse_others(const struct option_row *rows, const struct sink_type *type, cfg_t *sec)
{
	for (; rows->name; rows++)
		if (option_is_given(sec, rows->name) && !has_row(type->rows, rows->name))
			return option_refuse_value(sec, rows->name, NULL, "%s is not for a sink of the type \"%s\"; %s", rows->name, type->name,
				option_is_given(sec, "type") ? "remove it" : "write the sink's type, or remove this");
	return true;
}

static bool check_others(const struct sink_type *type, cfg_t *sec)
{
	for (const struct sink_type *const *t = sink_types; *t; t++)
		if (*t != type && !refuse_others((*t)->rows, type, sec))
			return false;
	return (type->has_body || refuse_others(body_rows, type, sec)) && (type->batches || refuse_others(batch_rows, type, sec)) &&
		 (type->answers || refuse_others(reply_rows, type, sec));
}

static bool check_times(cfg_t *sec)
{
	unsigned n = cfg_size(sec, "retry");

	return n == 3 || option_refuse_value(sec, "retry", NULL, "retry has %u times; " RETRY_FIX, n);
}

static bool check_in_flight(const struct sink_type *type, cfg_t *sec)
{
	long n = cfg_getint(sec, "max-in-flight");

	return type->in_flight || (n >= 1 && n <= CALLS_MAX) ||
		option_refuse_value(sec, "max-in-flight", NULL, "max-in-flight = %ld: out of range, 1 to %d for a sink of the type \"%s\"", n, CALLS_MAX,
			type->name);
}

bool sink_section_check(cfg_t *sec)
{
	const struct sink_type *type = sink_section_type(sec);

	if (!reader_check_title(sec, *cfg_title(sec), "it needs a name"))
		return false;
	if (type && (!check_others(type, sec) || !check_in_flight(type, sec)))
		return false;
	if (type && ((type->check && !type->check(sec)) || !option_check(type->rows, sec)))
		return false;
	return option_check(body_rows, sec) && option_check(batch_rows, sec) && option_check(common, sec) && check_times(sec);
}

/* A reply goes to no program: nothing tells whether a program that was ended has sent it. */
static bool check_reply(cfg_t *tree, cfg_t *sec)
{
	const char *reply = cfg_getstr(sec, "reply");
	cfg_t *to = reply ? cfg_gettsec(tree, "sink", reply) : NULL;

	return !reply || (to && sink_section_replies(to) && !sink_section_type(to)->answers) ||
		option_refuse_value(sec, "reply", reply, "reply = \"%s\": there is no such sink of the type \"http\", "
			"or it has no {{hookspool.reply}} in its body; conf-examples/sinks/assistant.conf shows one", reply);
}

bool sink_section_check_links(cfg_t *tree)
{
	for (unsigned i = 0; i < cfg_size(tree, "sink"); i++) {
		cfg_t *sec = cfg_getnsec(tree, "sink", i);
		const struct sink_type *type = sink_section_type(sec);

		if (!check_reply(tree, sec) || (type->check_links && !type->check_links(tree, sec)))
			return false;
	}
	return true;
}

/* ---- the sink */

static char *place_of(cfg_t *sec)
{
	struct buf place = {0};

	reader_at(sec, "type", NULL);
	if (!buf_printf(&place, "%s:%d", sec->filename, sec->line) || !buf_add(&place, "", 1))
		buf_free(&place);
	return place.data;
}

bool sink_section_make(cfg_t *sec, struct sink *s)
{
	const struct sink_type *type = sink_section_type(sec);

	*s = (struct sink){.name = strdup(cfg_title(sec)), .where = place_of(sec), .type = type, .options = calloc(1, type->size)};
	if (!s->name || !s->where || !s->options || !option_read(common, sec, s) || !option_read(batch_rows, sec, s) || !option_read(reply_rows, sec, s) || !option_read(type->rows, sec, s->options))
		return false;
	if (type->in_flight && !option_is_given(sec, "max-in-flight"))
		s->max_in_flight = type->in_flight;
	if (cfg_getstr(sec, "body") && !option_read(body_rows, sec, s)) /* the content type is that of a body */
		return false;
	s->needs_text = s->body || type->fields || s->texts.n || s->text_regex;
	s->replies = s->body && template_has(s->body, TEMPLATE_REPLY);
	s->filtered = s->first_message || s->senders.n || s->texts.n || s->text_regex || s->conditions.n || s->max_age;
	return !type->finish || type->finish(sec, s);
}

void sink_section_free(struct sink *s)
{
	if (s->options)
		option_free(s->type->rows, s->options);
	free(s->options);
	for (size_t i = 0; i < SHARED; i++)
		option_free(shared[i], s);
	free(s->where);
	free(s->name);
}
