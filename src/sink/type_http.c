/* SPDX-License-Identifier: ISC */
/* Sinks of the type "http": the options of a target that takes HTTP requests. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/kind.h"
#include "sink/http_options.h"
#include "sink/type.h"

/* ---- the URL. No message repeats it: a password or a token may be in it. */

/* The beginning of the host; NULL for a text that is no URL of HTTP. */
static const char *authority_of(const char *url)
{
	size_t n = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;

	return n && url[n] ? url + n : NULL;
}

/* RFC 3986 section 3.2: [user@]host[:port], where the host may be an address with colons in brackets. */
static bool has_valid_port(const char *authority)
{
	const char *end = authority + strcspn(authority, "/?#"), *p = end;
	unsigned long port;

	while (p > authority && isdigit((unsigned char)p[-1]))
		p--;
	if (p == authority || p == end || p[-1] != ':')
		return true;
	port = strtoul(p, NULL, 10);
	return port >= 1 && port <= UINT16_MAX;
}

static bool check_url(const struct option_row *row, cfg_t *sec, const char *url, struct buf *why)
{
	(void)row;
	(void)sec;
	if (!authority_of(url) || strpbrk(url, " \t\r\n"))
		buf_printf(why, ": write it as \"https://example.com/hook\"");
	else if (strstr(url, "{{"))
		buf_printf(why, ": it is no template; those are for body and headers");
	else if (!has_valid_port(authority_of(url)))
		buf_printf(why, ": a port is 1 to 65535");
	else
		return true;
	return false;
}

/* ---- the headers. A value may be a secret, so no message repeats it. */

/* RFC 9110 section 5.6.2: the characters of a field's name. */
static size_t token_length(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("!#$%&'*+-.^_`|~", text[n])))
		n++;
	return n;
}

static bool is_header(const char *text)
{
	static const char *const ours[] = {"Content-Length:", "Transfer-Encoding:", "Connection:", "Content-Type:"};
	size_t n = token_length(text);

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strncasecmp(text, ours[i], strlen(ours[i])) == 0)
			return false;
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return false;
	return n > 0 && text[n] == ':';
}

/* The header that the relay writes itself, where `header` is one: with a second one the target would choose. NULL: none. */
static const char *written_by_relay(cfg_t *sec, const char *header)
{
	static const struct {
		const char *name, *with; /* NULL: always */
	} ours[] = {{"webhook-id", NULL}, {"webhook-timestamp", "secret-file"}, {"webhook-signature", "secret-file"},
		{"authorization", "authorization-file"}};
	size_t n = token_length(header);

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (n == strlen(ours[i].name) && strncasecmp(header, ours[i].name, n) == 0 && (!ours[i].with || cfg_getstr(sec, ours[i].with)))
			return ours[i].name;
	return NULL;
}

/*
 * The template that the value of a header "Name: value" is, freed by the caller. NULL with "" in why where the value is no
 * template, and else with the reason.
 */
static struct template *header_template(const char *header, char *why, size_t n)
{
	const char *value = header + strcspn(header, ":");

	*why = '\0';
	value += strspn(value, ": \t");
	return strstr(value, "{{") ? template_new(value, TEMPLATE_PLAIN, why, n) : NULL;
}

static bool check_header(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	const char *ours = written_by_relay(sec, text);
	char reason[256] = "";

	(void)row;
	if (ours)
		buf_printf(why, ": the sink has a %s of its own; remove one", ours);
	else if (!is_header(text))
		buf_printf(why, ": write \"Name: value\"; the body's length and type are not for here");
	else
		template_free(header_template(text, reason, sizeof reason));
	if (*reason)
		buf_printf(why, ": %.*s: %s", (int)strcspn(text, ":"), text, reason);
	return why->len == 0;
}

