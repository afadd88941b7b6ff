/* SPDX-License-Identifier: ISC */
/* hookspool check, the rates: does a limit by address get the senders' addresses, or only a proxy's? */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "spool/events.h"
#include "spool/rejects.h"

enum { LOOKED_AT = 200, ENOUGH = 5 };

/* Not globally reachable: the special-purpose address registries of IANA (RFC 6890). */
static const char *const local_ranges[] = {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
	"192.168.0.0/16", "198.51.100.0/24", "203.0.113.0/24", "::1/128", "2001:db8::/32", "fc00::/7", "fe80::/10"};

/* The addresses of an endpoint's last deliveries. */
struct seen {
	char address[64];
	unsigned n;
	bool several;
};

static void see(struct seen *s, struct slice address)
{
	char text[sizeof s->address];

	snprintf(text, sizeof text, "%.*s", (int)address.n, address.n ? address.p : "");
	if (s->n++ == 0)
		memcpy(s->address, text, sizeof text);
	else if (strcmp(s->address, text) != 0)
		s->several = true;
}

static bool see_events(struct seen *s, struct spool_db *db, const char *endpoint)
{
	struct spool_filter filter = spool_filter_all;
	struct spool_events_iter *it;
	struct spool_row row;

	filter.endpoint = endpoint;
	filter.newest_first = true;
	it = spool_events_find(db, &filter);
	while (s->n < LOOKED_AT && !s->several && spool_events_next(it, &row))
		see(s, row.remote_addr);
	return spool_events_end(it);
}

static bool see_rejects(struct seen *s, struct spool_db *db, const char *endpoint)
{
	struct spool_rows *rows = spool_rejects_list(db, endpoint, LOOKED_AT);
	struct spool_reject_row r;

	while (spool_rejects_next(rows, &r))
		see(s, r.remote_addr);
	return spool_rows_end(rows);
}

static bool is_local_address(const char *address)
{
	bool local = *address == '\0'; /* the web server passes no REMOTE_ADDR */
	struct cidr range;

	for (size_t i = 0; !local && i < sizeof local_ranges / sizeof *local_ranges; i++)
		local = cidr_parse(local_ranges[i], &range) && cidr_match(&(struct cidrs){&range, 1}, address);
	return local;
}

static void check_endpoint_rate(struct check *c, struct spool_db *db, const struct endpoint *e)
{
	struct seen s = {0};

	if (!see_events(&s, db, e->path) || !see_rejects(&s, db, e->path))
		check_say(c, CHECK_FAIL, "rate", "endpoint %s: rate: %s", e->path, spool_db_error(db));
	else if (s.n >= ENOUGH && !s.several && is_local_address(s.address))
		check_say(c, CHECK_WARN, "rate", "endpoint %s: its last %u deliveries all came from %s, and rate counts them as one sender's; "
			"if that is a proxy, have the web server take the address from it (nginx: realip, Apache: mod_remoteip)", e->path, s.n,
			*s.address ? s.address : "no address");
}

void check_rate(struct check *c, const struct conf *conf)
{
	struct spool_db *db = check_open(c, conf);

	if (!db)
		return; /* check_spool() has said so */
	for (size_t i = 0; i < conf->n_endpoints; i++)
		if (conf->endpoints[i].rate.n)
			check_endpoint_rate(c, db, &conf->endpoints[i]);
	spool_db_free(db);
}
