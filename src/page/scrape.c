/* SPDX-License-Identifier: ISC */
/* /metrics: for Prometheus, in the format that it asks for. */
#include "page/scrape.h"

#include "core/clock.h"
#include "metrics/metrics.h"
#include "page/vault.h"
#include "spool/view.h"

enum {
	NAMES_MS = 60 * 1000,
	BUDGET_US = 2 * 1000 * 1000, /* to read what takes milliseconds: a forged spool must not hold a reader */
};

/* The names of secrets that the vault gave last. It reads the configuration for each question, which is too much for each scrape. */
static struct {
	pthread_mutex_t mutex;
	struct buf names;
	int64_t read_at; /* ms since the epoch */
} secret_names = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Copies the names. Where the vault gives none, the secrets have their ids alone. */
static void take_names(struct page_call *c, struct buf *names)
{
	int64_t now = clock_now();

	pthread_mutex_lock(&secret_names.mutex);
	if (now < secret_names.read_at || now - secret_names.read_at > NAMES_MS) {
		secret_names.names.len = 0;
		secret_names.read_at = vault_secrets(c->page->vault, &secret_names.names) ? now : 0;
	}
	buf_add(names, secret_names.names.data, secret_names.names.len);
	pthread_mutex_unlock(&secret_names.mutex);
}

void scrape_answer(struct page_call *c)
{
	enum exposition_format format = exposition_accepted(request_variable(c->http, "HTTP_ACCEPT"));
	struct buf names = {0};
	int64_t deadline;

	take_names(c, &names); /* first, as the vault may have to be waited for */
	if (page_reader(c)) {
		deadline = clock_mono_us() + BUDGET_US;
		c->type = exposition_media_type(format);
		spool_view_bound(c->db, &deadline);
		if (!metrics_write(c->conf, c->db, format, (struct slice){names.data, names.len}, &c->body))
			page_spool_error(c);
		spool_view_bound(c->db, NULL);
	}
	buf_free(&names);
}