/* A header with a template is printed for each event, the others once. */
static bool read_headers(const struct option_row *row, cfg_t *sec, void *field)
{
	struct http_options *o = (struct http_options *)((char *)field - row->offset);
	size_t n = cfg_size(sec, row->name);
	char why[256];

	o->headers.item = calloc(n + 1, sizeof *o->headers.item);
	o->templates = calloc(n + 1, sizeof *o->templates);
	for (unsigned i = 0; o->headers.item && o->templates && i < n; i++) {
		const char *text = cfg_getnstr(sec, row->name, i);
		struct template *value = header_template(text, why, sizeof why);
		char **copied = value ? &o->templates[o->n_templates].name : &o->headers.item[o->headers.n];

		if (value)
			o->templates[o->n_templates++].value = value;
		else
			o->headers.n++;
		*copied = value ? strndup(text, strcspn(text, ":")) : strdup(text);
		if (*why || !*copied)
			return false;
	}
	return o->headers.item && o->templates;
}

static void free_headers(void *field)
{
	struct http_options *o = (struct http_options *)((char *)field - offsetof(struct http_options, headers));

	for (size_t i = 0; i < o->n_templates; i++) {
		free(o->templates[i].name);
		template_free(o->templates[i].value);
	}
	free(o->templates);
	o->templates = NULL;
	o->n_templates = 0;
	kind_free_list(&o->headers);
}

/* ---- method and status */

/* RFC 9110 section 9.1: a method is case-sensitive, and by convention in capitals; no server knows "post". */
static bool check_method(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	size_t n = token_length(text);

	(void)row;
	(void)sec;
	if (n > 0 && !text[n] && !strpbrk(text, "abcdefghijklmnopqrstuvwxyz"))
		return true;
	buf_printf(why, ": write \"POST\", \"PUT\" or another one, in capitals");
	return false;
}

/* Reads "503" or "5xx", and sets the statuses that it stands for. False when it is none of 3xx to 5xx. */
static bool add_status(const char *text, bool retry_on[HTTP_STATUS_MAX])
{
	char *end;
	long from = strtol(text, &end, 10), to = from;

	if (strlen(text) == 3 && strcasecmp(text + 1, "xx") == 0) {
		from = (text[0] - '0') * 100L;
		to = from + 99;
	} else if (strlen(text) != 3 || *end) {
		return false;
	}
	if (from < 300 || to >= HTTP_STATUS_MAX)
		return false;
	for (long i = from; i <= to; i++)
		retry_on[i] = true;
	return true;
}

static bool check_status(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (add_status(text, (bool[HTTP_STATUS_MAX]){0}))
		return true;
	buf_printf(why, ": write a status such as \"404\", or \"5xx\"");
	return false;
}

static bool read_statuses(const struct option_row *row, cfg_t *sec, void *field)
{
	for (unsigned i = 0; i < cfg_size(sec, row->name); i++)
		add_status(cfg_getnstr(sec, row->name, i), field);
	return true;
}

/* ---- the options */

static const struct option_kind url_kind = {"URL", CFGT_STR, .hidden = true, .check = check_url, .read = kind_read_text,
	.free = kind_free_text};
static const struct option_kind method_kind = {"method", CFGT_STR, .check = check_method, .read = kind_read_text, .free = kind_free_text};
static const struct option_kind headers_kind = {"list of headers", CFGT_STR, .list = true, .hidden = true, .check = check_header,
	.read = read_headers, .free = free_headers};
static const struct option_kind statuses_kind = {"list of statuses", CFGT_STR, .list = true, .check = check_status, .read = read_statuses};

#define AT(field) offsetof(struct http_options, field)

static const char *const batch_formats[] = {[HTTP_JSON_ARRAY] = "json-array", [HTTP_JSON_LINES] = "json-lines", NULL};

