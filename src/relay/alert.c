/* SPDX-License-Identifier: ISC */
/* An alert: what is known of one trouble, and when it is told. */
#include "relay/alert.h"

const char *const alert_names[ALERT_KINDS] = {
	[ALERT_DEAD] = "delivery.dead",
	[ALERT_SILENT] = "endpoint.silent",
	[ALERT_DOWN] = "sink.down",
	[ALERT_LOW] = "spool.low",
	[ALERT_SECRET] = "secret.old",
};

/* A time that a clock which was ahead has written is now. */
static void correct_time(int64_t *at, int64_t now)
{
	if (*at > now)
		*at = now;
}

static enum alert_step step_trouble(struct alert_state *s, int64_t patience, int64_t now)
{
	bool changed = s->over || !s->since;

	s->over = 0;
	if (!s->since)
		s->since = now;
	if (s->raised_at || now - s->since < patience)
		return changed ? ALERT_CHANGED : ALERT_SAME;
	s->raised_at = now;
	return ALERT_RAISED;
}

static enum alert_step step_fine(struct alert_state *s, int64_t patience, int64_t now)
{
	bool changed = s->raised_at ? !s->over : s->since != 0;

	if (!s->raised_at) {
		s->since = 0;
		return changed ? ALERT_CHANGED : ALERT_SAME;
	}
	if (!s->over)
		s->over = now;
	if (now - s->over < patience)
		return changed ? ALERT_CHANGED : ALERT_SAME;
	*s = (struct alert_state){0};
	return ALERT_RESOLVED;
}

enum alert_step alert_step(struct alert_state *s, enum alert_seen seen, struct alert_patience patience, int64_t now)
{
	correct_time(&s->since, now);
	correct_time(&s->over, now);
	correct_time(&s->raised_at, now);
	if (seen == ALERT_TROUBLE)
		return step_trouble(s, patience.raise, now);
	return seen == ALERT_FINE ? step_fine(s, patience.resolve, now) : ALERT_SAME;
}
