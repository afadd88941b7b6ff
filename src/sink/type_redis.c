/* SPDX-License-Identifier: ISC */
/* Sinks of the type "redis": the options of a stream of a Redis server. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "conf/kind.h"
#include "sink/redis_options.h"
#include "sink/type.h"

enum {
	REDIS_BATCH_MAX = 64, REDIS_IN_FLIGHT = 1024,
	REDIS_PORT = 6379,
	DATABASE_MAX = 16383, /* as Redis bounds `databases` in practice: a typing error is found */
};

static void free_url(void *field)
{
	struct redis_url *url = field;

	free(url->text);
	free(url->host);
	free(url->path);
	free(url->user);
	*url = (struct redis_url){0};
}

/* Reads all of the text as a number of min to max. */
static bool read_bounded(const char *text, int min, int max, int *number)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 5 || text[n])
		return false;
	*number = atoi(text);
	return *number >= min && *number <= max;
}

static bool read_unix(const char *path, struct redis_url *out)
{
	const char *query = strstr(path, "?db=");
	size_t n = query ? (size_t)(query - path) : strlen(path);

	if (*path != '/' || n >= sizeof ((struct sockaddr_un *)NULL)->sun_path || (query && !read_bounded(query + 4, 0, DATABASE_MAX, &out->database)))
		return false;
	out->path = strndup(path, n);
	return out->path != NULL;
}

/* RFC 3986 section 3.2.2: an address of IPv6 stands in brackets. */
static bool read_host(const char *text, struct redis_url *out)
{
	bool bracket = *text == '[';
	size_t n = strcspn(text += bracket, bracket ? "]" : ":/");
	const char *p = text + n;
	char port[8];

	if (n == 0 || (bracket && *p++ != ']'))
		return false;
	out->host = strndup(text, n);
	out->port = REDIS_PORT;
	if (*p == ':') {
		n = strcspn(++p, "/");
		snprintf(port, sizeof port, "%.*s", (int)n, p);
		if (n >= sizeof port || !read_bounded(port, 1, UINT16_MAX, &out->port))
			return false;
		p += n;
	}
	return out->host && (!*p || strcmp(p, "/") == 0 || (*p == '/' && read_bounded(p + 1, 0, DATABASE_MAX, &out->database)));
}

/* False for a text that is no such URL. What was read is freed by free_url(). */
static bool parse_url(const char *text, struct redis_url *out)
{
	const char *host, *at;

	*out = (struct redis_url){0};
	if (strncmp(text, "unix:", 5) == 0)
		return read_unix(text + 5, out);
	if (strncmp(text, "redis://", 8) != 0 || strpbrk(text, " \t\r\n"))
		return false;
	host = text + 8;
	at = strchr(host, '@');
	if (at && (at == host || !(out->user = strndup(host, (size_t)(at - host)))))
		return false;
	return read_host(at ? at + 1 : host, out);
}

static bool check_redis_url(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	const char *at = strchr(text, '@'), *colon = strncmp(text, "redis://", 8) == 0 ? strchr(text + 8, ':') : NULL;
	struct redis_url url;
	bool ok = parse_url(text, &url);

	(void)row;
	(void)sec;
	free_url(&url);
	if (at && colon && colon < at)
		buf_printf(why, ": a password goes into a file that password-file names");
	else if (strncmp(text, "rediss:", 7) == 0)
		buf_printf(why, ": there is no TLS; write \"redis://...\", and have a tunnel such as stunnel where the network is not safe");
	else if (!ok)
		buf_printf(why, ": write it as \"redis://127.0.0.1:6379/0\" or \"unix:/run/redis/redis-server.sock\"");
	else
		return true;
	return false;
}

static bool read_redis_url(const struct option_row *row, cfg_t *sec, void *field)
{
	struct redis_url *url = field;

	if (!parse_url(cfg_getstr(sec, row->name), url))
		return false;
	url->text = strdup(cfg_getstr(sec, row->name));
	return url->text != NULL;
}

static const struct option_kind redis_url_kind = {"URL", CFGT_STR, .hidden = true, .check = check_redis_url, .read = read_redis_url, .free = free_url};

#define AT(field) offsetof(struct redis_options, field)

static const struct option_row redis_rows[] = {
	{"url", &redis_url_kind, NULL, AT(url), .help = "the server: \"redis://127.0.0.1:6379/0\" or \"unix:/PATH\""},
	{"password-file", &kind_secret_path, NULL, AT(password_file), .help = "a file with the password for AUTH"},
	{"stream", &kind_template, NULL, AT(stream), .help = "the stream that gets an entry for each event; a template"},
	{"max-length", &kind_count, "1000000", AT(max_length), 1, INT32_MAX, .help = "about how many entries the stream keeps: the oldest go"},
	{"dedupe-window", &kind_age, "7d", AT(dedupe_window), 1000, KIND_YEARS, .help = "how long the server knows an event's id"},
	{.name = NULL},
};

static bool check_redis(cfg_t *sec)
{
	if (!cfg_getstr(sec, "url"))
		return option_refuse_value(sec, "url", NULL, "it needs a url = \"redis://127.0.0.1:6379/0\"");
	return cfg_getstr(sec, "stream") || option_refuse_value(sec, "stream", NULL, "it needs a stream = \"events\"");
}

static bool finish_redis(cfg_t *sec, struct sink *s)
{
	(void)sec;
	s->needs_text = s->needs_text || template_has(redis_options(s)->stream, TEMPLATE_TEXT);
	return true;
}

static const char *redis_url_of(const struct sink *s, const char **how)
{
	*how = redis_options(s)->url.path ? "add to" : "add";
	return redis_options(s)->url.text;
}

const struct sink_type type_redis = {
	.name = "redis",
	.help = "adds events to a stream of Redis",
	.package = "hookspool-redis",
	.library = "libhiredis-dev",
	.batch_max = REDIS_BATCH_MAX,
	.in_flight = REDIS_IN_FLIGHT,
	.fields = true,
	.unpacks = true,
	.has_body = true,
	.rows = redis_rows,
	.size = sizeof(struct redis_options),
	.check = check_redis,
	.finish = finish_redis,
	.target = redis_url_of,
};
