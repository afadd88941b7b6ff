/* SPDX-License-Identifier: ISC */
/* The options of a sink's section, and their checks. */
#include "conf/schema_sink.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/schema.h"
#include "conf/section_sink.h"
#include "core/units.h"
#include "sink/type.h"

enum { IN_FLIGHT_MAX = 256 };

static const int64_t TIMEOUT_MAX_MS = 600 * 1000, AGE_MAX_MS = 365 * INT64_C(86400000);

/* 10 s, 20 s, ... 1 h, for three days: what the providers themselves do, Stripe's "Automatic retries" for one. */
const cfg_opt_t schema_sink_options[] = {
	CFG_STR("type", "http", CFGF_NONE),
	CFG_STR_LIST("command", NULL, CFGF_NONE),
	CFG_STR_LIST("environment", NULL, CFGF_NONE),
	CFG_STR("reply", NULL, CFGF_NONE),
	CFG_STR("url", NULL, CFGF_NONE),
	CFG_STR("url-file", NULL, CFGF_NONE),
	CFG_STR("method", "POST", CFGF_NONE),
	CFG_STR_LIST("headers", NULL, CFGF_NONE),
	CFG_BOOL("pass-headers", cfg_true, CFGF_NONE),
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
	CFG_STR_LIST("retry", (char *)(uintptr_t)"{10s, 1h, 3d}", CFGF_NONE),
	CFG_STR_LIST("retry-on", (char *)(uintptr_t)"{408, 425, 429, 5xx}", CFGF_NONE),
	CFG_BOOL("ordered", cfg_false, CFGF_NONE),
	CFG_STR_LIST("events", NULL, CFGF_NONE),
	CFG_STR_LIST("accounts", NULL, CFGF_NONE),
	CFG_STR_LIST("senders", NULL, CFGF_NONE),
	CFG_STR_LIST("texts", NULL, CFGF_NONE),
	CFG_STR("text-regex", NULL, CFGF_NONE),
	CFG_BOOL("first-message", cfg_false, CFGF_NONE),
	CFG_END(),
};

static bool wrong(cfg_t *sec, const char *option, const char *value, const char *fix)
{
	cfg_error(schema_at(sec, option, value), "sink \"%s\": %s = \"%s\": %s", cfg_title(sec), option, value, fix);
	return false;
}

/* Without the value: a password or a token may be in it. */
static bool wrong_url(cfg_t *sec, const char *fix)
{
	cfg_error(schema_at(sec, "url", cfg_getstr(sec, "url")), "sink \"%s\": url: %s", cfg_title(sec), fix);
	return false;
}

/* Where the host begins; NULL for what is no URL of ours. */
static const char *authority_of(const char *url)
{
	size_t n = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;

	return n && url[n] ? url + n : NULL;
}

/* RFC 3986 section 3.2: [user@]host[:port], where the host may be an address with colons in brackets. */
static bool check_port(cfg_t *sec, const char *url)
{
	const char *authority = authority_of(url), *end = authority + strcspn(authority, "/?#"), *p = end;
	unsigned long port;

	while (p > authority && isdigit((unsigned char)p[-1]))
		p--;
	if (p == authority || p == end || p[-1] != ':')
		return true;
	port = strtoul(p, NULL, 10);
	return (port >= 1 && port <= UINT16_MAX) || wrong_url(sec, "a port is 1 to 65535");
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
	static const char *const ours[] = {"Content-Length:", "Transfer-Encoding:", "Connection:", "Content-Type:"};
	size_t n = name_length(text);

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strncasecmp(text, ours[i], strlen(ours[i])) == 0)
			return false;
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return false;
	return n > 0 && text[n] == ':';
}

static bool check_time(cfg_t *sec, const char *name, const char *text, int64_t most, const char *fix)
{
	int64_t v;

	return (units_duration(text, &v) && v > 0 && v <= most) || wrong(sec, name, text, fix);
}

static bool check_times(cfg_t *sec)
{
	static const char fix[] = "write {\"10s\", \"1h\", \"3d\"}: the first pause, the longest, and how long in all, at most 365d";
	int64_t first = 0, most = 0;

	if (!check_time(sec, "connect-timeout", cfg_getstr(sec, "connect-timeout"), TIMEOUT_MAX_MS, "write \"5s\"; at most 10m") ||
	    !check_time(sec, "timeout", cfg_getstr(sec, "timeout"), TIMEOUT_MAX_MS, "write \"30s\"; at most 10m"))
		return false;
	for (unsigned i = 0; i < cfg_size(sec, "retry"); i++)
		if (!check_time(sec, "retry", cfg_getnstr(sec, "retry", i), AGE_MAX_MS, fix))
			return false;
	if (cfg_size(sec, "retry") != 3) {
		cfg_error(schema_at(sec, "retry", NULL), "sink \"%s\": retry has %u times; %s", cfg_title(sec), cfg_size(sec, "retry"), fix);
		return false;
	}
	units_duration(cfg_getnstr(sec, "retry", 0), &first);
	units_duration(cfg_getnstr(sec, "retry", 1), &most);
	return first <= most || wrong(sec, "retry", cfg_getnstr(sec, "retry", 0), "the first pause is longer than the longest");
}

