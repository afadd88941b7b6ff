/* SPDX-License-Identifier: ISC */
/* hookspool check, the secrets: do two endpoints share one? */
#include "cli/check.h"
#include "conf/shared_secrets.h"

static void say_shared_secret(void *ctx, const struct shared_secret *s)
{
	check_say(ctx, CHECK_WARN, "shared-secret", "endpoint %s: its secret (%s) also stands in endpoint %s, and a captured delivery of one "
		"can be replayed to the other; give each a secret of its own", s->endpoint->path, s->secret->source, s->other->path);
}

void check_shared_secrets(struct check *c, const struct conf *conf)
{
	shared_secrets_visit(conf, say_shared_secret, c);
}
