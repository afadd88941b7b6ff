/* SPDX-License-Identifier: ISC */
/* Finds the blocks of ids in which an event may match, part after part, as the reading comes to them. */
#include "spool/search.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/search_build.h"
#include "spool/search/grams.h"
#include "spool/search/part.h"
#include "spool/search/place.h"
#include "spool/search/witness.h"

enum { ROWS_MOST = 96 /* of a term: its longest grams tell the most; more would tell nothing new */ };

/* Rows that all have the bit of a block with the term. */
struct term {
	uint64_t row[ROWS_MOST];
	size_t n; /* 0: it tells nothing, as it is too short */
	size_t length; /* of the grams that are taken now, in rows: see take_gram() */
	bool is_text;
};

enum term_kind { TERM_ID, TERM_NAME, TERM_TEXT, TERM_ENDPOINT, TERM_EVENT, TERM_ACCOUNT, TERMS };

struct spool_search {
	struct spool_db *db;
	int dir;
	uint64_t identity;
	const struct search_schemes *schemes;
	bool by_sender, by_text, either;
	int64_t since, until;
	struct term term[TERMS];
	int64_t number;        /* of the part that was looked at last; -1: none */
	struct part_row maybe; /* its blocks in which an event may match */
};

/* ---- terms */

static void add_rows(struct term *t, uint64_t hash, unsigned rows)
{
	for (unsigned i = 0; i < rows && t->n < ROWS_MOST; i++)
		t->row[t->n++] = part_row_of(hash, i);
}

/* Takes the grams of one number of rows: the longest ones have the fewest. */
static void take_gram(void *ctx, uint64_t hash, unsigned rows)
{
	struct term *t = ctx;

	if (rows == t->length)
		add_rows(t, hash, rows);
}

static void read_term(struct term *t, struct slice part, uint64_t seed)
{
	for (int length = GRAMS_LONGEST; length >= GRAMS_SHORTEST; length--) {
		t->length = grams_rows((size_t)length);
		grams_each(part, seed, take_gram, t);
	}
}

static void add_whole(struct spool_search *s, enum term_kind kind, enum search_field field, struct slice value)
{
	if (value.p)
		add_rows(&s->term[kind], search_hash(search_seed(s->identity, field), value.p, value.n), SEARCH_ID_ROWS);
}

static bool is_timed(const struct search_terms *t)
{
	return t->until != 0 && (t->since != INT64_MIN || t->until != INT64_MAX);
}

struct spool_search *spool_search_new(struct spool_db *db, const struct search_terms *t, const struct search_schemes *schemes)
{
	bool any = t->sender.p || t->text.p || t->endpoint.p || t->event.p || t->account.p || is_timed(t);
	struct spool_search *s = any ? calloc(1, sizeof *s) : NULL;
	uint64_t endpoint = search_endpoint(t->endpoint);

	if (!s)
		return NULL;
	*s = (struct spool_search){.db = db, .dir = search_place_open(db, false), .schemes = schemes, .by_sender = t->sender.p,
		.by_text = t->text.p, .either = t->either, .since = is_timed(t) ? t->since : INT64_MIN,
		.until = is_timed(t) ? t->until : INT64_MAX, .number = -1};
	if (s->dir < 0 || !search_identity(db, &s->identity)) {
		spool_search_free(s);
		return NULL;
	}
	if (t->sender.p) {
		add_whole(s, TERM_ID, SEARCH_SENDER_ID, t->sender);
		read_term(&s->term[TERM_NAME], t->sender, search_seed(s->identity, SEARCH_SENDER_NAME));
	}
	if (t->text.p)
		read_term(&s->term[TERM_TEXT], t->text, search_seed(s->identity, SEARCH_TEXT));
	if (t->endpoint.p)
		add_whole(s, TERM_ENDPOINT, SEARCH_ENDPOINT, (struct slice){(const void *)&endpoint, sizeof endpoint});
	add_whole(s, TERM_EVENT, SEARCH_EVENT, t->event);
	add_whole(s, TERM_ACCOUNT, SEARCH_ACCOUNT, t->account);
	return s;
}

void spool_search_free(struct spool_search *s)
{
	if (s && s->dir >= 0)
		close(s->dir);
	free(s);
}