/* The options of the other types; none of them may be there. */
static bool check_type(cfg_t *sec)
{
	static const char *const others[][13] = {
		{"command", "environment", "reply"},
		{"url", "url-file", "method", "headers", "pass-headers", "authorization-file", "secret-file", "ca-file", "allow-private",
			"follow-redirects", "connect-timeout", "retry-on"},
	};
	const struct sink_type *type = section_sink_type(sec);

	if (!type)
		return wrong(sec, "type", cfg_getstr(sec, "type"), "there are \"http\" and \"exec\"");
	for (const char *const *name = others[type->answers]; *name; name++) {
		if (!(cfg_getopt(sec, *name)->flags & CFGF_MODIFIED))
			continue;
		cfg_error(schema_at(sec, *name, NULL), "sink \"%s\": %s is not for a sink of the type \"%s\"; remove it", cfg_title(sec),
			*name, cfg_getstr(sec, "type"));
		return false;
	}
	return true;
}

/* What the relay writes itself; a second one would be the receiver's choice. */
static const char *written_by_us(cfg_t *sec, const char *header)
{
	static const struct {
		const char *name, *with; /* NULL: always */
	} ours[] = {{"webhook-id", NULL}, {"webhook-timestamp", "secret-file"}, {"webhook-signature", "secret-file"},
		{"authorization", "authorization-file"}};
	size_t n = name_length(header);

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (n == strlen(ours[i].name) && strncasecmp(header, ours[i].name, n) == 0 && (!ours[i].with || cfg_getstr(sec, ours[i].with)))
			return ours[i].name;
	return NULL;
}

static bool check_header_template(cfg_t *sec, const char *text)
{
	char why[256];
	size_t n;
	struct template *value = section_sink_header(text, &n, why, sizeof why);

	template_free(value);
	if (*why)
		cfg_error(schema_at(sec, "headers", text), "sink \"%s\": headers: %.*s: %s", cfg_title(sec), (int)n, text, why);
	return !*why;
}

static bool check_headers(cfg_t *sec)
{
	const char *text, *ours;

	for (unsigned i = 0; i < cfg_size(sec, "headers"); i++) {
		text = cfg_getnstr(sec, "headers", i);
		ours = written_by_us(sec, text);
		if (is_header(text) && !ours) {
			if (!check_header_template(sec, text))
				return false;
			continue;
		}
		/* its value may be a secret */
		if (ours)
			cfg_error(schema_at(sec, "headers", text), "sink \"%s\": headers: the sink has a %s of its own; remove one", cfg_title(sec), ours);
		else
			cfg_error(schema_at(sec, "headers", text),
				"sink \"%s\": headers: write \"Name: value\"; the body's length and type are not for here", cfg_title(sec));
		return false;
	}
	return true;
}

static bool check_http(cfg_t *sec)
{
	const char *url = cfg_getstr(sec, "url"), *method = cfg_getstr(sec, "method");

	if (!url == !cfg_getstr(sec, "url-file")) {
		cfg_error(schema_at(sec, "url-file", NULL),
			"sink \"%s\" needs a url = \"https://...\", or a url-file with one that is a secret, and not both", cfg_title(sec));
		return false;
	}
	if (url && (!authority_of(url) || strpbrk(url, " \t\r\n")))
		return wrong_url(sec, "write it as \"https://example.com/hook\"");
	if (url && strstr(url, "{{"))
		return wrong_url(sec, "it is no template; those are for body and headers");
	if (url && !check_port(sec, url))
		return false;
	/* RFC 9110 section 9.1: a method is case-sensitive, and by convention in capitals; "post" is none that a server knows */
	if (name_length(method) == 0 || method[name_length(method)] || strpbrk(method, "abcdefghijklmnopqrstuvwxyz"))
		return wrong(sec, "method", method, "write \"POST\", \"PUT\" or another one, in capitals");
	if (!check_headers(sec))
		return false;
	for (unsigned i = 0; i < cfg_size(sec, "retry-on"); i++)
		if (!section_sink_status(cfg_getnstr(sec, "retry-on", i), (bool[SINK_STATUS_MAX]){0}))
			return wrong(sec, "retry-on", cfg_getnstr(sec, "retry-on", i), "write a status such as \"404\", or \"5xx\"");
	return true;
}

