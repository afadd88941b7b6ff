/* SPDX-License-Identifier: ISC */
/* hookspool check, the secrets: do two endpoints share one? */
#include "cli/check.h"
#include "conf/shared_secrets.h"

void check_shared_secrets(struct check *c, const struct conf *conf)
{
	struct shared_secret s = {0};

	while (shared_secrets_next(conf->endpoints, conf->n_endpoints, &s))
		check_say(c, CHECK_WARN, "shared-secret", "endpoint %s: its secret (%s) also stands in endpoint %s, and a captured delivery of one "
			"can be replayed to the other; give each a secret of its own", s.endpoint->path, s.secret->source, s.other->path);
}