/* ---- parts */

static const struct part_row every = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
static const struct part_row none;

/* The blocks that may have the term. */
static struct part_row find_term(const struct part *p, const struct term *t)
{
	struct part_row maybe = every;

	for (size_t i = 0; i < t->n && memcmp(&maybe, &none, sizeof none) != 0; i++)
		if (!part_filter(p, t->row[i], &maybe))
			return every;
	return maybe;
}

static void unite(struct part_row *to, const struct part_row *from)
{
	for (size_t i = 0; i < PART_WORDS; i++)
		to->word[i] |= from->word[i];
}

static void intersect(struct part_row *to, const struct part_row *from)
{
	for (size_t i = 0; i < PART_WORDS; i++)
		to->word[i] &= from->word[i];
}

/* Texts that were read in another way tell nothing. */
static struct part_row find_text(const struct spool_search *s, const struct part *p)
{
	return part_is_current(p, s->schemes) ? find_term(p, &s->term[TERM_TEXT]) : every;
}

static struct part_row find_sender(const struct spool_search *s, const struct part *p)
{
	struct part_row maybe = find_term(p, &s->term[TERM_ID]), named = find_term(p, &s->term[TERM_NAME]);

	unite(&maybe, &named);
	return maybe;
}

static void look_at_part(struct spool_search *s, int64_t number)
{
	struct part_row sender = s->either && (s->by_sender || s->by_text) ? none : every, text = sender, value;
	struct part p;

	s->number = number;
	s->maybe = every;
	if (!search_witness_open(s->db, s->dir, number, s->identity, &p))
		return;
	if (s->by_sender)
		sender = find_sender(s, &p);
	if (s->by_text)
		text = find_text(s, &p);
	s->maybe = sender;
	s->either ? unite(&s->maybe, &text) : intersect(&s->maybe, &text);
	for (int i = TERM_ENDPOINT; i < TERMS; i++) {
		value = find_term(&p, &s->term[i]);
		intersect(&s->maybe, &value);
	}
	if (p.head.newest < s->since || p.head.oldest >= s->until)
		s->maybe = none;
	unite(&s->maybe, &p.head.open);
	for (unsigned block = p.head.blocks; block < PART_BLOCKS; block++)
		part_set(&s->maybe, block);
	part_close(&p);
}

static unsigned block_of(int64_t id)
{
	return (unsigned)((uint64_t)id % PART_IDS / PART_BLOCK_IDS);
}

static int64_t later_id(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier_id(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Finds a run of blocks in the part that was looked at, between two of its ids. False: there is none. */
static bool find_run(const struct spool_search *s, bool down, int64_t min, int64_t max, int64_t *first, int64_t *last)
{
	int64_t begin = s->number * PART_IDS;
	int low = (int)block_of(min), high = (int)block_of(max), step = down ? -1 : 1, i = down ? high : low, end;

	while (i >= low && i <= high && !part_has(&s->maybe, (unsigned)i))
		i += step;
	if (i < low || i > high)
		return false;
	for (end = i; end + step >= low && end + step <= high && part_has(&s->maybe, (unsigned)(end + step));)
		end += step;
	*first = later_id(min, begin + (int64_t)(down ? end : i) * PART_BLOCK_IDS);
	*last = earlier_id(max, begin + (int64_t)(down ? i : end) * PART_BLOCK_IDS + PART_BLOCK_IDS - 1);
	return true;
}

void spool_search_next(struct spool_search *s, bool down, int64_t min, int64_t max, int64_t *first, int64_t *last)
{
	int64_t number, begin, end;

	*first = min;
	*last = max;
	while (s && min >= 0 && min <= max) {
		number = (down ? max : min) >> PART_BITS;
		begin = later_id(min, number * PART_IDS);
		end = earlier_id(max, number * PART_IDS + (PART_IDS - 1));
		if (s->number != number)
			look_at_part(s, number);
		if (find_run(s, down, begin, end, first, last))
			return;
		*first = 1;
		*last = 0;
		if (down)
			max = begin - 1;
		else if (end < max)
			min = end + 1;
		else
			return;
	}
}
