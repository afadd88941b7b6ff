/* SPDX-License-Identifier: ISC */
/* What a sink's section says, and the sink it makes. */
#include "conf/section_sink.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/schema.h"
#include "core/units.h"
#include "sink/type.h"

bool section_sink_status(const char *text, bool retry_on[SINK_STATUS_MAX])
{
	char *end;
	long from = strtol(text, &end, 10), to = from;

	if (strlen(text) == 3 && strcasecmp(text + 1, "xx") == 0) {
		from = (text[0] - '0') * 100L;
		to = from + 99;
	} else if (strlen(text) != 3 || *end) {
		return false;
	}
	if (from < 300 || to >= SINK_STATUS_MAX)
		return false;
	for (long i = from; i <= to; i++)
		retry_on[i] = true;
	return true;
}

static enum template_escape escape_of(const char *type)
{
	size_t n = strcspn(type, "; ");

	if (n == 33 && strncasecmp(type, "application/x-www-form-urlencoded", n) == 0)
		return TEMPLATE_URL;
	return (n == 16 && strncasecmp(type, "application/json", n) == 0) || (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0)
		? TEMPLATE_JSON : TEMPLATE_PLAIN;
}

struct template *section_sink_body(cfg_t *sec, char *why, size_t n)
{
	return template_new(cfg_getstr(sec, "body"), escape_of(cfg_getstr(sec, "content-type")), why, n);
}

struct template *section_sink_header(const char *header, size_t *name_length, char *why, size_t n)
{
	const char *value;

	*why = '\0';
	*name_length = strcspn(header, ":");
	value = header + *name_length;
	value += strspn(value, ": \t");
	return strstr(value, "{{") ? template_new(value, TEMPLATE_PLAIN, why, n) : NULL;
}

bool section_sink_replies(cfg_t *sec)
{
	struct template *body = cfg_getstr(sec, "body") ? section_sink_body(sec, NULL, 0) : NULL;
	bool found = body && template_has(body, TEMPLATE_REPLY);

	template_free(body);
	return found;
}

const struct sink_type *section_sink_type(cfg_t *sec)
{
	return sink_type_find(cfg_getstr(sec, "type"));
}

/* The copy of an option's text, NULL for an option that has none. */
static bool copy(cfg_t *sec, const char *name, char **out)
{
	const char *text = cfg_getstr(sec, name);

	*out = text ? strdup(text) : NULL;
	return !text || *out;
}

/* The same for a path, which starts at the file that the section stands in. */
static bool copy_path(cfg_t *sec, const char *name, char **out)
{
	char path[PATH_MAX];

	*out = cfg_getstr(sec, name) ? strdup(schema_path(sec->filename, cfg_getstr(sec, name), path, sizeof path)) : NULL;
	return !cfg_getstr(sec, name) || *out;
}

/* A program that is named with a slash, but not from the root, is where the file that the section stands in says. */
static bool set_program(cfg_t *sec, struct sink *s)
{
	char path[PATH_MAX], *program;

	if (!s->command.n || !strchr(s->command.item[0], '/'))
		return true;
	program = strdup(schema_path(sec->filename, s->command.item[0], path, sizeof path));
	if (!program)
		return false;
	free(s->command.item[0]);
	s->command.item[0] = program;
	return true;
}

/* Those with a template are printed for each event, the others once. */
static bool make_headers(cfg_t *sec, struct sink *s)
{
	size_t n = cfg_size(sec, "headers"), length;
	char why[256];

	s->headers.item = calloc(n + 1, sizeof *s->headers.item);
	s->templates = calloc(n + 1, sizeof *s->templates);
	for (unsigned i = 0; s->headers.item && s->templates && i < n; i++) {
		const char *text = cfg_getnstr(sec, "headers", i);
		struct template *value = section_sink_header(text, &length, why, sizeof why);
		char **copied = value ? &s->templates[s->n_templates].name : &s->headers.item[s->headers.n];

		if (value)
			s->templates[s->n_templates++].value = value;
		else
			s->headers.n++;
		*copied = value ? strndup(text, length) : strdup(text);
		if (*why || !*copied)
			return false;
	}
	return s->headers.item && s->templates;
}

