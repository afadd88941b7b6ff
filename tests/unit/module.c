/* SPDX-License-Identifier: ISC */
/* A module for test_module.c: a driver that delivers all at once. With OTHER_VERSION it is of another version of hookspool. */
#include "config.h"

#ifdef OTHER_VERSION
#undef PACKAGE_VERSION
#define PACKAGE_VERSION "0.0.1"
#endif

#include "sink/module.h"

struct pigeon {
	struct sink_target base;
	sink_done *done;
};

static struct sink_target *pigeon_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	static struct pigeon pigeon;

	(void)s;
	(void)l;
	(void)why;
	(void)n;
	pigeon.done = done;
	return &pigeon.base;
}

static void pigeon_send(struct sink_target *t, struct sink_message *m)
{
	((struct pigeon *)(void *)t)->done(m, &(struct sink_result){.verdict = SINK_DELIVERED});
}

static void pigeon_close(struct sink_target *t)
{
	(void)t;
}

static const struct sink_driver pigeon_driver = {.type = PIGEON, .open = pigeon_open, .send = pigeon_send, .close = pigeon_close};

SINK_MODULE(pigeon_driver);
