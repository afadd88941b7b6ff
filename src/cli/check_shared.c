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

/* An endpoint above this one has the secret, and the finding of that one names this one. */
static bool is_told(const struct conf *conf, size_t endpoint, const struct secret *secret)
{
	for (size_t i = 0; i < endpoint; i++)
		if (shared_secrets_has(&conf->endpoints[i], secret))
			return true;
	return false;
}

/* Appends the endpoints below this one that have the secret, with a comma between two of them. */
static bool add_sharing(const struct conf *conf, size_t endpoint, const struct secret *secret, struct buf *out)
{
	for (size_t i = endpoint + 1; i < conf->n_endpoints; i++)
		if (shared_secrets_has(&conf->endpoints[i], secret))
			buf_printf(out, "%s%s", out->len ? ", " : "", conf->endpoints[i].path);
	return out->len > 0;
}

static void check_sharing(struct check *c, const struct conf *conf, size_t endpoint, const struct secret *secret)
{
	struct buf others = {0};

	if (!is_told(conf, endpoint, secret) && add_sharing(conf, endpoint, secret, &others))
		check_say(c, CHECK_WARN, "shared-secret", "endpoint %s: its secret (%s) also stands in endpoint %s, and a captured delivery of one "
			"can be replayed to another; give each a secret of its own", conf->endpoints[endpoint].path, secret->source, buf_str(&others));
	buf_free(&others);
}

void check_shared_secrets(struct check *c, const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_endpoints; i++)
		for (size_t k = 0; k < conf->endpoints[i].secrets.n; k++)
			check_sharing(c, conf, i, &conf->endpoints[i].secrets.item[k]);
}
