/* SPDX-License-Identifier: ISC */
/* Health: could an event be stored now? */
#include "gate/health.h"

#include <string.h>

#include "core/clock.h"
#include "spool/measure.h"

bool health_asked(const struct request *r, const struct conf *c)
{
	return c->health && strcmp(r->path, c->health) == 0;
}

static bool is_writable(struct spool *s)
{
	char why[256];
	bool ok = false;

	if (!measure_try(clock_now(), &ok))
		return ok;
	ok = spool_probe(s, why, sizeof why);
	measure_tried(clock_now(), ok);
	return ok;
}

bool health_answer(struct spool *s, struct buf *out)
{
	bool ok = is_writable(s);

	return buf_printf(out, "Status: %s\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n\r\n%s\n",
		ok ? "200 OK" : "503 Service Unavailable", ok ? "ok" : "not ok");
}
