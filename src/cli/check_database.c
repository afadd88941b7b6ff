/* SPDX-License-Identifier: ISC */
/* hookspool check, the spool's database: can it be written, is it intact, and do its times agree with the clock? */
#include <inttypes.h>

#include "cli/check.h"
#include "conf/place.h"
#include "core/clock.h"
#include "spool/inspect.h"
#include "spool/totals.h"

enum {
	SMALL = 64 << 20, /* bytes of a database that is read whole at each check, which takes a second */
	CLOCK_SLACK_MS = 60 * 1000,
};

/* What to do about an error of the spool's. */
static const char *fix_of_fault(enum spool_error kind)
{
	switch (kind) {
	case SPOOL_ERROR_FULL:
		return "; make room, or purge events";
	case SPOOL_ERROR_READONLY:
		return "; give the spool's owner write access to each of its files, and remount a disk that is read-only";
	case SPOOL_ERROR_DISK:
		return "; look for errors of the disk in dmesg";
	case SPOOL_ERROR_DAMAGED:
		return "; it is damaged: stop the receiver, keep a copy, and restore a backup";
	default:
		return "";
	}
}

static void check_write(struct check *c, struct spool_db *db, bool server)
{
	if (spool_inspect_write(db))
		check_say(c, CHECK_OK, "spool-database", "spool database: can be written");
	else
		check_say(c, CHECK_FAIL, "spool-database", "spool database: %s%s", spool_db_error(db), server ? "" : fix_of_fault(spool_db_error_kind(db)));
}

static void check_pages(struct check *c, struct spool_db *db)
{
	struct spool_faults faults;

	if (!c->deep && spool_inspect_size(db) > SMALL) {
		check_say(c, CHECK_OK, "spool-integrity", "spool database: larger than %d MiB; check --deep reads it whole", (int)(SMALL >> 20));
		return;
	}
	if (spool_inspect_pages(db, c->deep, &faults))
		check_say(c, CHECK_OK, "spool-integrity", "spool database: whole, by %s", c->deep ? "pages, tables and indexes" : "pages and tables");
	for (unsigned i = 0; i < faults.n; i++)
		check_say(c, CHECK_FAIL, "spool-integrity", "spool database: damaged: %s%s", faults.text[i], fix_of_fault(SPOOL_ERROR_DAMAGED));
}

static void check_bodies(struct check *c, struct spool_db *db)
{
	struct spool_faults faults, left;

	if (spool_inspect_bodies(db, &faults, &left))
		return;
	for (unsigned i = 0; i < faults.n; i++)
		check_say(c, CHECK_FAIL, "spool-bodies", "spool's bodies: damaged: %s%s", faults.text[i], fix_of_fault(SPOOL_ERROR_DAMAGED));
	for (unsigned i = 0; i < left.n; i++)
		check_say(c, CHECK_WARN, "spool-bodies", "spool's bodies: %s: left by another database, no event of this one is in it; remove it if "
			"you don't need it", left.text[i]);
}

static void check_clock(struct check *c, struct spool_db *db)
{
	int64_t events, latest;
	char text[CLOCK_TEXT];

	if (spool_totals_ahead(db, clock_now() + CLOCK_SLACK_MS, &events, &latest) && events)
		check_say(c, CHECK_WARN, "clock", "%" PRId64 " of the newest 1000 events %s from the future, up to %s: the clock was wrong when "
			"they came, or is wrong now; keep it right with NTP", events, events == 1 ? "is" : "are", clock_format(latest, text));
}

struct spool_db *check_open(const struct check *c, const struct conf *conf)
{
	struct spool_db *db;

	if (check_next_note(c, CHECK_UNUSABLE, NULL) || !spool_db_exists(conf->spool))
		return NULL;
	db = spool_db_new();
	if (db && spool_db_open(db, conf->spool, conf->journal, SPOOL_MANAGE))
		return db;
	spool_db_free(db);
	return NULL;
}

static void say_unusable_database(struct check *c, const struct spool_db *db, bool server)
{
	if (db && spool_db_error_kind(db) == SPOOL_ERROR_MISSING)
		check_say(c, CHECK_OK, "spool-database", "spool database: it has no tables yet; the receiver makes them when it starts, or hookspool migrate");
	else
		check_say(c, CHECK_FAIL, "spool-database", "spool database: %s%s", spool_db_error(db), db && !server ? fix_of_fault(spool_db_error_kind(db)) : "");
}

void check_database(struct check *c, const struct conf *conf)
{
	bool server = place_is_server(conf->spool);
	struct spool_db *db;

	if (spool_inspect_lost(conf->spool)) {
		check_say(c, CHECK_WARN, "spool-database", "spool database: not there, though its directory has a lock, which a receiver makes; if the "
			"database was not moved away, restore a backup; else the receiver makes a new one when it starts");
		return;
	}
	if (!spool_db_exists(conf->spool)) {
		check_say(c, CHECK_OK, "spool-database", "spool database: not there yet; the receiver makes it when it starts");
		return;
	}
	if (server)
		check_overflow(c, conf);
	db = spool_db_new();
	if (!db || !spool_db_open(db, conf->spool, conf->journal, SPOOL_MANAGE)) {
		say_unusable_database(c, db, server);
		check_note(c, CHECK_UNUSABLE, spool_db_error(db));
	} else {
		check_write(c, db, server);
		check_pages(c, db);
		check_bodies(c, db);
		if (server)
			check_server(c, db);
		check_clock(c, db);
	}
	spool_db_free(db);
}
