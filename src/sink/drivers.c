/* SPDX-License-Identifier: ISC */
/* The table of drivers. A new type of sink is a row here, a row of type.c and two files, its options and its driver. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "conf/sink_type.h"
#include "sink/driver.h"
#include "sink/exec.h"
#include "sink/http.h"
#include "sink/null.h"

static const struct sink_driver *const drivers[] = {
	&exec_driver,
#ifdef HAVE_CURL
	&http_driver,
#endif
	&null_driver,
};

const struct sink_driver *sink_driver_find(const char *type)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (strcmp(drivers[i]->type, type) == 0)
			return drivers[i];
	return NULL;
}

struct sink_target *sink_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	const struct sink_driver *driver = sink_driver_find(s->type->name);
	struct sink_target *t;

	if (!driver) {
		snprintf(why, n, "this build has no sinks of the type \"%s\"%s", s->type->name, strcmp(s->type->name, "http") == 0
			? ": it is without libcurl; install it (Debian: libcurl4-openssl-dev), then configure and build again" : "");
		return NULL;
	}
	t = driver->open(s, l, done, why, n);
	if (t)
		t->driver = driver;
	return t;
}

void sink_send(struct sink_target *t, struct sink_message *batch)
{
	for (struct sink_message *m = batch; m; m = m->next)
		m->driver = NULL;
	t->driver->send(t, batch);
}

void sink_stop(struct sink_target *t)
{
	if (t && t->driver->stop)
		t->driver->stop(t);
}

void sink_close(struct sink_target *t)
{
	if (t)
		t->driver->close(t);
}

void sink_check(struct sink_target *t, sink_say *say, void *ctx)
{
	if (t->driver->check)
		t->driver->check(t, say, ctx);
}
