/* SPDX-License-Identifier: ISC */
/* What the parts of the page share: configuration, readers of the spool, and the form of an answer. */
#include "page/page.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "page/routes.h"

enum { READER_WAIT_S = 5 };

/*
 * Nothing in the page is inline, and nothing comes from elsewhere. No answer may be framed, guessed at, kept or named to others.
 * hookspool-page.fcgi(8) has these, too.
 */
static const char headers_of_all[] =
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"X-Frame-Options: DENY\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"X-Accel-Buffering: no\r\n";

/* ---- the configuration */

struct page_conf *page_conf_get(struct page *p)
{
	struct page_conf *c;

	pthread_mutex_lock(&p->mutex);
	c = p->conf;
	c->users++;
	pthread_mutex_unlock(&p->mutex);
	return c;
}

void page_conf_put(struct page *p, struct page_conf *c)
{
	bool last;

	pthread_mutex_lock(&p->mutex);
	last = --c->users == 0;
	pthread_mutex_unlock(&p->mutex);
	if (last) {
		conf_free(c->conf);
		free(c);
	}
}

bool page_conf_set(struct page *p, struct conf *conf)
{
	struct page_conf *new = calloc(1, sizeof *new), *old;

	if (!new) {
		conf_free(conf);
		return false;
	}
	*new = (struct page_conf){conf, 1};
	pthread_mutex_lock(&p->mutex);
	old = p->conf;
	p->conf = new;
	pthread_mutex_unlock(&p->mutex);
	if (old)
		page_conf_put(p, old);
	return true;
}

/* ---- readers of the spool */

/* Waits until a reader is free. -1: none became free in time. */
static int take_slot(struct page *p)
{
	struct timespec end;
	int slot = -1;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += READER_WAIT_S;
	pthread_mutex_lock(&p->mutex);
	for (;;) {
		for (int i = 0; slot < 0 && i < PAGE_READERS; i++)
			if (!p->busy[i])
				slot = i;
		if (slot >= 0 || pthread_cond_timedwait(&p->freed, &p->mutex, &end) != 0)
			break;
	}
	if (slot >= 0)
		p->busy[slot] = true;
	pthread_mutex_unlock(&p->mutex);
	return slot;
}

static void give_slot(struct page *p, int slot)
{
	pthread_mutex_lock(&p->mutex);
	p->busy[slot] = false;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->mutex);
}

void page_spool_error(struct page_call *c)
{
	page_error(c, 503, spool_db_error(c->db));
}

struct spool_db *page_reader(struct page_call *c)
{
	struct page *p = c->page;
	struct spool_db **db;

	if (c->db)
		return c->db;
	c->slot = take_slot(p);
	if (c->slot < 0) {
		page_error(c, 503, "the page is busy; try again");
		return NULL;
	}
	db = &p->reader[c->slot];
	if (*db && spool_db_moved(*db)) {
		spool_db_free(*db);
		*db = NULL;
	}
	if (*db || ((*db = spool_db_new()) && spool_db_open(*db, c->conf->spool, c->conf->journal, SPOOL_READ)))
		return c->db = *db;
	page_error(c, 503, spool_db_exists(c->conf->spool) ? spool_db_error(*db) : "there is no spool yet; the receiver makes it when it starts");
	spool_db_free(*db);
	*db = NULL;
	give_slot(p, c->slot);
	return NULL;
}

void page_reader_free(struct page_call *c)
{
	if (c->db)
		give_slot(c->page, c->slot);
	c->db = NULL;
}

void page_end(struct page *p)
{
	for (int i = 0; i < PAGE_READERS; i++)
		spool_db_free(p->reader[i]);
	page_conf_put(p, p->conf);
}

/* ---- requests and answers */

struct slice page_parameter(const struct page_call *c, const char *name)
{
	struct slice value = form_value(&c->query, name);

	return value.n ? value : (struct slice){0};
}

int64_t page_parameter_number(const struct page_call *c, const char *name, int64_t min, int64_t max, int64_t otherwise)
{
	struct slice text = page_parameter(c, name);
	int64_t n = 0;

	if (text.n == 0 || text.n > 15)
		return otherwise;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return otherwise;
		n = n * 10 + (text.p[i] - '0');
	}
	return n < min ? min : n > max ? max : n;
}

void page_answer_json(struct page_call *c, struct json *j)
{
	c->type = "application/json";
	c->body.len = 0;
	if (!json_finish(j, &c->body))
		page_error(c, 503, "memory is short");
}

void page_error(struct page_call *c, int status, const char *text)
{
	struct json j;

	c->status = status;
	c->type = "application/json";
	c->body.len = 0;
	json_begin(&j);
	json_string(&j, "error", text);
	if (!json_finish(&j, &c->body))
		c->body.len = 0;
}

void page_serve(struct page *p, struct page_conf *conf, const struct request *http, struct page_call *c)
{
	*c = (struct page_call){.page = p, .conf = conf->conf, .http = http, .tail = "", .root = "./", .user = "", .status = 200};
	routes_answer(c);
	page_reader_free(c);
}

void page_call_free(struct page_call *c)
{
	form_free(&c->query);
	buf_free(&c->headers);
	buf_free(&c->body);
}

static const char *phrase_of(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {{200, "OK"}, {302, "Found"}, {304, "Not Modified"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {409, "Conflict"}, {413, "Content Too Large"}, {414, "URI Too Long"},
		{415, "Unsupported Media Type"}, {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"}, {503, "Service Unavailable"}};

	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}

bool page_print(const struct page_call *c, struct buf *out)
{
	bool has_body = c->status != 304;

	return buf_printf(out, "Status: %d %s\r\n", c->status, phrase_of(c->status)) &&
		(!has_body || buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", c->type ? c->type : "text/plain", c->body.len)) &&
		buf_printf(out, "Cache-Control: %s\r\n", c->cache ? c->cache : "no-store") && buf_add_text(out, headers_of_all) &&
		buf_add(out, c->headers.data, c->headers.len) && buf_add_text(out, "\r\n") &&
		(!has_body || strcmp(c->http->method, "HEAD") == 0 || buf_add(out, c->body.data, c->body.len));
}
