/* SPDX-License-Identifier: ISC */
/* The options that choose events, for list, tail, export and replay. */
#include "cli/filter.h"

#include <string.h>

#include "core/utf8.h"

void filter_free(struct filter *f)
{
	stored_text_free(&f->read);
	searching_end(&f->searching);
}

static struct slice filter_term(const char *text)
{
	return text ? slice_text(text) : (struct slice){0};
}

void filter_begin(struct filter *f, const struct conf *conf, struct spool_db *db)
{
	const struct search_terms terms = {.sender = filter_term(f->sender), .text = filter_term(f->text), .either = f->either,
		.endpoint = filter_term(f->spool.endpoint), .event = filter_term(f->spool.event), .account = filter_term(f->spool.account),
		.since = f->spool.since, .until = f->spool.until};

	f->conf = f->read.conf = conf;
	searching_begin(&f->searching, db, conf, &terms);
	f->spool.search = f->searching.search;
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
	struct slice text;

	stored_text_read(&f->read, row->endpoint, row->headers, row->body, &text);
	return text;
}

static bool has_sender(const struct filter *f, const struct spool_row *row)
{
	return equals_text(row->sender_id, f->sender) || utf8_contains(row->sender_name, slice_text(f->sender));
}

static bool has_message(struct filter *f, const struct spool_row *row)
{
	return utf8_contains(filter_row_text(f, row), slice_text(f->text));
}

bool filter_match(struct filter *f, const struct spool_row *row)
{
	if (f->either)
		return has_sender(f, row) || has_message(f, row);
	return (!f->sender || has_sender(f, row)) && (!f->text || has_message(f, row));
}
