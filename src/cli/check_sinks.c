/* hookspool check, the sinks: their files, who names them, and what is pending for those that are there no more. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/check.h"
#include "sink/spool_relay.h"

static bool is_named(const struct conf *conf, const struct sink *s)
{
	for (size_t i = 0; i < conf->n_endpoints; i++)
		for (size_t k = 0; k < conf->endpoints[i].n_relay; k++)
			if (conf->endpoints[i].relay[k] == s)
				return true;
	return false;
}

static void check_sink(struct check *c, const struct conf *conf, const struct sink *s)
{
	const char *const secrets[] = {s->url_file, s->authorization_file, s->secret_file};

	if (is_named(conf, s))
		check_say(c, CHECK_OK, "sink %s: %s to %s", s->name, s->method, s->url ? s->url : s->url_file);
	else
		check_say(c, CHECK_WARN, "sink %s: no endpoint names it; add relay = {\"%s\"} to one", s->name, s->name);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		if (secrets[i])
			check_file(c, secrets[i], true);
	if (s->ca_file)
		check_file(c, s->ca_file, false);
}

struct counting {
	struct check *check;
	const struct conf *conf;
};

static void on_count(void *ctx, const char *sink, enum spool_relay_state state, int64_t n)
{
	const struct counting *counting = ctx;

	if (state == RELAY_PENDING && !conf_sink(counting->conf, sink))
		check_say(counting->check, CHECK_WARN, "sink %s: %" PRId64 " deliveries are pending, and there is no such sink any more; "
			"hookspool drop --sink %s gives them up", sink, n, sink);
}

void check_sinks(struct check *c, const struct conf *conf)
{
	struct counting counting = {c, conf};
	char file[PATH_MAX], why[PATH_MAX + 256];
	struct spool_db db = {0};

	for (size_t i = 0; i < conf->n_sinks; i++)
		check_sink(c, conf, &conf->sinks[i]);
	snprintf(file, sizeof file, "%s/hookspool.db", conf->spool);
	if (access(file, F_OK) != 0 || !spool_db_open(&db, conf->spool, conf->journal, SPOOL_MANAGE, why, sizeof why))
		return; /* check_spool() has said so */
	if (!spool_relay_counts(&db, on_count, &counting, why, sizeof why))
		check_say(c, CHECK_FAIL, "sinks: %s", why);
	spool_db_close(&db);
}
