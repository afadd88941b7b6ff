/* SPDX-License-Identifier: ISC */
/* The configuration: read whole, validated, then const; reload makes a new one and swaps the pointer. */
#define _DEFAULT_SOURCE /* readlink, explicit_bzero */
#include "conf/conf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/fingerprint.h"
#include "conf/schema.h"
#include "conf/schema_scheme.h"
#include "conf/section_sink.h"
#include "conf/shared_secrets.h"
#include "core/io.h"
#include "core/units.h"

#ifndef DEFAULT_CONF
#define DEFAULT_CONF "/etc/hookspool/hookspool.conf"
#endif

static size_t get_size(cfg_t *cfg, const char *name)
{
	uint64_t v = 0;

	units_size(cfg_getstr(cfg, name), &v);
	return (size_t)v;
}

static int64_t get_duration(cfg_t *cfg, const char *name)
{
	int64_t v = 0;

	units_duration(cfg_getstr(cfg, name), &v);
	return v;
}

/* The copy of an option's text; NULL for an option that has none. Clears *ok when memory is short. */
static char *copy(const char *text, bool *ok)
{
	char *p = text ? strdup(text) : NULL;

	if (text && !p)
		*ok = false;
	return p;
}

/* An empty text is a secret that could not be read. */
static void add_secret(struct secrets *s, const char *kind, const char *name, const char *text, bool *ok)
{
	struct secret *new = &s->item[s->n++];
	struct buf source = {0};

	buf_printf(&source, "%s %s", kind, name);
	new->source = copy(buf_str(&source), ok);
	new->text = copy(text, ok);
	new->len = strlen(text);
	new->id = new->len ? fingerprint_secret(text, new->len) : 0;
	*ok = *ok && (new->id || !new->len);
	buf_free(&source);
}

/* The files first, then the environment, each in the order written: that numbers the secrets. */
static void add_secrets(struct secrets *s, cfg_t *sec, const char *file_option, const char *env_option, enum conf_secrets which, bool *ok)
{
	size_t files = cfg_size(sec, file_option), envs = cfg_size(sec, env_option);
	char path[PATH_MAX], why[PATH_MAX + 128];
	struct buf b = {0};
	const char *name;

	if (which == CONF_SECRETS_NONE)
		return;
	s->item = calloc(files + envs + 1, sizeof *s->item);
	if (!s->item) {
		*ok = false;
		return;
	}
	for (unsigned i = 0; *ok && i < files; i++) {
		schema_path(sec->filename, cfg_getnstr(sec, file_option, i), path, sizeof path);
		if (!io_read_secret(path, &b, why, sizeof why)) {
			b.len = 0;
			*ok = which == CONF_SECRETS_THERE;
		}
		if (*ok)
			add_secret(s, "file", path, buf_str(&b), ok);
	}
	for (unsigned i = 0; *ok && i < envs; i++) {
		name = cfg_getnstr(sec, env_option, i);
		if (!io_read_secret_env(name, &b, why, sizeof why)) {
			b.len = 0;
			*ok = which == CONF_SECRETS_THERE;
		}
		if (*ok)
			add_secret(s, "env", name, buf_str(&b), ok);
	}
	if (b.data)
		explicit_bzero(b.data, b.cap);
	buf_free(&b);
}

static void add_keys(struct endpoint *e, enum conf_secrets which, bool *ok)
{
	const char *why;

	for (size_t i = 0; *ok && scheme_has_key(&e->scheme) && i < e->secrets.n; i++) {
		struct secret *s = &e->secrets.item[i];

		if (!s->len)
			continue; /* it could not be read, and an empty key would be one */
		s->key = scheme_key(&e->scheme, s->text, s->len, false, &why);
		s->other_key = scheme_other_key(&e->scheme, s->text, s->len, &why);
		*ok = (s->key && (s->other_key || !e->scheme.other_algorithm)) || which == CONF_SECRETS_THERE;
	}
}

/* The sinks that the option names; NULL when memory is short. */
static const struct sink **find_sinks(const struct conf *c, cfg_t *sec, const char *option, size_t *n)
{
	const struct sink **sinks = calloc(cfg_size(sec, option) + 1, sizeof *sinks);

	for (*n = 0; sinks && *n < cfg_size(sec, option); ++*n)
		sinks[*n] = conf_sink(c, cfg_getnstr(sec, option, (unsigned)*n));
	return sinks;
}