static const struct option_row http_rows[] = {
	{"url", &url_kind, NULL, AT(url), .help = "where requests go"},
	{"url-file", &kind_secret_path, NULL, AT(url_file), .help = "a file with the URL, where it is a secret"},
	{"method", &method_kind, "POST", AT(method), .help = "the method of requests"},
	{"headers", &headers_kind, NULL, AT(headers), .help = "more headers, as \"Name: value\"; values may be templates", .free_text = true},
	{"pass-headers", &kind_bool, "true", AT(pass_headers),
		.help = "send the headers that were kept with the event, too; with a body of the sink's own the default is false"},
	{"authorization-file", &kind_secret_path, NULL, AT(authorization_file), .help = "a file with the value of the Authorization header"},
	{"secret-file", &kind_secret_paths, NULL, AT(secret_files),
		.help = "files with a secret that signs requests as Standard Webhooks has it; two while it is changed"},
	{"ca-file", &kind_file, NULL, AT(ca_file), .help = "the certificates to trust, in place of the system's"},
	{"allow-private", &kind_bool, "false", AT(allow_private), .help = "send to private addresses, such as those of one's own network, too"},
	{"follow-redirects", &kind_bool, "false", AT(follow_redirects), .help = "follow redirects"},
	{"connect-timeout", &kind_time, "5s", AT(connect_timeout), 1, 10 * KIND_MINUTE, .fix = "\"5s\"", .help = "the longest time to connect"},
	{"retry-on", &statuses_kind, "{408, 425, 429, 5xx}", AT(retry_on), .help = "the statuses after which it is tried again"},
	{"batch-format", &kind_choice, "json-array", AT(batch_format), .choices = batch_formats, .help = "how a request has several events"},
	{.name = NULL},
};

static bool refuse_batch(cfg_t *sec, const char *why)
{
	return option_refuse_value(sec, "batch", NULL, "batch: %s", why);
}

/* A batch is one request with one header and one type, and goes again without its order when it is refused. */
static bool check_batch(cfg_t *sec)
{
	const char *body = cfg_getstr(sec, "body");

	if (cfg_getint(sec, "batch") < 2)
		return !cfg_getstr(sec, "batch-wait") || option_refuse_value(sec, "batch-wait", NULL, "it needs a batch = 100, or another number from 2 on");
	if (cfg_getbool(sec, "ordered"))
		return refuse_batch(sec, "it keeps no order; remove it, or ordered");
	if (body && strstr(body, "hookspool.reply"))
		return refuse_batch(sec, "a reply is sent once and alone; remove it");
	if (option_is_given(sec, "content-type"))
		return refuse_batch(sec, "its type is that of batch-format; remove content-type");
	if (option_is_given(sec, "pass-headers") && cfg_getbool(sec, "pass-headers"))
		return refuse_batch(sec, "it has no headers of one event; remove pass-headers");
	for (unsigned i = 0; i < cfg_size(sec, "headers"); i++)
		if (strstr(cfg_getnstr(sec, "headers", i), "{{"))
			return refuse_batch(sec, "it has no headers of one event; remove the templates from headers");
	return true;
}

static bool check_http(cfg_t *sec)
{
	if (!cfg_getstr(sec, "url") != !cfg_getstr(sec, "url-file"))
		return check_batch(sec);
	return option_refuse_value(sec, "url-file", NULL, "it needs a url = \"https://...\", or a url-file with one that is a secret, and not both");
}

static bool finish_http(cfg_t *sec, struct sink *s)
{
	struct http_options *o = s->options;

	if (!option_is_given(sec, "pass-headers"))
		o->pass_headers = !s->body;
	s->needs_text = s->needs_text || o->n_templates;
	o->requests = s->max_in_flight;
	if (s->batch > 1)
		s->max_in_flight *= s->batch; /* the relay counts events */
	else
		s->batch = 0; /* each event is a request */
	return true;
}

static const char *http_target(const struct sink *s, const char **how)
{
	const struct http_options *o = s->options;

	*how = o->method;
	return o->url ? o->url : o->url_file;
}

const struct sink_type type_http = {
	.name = "http",
	.help = "sends HTTP requests",
	.batch_max = 64,
	.batches = true,
	.has_body = true,
	.rows = http_rows,
	.size = sizeof(struct http_options),
	.check = check_http,
	.finish = finish_http,
	.target = http_target,
};
