/* SPDX-License-Identifier: ISC */
/* /health and /ready, for load balancers. */
#include "page/ready.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "gate/listen.h"
#include "gate/probe.h"
#include "spool/inspect.h"
#include "spool/measure.h"
#include "spool/program.h"

enum {
	SHARED_MS = 1000, /* a result of another process is taken so long */
	PROBE_MS = 3000,  /* a receiver waits for the spool's lock for 1 s */
};

/* The last result of this process: all other callers wait for it. */
static struct {
	pthread_mutex_t mutex;
	int64_t at; /* clock_mono_us(); 0: none */
	bool ok;
} last = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void say(struct page_call *c, bool ok)
{
	c->status = ok ? 200 : 503;
	c->type = "text/plain";
	c->body.len = 0;
	buf_add_text(&c->body, ok ? "ok\n" : "not ok\n");
}

/* What another process has found within the last second. */
static bool is_found_out(const struct conf *conf, bool *ok)
{
	struct measure_copy *m = measure_read(conf->dir);
	const struct measure_now *now = m ? measure_now_of(m) : NULL;
	int64_t age = now ? clock_now() - now->tried_at : -1;
	bool known = age >= 0 && age < SHARED_MS && now->tried != MEASURE_UNTRIED;

	*ok = known && now->tried == MEASURE_WRITABLE;
	measure_free(m);
	return known;
}

static bool ask_receiver(const char *address, bool *ok)
{
	char why[PATH_MAX];
	struct probe_result r;
	int fd = listen_connect(address, why, sizeof why);
	bool answered = fd >= 0 && probe_ask(fd, PROBE_MS, &r) == FCGI_CLIENT_ANSWERED;

	*ok = answered && r.writable;
	if (fd >= 0)
		close(fd);
	return answered;
}

/* Asks the receivers that run. False: none has a socket that this process may ask. */
static bool ask_receivers(struct page_call *c, bool *ok)
{
	struct spool_rows *rows = page_reader(c) ? spool_program_list(c->db) : NULL;
	char address[SPOOL_PROGRAM_ADDRESS] = "";
	struct spool_program p;

	while (rows && spool_program_next(rows, &p))
		if (strcmp(p.role, SPOOL_PROGRAM_RECEIVER) == 0 && !p.ended_at && strncmp(p.address, "unix:", 5) == 0)
			memcpy(address, p.address, sizeof address);
	if (rows)
		spool_rows_end(rows);
	page_reader_free(c);
	return *address && ask_receiver(address, ok);
}

static bool try_to_write_here(const struct conf *conf)
{
	struct spool_db *db = spool_db_new();
	bool ok = db && spool_db_open(db, conf->spool, conf->journal, SPOOL_MANAGE) && spool_inspect_write(db);

	spool_db_free(db);
	return ok;
}

static bool find_out(struct page_call *c)
{
	bool ok;

	return is_found_out(c->conf, &ok) || ask_receivers(c, &ok) ? ok : try_to_write_here(c->conf);
}

void ready_health(struct page_call *c)
{
	bool ok;

	pthread_mutex_lock(&last.mutex);
	if (!last.at || clock_mono_us() - last.at > SHARED_MS * 1000) {
		last.ok = find_out(c);
		last.at = clock_mono_us();
	}
	ok = last.ok;
	pthread_mutex_unlock(&last.mutex);
	say(c, ok);
}

void ready_answer(struct page_call *c)
{
	say(c, page_reader(c) != NULL);
}
