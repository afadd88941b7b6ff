/* SPDX-License-Identifier: ISC */
/* The page's URLs: which function answers which. */
#include "page/routes.h"

#include <stdio.h>
#include <string.h>

#include "page/access.h"
#include "page/action.h"
#include "page/backlog.h"
#include "page/callers.h"
#include "page/chart.h"
#include "page/detail.h"
#include "page/feed.h"
#include "page/files.h"
#include "page/ready.h"
#include "page/rotation.h"
#include "page/scrape.h"
#include "page/summary.h"

enum method { METHOD_GET, METHOD_POST };

/* A name that ends in a slash has a tail: one more part of the path. */
struct route {
	const char *name;
	enum method method;
	bool is_public; /* answered without a user: it says nothing of the events */
	void (*handle)(struct page_call *c);
};

static const struct route routes[] = {
	{"", METHOD_GET, false, files_index},
	{"event/", METHOD_GET, false, detail_answer},
	{"static/", METHOD_GET, false, files_static},
	{"events.json", METHOD_GET, false, feed_answer},
	{"summary.json", METHOD_GET, false, summary_answer},
	{"sinks.json", METHOD_GET, false, backlog_answer},
	{"secrets.json", METHOD_GET, false, rotation_answer},
	{"callers.json", METHOD_GET, false, callers_answer},
	{"chart.json", METHOD_GET, false, chart_answer},
	{"metrics", METHOD_GET, false, scrape_answer},
	{"health", METHOD_GET, true, ready_health},
	{"ready", METHOD_GET, true, ready_answer},
	{"action", METHOD_POST, false, action_answer},
};

/* The route of a path, and the rest of the path behind its name. NULL: none. */
static const struct route *find_route(const char *path, const char **tail)
{
	const char *last = strrchr(path, '/');
	size_t n;

	if (!last)
		return NULL;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		n = strlen(routes[i].name);
		*tail = last + 1;
		if (n && routes[i].name[n - 1] == '/') {
			if (last[1] && (size_t)(last - path) >= n && strncmp(last - n, "/", 1) == 0 && strncmp(last - n + 1, routes[i].name, n) == 0)
				return &routes[i];
		} else if (strcmp(last + 1, routes[i].name) == 0) {
			*tail = last + 1 + n;
			return &routes[i];
		}
	}
	return NULL;
}

static bool method_is(const struct request *r, enum method method)
{
	if (method == METHOD_POST)
		return strcmp(r->method, "POST") == 0;
	return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

/*
 * What has data is not for a page of another site, which a reader's browser would ask for with the reader's password: it cannot read the
 * answer, but the time of a search tells whether something is found. Links to the page itself work.
 */
static bool is_for_other_site(const struct page_call *c, const struct route *route)
{
	size_t n = strlen(c->http->path);
	const char *site;

	if (route->handle != scrape_answer && (n < 5 || strcmp(c->http->path + n - 5, ".json") != 0))
		return false;
	switch (request_header(c->http, "Sec-Fetch-Site", &site)) {
	case HEADER_ABSENT: /* an old browser, or none */
		return false;
	case HEADER_ONE:
		return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0; /* none: typed, or a bookmark */
	default:
		return true;
	}
}

/* A path that a browser cannot take for another host: it drops tabs, and takes a backslash for a slash (WHATWG URL Standard, section 4.4). */
static bool is_plain_path(const char *path)
{
	if (path[0] != '/' || path[1] == '/')
		return false;
	while (*path && (unsigned char)*path > ' ' && *path != 0x7F && *path != '\\')
		path++;
	return !*path;
}

/* Apache calls a program for its own URL without a slash at the end, which relative URLs need. */
static bool redirect(struct page_call *c)
{
	const char *script = request_variable(c->http, "SCRIPT_NAME"), *info = request_variable(c->http, "PATH_INFO");
	const char *software = request_variable(c->http, "SERVER_SOFTWARE"), *file = request_variable(c->http, "SCRIPT_FILENAME");
	bool runs_program = software && strncmp(software, "Apache", 6) == 0 && file && file[0] == '/'; /* not "proxy:..." */

	if (!script || !is_plain_path(script) || (info ? *info != '\0' : !runs_program))
		return false;
	c->status = 302;
	return buf_printf(&c->headers, "Location: %s/\r\n", script);
}

void routes_answer(struct page_call *c)
{
	const struct route *route = find_route(c->http->path, &c->tail);

	c->root = route && strchr(route->name, '/') ? "../" : "./";
	if (route && route->is_public && method_is(c->http, route->method))
		route->handle(c);
	else if (!access_allowed(c))
		access_refuse(c);
	else if (!route && !redirect(c))
		page_error(c, 404, "the page has no such URL");
	else if (!route)
		return;
	else if (!method_is(c->http, route->method)) {
		page_error(c, 405, route->method == METHOD_POST ? "this URL takes POST only" : "this URL takes GET and HEAD only");
		buf_printf(&c->headers, "Allow: %s\r\n", route->method == METHOD_POST ? "POST" : "GET, HEAD");
	} else if (is_for_other_site(c, route))
		page_error(c, 403, "a page of another site asks for this");
	else if (strlen(c->http->query) > PAGE_QUERY_MAX)
		page_error(c, 414, "the query is too long");
	else if (form_parse(&c->query, c->http->query, strlen(c->http->query)) != FORM_OK)
		page_error(c, 400, "the query is malformed");
	else
		route->handle(c);
}