/* POSIX.1-2017 XBD 3.235: letters, digits and _, and no digit first. */
static bool is_variable(const char *name)
{
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || name[n] == '_')
		n++;
	return n > 0 && !name[n] && !isdigit((unsigned char)*name);
}

static bool check_environment(cfg_t *sec)
{
	const char *name;

	for (unsigned i = 0; i < cfg_size(sec, "environment"); i++) {
		name = cfg_getnstr(sec, "environment", i);
		if (!is_variable(name))
			return wrong(sec, "environment", name, "write the names of variables of the relay, such as \"HTTPS_PROXY\", without a value");
		if (strncmp(name, "HOOKSPOOL_", 10) == 0)
			return wrong(sec, "environment", name, "variables that begin with HOOKSPOOL_ tell of the event; remove it");
	}
	return true;
}

static bool check_exec(cfg_t *sec)
{
	if (cfg_size(sec, "command") == 0 || !*cfg_getnstr(sec, "command", 0)) {
		cfg_error(schema_at(sec, "command", NULL), "sink \"%s\" needs a command = {\"/path/of/a/program\", \"its first argument\"}", cfg_title(sec));
		return false;
	}
	for (unsigned i = 0; i < cfg_size(sec, "command"); i++)
		if (strstr(cfg_getnstr(sec, "command", i), "{{hookspool."))
			return wrong(sec, "command", cfg_getnstr(sec, "command", i),
				"arguments are no templates; the program has such values in its environment, as HOOKSPOOL_TEXT");
	return check_environment(sec);
}

static bool check_target(cfg_t *sec)
{
	return check_type(sec) && (section_sink_type(sec)->answers ? check_exec(sec) : check_http(sec));
}

static bool check_body(cfg_t *sec)
{
	const char *type = cfg_getstr(sec, "content-type");
	struct template *body;
	char why[256];

	if (!*type || strpbrk(type, "\r\n"))
		return wrong(sec, "content-type", type, "write \"application/json\"");
	if (strstr(type, "{{"))
		return wrong(sec, "content-type", type, "it is no template; those are for body and headers");
	if (!cfg_getstr(sec, "body"))
		return true;
	body = section_sink_body(sec, why, sizeof why);
	if (!body)
		cfg_error(schema_at(sec, "body", cfg_getstr(sec, "body")), "sink \"%s\": body: %s", cfg_title(sec), why);
	template_free(body);
	return body != NULL;
}

static bool check_filters(cfg_t *sec)
{
	static const char *const lists[] = {"senders", "texts"};
	const char *text = cfg_getstr(sec, "text-regex");
	char why[256];
	struct pattern *pattern;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (unsigned k = 0; k < cfg_size(sec, lists[i]); k++)
			if (!*cfg_getnstr(sec, lists[i], k))
				return wrong(sec, lists[i], cfg_getnstr(sec, lists[i], k), "an empty text is in every other; remove it");
	if (!text)
		return true;
	pattern = pattern_new(text, why, sizeof why);
	if (!pattern)
		return wrong(sec, "text-regex", text, why);
	pattern_free(pattern);
	return true;
}

static bool check_limits(cfg_t *sec)
{
	long in_flight = cfg_getint(sec, "max-in-flight"), burst = cfg_getint(sec, "rate-burst");
	const char *rate = cfg_getstr(sec, "rate");
	bool burst_set = cfg_getopt(sec, "rate-burst")->flags & CFGF_MODIFIED;
	struct rate parsed;

	if (in_flight < 1 || in_flight > IN_FLIGHT_MAX) {
		cfg_error(schema_at(sec, "max-in-flight", NULL), "sink \"%s\": max-in-flight = %ld is out of range; write 1 to %d",
			cfg_title(sec), in_flight, IN_FLIGHT_MAX);
		return false;
	}
	if (rate && !rate_parse(rate, &parsed))
		return wrong(sec, "rate", rate, "write it as \"60/m\": so many attempts a second (s), minute (m) or hour (h)");
	if (burst_set && (burst < 1 || burst > RATE_MAX || !rate)) {
		cfg_error(schema_at(sec, "rate-burst", NULL), "sink \"%s\": rate-burst goes with a rate, and is 1 to %d", cfg_title(sec), RATE_MAX);
		return false;
	}
	return true;
}

int schema_sink_check(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	(void)cfg;
	return schema_check_title(sec, *cfg_title(sec), "it needs a name") && check_target(sec) && check_body(sec) && check_times(sec) &&
		check_limits(sec) && check_filters(sec) ? 0 : -1;
}
