/* SPDX-License-Identifier: ISC */
/* hookspool migrate: makes the spool, or brings its tables up to date, as the receiver does when it starts. */
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/owner.h"
#include "conf/place.h"

struct migrate {
	const char *as; /* NULL: the spool as the configuration names it */
};

static int migrate_place(const char *place, enum journal journal)
{
	struct spool_db *db = spool_db_new();
	bool ok = db && spool_db_open(db, place, journal, SPOOL_RECEIVE);

	if (ok)
		printf("spool %s: up to date\n", place);
	else
		cli_error("%s", spool_db_error(db));
	spool_db_free(db);
	return ok ? CLI_OK : CLI_TEMPFAIL;
}

static int migrate_run(const struct cli *cli, void *values)
{
	const struct migrate *m = values;
	struct conf *conf = cli_conf(cli, CONF_SECRETS_NONE);
	char why[PATH_MAX + 256];
	int status;

	if (!conf)
		return CLI_CONFIG;
	if (m->as && !place_is_server(m->as)) {
		status = cli_usage("migrate", "%s is no URL of PostgreSQL", m->as);
	} else if (m->as && !place_is_server(conf->spool)) {
		cli_error("--as is for a spool in PostgreSQL, and the spool is the directory %s", conf->spool);
		status = CLI_NO;
	} else if (!owner_become(conf->dir, why, sizeof why)) {
		cli_error("%s", why);
		status = CLI_TEMPFAIL;
	} else {
		status = migrate_place(m->as ? m->as : conf->spool, conf->journal);
	}
	conf_free(conf);
	return status;
}

static const struct command_option migrate_options[] = {
	{.name = "as", .kind = COMMAND_TEXT, .offset = offsetof(struct migrate, as), .argument = "URL",
		.help = "connect by this URL: of a role that owns the tables"},
	{0},
};

const struct command cli_migrate = {
	.name = "migrate",
	.purpose = "make the spool, or bring it up to date",
	.usage = "[--as URL]",
	.about = "Makes the tables of the spool, or brings those of an older release up to date. The receiver does it when it starts. With a "
		"spool in PostgreSQL, the receiver's role then has to own the tables. Where it must not, run this as the role that owns them, "
		"before a new release is started. hookspool.conf(5) has what the other roles have to be granted.",
	.more = "Exit status: 0 it is up to date; 1 the spool is a directory, and has no role; 75 it can't be made or changed.",
	.examples = "migrate\nmigrate --as 'postgresql://owner@/hookspool?passfile=/root/pgpass'",
	.options = migrate_options,
	.size = sizeof(struct migrate),
	.run = migrate_run,
};
