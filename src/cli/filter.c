/* The options that choose events, the same for list, tail and export. */
#include "cli/filter.h"

#include <string.h>
#include <strings.h>

#include "core/clock.h"

void filter_init(struct filter *f)
{
	*f = (struct filter){.spool = spool_filter_all};
}

void filter_free(struct filter *f)
{
	event_free(&f->event);
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
		f->spool.sender = value;
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

struct slice filter_row_text(struct filter *f, const struct spool_row *row)
{
	if (event_parse(row->body.p, row->body.n, &f->event) != EVENT_OK)
		return (struct slice){0};
	return f->event.text;
}

/* ASCII letters of either case. */
static bool contains(struct slice s, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= s.n; i++)
		if (strncasecmp(s.p + i, part, n) == 0)
			return true;
	return false;
}

bool filter_match(struct filter *f, const struct spool_row *row)
{
	return !f->text || contains(filter_row_text(f, row), f->text);
}
