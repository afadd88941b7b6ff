/* SPDX-License-Identifier: ISC */
/*
 * The table of drivers. A new type of sink is a row here, a row of type.c and two files, its options and its driver. A driver with
 * a library of its own is a module (module.h), and has no row here.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "conf/sink_type.h"
#include "sink/dir.h"
#include "sink/driver.h"
#include "sink/exec.h"
#include "sink/file.h"
#include "sink/http.h"
#include "sink/module.h"
#include "sink/null.h"

static const struct sink_driver *const drivers[] = {
	&dir_driver,
	&exec_driver,
	&file_driver,
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

/* NULL with the reason in why. */
static const struct sink_driver *driver_of(const struct sink_type *type, char *why, size_t n)
{
	const struct sink_driver *driver = type->package ? sink_module_load(type, why, n) : sink_driver_find(type->name);

	if (!driver && !type->package)
		snprintf(why, n, "this build has no sinks of the type \"%s\"%s", type->name, strcmp(type->name, "http") == 0
			? ": it is without libcurl; install it (Debian: libcurl4-openssl-dev), then configure and build again" : "");
	return driver;
}

struct sink_target *sink_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	const struct sink_driver *driver = driver_of(s->type, why, n);
	struct sink_target *t = driver ? driver->open(s, l, done, why, n) : NULL;

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
