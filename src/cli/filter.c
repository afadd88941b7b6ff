/* SPDX-License-Identifier: ISC */
/* The options that choose events, for list, tail, export and replay. */
#include "cli/filter.h"

#include <string.h>

#include "core/utf8.h"

void filter_free(struct filter *f)
{
	event_free(&f->event);
	stored_free(&f->stored);
}

bool filter_is_set(const struct filter *f)
{
	const struct spool_filter *s = &f->spool;

	return s->endpoint || s->event || s->account || s->since != INT64_MIN || s->until != INT64_MAX || f->sender || f->text;
}

static bool equals_text(struct slice s, const char *text)
{
	return s.p && s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

struct slice filter_row_text(struct filter *f, const struct spool_row *row)
{
	const struct endpoint *e = NULL;

	for (size_t i = 0; i < f->conf->n_endpoints; i++)
		if (equals_text(row->endpoint, f->conf->endpoints[i].path))
			e = &f->conf->endpoints[i];
	if (!stored_request(row->headers, row->body, &f->stored) ||
	    event_read(&f->stored.request, e ? &e->scheme : scheme_find("connectsafely"), (struct slice){0}, &f->event) == EVENT_UNAVAILABLE)
		return (struct slice){0};
	return f->event.field[FIELD_TEXT];
}

bool filter_match(struct filter *f, const struct spool_row *row)
{
	if (f->sender && !equals_text(row->sender_id, f->sender) && !utf8_contains(row->sender_name, slice_text(f->sender)))
		return false;
	return !f->text || utf8_contains(filter_row_text(f, row), slice_text(f->text));
}
