/* SPDX-License-Identifier: ISC */
/* An event that was fetched by a provider's API. */
#include "hook/fetched.h"

#include "hook/keep.h"
#include "hook/step.h"

bool fetched_read(struct fetched *f, const struct endpoint *e, struct slice body, int64_t now)
{
	static const char type[] = "Content-Type: " REQUEST_JSON "\n";
	struct delivery *d = &f->d;
	enum outcome o;

	d->endpoint = e;
	d->received_at = now;
	d->proven = true; /* by the API's certificate */
	d->outcome = OUTCOME_UNAVAILABLE;
	if (!stored_request((struct slice){type, sizeof type - 1}, body, &f->stored))
		return false;
	if (body.n > e->max_body)
		o = OUTCOME_TOO_LARGE;
	else if ((o = step_parse(&f->stored.request, d)) == STEP_GO_ON)
		o = d->note ? step_reject(d, d->note, OUTCOME_MALFORMED) : d->event.identity == IDENTITY_SIGNED ? step_filters(d)
			: step_reject(d, "the endpoint's scheme does not know a message by its id", OUTCOME_MALFORMED);
	d->outcome = o;
	if (o != STEP_GO_ON)
		return false;
	keep_event(&f->stored.request, d);
	d->stored.source = SPOOL_SOURCE_CATCH_UP;
	d->stored.headers = slice_text("");
	d->stored.remote_addr = NULL;
	d->stored.n_store = 0;
	return true;
}

void fetched_free(struct fetched *f)
{
	stored_free(&f->stored);
	handle_free(&f->d);
}