static void add_endpoint(const struct conf *c, struct endpoint *e, cfg_t *tree, cfg_t *sec, enum conf_secrets which, bool *ok)
{
	e->path = copy(cfg_title(sec), ok);
	e->name = copy(cfg_getstr(sec, "name"), ok);
	e->dedupe_window = get_duration(tree, "dedupe-window");
	e->replay_window = cfg_getstr(sec, "replay-window") ? get_duration(sec, "replay-window") : 0;
	*ok = *ok && schema_scheme_find(tree, cfg_getstr(sec, "scheme"), &e->scheme);
	if (cfg_size(sec, "bodies"))
		e->scheme.bodies = schema_bodies_of(sec);
	e->url = copy(cfg_getstr(sec, "url"), ok);
	e->max_body = get_size(cfg_getstr(sec, "max-body") ? sec : tree, "max-body");
	add_secrets(&e->secrets, sec, "secret-file", "secret-env", which, ok);
	add_keys(e, which, ok);
	add_secrets(&e->authorizations, sec, "authorization-file", "authorization-env", which, ok);
	add_secrets(&e->verify_tokens, sec, "verify-token-file", "verify-token-env", which, ok);
	*ok = schema_strlist(sec, "events", &e->events) && schema_strlist(sec, "accounts", &e->accounts) &&
		schema_strlist(sec, "client-certificate", &e->certificates) && *ok;
	if (cfg_getstr(sec, "rate"))
		rate_parse(cfg_getstr(sec, "rate"), &e->rate);
	e->keep = -1;
	if (cfg_getstr(sec, "keep"))
		schema_keep(cfg_getstr(sec, "keep"), &e->keep);
	if (cfg_getint(sec, "rate-burst"))
		e->rate.burst = (unsigned)cfg_getint(sec, "rate-burst");
	e->answer_given = (cfg_getopt(sec, "answer-status")->flags & CFGF_MODIFIED) || cfg_getstr(sec, "answer-body");
	e->answer_status = (unsigned)cfg_getint(sec, "answer-status");
	e->answer_type = copy(cfg_getstr(sec, "answer-type"), ok);
	e->answer_body = copy(cfg_getstr(sec, "answer-body"), ok);
	e->relay = find_sinks(c, sec, "relay", &e->n_relay);
	e->store = find_sinks(c, sec, "store", &e->n_store);
	e->store_wait = get_duration(sec, "store-wait");
	e->store_required = cfg_getbool(sec, "store-required");
	e->allow.item = calloc(cfg_size(sec, "allow") + 1, sizeof *e->allow.item);
	if (!e->relay || !e->store || !e->allow.item) {
		*ok = false;
		return;
	}
	while (e->allow.n < cfg_size(sec, "allow") && cidr_parse(cfg_getnstr(sec, "allow", (unsigned)e->allow.n),
		&e->allow.item[e->allow.n]))
		e->allow.n++;
}

static bool build(struct conf *c, cfg_t *cfg, const char *file, enum conf_secrets which)
{
	char path[PATH_MAX];
	bool ok = true;

	c->file = copy(file, &ok);
	c->spool = copy(schema_path(file, cfg_getstr(cfg, "spool"), path, sizeof path), &ok);
	c->journal = (enum journal)schema_choice(schema_journals, cfg_getstr(cfg, "journal"));
	c->min_free = get_size(cfg, "min-free");
	c->listen = copy(cfg_getstr(cfg, "listen"), &ok);
	c->socket_mode = (mode_t)strtoul(cfg_getstr(cfg, "socket-mode"), NULL, 8);
	c->socket_group = copy(cfg_getstr(cfg, "socket-group"), &ok);
	c->max_in_flight = (unsigned)cfg_getint(cfg, "max-in-flight");
	c->params_timeout = get_duration(cfg, "params-timeout");
	c->idle_timeout = get_duration(cfg, "idle-timeout");
	c->body_timeout = get_duration(cfg, "body-timeout");
	c->log_level = (enum log_level)schema_choice(schema_log_levels, cfg_getstr(cfg, "log-level"));
	c->log_format = (enum log_format)schema_choice(schema_log_formats, cfg_getstr(cfg, "log-format"));
	c->log_target = (enum log_target)schema_choice(schema_log_targets, cfg_getstr(cfg, "log-to"));
	c->log_bodies = cfg_getbool(cfg, "log-bodies");
	c->reject.keep = (unsigned)cfg_getint(cfg, "reject-keep");
	c->reject.size = get_size(cfg, "reject-size");
	c->reject.age = get_duration(cfg, "reject-age");
	c->reject_bodies = cfg_getbool(cfg, "reject-bodies");
	c->dedupe_window = get_duration(cfg, "dedupe-window");
	if (cfg_getstr(cfg, "keep"))
		schema_keep(cfg_getstr(cfg, "keep"), &c->keep);
	c->sinks = calloc(cfg_size(cfg, "sink") + 1, sizeof *c->sinks);
	c->endpoints = calloc(cfg_size(cfg, "endpoint") + 1, sizeof *c->endpoints);
	if (!c->sinks || !c->endpoints)
		return false;
	for (unsigned i = 0; ok && i < cfg_size(cfg, "sink"); i++)
		ok = section_sink_make(cfg_getnsec(cfg, "sink", i), &c->sinks[c->n_sinks++]);
	for (unsigned i = 0; ok && i < cfg_size(cfg, "endpoint"); i++)
		add_endpoint(c, &c->endpoints[c->n_endpoints++], cfg, cfg_getnsec(cfg, "endpoint", i), which, &ok);
	return ok;
}

