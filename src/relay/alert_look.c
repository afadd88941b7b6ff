/* SPDX-License-Identifier: ISC */
/* Looks for trouble: dead letters, sinks that are down, silent endpoints, a disk that fills. */
#include <sys/statvfs.h>

#include "relay/state.h"
#include "spool/alert.h"
#include "spool/totals.h"

static const int64_t DEAD_QUIET_MS = 3600 * 1000; /* without a further death, that long: the alert ends, and the next death is told */

/* ---- sinks */

static bool look_for_dead(struct relay *r, const struct queue *q, int64_t now)
{
	struct alert_sight s = {.kind = ALERT_DEAD, .subject = q->sink->name, .patience = {0, r->conf->alert_after}};

	if (!spool_alert_dead(r->db, s.subject, now - DEAD_QUIET_MS, &s.at, &s.n))
		return false;
	s.seen = s.at && s.n ? ALERT_TROUBLE : ALERT_FINE;
	return alerts_take(r, &s, now);
}

/* A sink that was not tried since this relay began may be down or not. */
static bool look_for_down(struct relay *r, const struct queue *q, int64_t now)
{
	struct alert_sight s = {.kind = ALERT_DOWN, .subject = q->sink->name, .patience = {r->conf->alert_after, 0}, .n = q->failures};

	s.seen = q->published ? ALERT_TROUBLE : q->works ? ALERT_FINE : ALERT_UNKNOWN;
	return alerts_take(r, &s, now);
}

/* ---- endpoints */

/* An endpoint that never got a delivery is silent when it was known for as long. */
static bool look_for_silent(struct relay *r, const struct endpoint *e, int64_t now)
{
	struct alert_sight s = {.kind = ALERT_SILENT, .subject = e->path, .bound = e->expect};

	if (!spool_totals_last(r->db, e->path, &s.at))
		return false;
	s.patience.raise = s.at ? 0 : e->expect;
	s.seen = s.at && now - s.at <= e->expect ? ALERT_FINE : ALERT_TROUBLE;
	return alerts_take(r, &s, now);
}

/* ---- the spool */

static bool look_for_room(struct relay *r, int64_t now)
{
	struct alert_sight s = {.kind = ALERT_LOW, .subject = r->conf->dir, .patience = {0, r->conf->alert_after},
		.bound = (int64_t)r->conf->min_free};
	struct statvfs fs;

	if (statvfs(r->conf->dir, &fs) != 0)
		return alerts_take(r, &s, now); /* unknown */
	s.n = (int64_t)(fs.f_bavail * fs.f_frsize);
	s.seen = s.n < s.bound ? ALERT_TROUBLE : ALERT_FINE;
	return alerts_take(r, &s, now);
}

/* ---- */

bool alert_look(struct relay *r, int64_t now)
{
	bool ok = look_for_room(r, now);

	for (const struct queue *q = r->queues; ok && q < r->queues + r->n_queues; q++)
		ok = look_for_dead(r, q, now) && look_for_down(r, q, now);
	for (const struct endpoint *e = r->conf->endpoints; ok && e < r->conf->endpoints + r->conf->n_endpoints; e++)
		ok = !e->expect || look_for_silent(r, e, now);
	return ok && alert_look_secrets(r, now);
}
