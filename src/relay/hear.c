/* SPDX-License-Identifier: ISC */
/*
 * What receivers of other machines tell: that they stored events for sinks, and have no relay. A connection of its own hears it. Where there
 * is none, as behind a pooler, the relay finds such events when it looks, once a second.
 */
#include "conf/place.h"
#include "core/clock.h"
#include "relay/state.h"

enum { AGAIN_US = 10 * 1000 * 1000 };

static void on_told(void *ctx, int fd, unsigned events)
{
	struct relay *r = ctx;

	(void)fd;
	(void)events;
	if (!spool_relay_heard(r->ear))
		hear_close(r);
	pass_look_everywhere(r);
}

void hear_look(struct relay *r)
{
	if (r->ear || r->drain || !place_is_server(r->conf->spool) || clock_mono_us() < r->hear_at)
		return;
	r->hear_at = clock_mono_us() + AGAIN_US;
	r->ear = spool_db_new();
	if (r->ear && spool_db_open(r->ear, r->conf->spool, r->conf->journal, SPOOL_RELAY))
		r->ear_fd = spool_relay_listen(r->ear);
	if (r->ear_fd < 0 || !loop_watch(r->loop, r->ear_fd, LOOP_READ, on_told, r))
		hear_close(r);
}

void hear_close(struct relay *r)
{
	loop_unwatch(r->loop, r->ear_fd); /* before its connection closes it */
	r->ear_fd = -1;
	spool_db_free(r->ear);
	r->ear = NULL;
}