static int64_t duration(const char *text)
{
	int64_t v = 0;

	units_duration(text, &v);
	return v;
}

bool section_sink_make(cfg_t *sec, struct sink *s)
{
	char why[256];

	*s = (struct sink){
		.name = strdup(cfg_title(sec)),
		.type = section_sink_type(sec),
		.allow_private = cfg_getbool(sec, "allow-private"),
		.pass_headers = cfg_getopt(sec, "pass-headers")->flags & CFGF_MODIFIED ? cfg_getbool(sec, "pass-headers") : !cfg_getstr(sec, "body"),
		.follow_redirects = cfg_getbool(sec, "follow-redirects"),
		.connect_timeout = duration(cfg_getstr(sec, "connect-timeout")),
		.timeout = duration(cfg_getstr(sec, "timeout")),
		.max_in_flight = (unsigned)cfg_getint(sec, "max-in-flight"),
		.retry = {duration(cfg_getnstr(sec, "retry", 0)), duration(cfg_getnstr(sec, "retry", 1)), duration(cfg_getnstr(sec, "retry", 2))},
		.ordered = cfg_getbool(sec, "ordered"),
		.replies = section_sink_replies(sec),
		.first_message = cfg_getbool(sec, "first-message"),
	};
	s->judged = s->first_message || cfg_size(sec, "senders") || cfg_size(sec, "texts") || cfg_getstr(sec, "text-regex");
	if (cfg_getstr(sec, "rate"))
		rate_parse(cfg_getstr(sec, "rate"), &s->rate);
	if (cfg_getint(sec, "rate-burst"))
		s->rate.burst = (unsigned)cfg_getint(sec, "rate-burst");
	for (unsigned i = 0; i < cfg_size(sec, "retry-on"); i++)
		section_sink_status(cfg_getnstr(sec, "retry-on", i), s->retry_on);
	if (cfg_getstr(sec, "body")) {
		s->body = section_sink_body(sec, why, sizeof why);
		if (!s->body || !copy(sec, "content-type", &s->content_type))
			return false;
	}
	if (cfg_getstr(sec, "text-regex")) {
		s->text_regex = pattern_new(cfg_getstr(sec, "text-regex"), why, sizeof why);
		if (!s->text_regex)
			return false;
	}
	return s->name && copy(sec, "url", &s->url) && copy(sec, "method", &s->method) && copy_path(sec, "url-file", &s->url_file) &&
		copy_path(sec, "authorization-file", &s->authorization_file) && copy_path(sec, "secret-file", &s->secret_file) &&
		copy_path(sec, "ca-file", &s->ca_file) && make_headers(sec, s) &&
		schema_strlist(sec, "events", &s->events) && schema_strlist(sec, "accounts", &s->accounts) &&
		schema_strlist(sec, "senders", &s->senders) && schema_strlist(sec, "texts", &s->texts) &&
		schema_strlist(sec, "command", &s->command) &&
		schema_strlist(sec, "environment", &s->environment) && copy(sec, "reply", &s->reply) && set_program(sec, s);
}

void section_sink_free(struct sink *s)
{
	free(s->name);
	free(s->url);
	free(s->url_file);
	free(s->method);
	free(s->authorization_file);
	free(s->secret_file);
	free(s->content_type);
	template_free(s->body);
	free(s->ca_file);
	strlist_free(&s->headers);
	for (size_t i = 0; i < s->n_templates; i++) {
		free(s->templates[i].name);
		template_free(s->templates[i].value);
	}
	free(s->templates);
	strlist_free(&s->command);
	strlist_free(&s->environment);
	free(s->reply);
	strlist_free(&s->events);
	strlist_free(&s->accounts);
	strlist_free(&s->senders);
	strlist_free(&s->texts);
	pattern_free(s->text_regex);
}
