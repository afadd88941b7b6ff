/* SPDX-License-Identifier: ISC */
/* hookspool check, the silence: does an endpoint with `expect` get events as often as it says? */
#include "cli/check.h"
#include "conf/kind.h"
#include "core/clock.h"
#include "spool/totals.h"

static void check_endpoint_silence(struct check *c, struct spool_db *db, const struct endpoint *e)
{
	int64_t now = clock_now(), at;
	struct buf expect = {0};
	char last[CLOCK_TEXT];

	kind_print_time(&expect, e->expect);
	if (!spool_totals_last(db, e->path, &at))
		check_say(c, CHECK_FAIL, "silence", "endpoint %s: %s", e->path, spool_db_error(db));
	else if (!at)
		check_say(c, CHECK_WARN, "silence", "endpoint %s: no event has come yet, and one is expected each %s; try it with hookspool send, and "
			"look at the provider's settings", e->path, buf_str(&expect));
	else if (now - at > e->expect)
		check_say(c, CHECK_FAIL, "silence", "endpoint %s: the last event came at %s, and one is expected each %s; look at the provider's list "
			"of deliveries, and at hookspool rejects", e->path, clock_format(at, last), buf_str(&expect));
	else
		check_say(c, CHECK_OK, "silence", "endpoint %s: the last event came at %s, and one is expected each %s", e->path,
			clock_format(at, last), buf_str(&expect));
	buf_free(&expect);
}

void check_silence(struct check *c, const struct conf *conf)
{
	struct spool_db *db = check_open(c, conf);

	for (size_t i = 0; db && i < conf->n_endpoints; i++)
		if (conf->endpoints[i].expect)
			check_endpoint_silence(c, db, &conf->endpoints[i]);
	spool_db_free(db); /* without one, check_spool() has said so */
}
