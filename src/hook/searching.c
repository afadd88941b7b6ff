/* SPDX-License-Identifier: ISC */
/* The search index, as it is used and built with the texts of a configuration. */
#include "hook/searching.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "hook/stored_text.h"
#include "spool/events.h"

/* ---- how texts are read */

static uint64_t add_number(uint64_t h, uint64_t number)
{
	return search_hash(h, &number, sizeof number);
}

static uint64_t add_name(uint64_t h, const char *name)
{
	return name ? search_hash(h, name, strlen(name)) : add_number(h, 0);
}

/* A hash of all in a scheme that may change what event_read() finds. */
static uint64_t reads_of(const struct scheme *s)
{
	uint64_t h = add_name(add_number(add_number(0, s->bodies), s->takes_get), s->json_field);

	for (int f = 0; f < FIELD_COUNT; f++)
		for (const struct source *source = s->source[f]; source < s->source[f] + SCHEME_SOURCES && source->kind; source++) {
			h = add_number(add_number(h, (uint64_t)f << 8 | source->kind), (uint64_t)source->thing << 1 | source->more);
			h = search_hash(add_name(h, source->name), source->event.p, source->event.n);
		}
	return h;
}

static bool make_schemes(struct search_schemes *s, const struct conf *conf)
{
	*s = (struct search_schemes){.of = calloc(conf->n_endpoints + 1, sizeof *s->of), .n = conf->n_endpoints,
		.others = reads_of(stored_text_scheme(NULL))};
	for (size_t i = 0; s->of && i < s->n; i++)
		s->of[i] = (struct search_scheme){search_endpoint(slice_text(conf->endpoints[i].path)), reads_of(&conf->endpoints[i].scheme)};
	if (s->of)
		search_schemes_sort(s);
	return s->of != NULL;
}

/* ---- use */

void searching_begin(struct searching *s, struct spool_db *db, const struct conf *conf, const struct search_terms *t)
{
	*s = (struct searching){0};
	s->search = spool_search_new(db, t, &s->schemes);
	if (s->search && !make_schemes(&s->schemes, conf))
		searching_end(s);
}

void searching_end(struct searching *s)
{
	spool_search_free(s->search);
	free(s->schemes.of);
	*s = (struct searching){0};
}

/* ---- building */

struct searching_index {
	struct spool_db *db;
	struct search_schemes schemes;
	struct search_build *build;
	struct spool_events_iter *it; /* of the part that is built; NULL: none is */
	struct stored_text text;
};

enum search_begun searching_index_begin(struct spool_db *db, const struct conf *conf, struct searching_index **out)
{
	struct searching_index *x = calloc(1, sizeof *x);

	*out = x;
	if (!x || !make_schemes(&x->schemes, conf))
		return SEARCH_FAILED;
	x->db = db;
	x->text.conf = conf;
	return search_build_new(db, &x->schemes, &x->build);
}

void searching_index_free(struct searching_index *x)
{
	if (!x)
		return;
	spool_events_end(x->it);
	search_build_free(x->build);
	stored_text_free(&x->text);
	free(x->schemes.of);
	free(x);
}

static bool begin_reading(struct searching_index *x, int64_t least, bool *any)
{
	struct spool_filter ids = spool_filter_all;
	int64_t first, last;

	if (!search_build_part(x->build, least, &first, &last))
		return false;
	*any = first <= last;
	if (!*any)
		return true;
	ids.after = first - 1;
	ids.last = last;
	ids.without_bodies = true;
	x->it = spool_events_find(x->db, &ids);
	return x->it != NULL;
}

static bool add_stored_row(struct searching_index *x, const struct spool_row *row)
{
	struct search_event ev = {.id = row->id, .received_at = row->received_at, .endpoint = search_endpoint(row->endpoint),
		.event = row->event, .account = row->account, .sender_id = row->sender_id, .sender_name = row->sender_name, .stored = row->text,
		.unread = row->body_lost};

	if (!stored_text_read(&x->text, row->endpoint, row->headers, row->body, &ev.text))
		return false;
	search_build_add(x->build, &ev);
	return true;
}

/* A part that lacks an event is not written. */
static bool end_reading(struct searching_index *x, bool ok)
{
	ok = spool_events_end(x->it) && ok;
	x->it = NULL;
	return ok && search_build_write(x->build);
}

/* Adds events of the part. False on an error; *whole becomes true behind the last one. */
static bool add_events(struct searching_index *x, int64_t until, bool *whole, int64_t *added)
{
	struct spool_row row;

	do {
		*whole = !spool_events_next(x->it, &row);
		if (!*whole && !add_stored_row(x, &row))
			return false;
		*added += !*whole;
	} while (!*whole && clock_mono_us() < until);
	return true;
}

enum searching_step searching_index_step(struct searching_index *x, int64_t least, int64_t until, int64_t *added)
{
	bool ok, any = true, whole = false;

	do {
		ok = x->it || begin_reading(x, least, &any);
		if (ok && !any)
			return SEARCHING_DONE;
		ok = ok && add_events(x, until, &whole, added);
		if (!ok || whole)
			ok = end_reading(x, ok);
	} while (ok && clock_mono_us() < until);
	return ok ? SEARCHING_MORE : SEARCHING_FAILED;
}
