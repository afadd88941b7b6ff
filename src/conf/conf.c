/* SPDX-License-Identifier: ISC */
/* The configuration: read whole, validated, then const; reload makes a new one and swaps the pointer. */
#define _DEFAULT_SOURCE /* readlink */
#include "conf/conf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/catchup_section.h"
#include "conf/endpoint_section.h"
#include "conf/handshake_section.h"
#include "conf/kind.h"
#include "conf/place.h"
#include "conf/reader.h"
#include "conf/scheme_section.h"
#include "conf/shared_secrets.h"
#include "conf/sink_list.h"
#include "conf/sink_section.h"
#include "conf/sink_type.h"
#include "core/program.h"

#ifndef DEFAULT_CONF
#define DEFAULT_CONF "/etc/hookspool/hookspool.conf"
#endif

/* ---- the options of the top level */

static const char *const journals[] = {"wal", "delete", NULL};                            /* enum journal */
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL}; /* enum log_level */
static const char *const log_formats[] = {"logfmt", "json", NULL};                   /* enum log_format */
static const char *const log_targets[] = {"stderr", "syslog", NULL};                 /* enum log_target */

static const char *const page_accesses[] = {"closed", "open", NULL};                     /* enum page_access */

#define AT(field) offsetof(struct conf, field)

static bool check_path(const struct option_row *row, cfg_t *sec, const char *path, struct buf *why)
{
	(void)row;
	(void)sec;
	if (*path == '/' && !strpbrk(path, "?# "))
		return true;
	buf_printf(why, ": it is a URL's path; write it as \"/health\"");
	return false;
}

static const struct option_kind url_path_kind = {"URL path", CFGT_STR, .check = check_path, .read = kind_read_text, .free = kind_free_text};

static const struct option_row top_options[] = {
	{"spool", &place_spool_kind, PLACE_DEFAULT, AT(spool), .help = "the directory of the database, or the URL of one of a PostgreSQL server"},
	{"overflow", &place_overflow_kind, PLACE_DEFAULT, AT(overflow), .help = "the directory that takes events while that server does not; or \"none\""},
	{"spool-wait", &kind_time, "2s", AT(spool_wait), 1, KIND_MINUTE, .help = "how long an event waits for that server"},
	{"journal", &kind_choice, "wal", AT(journal), .choices = journals, .help = "\"delete\" for a spool on NFS, CIFS or FUSE"},
	{"min-free", &kind_size, "64m", AT(min_free), 1, KIND_SIZE_MAX, .help = "hookspool check warns when the spool's disk has less free"},
	{"listen", &kind_text, NULL, AT(listen), .help = "the receiver's own socket, \"unix:PATH\" or \"tcp:127.0.0.1:PORT\""},
	{"socket-mode", &kind_mode, "0660", AT(socket_mode), .help = "the file mode of that socket"},
	{"socket-group", &kind_text, NULL, AT(socket_group), .help = "the group of that socket: the web server's"},
	{"health", &url_path_kind, NULL, AT(health), .help = "a path that is answered 200 while events can be stored, and 503 otherwise"},
	{"max-in-flight", &kind_count, "16", AT(max_in_flight), 1, CONF_MAX_IN_FLIGHT,
		.help = "how many requests may wait for the rest of their body at a time"},
	{"params-timeout", &kind_time, "10s", AT(params_timeout), 1, KIND_HOUR, .help = "the longest wait for a request's parameters"},
	{"body-timeout", &kind_time, "10s", AT(body_timeout), 1, KIND_HOUR, .help = "the longest wait for a request's body"},
	{"idle-timeout", &kind_time, "5m", AT(idle_timeout), 1, KIND_HOUR, .help = "how long a kept connection may wait for its next request"},
	{"max-body", &kind_size, "1m", AT(max_body), 1, KIND_SIZE_MAX, .help = "the largest body"},
	{"log-level", &kind_choice, "info", AT(log_level), .choices = log_levels, .help = "the least important entries that are logged"},
	{"log-format", &kind_choice, "logfmt", AT(log_format), .choices = log_formats, .help = "how entries are written"},
	{"log-to", &kind_choice, "stderr", AT(log_target), .choices = log_targets, .help = "where the log goes"},
	{"log-bodies", &kind_bool, "false", AT(log_bodies), .help = "log the bodies of deliveries, too"},
	{"reject-keep", &kind_count, "1000", AT(reject.keep), 0, 1000000, .help = "how many refused deliveries are remembered"},
	{"reject-bodies", &kind_bool, "false", AT(reject_bodies), .help = "remember their bodies and headers, too"},
	{"reject-size", &kind_size, "16m", AT(reject.size), 1, KIND_SIZE_MAX, .help = "the most bytes of those bodies and headers"},
	{"reject-age", &kind_age, "30d", AT(reject.age), 1, KIND_YEARS, .help = "how long refused deliveries are remembered"},
	{"keep", &kind_keep, "forever", AT(keep), 0, KIND_YEARS, .help = "how long events are kept"},
	{"dedupe-window", &kind_age, "30d", AT(dedupe_window), 1, KIND_YEARS, .help = "how long the key of a purged event still tells a duplicate"},
	{"search-index", &kind_bool, "true", AT(search_index), .help = "the relay builds an index for searches by text and sender"},
	{"sandbox", &kind_bool, "true", AT(sandbox), .help = "receiver and page give up what they don't need, by seccomp and Landlock"},
	{"page-access", &kind_choice, "closed", AT(page_access), .choices = page_accesses,
		.help = "\"open\" shows the page to all clients, also without a user that the web server has authenticated"},
	{"page-actions", &kind_bool, "false", AT(page_actions), .help = "the page has buttons: retry, replay, drop, accept"},
	{"page-bodies", &kind_bool, "true", AT(page_bodies), .help = "the page shows bodies, texts and names"},
	{"alert", &sink_list_kind, NULL, AT(alert), .help = "the sinks that are told of dead letters, silent endpoints, and other trouble"},
	{"alert-after", &kind_age, "5m", AT(alert_after), 1, KIND_YEARS, .help = "how long a sink is down before they are told"},
	{"include", &kind_include, .help = "one more file, or a directory whose *.conf are read in order"},
	{.name = NULL},
};

