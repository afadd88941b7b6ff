/* SPDX-License-Identifier: ISC */
/*
 * Looks for secrets that are not needed any more, and for endpoints that use two for long.
 *
 * The relay reads no secrets of endpoints. The receiver writes the ids of those that it has into its row of the table program, and
 * counts the deliveries of each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/state.h"
#include "spool/program.h"
#include "spool/totals.h"

enum { PAIRS_MAX = 1000 };

#define DAY_MS (24 * 3600 * INT64_C(1000))
#define RETRIES_MS (3 * DAY_MS) /* the longest time that a provider retries a delivery signed with the old secret: Stripe, three days */
#define ROTATION_MS (7 * DAY_MS) /* two secrets in use for so long: the rotation was not ended */

/* A secret of an endpoint, and when it matched last. */
struct pair {
	const struct endpoint *endpoint;
	int64_t id, last_at;
};

struct secret_use {
	char ids[2 * SPOOL_PROGRAM_IDS]; /* of the receivers' secrets, each between blanks */
	struct pair pair[PAIRS_MAX];
	size_t n;
};

/* Gathers the ids of the receivers that run, and of the last one. */
static bool read_ids(struct relay *r, struct secret_use *u)
{
	struct spool_rows *rows = spool_program_list(r->db);
	struct spool_program p;
	int64_t newest = 0;
	char last[SPOOL_PROGRAM_IDS] = "";

	while (spool_program_next(rows, &p)) {
		if (strcmp(p.role, SPOOL_PROGRAM_RELAY) == 0)
			continue;
		if (p.loaded_at > newest)
			snprintf(last, sizeof last, "%s", p.ids);
		newest = p.loaded_at > newest ? p.loaded_at : newest;
		if (!p.ended_at && strlen(u->ids) + strlen(p.ids) < SPOOL_PROGRAM_IDS)
			strcat(u->ids, p.ids);
	}
	strcat(u->ids, last);
	return spool_rows_end(rows);
}

static bool is_configured(const struct secret_use *u, int64_t id)
{
	char text[24];

	snprintf(text, sizeof text, " %" PRIx64 " ", id);
	return strstr(u->ids, text) != NULL;
}

static void add_use(struct secret_use *u, const struct endpoint *e, const struct spool_counter *c)
{
	struct pair *p = u->pair;

	while (p < u->pair + u->n && (p->endpoint != e || p->id != c->secret))
		p++;
	if (p == u->pair + PAIRS_MAX)
		return;
	if (p == u->pair + u->n)
		u->pair[u->n++] = (struct pair){e, c->secret, 0};
	p->last_at = c->last_at > p->last_at ? c->last_at : p->last_at;
}

static bool read_uses(struct relay *r, struct secret_use *u)
{
	struct spool_rows *rows = spool_totals_counters(r->db);
	const struct endpoint *e;
	struct spool_counter c;

	while (spool_totals_next(rows, &c))
		if (c.secret && is_configured(u, c.secret) && (e = conf_endpoint(r->conf, c.endpoint)))
			add_use(u, e, &c);
	return spool_rows_end(rows);
}

/* When another secret of the endpoint matched last; 0: there is none. */
static int64_t other_at(const struct secret_use *u, const struct pair *p)
{
	int64_t at = 0;

	for (const struct pair *o = u->pair; o < u->pair + u->n; o++)
		if (o->endpoint == p->endpoint && o->id != p->id && o->last_at > at)
			at = o->last_at;
	return at;
}

static bool take_removable(struct relay *r, const struct secret_use *u, const struct pair *p, int64_t now)
{
	char subject[1100];

	snprintf(subject, sizeof subject, "%s %" PRIx64, p->endpoint->path, p->id);
	return alerts_take(r, &(struct alert_sight){.kind = ALERT_SECRET, .subject = subject, .at = p->last_at,
		.seen = other_at(u, p) > p->last_at && now - p->last_at > RETRIES_MS ? ALERT_TROUBLE : ALERT_FINE}, now);
}

/* For the endpoint's first pair alone: are several secrets in use? */
static bool take_both(struct relay *r, const struct secret_use *u, const struct pair *p, int64_t now)
{
	char subject[1100];
	int recent = 0;

	for (const struct pair *o = u->pair; o < u->pair + u->n; o++) {
		if (o < p && o->endpoint == p->endpoint)
			return true;
		recent += o->endpoint == p->endpoint && now - o->last_at <= RETRIES_MS;
	}
	snprintf(subject, sizeof subject, "%s both", p->endpoint->path);
	return alerts_take(r, &(struct alert_sight){.kind = ALERT_SECRET, .subject = subject, .patience = {ROTATION_MS, 0},
		.seen = recent > 1 ? ALERT_TROUBLE : ALERT_FINE}, now);
}

bool alert_look_secrets(struct relay *r, int64_t now)
{
	struct secret_use *u = calloc(1, sizeof *u);
	bool ok = u && read_ids(r, u) && read_uses(r, u);

	for (const struct pair *p = ok ? u->pair : NULL; ok && p < u->pair + u->n; p++)
		ok = take_removable(r, u, p, now) && take_both(r, u, p, now);
	free(u);
	return ok;
}