struct conf *conf_load(const char *file, conf_report *report, void *ctx)
{
	return conf_load_with(file, CONF_SECRETS_ALL, report, ctx);
}

struct conf *conf_load_with(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx)
{
	cfg_t *cfg = schema_parse(file, secrets, report, ctx);
	struct conf *c;

	if (!cfg)
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		cfg_free(cfg);
	else
		c->tree = cfg;
	if (c)
		schema_take_files(&c->files, c->fingerprint);
	if (c && !build(c, cfg, file, secrets)) {
		conf_free(c);
		c = NULL;
	}
	if (!c)
		report(ctx, LOG_LEVEL_ERROR, "the configuration changed while it was read, or memory is short; try again");
	if (c && (secrets == CONF_SECRETS_ALL || secrets == CONF_SECRETS_CHECK) && !shared_secrets_check(c, report, ctx)) {
		conf_free(c);
		return NULL;
	}
	if (c && c->n_endpoints == 0)
		report(ctx, LOG_LEVEL_WARNING, "no endpoint is configured; every delivery is answered 404");
	return c;
}

static void free_secrets(struct secrets *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->item[i].text)
			explicit_bzero(s->item[i].text, s->item[i].len);
		free(s->item[i].text);
		free(s->item[i].source);
		key_free(s->item[i].key);
		key_free(s->item[i].other_key);
	}
	free(s->item);
}

void conf_free(struct conf *c)
{
	struct endpoint *e;

	if (!c)
		return;
	for (e = c->endpoints; e < c->endpoints + c->n_endpoints; e++) {
		free(e->path);
		free(e->name);
		free_secrets(&e->secrets);
		free_secrets(&e->authorizations);
		free_secrets(&e->verify_tokens);
		free(e->url);
		strlist_free(&e->events);
		strlist_free(&e->accounts);
		strlist_free(&e->certificates);
		free(e->answer_type);
		free(e->answer_body);
		free(e->allow.item);
		free(e->relay);
		free(e->store);
	}
	free(c->endpoints);
	for (size_t i = 0; i < c->n_sinks; i++)
		section_sink_free(&c->sinks[i]);
	free(c->sinks);
	cfg_free(c->tree);
	strlist_free(&c->files);
	free(c->file);
	free(c->spool);
	free(c->listen);
	free(c->socket_group);
	free(c);
}

const struct endpoint *conf_endpoint(const struct conf *c, const char *path)
{
	for (size_t i = 0; i < c->n_endpoints; i++)
		if (strcmp(c->endpoints[i].path, path) == 0)
			return &c->endpoints[i];
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
	return schema_scheme_find(c->tree, name, out);
}

const char *conf_find(const char *given, char *out, size_t n)
{
	static const char name[] = "hookspool.conf";
	char exe[PATH_MAX];
	ssize_t len;

	if (!given)
		given = getenv("HOOKSPOOL_CONF");
	if (given && *given) {
		snprintf(out, n, "%s", given);
		return out;
	}
	len = readlink("/proc/self/exe", exe, sizeof exe - 1);
	if (len > 0) {
		exe[len] = '\0';
		schema_path(exe, name, out, n);
		if (access(out, F_OK) == 0)
			return out;
	}
	snprintf(out, n, "%s", DEFAULT_CONF);
	return out;
}
