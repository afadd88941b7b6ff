/* SPDX-License-Identifier: ISC */
/* hookspool check, the server that holds the spool: is what it acknowledges durable, also in a failover, and is its clock right? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "core/clock.h"
#include "spool/overflow.h"
#include "spool/server.h"
#include "spool/totals.h"

enum {
	OLDEST_VERSION = 130000,
	CLOCK_MOST_MS = 1000, /* a relay's claim on an event ends by the server's clock */
};

static void check_version(struct check *c, const struct spool_server *s)
{
	if (s->version_number < OLDEST_VERSION)
		check_say(c, CHECK_FAIL, "spool-server", "spool server: PostgreSQL %s; hookspool needs 13 or newer", s->version);
	else if (*s->address && !s->encrypted)
		check_say(c, CHECK_WARN, "spool-server", "spool server: PostgreSQL %s at %s, without TLS, so that the network sees the events; add "
			"sslmode=verify-full to the URL", s->version, s->address);
	else
		check_say(c, CHECK_OK, "spool-server", "spool server: PostgreSQL %s%s%s", s->version, *s->address ? " at " : " by a Unix socket", s->address);
}

/* The receiver sets synchronous_commit by itself: of the rest only the server's administrator can decide. */
static void check_durable(struct check *c, const struct spool_server *s)
{
	if (!s->fsync)
		check_say(c, CHECK_FAIL, "spool-durability", "spool server: fsync = off, so that a crash of its machine loses acknowledged events, or all of "
			"them; set fsync = on");
	if (!s->full_page_writes)
		check_say(c, CHECK_FAIL, "spool-durability", "spool server: full_page_writes = off, so that a power cut can damage the spool; set "
			"full_page_writes = on, unless its file system writes whole pages");
	if (s->fsync && s->full_page_writes)
		check_say(c, CHECK_OK, "spool-durability", "spool server: a commit is on its disk; the receiver sets synchronous_commit = %s",
			strcmp(s->synchronous_commit, "remote_apply") == 0 ? "remote_apply" : "on");
}

static void check_replication(struct check *c, const struct spool_server *s)
{
	if (!s->sees)
		check_say(c, CHECK_OK, "spool-replication", "spool server: this role may not see its standbys; to have them checked, grant it "
			"pg_read_all_stats");
	else if (!s->standbys && !*s->names)
		check_say(c, CHECK_OK, "spool-replication", "spool server: no standby; the events are as safe as its disk");
	else if (!*s->names)
		check_say(c, CHECK_WARN, "spool-replication", "spool server: %" PRId64 " standby%s, and a commit waits for none: a failover loses the newest "
			"events; set synchronous_standby_names", s->standbys, s->standbys == 1 ? "" : "s");
	else if (!s->synchronous)
		check_say(c, CHECK_WARN, "spool-replication", "spool server: synchronous_standby_names = \"%s\", and none of them is connected: "
			"commits wait for it, and events go to the overflow", s->names);
	else
		check_say(c, CHECK_OK, "spool-replication", "spool server: a commit waits for %" PRId64 " of %" PRId64 " standby%s", s->synchronous,
			s->standbys, s->standbys == 1 ? "" : "s");
}

static void check_grants(struct check *c, const struct spool_server *s)
{
	if (*s->missing)
		check_say(c, CHECK_FAIL, "spool-grants", "spool server: this role may not read and write all of these: %s; grant it SELECT, INSERT, UPDATE "
			"and DELETE: hookspool.conf(5)", s->missing);
	else
		check_say(c, CHECK_OK, "spool-grants", "spool server: this role may read and write all tables");
}

static void check_server_clock(struct check *c, const struct spool_server *s)
{
	int64_t off = llabs(s->ahead_ms) - s->unsure_ms / 2;

	if (off > CLOCK_MOST_MS)
		check_say(c, CHECK_WARN, "spool-clock", "spool server: its clock is %" PRId64 ".%" PRId64 " s %s this machine's; keep both right with NTP",
			off / 1000, off % 1000 / 100, s->ahead_ms > 0 ? "ahead of" : "behind");
	else
		check_say(c, CHECK_OK, "spool-clock", "spool server: its clock agrees with this machine's");
}

/* The receiver puts events there while the server does not take them, and the relay moves them into the spool. */
void check_overflow(struct check *c, const struct conf *conf)
{
	struct spool_db *db;
	struct spool_totals t = {0};
	char since[CLOCK_TEXT];

	if (!conf->overflow_dir || !spool_db_exists(conf->overflow_dir))
		return;
	db = spool_db_new();
	if (!db || !spool_db_open(db, conf->overflow_dir, conf->journal, SPOOL_MANAGE) || !spool_overflow_is_one(db, conf->overflow_dir) ||
	    !spool_totals_read(db, &t))
		check_say(c, CHECK_FAIL, "spool-overflow", "overflow: %s", spool_db_error(db));
	else if (t.events)
		check_say(c, CHECK_WARN, "spool-overflow", "overflow %s: %" PRId64 " event%s, since %s; the relay moves %s into the spool", conf->overflow_dir,
			t.events, t.events == 1 ? "" : "s", clock_format(t.oldest, since), t.events == 1 ? "it" : "them");
	else
		check_say(c, CHECK_OK, "spool-overflow", "overflow %s: empty", conf->overflow_dir);
	spool_db_free(db);
}

void check_server(struct check *c, struct spool_db *db)
{
	struct spool_server s;

	if (!spool_server_look(db, &s)) {
		check_say(c, CHECK_FAIL, "spool-server", "spool server: %s", spool_db_error(db));
		return;
	}
	check_version(c, &s);
	check_durable(c, &s);
	check_replication(c, &s);
	check_grants(c, &s);
	check_server_clock(c, &s);
}
