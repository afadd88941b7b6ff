/* SPDX-License-Identifier: ISC */
/*
 * POST /action: retry, replay, drop and accept, for a user that may.
 *
 * A request of another site cannot do any of these: it has another Origin, it cannot read the token, and it may not send JSON or this
 * header without asking first, which is never answered.
 */
#include "page/action.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/paths.h"
#include "page/token.h"
#include "page/vault.h"
#include "spool/deliveries.h"
#include "spool/events.h"
#include "spool/pause.h"
#include "spool/wakeup.h"

/* What the body asks for. */
struct asked {
	char name[16], id[24], sink[256]; /* "": not given */
	int64_t number;                   /* of the id; 0: not given */
	bool refused;                     /* the id is rID */
};

struct act {
	struct page_call *c;
	struct asked asked;
	struct spool_db *db;
	int64_t changed;
	int64_t event;   /* that was accepted; 0: none */
	const char *why; /* NULL: it went well, or the error is the spool's */
	char text[256];  /* storage of why */
	bool wakes;      /* the relay has something to do */
	bool hurry;      /* a pause has ended */
};

/* ---- may it be? */

/* True for a host that the request names. Debian's fastcgi_params of nginx leave the port out of it: then it is the server's own. */
static bool host_is_ours(const struct request *r, const char *host)
{
	const char *own, *port = request_variable(r, "SERVER_PORT");
	size_t n;

	if (request_header(r, "Host", &own) != HEADER_ONE || !*own)
		return false;
	n = strlen(own);
	return strncasecmp(host, own, n) == 0 && (!host[n] || (host[n] == ':' && port && strcmp(host + n + 1, port) == 0));
}

/* An Origin is "scheme://host"; behind a proxy that ends TLS the scheme differs, and the host does not. */
static bool origin_is_ours(const struct request *r)
{
	const char *origin, *site, *p;

	if (request_header(r, "Origin", &origin) != HEADER_ONE)
		return false;
	p = strstr(origin, "://");
	if (!p || !host_is_ours(r, p + 3))
		return false;
	return request_header(r, "Sec-Fetch-Site", &site) != HEADER_ONE || strcmp(site, "same-origin") == 0;
}

static bool may_act(struct page_call *c)
{
	const char *token;

	if (!c->conf->page_actions)
		page_error(c, 403, "actions are off; set page-actions = true, or type the command that the page shows");
	else if (!request_is(c->http, REQUEST_JSON))
		page_error(c, 415, "an action is JSON, with Content-Type: application/json");
	else if (!origin_is_ours(c->http))
		page_error(c, 403, "the request does not come from this page: its Origin is another one");
	else if (request_header(c->http, "X-Hookspool-Token", &token) != HEADER_ONE || !token_check(c->conf, c->user, token))
		page_error(c, 403, "the token is missing, wrong or too old; load the page again");
	else
		return true;
	return false;
}

/* ---- what is asked */

/* False for a value that is no text of that size: an id that was not read would leave an action for all of the sink. */
static bool take_asked_text(const struct path *p, char *out, size_t n)
{
	if (p->filled || (p->value.p && (p->kind == PATH_BOOLEAN || p->value.n >= n || memchr(p->value.p, '\0', p->value.n))))
		return false;
	if (p->value.p) {
		memcpy(out, p->value.p, p->value.n);
		out[p->value.n] = '\0';
	}
	return true;
}

/* False for an id that is no number, with or without its r. */
static bool read_asked_id(struct asked *a)
{
	const char *p = a->id;

	if (!*p)
		return true;
	a->refused = *p == 'r';
	p += a->refused;
	for (; *p >= '0' && *p <= '9' && p - a->id < 18; p++)
		a->number = a->number * 10 + (*p - '0');
	return !*p && a->number > 0;
}

