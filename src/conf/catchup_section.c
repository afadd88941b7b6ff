/* SPDX-License-Identifier: ISC */
/* The section of a catch-up: its options, its checks, and the catch-up that a section makes. */
#include "conf/catchup_section.h"

#include <stdlib.h>
#include <string.h>

#include "conf/kind.h"
#include "conf/reader.h"
#include "conf/scheme_section.h"

/* ---- the providers */

static const struct catchup_api apis[] = {
	/* docs.connectsafely.ai, "API reference": the host of all requests */
	{"connectsafely", "https://api.connectsafely.ai", NULL, "message.received"},
	/* docs.github.com/rest, "List deliveries for a repository webhook" */
	{"github", NULL, "https://api.github.com/repos/OWNER/REPOSITORY/hooks/ID", NULL},
};

enum { APIS = sizeof apis / sizeof *apis };

const struct catchup_api *catchup_api_at(size_t i)
{
	return i < APIS ? &apis[i] : NULL;
}

/* The API of an endpoint with that scheme, which may be one of the configuration's own, made like a built-in one. NULL: none. */
static const struct catchup_api *api_of(const struct scheme *s)
{
	for (size_t i = 0; i < APIS; i++)
		if (strcmp(apis[i].scheme, s->like ? s->like : s->name) == 0)
			return &apis[i];
	return NULL;
}

/* ---- kinds of its own */

/* No password, query or fragment: paths are added to it. */
static bool check_api_url(const struct option_row *row, cfg_t *sec, const char *url, struct buf *why)
{
	size_t n = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;

	(void)row;
	(void)sec;
	if (n && url[n] && url[n] != '/' && !strpbrk(url, "?#@\\ \t\r\n"))
		return true;
	buf_printf(why, ": write it as \"https://api.example.com\", without a query");
	return false;
}

static bool read_api_url(const struct option_row *row, cfg_t *sec, void *field)
{
	char **url = field;
	size_t n;

	if (!kind_read_text(row, sec, field))
		return false;
	for (n = strlen(*url); n > 0 && (*url)[n - 1] == '/'; n--)
		(*url)[n - 1] = '\0';
	return true;
}

static bool check_account(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (*text && strlen(text) <= 200 && text[strcspn(text, ", \t\r\n\"\\")] == '\0')
		return true;
	buf_printf(why, ": write the account's id, one a text");
	return false;
}

static const struct option_kind api_url_kind = {"URL", CFGT_STR, .check = check_api_url, .read = read_api_url, .free = kind_free_text};
static const struct option_kind accounts_kind = {"list of texts", CFGT_STR, .list = true, .check = check_account, .read = kind_read_list,
	.free = kind_free_list};
static const struct option_kind endpoint_kind = {.name = "endpoint", .type = CFGT_STR}; /* checked and read when all endpoints are known */

/* ---- the options */

#define AT(field) offsetof(struct catchup, field)

static const struct option_row catchup_options[] = {
	{"endpoint", &endpoint_kind, NULL, AT(endpoint), .help = "the endpoint that stores what was missed; its scheme tells the provider"},
	{"api-key-file", &kind_secret_path, NULL, AT(key_file), .help = "a file with the key of the provider's API"},
	{"accounts", &accounts_kind, NULL, AT(accounts), .help = "ask for these accounts alone; empty: all that the key has"},
	{"every", &kind_time, "10m", AT(every), 1, KIND_DAY, .fix = "\"10m\"", .help = "the time between two runs"},
	{"since", &kind_age, "72h", AT(since), 1, 30 * KIND_DAY, .help = "how far a run looks back at most"},
	{"rate", &kind_rate, "30/m", AT(rate), .help = "the most requests in a second, minute or hour"},
	{"url", &api_url_kind, NULL, AT(url), .help = "the address of the API; without it, the provider's, where that is the same for all"},
	{"ca-file", &kind_file, NULL, AT(ca_file), .help = "the certificates to trust, in place of the system's"},
	{"allow-private", &kind_bool, "false", AT(allow_private), .help = "ask private addresses, too, and with http://"},
	{.name = NULL},
};

const struct option_row *catchup_section_rows(size_t i)
{
	return i == 0 ? catchup_options : NULL;
}

/* ---- checks */

bool catchup_section_check(cfg_t *sec)
{
	const char *title = cfg_title(sec);

	if (!reader_check_title(sec, *title && strlen(title) <= 100, "it needs a name of at most 100 bytes") || !option_check(catchup_options, sec))
		return false;
	if (!cfg_getstr(sec, "endpoint"))
		return option_refuse(sec, "it has no endpoint; add endpoint = \"/webhook/linkedin\"");
	return cfg_getstr(sec, "api-key-file") || option_refuse(sec, "it has no key; add api-key-file = \"FILE\"");
}

static bool check_endpoint_link(cfg_t *tree, cfg_t *sec)
{
	const char *path = cfg_getstr(sec, "endpoint");
	cfg_t *endpoint = cfg_gettsec(tree, "endpoint", path);
	const struct catchup_api *api;
	struct scheme scheme;

	if (!endpoint)
		return option_refuse_value(sec, "endpoint", path, "endpoint: there is no endpoint \"%s\"; write its section, or correct the path", path);
	if (!scheme_section_find(tree, cfg_getstr(endpoint, "scheme"), &scheme))
		return false;
	api = api_of(&scheme);
	if (!api)
		return option_refuse_value(sec, "endpoint", path, "endpoint: the provider of scheme \"%s\" has no API that hookspool knows; "
			"there are \"%s\" and \"%s\"", scheme.name, apis[0].scheme, apis[1].scheme);
	return api->url || cfg_getstr(sec, "url") || option_refuse(sec, "it has no url; add url = \"%s\"", api->fix);
}

/* Beyond the dedupe window, an event that was purged would be new again. */
static bool check_window(cfg_t *tree, cfg_t *sec)
{
	int64_t since = 0, window = 0;

	kind_read_time(cfg_getstr(sec, "since"), KIND_YEARS, &since);
	kind_read_time(cfg_getstr(tree, "dedupe-window"), KIND_YEARS, &window);
	return since <= window ||
		option_refuse_value(sec, "since", NULL, "since = \"%s\" is longer than dedupe-window, \"%s\": a purged event would be stored again",
			cfg_getstr(sec, "since"), cfg_getstr(tree, "dedupe-window"));
}

bool catchup_section_check_links(cfg_t *tree)
{
	for (unsigned i = 0; i < cfg_size(tree, "catch-up"); i++) {
		cfg_t *sec = cfg_getnsec(tree, "catch-up", i);

		if (!check_endpoint_link(tree, sec) || !check_window(tree, sec))
			return false;
	}
	return true;
}

/* ---- the catch-up */

bool catchup_section_make(cfg_t *sec, const struct endpoint *endpoints, size_t n, struct catchup *c)
{
	*c = (struct catchup){.name = strdup(cfg_title(sec))};
	if (!c->name || !option_read(catchup_options, sec, c))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(endpoints[i].path, cfg_getstr(sec, "endpoint")) == 0)
			c->endpoint = &endpoints[i];
	c->api = c->endpoint ? api_of(&c->endpoint->scheme) : NULL;
	if (c->api && !c->url)
		c->url = strdup(c->api->url);
	return c->api && c->url;
}

void catchup_section_free(struct catchup *c)
{
	option_free(catchup_options, c);
	free(c->name);
}
