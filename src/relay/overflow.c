/* SPDX-License-Identifier: ISC */
/* The overflow of this machine: what is in it goes to the server, before the relay sends it. */
#include <inttypes.h>

#include "core/clock.h"
#include "relay/state.h"
#include "spool/delete.h"
#include "spool/overflow.h"

enum {
	MOST_US = 200 * 1000, /* of a look; other sinks wait for it */
	ANEW_US = 600 * 1000 * 1000,
	WIPE_US = 10 * 1000 * 1000, /* between two times that it is wiped: events may come to it and go for hours */
};

static void tell_overflow(struct relay *r, const char *why)
{
	if (why && !r->overflow_told)
		log_message(LOG_LEVEL_WARNING, "the overflow can't be drained: %s", why);
	r->overflow_told = why != NULL;
}

/* Opens it when it is there: the receiver makes it. */
static bool open_overflow(struct relay *r)
{
	const struct conf *c = r->conf;

	if (r->overflow)
		return true;
	if (!spool_db_exists(c->overflow_dir))
		return false;
	r->overflow = spool_db_new();
	if (r->overflow && spool_db_open(r->overflow, c->overflow_dir, c->journal, SPOOL_MANAGE)) {
		r->overflow_unwiped = true; /* the relay before this one may have been killed */
		return true;
	}
	tell_overflow(r, spool_db_error(r->overflow));
	spool_db_free(r->overflow);
	r->overflow = NULL;
	return false;
}

/* Some time later it begins anew with the first: the server may take then what it refused before. */
static void end_look(struct relay *r, int64_t moved)
{
	if (clock_mono_us() - r->overflow_begun > ANEW_US) {
		r->overflow_begun = clock_mono_us();
		r->overflow_after = 0;
	}
	if (moved)
		log_message(LOG_LEVEL_INFO, "%" PRId64 " event%s moved from the overflow to the server", moved, moved == 1 ? "" : "s");
}

/* Wipes what the moved events left in its files. Where a reader is in the way, it waits long: spool_delete_wipe() takes up to 10 s. */
static void wipe_moved(struct relay *r)
{
	if (!r->overflow_unwiped || clock_mono_us() < r->overflow_wipe_at)
		return;
	r->overflow_unwiped = !spool_delete_wipe(r->overflow);
	if (r->overflow_unwiped)
		log_message(LOG_LEVEL_WARNING, "the overflow can't be wiped: %s", spool_db_error(r->overflow));
	r->overflow_wipe_at = clock_mono_us() + (r->overflow_unwiped ? ANEW_US : WIPE_US);
}

void overflow_look(struct relay *r)
{
	int64_t until = clock_mono_us() + MOST_US, moved = 0;
	char why[256];
	size_t n = 1;
	bool ok = true;

	if (!r->conf->overflow_dir || !open_overflow(r))
		return;
	if (!r->server)
		r->server = spool_of(r->conf, SPOOL_MANAGE);
	while (r->server && ok && n && clock_mono_us() < until) {
		ok = spool_overflow_move(r->overflow, r->server, r->conf, &r->overflow_after, &n, why, sizeof why);
		moved += (int64_t)n;
	}
	tell_overflow(r, ok ? NULL : why);
	r->overflow_unwiped = r->overflow_unwiped || moved;
	if (ok && !n)
		wipe_moved(r);
	if (ok && n)
		loop_timer_lower(&r->pass, 0); /* there is more */
	if (ok && n)
		r->looked_at = 0;
	end_look(r, moved);
}

void overflow_close(struct relay *r)
{
	spool_close(r->server);
	spool_db_free(r->overflow);
	r->server = NULL;
	r->overflow = NULL;
}