static const struct option_row *top_rows(size_t i)
{
	return i == 0 ? top_options : NULL;
}

static const struct option_section conf_sections[] = {
	{NULL, "the receiver, the spool and the log", top_rows, NULL},
	{"handshake", "how a provider asks whether an endpoint is real, and the answer", handshake_section_rows, handshake_section_check},
	{"scheme", "a signature scheme of one's own", scheme_section_rows, scheme_section_check},
	{"sink", "a destination that the relay sends events to", sink_section_rows, sink_section_check},
	{"endpoint", "a URL path that receives deliveries", endpoint_section_rows, endpoint_section_check},
	{"catch-up", "fetches by a provider's API what its webhook did not deliver", catchup_section_rows, catchup_section_check},
	{NULL, NULL, NULL, NULL},
};

bool conf_options(size_t i, struct conf_options *out)
{
	for (const struct option_section *s = conf_sections; s->rows; s++) {
		for (size_t k = 0; s->rows(k); k++) {
			const struct sink_type *type = s->rows == sink_section_rows ? sink_section_type_of(k) : NULL;

			*out = (struct conf_options){s->name, type ? type->name : NULL, type ? type->help : s->help, s->rows(k)};
			if (i-- == 0)
				return true;
		}
	}
	return false;
}

/* ---- loading */

static void find_directories(struct conf *c)
{
	bool server = c->spool && place_is_server(c->spool), none = !c->overflow || strcmp(c->overflow, "none") == 0;

	c->overflow_dir = server && !none ? c->overflow : NULL;
	c->dir = !server ? c->spool : none ? PLACE_DEFAULT : c->overflow;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp((*(const struct endpoint *const *)a)->path, (*(const struct endpoint *const *)b)->path);
}

/* A delivery looks its endpoint up, so it must not compare all paths. */
static bool sort_endpoints(struct conf *c)
{
	c->by_path = calloc(c->n_endpoints + 1, sizeof *c->by_path);
	for (size_t i = 0; c->by_path && i < c->n_endpoints; i++)
		c->by_path[i] = &c->endpoints[i];
	if (c->by_path)
		qsort(c->by_path, c->n_endpoints, sizeof *c->by_path, compare_paths);
	return c->by_path != NULL;
}

static bool build_conf(struct conf *c, cfg_t *tree, const char *file)
{
	bool ok = option_read(top_options, tree, c);

	c->file = strdup(file);
	find_directories(c);
	c->sinks = calloc(cfg_size(tree, "sink") + 1, sizeof *c->sinks);
	c->endpoints = calloc(cfg_size(tree, "endpoint") + 1, sizeof *c->endpoints);
	c->catchups = calloc(cfg_size(tree, "catch-up") + 1, sizeof *c->catchups);
	ok = ok && c->file && c->sinks && c->endpoints && c->catchups;
	for (unsigned i = 0; ok && i < cfg_size(tree, "sink"); i++)
		ok = sink_section_make(cfg_getnsec(tree, "sink", i), &c->sinks[c->n_sinks++]);
	for (unsigned i = 0; ok && i < cfg_size(tree, "endpoint"); i++) {
		struct endpoint *e = &c->endpoints[c->n_endpoints++];

		ok = endpoint_section_make(tree, cfg_getnsec(tree, "endpoint", i), c->sinks, c->n_sinks, e);
		e->dedupe_window = c->dedupe_window;
		if (!e->max_body)
			e->max_body = c->max_body;
	}
	ok = ok && sort_endpoints(c);
	for (unsigned i = 0; ok && i < cfg_size(tree, "catch-up"); i++)
		ok = catchup_section_make(cfg_getnsec(tree, "catch-up", i), c->endpoints, c->n_endpoints, &c->catchups[c->n_catchups++]);
	if (ok)
		c->alert = sink_list_find(tree, "alert", c->sinks, c->n_sinks, &c->n_alert);
	return ok && c->alert;
}