static bool read_asked(struct page_call *c, struct asked *a)
{
	struct request *r = (struct request *)(uintptr_t)c->http; /* its body is read here, once */
	struct path paths[] = {{.text = "action"}, {.text = "id"}, {.text = "sink"}};
	struct buf arena = {0};
	const char *reason;
	bool ok;

	if (r->length_wrong || (r->length_known && r->length > PAGE_BODY_MAX) || request_read_body(r, PAGE_BODY_MAX) != BODY_OK) {
		page_error(c, 413, "the body is missing, broken off or too large");
		return false;
	}
	ok = paths_find(r->body.data, r->body.len, paths, 3, &arena, &reason) == PATHS_OK && take_asked_text(&paths[0], a->name, sizeof a->name) &&
		take_asked_text(&paths[1], a->id, sizeof a->id) && take_asked_text(&paths[2], a->sink, sizeof a->sink) && read_asked_id(a);
	buf_free(&arena);
	if (!ok)
		page_error(c, 400, "the body must be {\"action\":NAME,\"id\":ID,\"sink\":NAME}");
	return ok;
}

/* ---- the actions; each returns false with act->why, or with an error of act->db */

static bool refuse_act(struct act *a, const char *why)
{
	a->why = why;
	return false;
}

static bool end_pause_of(struct act *a, const char *sink)
{
	bool ended = false;
	bool ok = spool_pause_end(a->db, sink, clock_now(), &ended);

	a->hurry |= ended;
	a->changed += ended && a->changed == 0;
	return ok;
}

/* The sink of the delivery into act->asked.sink. */
static bool find_sink_of(struct act *a)
{
	const struct spool_delivery_filter filter = {.id = a->asked.number, .state = -1};
	struct spool_rows *rows = spool_deliveries_list(a->db, &filter, 1);
	struct spool_delivery d;
	bool found = spool_deliveries_next(rows, &d);

	if (found)
		snprintf(a->asked.sink, sizeof a->asked.sink, "%.*s", (int)d.sink.n, d.sink.p);
	return spool_rows_end(rows) && (found || refuse_act(a, "there is no such delivery"));
}

static bool deliveries_of(struct act *a, struct spool_delivery_filter *f)
{
	*f = (struct spool_delivery_filter){.state = -1, .id = a->asked.number};
	if (a->asked.refused || (!a->asked.number && !*a->asked.sink))
		return refuse_act(a, "name a delivery by its id, or a sink");
	if (a->asked.number)
		return find_sink_of(a);
	f->sink = a->asked.sink;
	return true;
}

static bool act_retry(struct act *a)
{
	struct spool_delivery_filter f;

	a->wakes = true;
	return deliveries_of(a, &f) && spool_deliveries_retry(a->db, &f, clock_now(), &a->changed) && end_pause_of(a, a->asked.sink);
}

static bool act_drop(struct act *a)
{
	struct spool_delivery_filter f;

	return deliveries_of(a, &f) && spool_deliveries_drop(a->db, &f, clock_now(), &a->changed);
}

static bool replay_to_sink(struct act *a, const struct sink *sink)
{
	int64_t changed = 0;
	bool ok = spool_deliveries_replay(a->db, sink, &a->asked.number, 1, clock_now(), &changed);

	a->changed += changed;
	return ok;
}

/* To the sink that is named, or to all sinks of the event's endpoint. */
static bool replay_to_all(struct act *a, const struct spool_row *row)
{
	const struct sink *named = *a->asked.sink ? conf_sink(a->c->conf, a->asked.sink) : NULL, *sink;
	const struct endpoint *e = NULL;
	bool ok = true;

	if (*a->asked.sink && (!named || named->replies))
		return refuse_act(a, "the configuration has no such sink for events");
	if (named)
		return replay_to_sink(a, named);
	for (size_t i = 0; i < a->c->conf->n_endpoints; i++)
		if (strlen(a->c->conf->endpoints[i].path) == row->endpoint.n &&
		    memcmp(a->c->conf->endpoints[i].path, row->endpoint.p, row->endpoint.n) == 0)
			e = &a->c->conf->endpoints[i];
	if (!e || !conf_endpoint_sink(e, 0))
		return refuse_act(a, "the event's endpoint names no sinks; choose one");
	for (size_t i = 0; ok && (sink = conf_endpoint_sink(e, i)); i++)
		ok = replay_to_sink(a, sink);
	return ok;
}

