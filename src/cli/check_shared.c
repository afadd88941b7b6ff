/* SPDX-License-Identifier: ISC */
/* hookspool check, the secrets: do two endpoints share one, and is one too short? */
#include "cli/check.h"
#include "conf/shared_secrets.h"

void check_short_secrets(struct check *c, const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_endpoints; i++) {
		const struct endpoint *e = &conf->endpoints[i];

		for (size_t k = 0; k < e->secrets.n; k++) {
			size_t bytes = scheme_short_key(&e->scheme, e->secrets.item[k].text, e->secrets.item[k].len);

			if (bytes)
				check_say(c, CHECK_WARN, "short-secret", "endpoint %s: its secret (%s) has %zu bytes, and a token of HS256 needs 32 "
					"(RFC 7518 section 3.2): a short one can be guessed from one token; take a longer one where the provider lets you",
					e->path, e->secrets.item[k].source, bytes);
		}
	}
}

void check_shared_secrets(struct check *c, const struct conf *conf)
{
	struct shared_secret s = {0};

	while (shared_secrets_next(conf->endpoints, conf->n_endpoints, &s))
		check_say(c, CHECK_WARN, "shared-secret", "endpoint %s: its secret (%s) also stands in endpoint %s, and a captured delivery of one "
			"can be replayed to the other; give each a secret of its own", s.endpoint->path, s.secret->source, s.other->path);
}
