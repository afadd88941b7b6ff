/* SPDX-License-Identifier: ISC */
/* Whether the signature of a stored event still holds. */
#include "cli/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "hook/stored.h"
#include "hook/verify.h"

/* The first secret that could not be read; NULL: all were. */
static const struct secret *missing_secret(const struct endpoint *e)
{
	for (size_t i = 0; i < e->secrets.n; i++)
		if (!e->secrets.item[i].key)
			return &e->secrets.item[i];
	return NULL;
}

/* Verifies the signature. Its timestamp was checked when the delivery came. */
static void verify_row_signature(const struct endpoint *e, const struct spool_row *r, struct buf *out)
{
	const struct secret *missing = missing_secret(e);
	struct stored stored = {0};
	struct verify v = {0};

	if (!stored_request(r->headers, r->body, &stored))
		buf_printf(out, "signature not checked: memory is short");
	else if (verify_delivery(&stored.request, e, VERIFY_ANY_TIME, &v) == VERIFY_OK)
		buf_printf(out, "signature ok, secret %d (%s)", v.secret, e->secrets.item[v.secret - 1].source);
	else if (missing)
		buf_printf(out, "signature not checked: the secret from %s can't be read, or is no secret of this scheme", missing->source);
	else if (strcmp(v.reason, "wrong signature") == 0)
		buf_printf(out, "signature does not match any configured secret; when received it matched secret %d", r->secret);
	else
		buf_printf(out, "signature not checked: %s", v.reason);
	verify_free(&v);
	stored_free(&stored);
}

void verdict_describe(const struct conf *conf, const struct spool_row *r, struct buf *out)
{
	char *path = strndup(r->endpoint.p, r->endpoint.n);
	const struct endpoint *e = path ? conf_endpoint(conf, path) : NULL;

	free(path);
	if (r->source == SPOOL_SOURCE_CATCH_UP)
		buf_printf(out, "no signature: catch-up has fetched it from the provider's API");
	else if (r->source == SPOOL_SOURCE_OWN)
		buf_printf(out, "no signature: hookspool has made it");
	else if (!e)
		buf_printf(out, "signature not checked: the configuration has no such endpoint");
	else if (e->scheme.algorithm == ALGORITHM_NONE)
		buf_printf(out, "not signed: scheme \"%s\"", e->scheme.name);
	else if (!scheme_has_key(&e->scheme))
		buf_printf(out, "not signed: scheme \"%s\" sends a secret; when received it was secret %d", e->scheme.name, r->secret);
	else if (!scheme_keeps_proof(&e->scheme))
		buf_printf(out, "its proof was not kept: scheme \"%s\" has it in the query, or it is a token that signs no body; when received it was right, "
			"secret %d", e->scheme.name, r->secret);
	else
		verify_row_signature(e, r, out);
}
