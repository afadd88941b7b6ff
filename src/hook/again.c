/* SPDX-License-Identifier: ISC */
/* A refused delivery that was kept whole, checked again by the configuration as it is now: for `hookspool rejects` and the page. */
#include "hook/again.h"

#include <stdio.h>
#include <string.h>

static bool is_text(struct slice text, const char *word)
{
	return text.p && text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

const struct endpoint *again_endpoint(const struct conf *c, const struct spool_reject_row *r)
{
	for (size_t i = 0; i < c->n_endpoints; i++)
		if (is_text(r->endpoint, c->endpoints[i].path))
			return &c->endpoints[i];
	return NULL;
}

enum again again_check(const struct conf *c, const struct spool_reject_row *r, struct stored *stored, struct delivery *d)
{
	const struct endpoint *e = again_endpoint(c, r);

	d->id = 0;
	if (!e)
		return AGAIN_NO_ENDPOINT;
	if (!r->body.p || !r->headers.p || !(is_text(r->code, "unauthorized") || is_text(r->code, "malformed")))
		return AGAIN_NOT_KEPT;
	if (!stored_request(r->headers, r->body, stored))
		return AGAIN_NO_MEMORY;
	snprintf(stored->request.remote_addr, sizeof stored->request.remote_addr, "%.*s", (int)r->remote_addr.n, r->remote_addr.p);
	return handle_again(&stored->request, e, r->received_at, d) ? AGAIN_PASSES : AGAIN_REFUSED;
}

const char *again_reason(enum again a, const struct delivery *d)
{
	switch (a) {
	case AGAIN_NO_ENDPOINT:
		return "the configuration has no such endpoint";
	case AGAIN_NOT_KEPT:
		return "not kept whole";
	case AGAIN_NO_MEMORY:
		return "memory is short";
	case AGAIN_REFUSED:
	case AGAIN_PASSES: /* and could not be stored */
		break;
	}
	return d->reason ? d->reason : outcome_info(d->outcome)->code;
}

void again_hide_secret(struct spool_reject_row *r)
{
	if (is_text(r->code, outcome_info(OUTCOME_CHALLENGE)->code))
		r->headers = r->body = (struct slice){0};
}
