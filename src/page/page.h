/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the page share: the process, and one request with its answer.
 *
 * A handler of routes.c gets a struct page_call, and writes the answer into it. Each connection has a thread, so a handler may wait.
 * It must not hold a reader of the spool while it waits.
 */
#ifndef PAGE_H
#define PAGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "core/json.h"
#include "hook/form.h"
#include "hook/request.h"
#include "spool/db.h"

enum {
	PAGE_READERS = 4,              /* connections to the spool, which the threads share */
	PAGE_BUDGET_US = 150 * 1000,   /* the time that one answer may read the spool: then it says how far it looked */
	PAGE_BODY_MAX = 16 * 1024,     /* bytes of an action */
	PAGE_QUERY_MAX = 4 * 1024,     /* bytes of a query string */
};

/* A configuration in use; freed when the last user lets go. */
struct page_conf {
	struct conf *conf;
	unsigned users; /* under page.mutex; the process itself is one */
};

struct files;
struct vault;
struct waiters;

/* The process. */
struct page {
	pthread_mutex_t mutex; /* of conf, and of the readers */
	pthread_cond_t freed;  /* a reader was given back */
	struct page_conf *conf;
	struct spool_db *reader[PAGE_READERS]; /* NULL: not made yet */
	bool busy[PAGE_READERS];
	struct files *files;
	struct vault *vault;     /* the process that has the endpoints' secrets */
	struct waiters *waiters; /* NULL: CGI, where a request waits by itself */
	bool cgi;
};

/* A request, and its answer. */
struct page_call {
	struct page *page;
	const struct conf *conf;
	const struct request *http;
	const char *tail; /* of the path, behind the route's name; borrowed from http */
	const char *root; /* the relative URL from the request's URL to the page's own: "./" or "../" */
	const char *user; /* that the web server has authenticated; "": none */
	struct form query;
	struct spool_db *db; /* see page_reader() */

	int status;        /* HTTP's; 200 where a handler says nothing */
	const char *type;  /* Content-Type; static text */
	const char *cache; /* Cache-Control; NULL: no-store */
	struct buf headers; /* further lines, each with CRLF */
	struct buf body;
	int slot;       /* of db, in page.reader */
};

/* The configuration in force; the caller gives it back. */
struct page_conf *page_conf_get(struct page *p);
void page_conf_put(struct page *p, struct page_conf *c);

/* Makes conf, which it takes over, the configuration in force. False: memory is short, and conf is freed. */
bool page_conf_set(struct page *p, struct conf *conf);

/* Serves a request whose variables are read: fills c, which page_call_free() frees. */
void page_serve(struct page *p, struct page_conf *conf, const struct request *http, struct page_call *c);
void page_call_free(struct page_call *c);

/* Appends the answer as CGI (RFC 3875 section 6): header, and body unless the request is a HEAD. False: memory is short. */
bool page_print(const struct page_call *c, struct buf *out);

/* Closes the readers, and lets go of the configuration. */
void page_end(struct page *p);

/* Answers with an error as JSON: {"error":text}. */
void page_error(struct page_call *c, int status, const char *text);

/* The parameter of the query; p == NULL: it is absent or empty. */
struct slice page_parameter(const struct page_call *c, const char *name);

/* The number that the parameter has, from min to max; `otherwise` where it is absent or no number. */
int64_t page_parameter_number(const struct page_call *c, const char *name, int64_t min, int64_t max, int64_t otherwise);

/* Answers with the object, which is freed. */
void page_answer_json(struct page_call *c, struct json *j);

/*
 * A connection that only reads the spool; it stays this call's until page_reader_free(), or the end of the call. NULL: it cannot be
 * opened, and the answer says why, with status 503.
 */
struct spool_db *page_reader(struct page_call *c);
void page_reader_free(struct page_call *c);

/* Answers 503 with the reason why the spool could not be read. */
void page_spool_error(struct page_call *c);

#endif
