/* SPDX-License-Identifier: ISC */
/* hookspool check, the catch-ups: the files of their keys, and how their last runs went. */
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "core/clock.h"
#include "core/strlist.h"
#include "spool/catchup.h"

enum { LATE_RUNS = 6 }; /* so many times `every` without a run is a warning */

static bool check_catchup_files(struct check *c, const struct catchup *k)
{
	char whose[256];
	bool ok;

	snprintf(whose, sizeof whose, "catch-up %s: api-key-file ", k->name);
	ok = check_file(c, whose, k->key_file, true);
	snprintf(whose, sizeof whose, "catch-up %s: ca-file ", k->name);
	return (!k->ca_file || check_file(c, whose, k->ca_file, false)) && ok;
}

/* Finds a section whose runs can store nothing: a filter of its endpoint, or its url, keeps every message out. */
static void check_catchup_filters(struct check *c, const struct catchup *k)
{
	if (k->api->event && !strlist_match(&k->endpoint->events, slice_text(k->api->event)))
		check_say(c, CHECK_WARN, "catch-up", "catch-up %s: endpoint %s does not store %s; add it to its events, or remove the catch-up",
			k->name, k->endpoint->path, k->api->event);
	if (!k->allow_private && strncmp(k->url, "http://", 7) == 0)
		check_say(c, CHECK_WARN, "catch-up", "catch-up %s: its url begins with http://, which is refused without allow-private = true", k->name);
}

static void say_state(struct check *c, const struct catchup *k, const struct spool_catchup *s)
{
	const char *of = *s->account ? ", account " : "";
	char at[CLOCK_TEXT];
	int64_t late = clock_now() - LATE_RUNS * k->every;

	if (*s->error)
		check_say(c, CHECK_WARN, "catch-up", "catch-up %s: not complete since %s: %s", k->name, clock_format(s->error_since, at), s->error);
	else if (s->completed_at && s->completed_at < late && s->tried_at < late)
		check_say(c, CHECK_WARN, "catch-up", "catch-up %s%s%s: the last run was at %s; does the relay run?", k->name, of, s->account,
			clock_format(s->tried_at, at));
	else if (s->completed_at)
		check_say(c, CHECK_OK, "catch-up", "catch-up %s%s%s: complete until %s", k->name, of, s->account, clock_format(s->complete_until, at));
}

static void check_states(struct check *c, const struct catchup *k, struct spool_db *db)
{
	struct spool_rows *rows = spool_catchup_list(db);
	struct spool_catchup state;

	while (spool_catchup_next(rows, &state))
		if (strcmp(state.name, k->name) == 0 && (!*state.account || strlist_match(&k->accounts, slice_text(state.account))))
			say_state(c, k, &state);
	if (!spool_rows_end(rows))
		check_say(c, CHECK_FAIL, "catch-up", "catch-up %s: %s", k->name, spool_db_error(db));
}

void check_catchups(struct check *c, const struct conf *conf)
{
	struct spool_db *db = conf->n_catchups ? check_open(c, conf) : NULL;

	for (const struct catchup *k = conf->catchups; k < conf->catchups + conf->n_catchups; k++) {
		check_say(c, CHECK_OK, "catch-up", "catch-up %s: from %s for endpoint %s", k->name, k->url, k->endpoint->path);
		check_catchup_filters(c, k);
		if (!c->relay_unknown && !check_catchup_files(c, k))
			continue;
		if (db)
			check_states(c, k, db);
	}
	spool_db_free(db);
}
