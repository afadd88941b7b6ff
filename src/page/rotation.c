/* SPDX-License-Identifier: ISC */
/* /secrets.json: which secrets are in use, and which can be removed; names only. */
#include "page/rotation.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "page/vault.h"
#include "spool/totals.h"

/* The longest time that a provider retries a delivery signed with the old secret: Stripe, three days. */
static const int64_t KEEP_MS = 3 * INT64_C(86400000);

/* When a secret matched last, and when another one of its endpoint did. 0: never. */
struct use {
	int64_t last_at, other_at, n;
};

/* Counts for the secret `id` of the endpoint. Secrets that are no longer in the list of the vault do not count as others. */
static bool find_secret_use(struct spool_db *db, const struct buf *list, const char *path, uint64_t id, struct use *u)
{
	struct spool_rows *rows = spool_totals_counters(db);
	const char *p, *end = list->data + list->len, *other, *number, *hex;
	struct spool_counter counter;
	int64_t *at;

	*u = (struct use){0};
	while (spool_totals_next(rows, &counter)) {
		if (strcmp(counter.endpoint, path) != 0 || counter.secret == 0)
			continue;
		for (p = list->data; (other = vault_text(&p, end)) && (number = vault_text(&p, end)) && (hex = vault_text(&p, end)) && vault_text(&p, end);) {
			if (strcmp(other, path) != 0 || strtoull(hex, NULL, 16) != (uint64_t)counter.secret)
				continue;
			u->n += (uint64_t)counter.secret == id ? counter.n : 0;
			at = (uint64_t)counter.secret == id ? &u->last_at : &u->other_at;
			*at = counter.last_at > *at ? counter.last_at : *at;
		}
	}
	return spool_rows_end(rows);
}

/* As `hookspool check` says it: check_rotation.c. */
static const char *state_of_use(const struct use *u, int64_t now)
{
	if (u->last_at == 0)
		return "unused";
	if (u->other_at <= u->last_at)
		return "in_use";
	return now - u->last_at <= KEEP_MS ? "keep" : "removable";
}

static void write_use(struct json *j, const struct conf *conf, const char *path, const char *number, const char *source, const struct use *u)
{
	const struct endpoint *e = conf_endpoint(conf, path);

	json_item(j);
	json_string(j, "endpoint", path);
	json_text(j, "endpoint_name", e && e->name ? slice_text(e->name) : (struct slice){0});
	json_number(j, "number", strtoll(number, NULL, 10));
	json_string(j, "name", source);
	json_string(j, "state", state_of_use(u, clock_now()));
	json_number(j, "deliveries", u->n);
	if (u->last_at)
		json_time(j, "last_at", u->last_at);
	else
		json_text(j, "last_at", (struct slice){0});
	json_item_end(j);
}

void rotation_answer(struct page_call *c)
{
	const char *p, *end, *path, *number, *hex, *source;
	struct buf list = {0};
	struct use use;
	struct json j;
	bool ok = true, known;

	if (!page_reader(c))
		return;
	known = vault_secrets(c->page->vault, &list);
	p = list.data;
	end = p + list.len;
	json_begin(&j);
	json_list(&j, "secrets");
	while (ok && (path = vault_text(&p, end)) && (number = vault_text(&p, end)) && (hex = vault_text(&p, end)) && (source = vault_text(&p, end))) {
		ok = find_secret_use(c->db, &list, path, strtoull(hex, NULL, 16), &use);
		write_use(&j, c->conf, path, number, source, &use);
	}
	json_list_end(&j);
	json_bool(&j, "complete", known);
	page_answer_json(c, &j);
	if (!ok)
		page_spool_error(c);
	buf_free(&list);
}
