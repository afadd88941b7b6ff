/* The options of a sink's section, their checks, and the sink they make. */
#include "conf/schema_sink.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/schema.h"
#include "core/units.h"

enum { IN_FLIGHT_MAX = 256 };

static const int64_t TIMEOUT_MAX_MS = 600 * 1000, AGE_MAX_MS = 365 * INT64_C(86400000);

/* 10 s, 20 s, ... 1 h, for three days: what the providers themselves do, Stripe's "Automatic retries" for one. */
const cfg_opt_t schema_sink_options[] = {
	CFG_STR("type", "http", CFGF_NONE),
	CFG_STR("url", NULL, CFGF_NONE),
	CFG_STR("url-file", NULL, CFGF_NONE),
	CFG_STR("method", "POST", CFGF_NONE),
	CFG_STR_LIST("headers", NULL, CFGF_NONE),
	CFG_STR("authorization-file", NULL, CFGF_NONE),
	CFG_STR("secret-file", NULL, CFGF_NONE),
	CFG_STR("content-type", "application/json", CFGF_NONE),
	CFG_STR("body", NULL, CFGF_NONE),
	CFG_STR("ca-file", NULL, CFGF_NONE),
	CFG_BOOL("allow-private", cfg_false, CFGF_NONE),
	CFG_BOOL("follow-redirects", cfg_false, CFGF_NONE),
	CFG_STR("connect-timeout", "5s", CFGF_NONE),
	CFG_STR("timeout", "30s", CFGF_NONE),
	CFG_INT("max-in-flight", 8, CFGF_NONE),
	CFG_STR("rate", NULL, CFGF_NONE),
	CFG_INT("rate-burst", 0, CFGF_NONE),
	CFG_STR("retry-first", "10s", CFGF_NONE),
	CFG_STR("retry-most", "1h", CFGF_NONE),
	CFG_STR("retry-within", "3d", CFGF_NONE),
	CFG_STR_LIST("retry-on", (char *)(uintptr_t)"{408, 425, 429, 5xx}", CFGF_NONE),
	CFG_BOOL("ordered", cfg_false, CFGF_NONE),
	CFG_STR_LIST("events", NULL, CFGF_NONE),
	CFG_STR_LIST("accounts", NULL, CFGF_NONE),
	CFG_END(),
};

static bool wrong(cfg_t *cfg, cfg_t *sec, const char *option, const char *value, const char *fix)
{
	cfg_error(cfg, "sink \"%s\": %s = \"%s\": %s", cfg_title(sec), option, value, fix);
	return false;
}

static bool is_url(const char *url)
{
	return (strncmp(url, "https://", 8) == 0 && url[8]) || (strncmp(url, "http://", 7) == 0 && url[7]);
}

/* RFC 9110 section 5.6.2: the characters of a field's name. */
static size_t name_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("!#$%&'*+-.^_`|~", text[n])))
		n++;
	return n;
}

static bool is_header(const char *text)
{
	size_t n = name_length(text);

	return n > 0 && text[n] == ':' && !strpbrk(text, "\r\n");
}

/* "503" or "5xx"; sets what it stands for. */
static bool read_status(const char *text, bool retry_on[SINK_STATUS_MAX])
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

static bool check_time(cfg_t *cfg, cfg_t *sec, const char *name, int64_t most, const char *fix)
{
	int64_t v;

	return (units_duration(cfg_getstr(sec, name), &v) && v > 0 && v <= most) || wrong(cfg, sec, name, cfg_getstr(sec, name), fix);
}

static bool check_times(cfg_t *cfg, cfg_t *sec)
{
	return check_time(cfg, sec, "connect-timeout", TIMEOUT_MAX_MS, "write \"5s\"; at most 10m") &&
		check_time(cfg, sec, "timeout", TIMEOUT_MAX_MS, "write \"30s\"; at most 10m") &&
		check_time(cfg, sec, "retry-first", AGE_MAX_MS, "write \"10s\"; at most 365d") &&
		check_time(cfg, sec, "retry-most", AGE_MAX_MS, "write \"1h\"; at most 365d") &&
		check_time(cfg, sec, "retry-within", AGE_MAX_MS, "write \"3d\"; at most 365d");
}