static bool act_replay(struct act *a)
{
	struct spool_events_iter *it;
	struct spool_row row;
	bool found, ok = true;

	if (!a->asked.number || a->asked.refused)
		return refuse_act(a, "name an event by its id");
	a->wakes = true;
	it = spool_events_get(a->db, a->asked.number);
	found = spool_events_next(it, &row);
	if (found)
		ok = replay_to_all(a, &row);
	return spool_events_end(it) && ok && (found || refuse_act(a, "there is no such event"));
}

/* The vault has the secrets to check it with, and stores it. */
static bool act_accept(struct act *a)
{
	const char *p, *end, *name, *value;
	struct buf pairs = {0};

	if (!a->asked.refused)
		return refuse_act(a, "name a refused delivery by its id, as r17");
	if (!vault_accept(a->c->page->vault, a->asked.number, &pairs) || !pairs.len)
		refuse_act(a, "there is no such refused delivery, or it could not be checked");
	p = pairs.data;
	end = p + pairs.len;
	while ((name = vault_text(&p, end)) && (value = vault_text(&p, end))) {
		if (strcmp(name, "event") == 0)
			a->event = strtoll(value, NULL, 10);
		if (strcmp(name, "reason") == 0) {
			snprintf(a->text, sizeof a->text, "it does not pass now: %s", value);
			a->why = a->text;
		}
	}
	buf_free(&pairs);
	a->wakes = a->event > 0;
	a->changed = a->event > 0;
	return a->event > 0;
}

/* ---- all together */

static const struct {
	const char *name;
	bool (*act)(struct act *a);
} acts[] = {{"retry", act_retry}, {"replay", act_replay}, {"drop", act_drop}, {"accept", act_accept}};

static void log_act(const struct act *a, bool ok)
{
	struct log_entry e;

	log_begin(&e, LOG_LEVEL_INFO);
	log_text(&e, "msg", ok ? "page action" : "page action failed");
	log_text(&e, "action", a->asked.name);
	log_text(&e, "user", *a->c->user ? a->c->user : "-");
	log_text(&e, "remote_addr", a->c->http->remote_addr);
	if (*a->asked.id)
		log_text(&e, "id", a->asked.id);
	if (*a->asked.sink)
		log_text(&e, "sink", a->asked.sink);
	log_number(&e, "changed", a->changed);
	if (a->why)
		log_text(&e, "reason", a->why);
	log_end(&e);
}

static void run_act(struct act *a, bool (*run)(struct act *))
{
	struct page_call *c = a->c;
	struct spool_wakeup wakeup = {-1};
	struct json j;
	bool ok;

	a->db = spool_db_new();
	ok = a->db && spool_db_open(a->db, c->conf->spool, c->conf->journal, SPOOL_MANAGE) && run(a);
	if (ok && a->wakes)
		spool_wakeup_send(&wakeup, c->conf->dir, a->hurry);
	spool_wakeup_close(&wakeup);
	log_act(a, ok);
	if (!ok) {
		page_error(c, a->why ? 409 : 503, a->why ? a->why : spool_db_error(a->db));
	} else {
		json_begin(&j);
		json_string(&j, "action", a->asked.name);
		json_number(&j, "changed", a->changed);
		if (a->event)
			json_number(&j, "event", a->event);
		page_answer_json(c, &j);
	}
	spool_db_free(a->db);
}

void action_answer(struct page_call *c)
{
	struct act act = {.c = c};

	if (!may_act(c) || !read_asked(c, &act.asked))
		return;
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		if (strcmp(acts[i].name, act.asked.name) == 0) {
			run_act(&act, acts[i].act);
			return;
		}
	}
	page_error(c, 400, "the actions are retry, replay, drop and accept");
}
