/* The options that choose events, the same for list, tail and export. */
#include "cli/filter.h"

#include <ctype.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "core/clock.h"

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
	    event_read(&f->stored.request, e ? &e->scheme : scheme_find("connectsafely"), (struct slice){0}, &f->event) != EVENT_OK)
		return (struct slice){0};
	return f->event.field[FIELD_TEXT];
}

/* The first character in lower case, and its length; a byte that isn't UTF-8 is one of its own. */
static wint_t first_lower(struct slice s, size_t *len)
{
	unsigned char byte = (unsigned char)*s.p;
	mbstate_t state = {0};
	wchar_t c;

	*len = 1;
	if (byte < 0x80)
		return (wint_t)tolower(byte);
	*len = mbrtowc(&c, s.p, s.n, &state);
	if (*len <= s.n)
		return towlower((wint_t)c);
	*len = 1;
	return 0x110000U + byte;
}

static struct slice rest(struct slice s, size_t from)
{
	return (struct slice){s.p + from, s.n - from};
}

static bool begins_with(struct slice s, struct slice part)
{
	size_t len, part_len;

	for (; part.n > 0; s = rest(s, len), part = rest(part, part_len))
		if (s.n == 0 || first_lower(s, &len) != first_lower(part, &part_len))
			return false;
	return true;
}

static bool contains(struct slice s, const char *text)
{
	struct slice part = {text, strlen(text)};
	size_t len;

	for (; s.n > 0; s = rest(s, len)) {
		if (begins_with(s, part))
			return true;
		first_lower(s, &len);
	}
	return false;
}

bool filter_match(struct filter *f, const struct spool_row *row)
{
	if (f->sender && !equals(row->sender_id, f->sender) && !contains(row->sender_name, f->sender))
		return false;
	return !f->text || contains(filter_row_text(f, row), f->text);
}