/* The sinks of alert take events of our own; one that names other events alone would be told nothing. */
static bool check_alert(cfg_t *tree)
{
	if (!sink_list_check(tree, tree, "alert", NULL))
		return false;
	for (unsigned i = 0; i < cfg_size(tree, "alert"); i++) {
		cfg_t *sink = cfg_gettsec(tree, "sink", cfg_getnstr(tree, "alert", i));
		bool any = cfg_size(sink, "events") == 0;

		for (unsigned k = 0; !any && k < cfg_size(sink, "events"); k++)
			any = strncmp(cfg_getnstr(sink, "events", k), "hookspool.", 10) == 0;
		if (!any)
			return option_refuse_value(tree, "alert", cfg_getnstr(tree, "alert", i), "alert: sink \"%s\" takes other events alone; add "
				"\"hookspool.sink.down\" and others to its events, or name another sink", cfg_title(sink));
	}
	return true;
}

static bool check_health(cfg_t *tree)
{
	const char *health = cfg_getstr(tree, "health");

	return !health || !cfg_gettsec(tree, "endpoint", health) ||
		option_refuse_value(tree, "health", health, "health: \"%s\" is an endpoint's path; write another one", health);
}

/* The tree, whose sections were checked, and what they say of each other. NULL after an error was reported. */
static cfg_t *parse_files(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx)
{
	struct reader_load load = {option_table(conf_sections), option_check_value, option_is_free_text, secrets, report, ctx};
	cfg_t *tree;

	if (!load.options) {
		report(ctx, LOG_LEVEL_ERROR, "memory is short");
		return NULL;
	}
	tree = reader_parse(file, &load);
	option_free_table(load.options);
	if (!tree || (sink_section_check_links(tree) && endpoint_section_check_links(tree) && catchup_section_check_links(tree) && check_alert(tree) &&
	    check_health(tree)))
		return tree;
	reader_end();
	cfg_free(tree);
	return NULL;
}

struct conf *conf_load(const char *file, conf_report *report, void *ctx)
{
	return conf_load_with(file, CONF_SECRETS_ALL, report, ctx);
}

struct conf *conf_load_with(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx)
{
	cfg_t *tree = parse_files(file, secrets, report, ctx);
	struct conf *c;

	if (!tree)
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		cfg_free(tree);
	else
		c->tree = tree;
	if (c)
		reader_take_files(&c->files, c->fingerprint);
	if (c && !build_conf(c, tree, file)) {
		conf_free(c);
		c = NULL;
	}
	reader_end();
	if (!c)
		report(ctx, LOG_LEVEL_ERROR, "the configuration changed while it was read, or memory is short; try again");
	if (c && (secrets == CONF_SECRETS_ALL || secrets == CONF_SECRETS_CHECK) && !shared_secrets_check(c->tree, c->endpoints, c->n_endpoints, report, ctx)) {
		conf_free(c);
		return NULL;
	}
	if (c && c->n_endpoints == 0)
		report(ctx, LOG_LEVEL_WARNING, "no endpoint is configured; every delivery is answered 404");
	return c;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_catchups; i++)
		catchup_section_free(&c->catchups[i]);
	for (size_t i = 0; i < c->n_endpoints; i++)
		endpoint_section_free(&c->endpoints[i]);
	for (size_t i = 0; i < c->n_sinks; i++)
		sink_section_free(&c->sinks[i]);
	free(c->catchups);
	free(c->by_path);
	free(c->endpoints);
	free(c->sinks);
	free(c->alert);
	option_free(top_options, c);
	cfg_free(c->tree);
	strlist_free(&c->files);
	free(c->file);
	free(c);
}

const struct endpoint *conf_endpoint(const struct conf *c, const char *path)
{
	size_t first = 0, end = c->n_endpoints, middle;
	int order;

	while (first < end) {
		middle = first + (end - first) / 2;
		order = strcmp(path, c->by_path[middle]->path);
		if (order == 0)
			return c->by_path[middle];
		if (order < 0)
			end = middle;
		else
			first = middle + 1;
	}
	return NULL;
}

const struct sink *conf_endpoint_sink(const struct endpoint *e, size_t i)
{
	if (i < e->n_relay)
		return e->relay[i];
	return i - e->n_relay < e->n_store ? e->store[i - e->n_relay] : NULL;
}

const struct sink *conf_sink(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		if (strcmp(c->sinks[i].name, name) == 0)
			return &c->sinks[i];
	return NULL;
}

int conf_secret(const struct secrets *s, int64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].id == id)
			return (int)i + 1;
	return 0;
}

bool conf_scheme(const struct conf *c, const char *name, struct scheme *out)
{
	return scheme_section_find(c->tree, name, out);
}

const char *conf_find(const char *given, char *out, size_t n)
{
	static const char name[] = "hookspool.conf";
	char exe[PATH_MAX];

	if (!given)
		given = getenv("HOOKSPOOL_CONF");
	if (given && *given) {
		snprintf(out, n, "%s", given);
		return out;
	}
	if (program_self(exe, sizeof exe)) {
		reader_path(exe, name, out, n);
		if (access(out, F_OK) == 0)
			return out;
	}
	snprintf(out, n, "%s", DEFAULT_CONF);
	return out;
}