static bool check_target(cfg_t *cfg, cfg_t *sec)
{
	const char *url = cfg_getstr(sec, "url"), *method = cfg_getstr(sec, "method");

	if (strcmp(cfg_getstr(sec, "type"), "http") != 0)
		return wrong(cfg, sec, "type", cfg_getstr(sec, "type"), "there is \"http\"");
	if (!url == !cfg_getstr(sec, "url-file")) {
		cfg_error(cfg, "sink \"%s\" needs a url = \"https://...\", or a url-file with one that is a secret, and not both", cfg_title(sec));
		return false;
	}
	if (url && !is_url(url))
		return wrong(cfg, sec, "url", url, "write it as \"https://example.com/hook\"");
	if (name_length(method) == 0 || method[name_length(method)])
		return wrong(cfg, sec, "method", method, "write \"POST\", \"PUT\" or another one");
	for (unsigned i = 0; i < cfg_size(sec, "headers"); i++)
		if (!is_header(cfg_getnstr(sec, "headers", i)))
			return wrong(cfg, sec, "headers", cfg_getnstr(sec, "headers", i), "write \"Name: value\"");
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

static bool check_body(cfg_t *cfg, cfg_t *sec)
{
	const char *body = cfg_getstr(sec, "body"), *type = cfg_getstr(sec, "content-type");
	struct template *t;
	char why[256];

	if (!*type || strpbrk(type, "\r\n"))
		return wrong(cfg, sec, "content-type", type, "write \"application/json\"");
	if (!body)
		return true;
	t = template_new(body, escape_of(type), why, sizeof why);
	if (!t)
		cfg_error(cfg, "sink \"%s\": body: %s", cfg_title(sec), why);
	template_free(t);
	return t != NULL;
}

static bool check_limits(cfg_t *cfg, cfg_t *sec)
{
	long in_flight = cfg_getint(sec, "max-in-flight"), burst = cfg_getint(sec, "rate-burst");
	const char *rate = cfg_getstr(sec, "rate");
	bool retry_on[SINK_STATUS_MAX];
	struct rate parsed;

	if (in_flight < 1 || in_flight > IN_FLIGHT_MAX) {
		cfg_error(cfg, "sink \"%s\": max-in-flight = %ld is out of range; write 1 to %d", cfg_title(sec), in_flight, IN_FLIGHT_MAX);
		return false;
	}
	if (rate && !rate_parse(rate, &parsed))
		return wrong(cfg, sec, "rate", rate, "write it as \"60/m\": so many attempts a second (s), minute (m) or hour (h)");
	if (burst < 0 || burst > RATE_MAX || (burst && !rate)) {
		cfg_error(cfg, "sink \"%s\": rate-burst goes with a rate, and is 1 to %d", cfg_title(sec), RATE_MAX);
		return false;
	}
	for (unsigned i = 0; i < cfg_size(sec, "retry-on"); i++)
		if (!read_status(cfg_getnstr(sec, "retry-on", i), retry_on))
			return wrong(cfg, sec, "retry-on", cfg_getnstr(sec, "retry-on", i), "write a status such as \"404\", or \"5xx\"");
	return true;
}

int schema_sink_check(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	return check_target(cfg, sec) && check_body(cfg, sec) && check_times(cfg, sec) && check_limits(cfg, sec) ? 0 : -1;
}

int schema_check_relay(cfg_t *cfg, cfg_opt_t *opt)
{
	for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
		if (cfg_gettsec(schema_tree(), "sink", cfg_opt_getnstr(opt, i)))
			continue;
		cfg_error(cfg, "relay: there is no sink \"%s\", or it comes further down", cfg_opt_getnstr(opt, i));
		return -1;
	}
	return 0;
}

/* ---- from the section to the sink */

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

static int64_t duration(cfg_t *sec, const char *name)
{
	int64_t v = 0;

	units_duration(cfg_getstr(sec, name), &v);
	return v;
}

bool schema_sink_make(cfg_t *sec, struct sink *s)
{
	char why[256];

	*s = (struct sink){
		.name = strdup(cfg_title(sec)),
		.allow_private = cfg_getbool(sec, "allow-private"),
		.follow_redirects = cfg_getbool(sec, "follow-redirects"),
		.connect_timeout = duration(sec, "connect-timeout"),
		.timeout = duration(sec, "timeout"),
		.max_in_flight = (unsigned)cfg_getint(sec, "max-in-flight"),
		.retry = {duration(sec, "retry-first"), duration(sec, "retry-most"), duration(sec, "retry-within")},
		.ordered = cfg_getbool(sec, "ordered"),
	};
	if (cfg_getstr(sec, "rate"))
		rate_parse(cfg_getstr(sec, "rate"), &s->rate);
	if (cfg_getint(sec, "rate-burst"))
		s->rate.burst = (unsigned)cfg_getint(sec, "rate-burst");
	for (unsigned i = 0; i < cfg_size(sec, "retry-on"); i++)
		read_status(cfg_getnstr(sec, "retry-on", i), s->retry_on);
	if (cfg_getstr(sec, "body")) {
		s->body = template_new(cfg_getstr(sec, "body"), escape_of(cfg_getstr(sec, "content-type")), why, sizeof why);
		if (!s->body || !copy(sec, "content-type", &s->type))
			return false;
	}
	return s->name && copy(sec, "url", &s->url) && copy(sec, "method", &s->method) && copy_path(sec, "url-file", &s->url_file) &&
		copy_path(sec, "authorization-file", &s->authorization_file) && copy_path(sec, "secret-file", &s->secret_file) &&
		copy_path(sec, "ca-file", &s->ca_file) && schema_words(sec, "headers", &s->headers) &&
		schema_words(sec, "events", &s->events) && schema_words(sec, "accounts", &s->accounts);
}

void schema_sink_free(struct sink *s)
{
	free(s->name);
	free(s->url);
	free(s->url_file);
	free(s->method);
	free(s->authorization_file);
	free(s->secret_file);
	free(s->type);
	template_free(s->body);
	free(s->ca_file);
	words_free(&s->headers);
	words_free(&s->events);
	words_free(&s->accounts);
}
