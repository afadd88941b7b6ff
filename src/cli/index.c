/* SPDX-License-Identifier: ISC */
/* hookspool index: builds the search index where no relay does, or removes it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "hook/searching.h"

enum { STEP_US = 100 * 1000 };

struct index {
	bool drop;
};

static bool build_all(struct searching_index *x)
{
	enum searching_step step = SEARCHING_MORE;
	int64_t added = 0;

	progress_start("indexed", 0);
	while (step == SEARCHING_MORE) {
		step = searching_index_step(x, 1, clock_mono_us() + STEP_US, &added);
		progress_update((uint64_t)added);
	}
	progress_end();
	if (step == SEARCHING_DONE)
		printf("%" PRId64 " events were added to the search index\n", added);
	return step == SEARCHING_DONE;
}

/* Returns the status to exit with; CLI_TEMPFAIL with the reason in db. */
static int build_index(const struct conf *conf, struct spool_db *db)
{
	struct searching_index *x;
	int status = CLI_NO;

	switch (searching_index_begin(db, conf, &x)) {
	case SEARCH_BEGUN:
		status = build_all(x) ? CLI_OK : CLI_TEMPFAIL;
		break;
	case SEARCH_HELD:
		cli_error("another process builds the search index: the relay, or another hookspool index");
		break;
	case SEARCH_NONE:
		cli_error("the spool is in PostgreSQL, and has no search index; hookspool.conf(5) has what PostgreSQL offers");
		break;
	case SEARCH_FAILED:
		status = CLI_TEMPFAIL;
		break;
	}
	searching_index_free(x);
	return status;
}

static int index_run(const struct cli *cli, void *values)
{
	const struct index *o = values;
	struct spool_db *db = NULL;
	const char *why = NULL;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_NONE, &conf, &db), closed;

	if (status != CLI_OK)
		return status;
	if (o->drop) {
		errno = 0;
		status = spool_search_drop(db) ? CLI_OK : CLI_TEMPFAIL;
		why = status == CLI_OK ? NULL : strerror(errno);
	} else if (conf->search_index) {
		status = build_index(conf, db);
	} else {
		cli_error("search-index = false: the configuration wants no search index");
		status = CLI_NO;
	}
	closed = cli_close(conf, db, status != CLI_TEMPFAIL, why);
	return status == CLI_OK ? closed : status;
}

static const struct command_option index_options[] = {
	{.name = "drop", .offset = offsetof(struct index, drop), .help = "remove the index"},
	{0},
};

const struct command cli_index = {
	.name = "index",
	.purpose = "build the search index",
	.usage = "[--drop]",
	.about = "Adds all events to the search index, with which list, the page and mcp find events without reading all of them. "
		"The relay does this beside its work; where no relay runs, run this from cron. A spool of less than some 16,000 events needs no "
		"index and gets none. Searches read what the index lacks, and find the same without it.",
	.more = "Exit status: 0 done; 1 another process builds it, the spool is in PostgreSQL, or search-index is false; 75 the spool can't be "
		"read, or the index can't be written.",
	.examples = "index\nindex --drop",
	.options = index_options,
	.size = sizeof(struct index),
	.run = index_run,
};
