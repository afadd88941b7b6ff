/* SPDX-License-Identifier: ISC */
/* The options that choose events, the same for list, tail and export. */
#include "cli/filter.h"

#include <string.h>

#include "core/clock.h"
#include "core/utf8.h"

void filter_init(struct filter *f)
{
	*f = (struct filter){.spool = spool_filter_all};
}

void filter_free(struct filter *f)
{
	event_free(&f->event);
	stored_free(&f->stored);
}

bool filter_option(struct filter *f, int option, const char *value)
{
	switch (option) {
	case FILTER_ENDPOINT:
		f->spool.endpoint = value;
		return true;
	case FILTER_EVENT:
		f->spool.event = value;
		return true;
	case FILTER_ACCOUNT:
		f->spool.account = value;
		return true;
	case FILTER_SENDER:
		f->sender = value;
		return true;
	case FILTER_TEXT:
		f->text = value;
		return true;
	case FILTER_SINCE:
		return clock_parse(value, clock_now(), &f->spool.since);
	case FILTER_UNTIL:
		return clock_parse(value, clock_now(), &f->spool.until);
	default:
		return true;
	}
}

static bool equals(struct slice s, const char *text)
{
	return s.p && s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

struct slice filter_row_text(struct filter *f, const struct spool_row *row)
{
	const struct endpoint *e = NULL;

	for (size_t i = 0; i < f->conf->n_endpoints; i++)
		if (equals(row->endpoint, f->conf->endpoints[i].path))
			e = &f->conf->endpoints[i];
	if (!stored_request(row->headers, row->body, &f->stored) ||
	    event_read(&f->stored.request, e ? &e->scheme : scheme_find("connectsafely"), (struct slice){0}, &f->event) == EVENT_UNAVAILABLE)
		return (struct slice){0};
	return f->event.field[FIELD_TEXT];
}

bool filter_match(struct filter *f, const struct spool_row *row)
{
	if (f->sender && !equals(row->sender_id, f->sender) && !utf8_contains(row->sender_name, slice_text(f->sender)))
		return false;
	return !f->text || utf8_contains(filter_row_text(f, row), slice_text(f->text));
}
