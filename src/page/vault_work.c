/* SPDX-License-Identifier: ISC */
/* What the vault's process does: it reads the configuration with the secrets, and the refused delivery from the spool by its id. */
#define _GNU_SOURCE /* strnlen */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "core/clock.h"
#include "hook/again.h"
#include "hook/explain.h"
#include "page/vault.h"
#include "spool/rejects.h"

enum {
	SHOWN = 200,                  /* bytes of a header's value */
	TRIED_MAX = 4 * 1024 * 1024,  /* bytes of a body for which causes are tried: each try signs it once more */
};

struct work {
	struct conf *conf;
	struct spool_db *db;
	struct buf *out;
};

static void keep_quiet(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

/* A text with a NUL in it, which a stranger sent, ends there. */
static void add_vault_text(struct buf *out, struct slice s)
{
	buf_add(out, s.p, s.p ? strnlen(s.p, s.n) : 0);
	buf_add(out, "", 1);
}

static void add_named(struct work *w, const char *name, struct slice value)
{
	add_vault_text(w->out, slice_text(name));
	add_vault_text(w->out, value);
}

/* No signature that would be right is said, nor the string that was signed. */
static void explain_request(struct work *w, const struct endpoint *e, const struct request *r, int64_t at)
{
	struct verify v = {0};
	struct buf cause = {0};
	char text[CLOCK_TEXT];
	enum verify_result result = verify_delivery(r, e, at, &v);

	add_named(w, "verdict", slice_text(result == VERIFY_OK ? "it passes now" : v.reason ? v.reason : "it could not be checked"));
	add_named(w, "scheme", slice_text(e->scheme.name));
	if (scheme_has_key(&e->scheme) && v.header && v.value.p) {
		add_named(w, "header", slice_text(v.header));
		add_named(w, "received", (struct slice){v.value.p, v.value.n < SHOWN ? v.value.n : SHOWN});
		if (e->scheme.signs)
			add_named(w, "signs", slice_text(e->scheme.signs));
	}
	if (v.at)
		add_named(w, "signed_at", slice_text(clock_format(v.at, text)));
	if (result == VERIFY_WRONG && r->body.len <= TRIED_MAX && explain_cause(r, e, &v, &cause))
		add_named(w, "cause", cause.len ? (struct slice){cause.data, cause.len}
			: slice_text("not found: another secret, or other bytes than were signed"));
	buf_free(&cause);
	verify_free(&v);
}

static void explain_row(struct work *w, const struct spool_reject_row *r)
{
	const struct endpoint *e = again_endpoint(w->conf, r);
	struct stored stored = {0};

	if (!e)
		add_named(w, "verdict", slice_text("the configuration has no such endpoint"));
	else if (r->body.p && r->headers.p && stored_request(r->headers, r->body, &stored))
		explain_request(w, e, &stored.request, r->received_at);
	stored_free(&stored);
}

static void accept_row(struct work *w, const struct spool_reject_row *r)
{
	struct stored stored = {0};
	struct delivery d = {0};
	struct delivery *one = &d;
	struct spool *spool = NULL;
	char id[24];
	enum again again = again_check(w->conf, r, &stored, &d);

	if (again == AGAIN_PASSES) {
		spool = spool_of(w->conf, SPOOL_MANAGE);
		d.stored.reject = r->id;
		if (spool)
			handle_store(spool, &one, 1);
	}
	snprintf(id, sizeof id, "%" PRId64, d.id);
	if (spool && d.id) {
		add_named(w, "outcome", slice_text(outcome_info(d.outcome)->code));
		add_named(w, "event", slice_text(id));
	} else {
		add_named(w, "outcome", slice_text("refused"));
		add_named(w, "reason", slice_text(again_reason(again, &d)));
	}
	spool_close(spool);
	handle_free(&d);
	stored_free(&stored);
}

static void work_on_reject(struct work *w, int64_t id, void (*work)(struct work *, const struct spool_reject_row *))
{
	struct spool_reject_row row;
	struct spool_rows *rows;

	w->db = spool_db_new();
	if (w->db && spool_db_open(w->db, w->conf->spool, w->conf->journal, SPOOL_READ)) {
		rows = spool_rejects_get(w->db, id);
		if (spool_rejects_next(rows, &row))
			work(w, &row);
		spool_rows_end(rows);
	}
	spool_db_free(w->db);
}

static void list_secrets(struct work *w)
{
	char text[24];

	for (size_t i = 0; i < w->conf->n_endpoints; i++) {
		const struct endpoint *e = &w->conf->endpoints[i];

		for (size_t k = 0; k < e->secrets.n; k++) {
			add_vault_text(w->out, slice_text(e->path));
			snprintf(text, sizeof text, "%zu", k + 1);
			add_vault_text(w->out, slice_text(text));
			snprintf(text, sizeof text, "%" PRIx64, (uint64_t)e->secrets.item[k].id);
			add_vault_text(w->out, slice_text(text));
			add_vault_text(w->out, slice_text(e->secrets.item[k].source));
		}
	}
}

void vault_work(const char *conf_file, enum vault_question question, int64_t id, struct buf *answer)
{
	struct work w = {.conf = conf_load_with(conf_file, CONF_SECRETS_THERE, keep_quiet, NULL), .out = answer};

	if (!w.conf)
		return;
	if (question == VAULT_SECRETS)
		list_secrets(&w);
	else
		work_on_reject(&w, id, question == VAULT_EXPLAIN ? explain_row : accept_row);
	conf_free(w.conf);
}
