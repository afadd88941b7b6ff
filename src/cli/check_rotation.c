/* SPDX-License-Identifier: ISC */
/* hookspool check, the secrets of an endpoint that has several: which are in use, and which can be removed? */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "core/clock.h"
#include "spool/totals.h"

/* The longest time that a provider retries a delivery signed with the old secret: Stripe, three days. */
static const int64_t RETRIES_MS = 3 * INT64_C(86400000);

struct use {
	const struct endpoint *endpoint;
	int64_t id;
	int64_t last_at; /* of this one; 0: never */
	int64_t other_at; /* of the endpoint's other secrets */
};

static bool find_use(struct use *u, struct spool_db *db)
{
	struct spool_rows *rows = spool_totals_counters(db);
	struct spool_counter c;

	while (spool_totals_next(rows, &c)) {
		int64_t *at = c.secret == u->id ? &u->last_at : &u->other_at;

		if (strcmp(c.endpoint, u->endpoint->path) == 0 && conf_secret(&u->endpoint->secrets, c.secret) && c.last_at > *at)
			*at = c.last_at;
	}
	return spool_rows_end(rows);
}

static void say_secret_use(struct check *c, const struct use *u, int number)
{
	const struct secret *s = &u->endpoint->secrets.item[number - 1];
	char at[CLOCK_TEXT];

	clock_format(u->last_at, at);
	if (u->last_at == 0)
		check_say(c, CHECK_OK, "secret", "endpoint %s: secret %d (%s): has not matched yet", u->endpoint->path, number, s->source);
	else if (u->other_at <= u->last_at)
		check_say(c, CHECK_OK, "secret", "endpoint %s: secret %d (%s): in use, last matched %s", u->endpoint->path, number, s->source, at);
	else if (clock_now() - u->last_at <= RETRIES_MS)
		check_say(c, CHECK_OK, "secret", "endpoint %s: secret %d (%s): last matched %s; keep it for 3 days after that", u->endpoint->path,
			number, s->source, at);
	else
		check_say(c, CHECK_WARN, "secret", "endpoint %s: secret %d (%s): last matched %s, another one since; it can be removed",
			u->endpoint->path, number, s->source, at);
}

static void check_endpoint_secrets(struct check *c, struct spool_db *db, const struct endpoint *e)
{
	for (size_t i = 0; i < e->secrets.n; i++) {
		struct use u = {.endpoint = e, .id = e->secrets.item[i].id};

		if (!find_use(&u, db)) {
			check_say(c, CHECK_FAIL, "secret", "secrets: %s", spool_db_error(db));
			return;
		}
		say_secret_use(c, &u, (int)i + 1);
	}
}

void check_rotation(struct check *c, const struct conf *conf)
{
	struct spool_db *db = check_open(c, conf);

	if (!db)
		return; /* check_spool() has said so */
	for (size_t i = 0; i < conf->n_endpoints; i++)
		if (conf->endpoints[i].secrets.n > 1)
			check_endpoint_secrets(c, db, &conf->endpoints[i]);
	spool_db_free(db);
}
