/* SPDX-License-Identifier: ISC */
/* Which provider's delivery a request looks like, by the data of the built-in schemes alone. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "hook/identify.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/provider.h"
#include "hook/client_state.h"
#include "hook/event.h"
#include "hook/verify.h"

/* A signature's header is one provider's, or a few's; that of a plain secret has any text. A name in a body is the name of many things. */
enum { POINTS_PROOF = 10, POINTS_SECRET = 7, POINTS_HEADER = 5, POINTS_EVENT = 3, POINTS_FIELD = 1 };

/* The endpoint's secrets as keys of the scheme; those that are none of it are left out. False when memory is short. */
static bool take_keys(const struct scheme *s, const struct secrets *from, struct secrets *out)
{
	const char *why;

	*out = (struct secrets){calloc(from->n + 1, sizeof *out->item), 0};
	for (size_t i = 0; out->item && i < from->n; i++) {
		struct secret *item = &out->item[out->n];

		*item = (struct secret){.text = from->item[i].text, .len = from->item[i].len};
		if (!scheme_has_key(s)) {
			out->n++;
			continue;
		}
		item->key = scheme_key(s, item->text, item->len, false, &why);
		item->other_key = item->key ? scheme_other_key(s, item->text, item->len, &why) : NULL;
		out->n += item->key != NULL;
	}
	return out->item != NULL;
}

static void free_keys(struct secrets *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		key_free(keys->item[i].key);
		key_free(keys->item[i].other_key);
	}
	free(keys->item);
}

/* The place of the proof is there, and what stands in it has its form. */
static bool has_proof_of(const struct scheme *s, const struct verify *v, const struct event *ev)
{
	if (s->algorithm == ALGORITHM_NONE)
		return false;
	if (s->algorithm == ALGORITHM_CLIENT_STATE)
		return ev->field[FIELD_CLIENT_STATE].p != NULL;
	if (s->algorithm == ALGORITHM_SECRET)
		return v->value.p && v->value.n > strlen(s->prefix) && strncasecmp(v->value.p, s->prefix, strlen(s->prefix)) == 0;
	return v->n_signatures > 0;
}

static unsigned points_of_name(const struct request *r, const char *header)
{
	const char *value;

	return header && request_header(r, header, &value) != HEADER_ABSENT ? POINTS_HEADER : 0;
}

/* The headers of the time and the id that are signed, and those that the scheme's fields come from; each of them once a field. */
static unsigned header_points(const struct request *r, const struct scheme *s)
{
	unsigned points = points_of_name(r, s->timestamp_header) + points_of_name(r, s->id_header);

	for (int f = 0; f < FIELD_COUNT; f++)
		for (int i = 0; i < SCHEME_SOURCES && s->source[f][i].kind; i++)
			points += s->source[f][i].kind == SOURCE_HEADER ? points_of_name(r, s->source[f][i].name) : 0;
	return points;
}

/* A text of the scheme's own, which any delivery has. */
static bool is_fallback(const struct scheme *s, struct slice name)
{
	for (int i = 0; i < SCHEME_SOURCES && s->source[FIELD_EVENT][i].kind; i++) {
		const struct source *source = &s->source[FIELD_EVENT][i];

		if (source->kind == SOURCE_TEXT && name.n == strlen(source->name) && memcmp(name.p, source->name, name.n) == 0)
			return true;
	}
	return false;
}

/* The names of events that the provider's file has: words, each the beginning of a name. *known: it has some. */
static bool is_name_of_provider(const struct scheme *s, struct slice name, bool *known)
{
	struct buf names = {0};
	bool ok = provider_add_note(provider_find(s->name), PROVIDER_EVENTS, &names), found = false;
	size_t n;

	*known = ok && names.len > 0;
	for (const char *p = buf_str(&names); *known && *p && !found; p += n + (p[n] == ' ')) {
		n = strcspn(p, " ");
		found = name.n >= n && memcmp(name.p, p, n) == 0;
	}
	buf_free(&names);
	return found;
}

static unsigned event_points(const struct scheme *s, struct slice name)
{
	bool known, is_own;

	if (!name.p || is_fallback(s, name))
		return 0;
	is_own = is_name_of_provider(s, name, &known);
	return is_own ? POINTS_EVENT + 1 : known ? 0 : POINTS_EVENT;
}

static unsigned field_points(const struct scheme *s, const struct event *ev)
{
	unsigned points = event_points(s, ev->field[FIELD_EVENT]);

	if (ev->identity == IDENTITY_SIGNED || ev->identity == IDENTITY_UNSIGNED)
		points += POINTS_FIELD;
	for (int f = FIELD_ACCOUNT; f <= FIELD_TEXT; f++)
		points += ev->field[f].p ? POINTS_FIELD : 0;
	return points;
}

static struct likeness compare(const struct request *r, const struct endpoint *secrets, const struct scheme *s, struct verify *v,
	struct event *ev)
{
	static const struct secrets none;
	struct endpoint e = {.scheme = *s, .url = secrets ? secrets->url : NULL};
	struct likeness found = {.scheme = s};
	enum event_result read = EVENT_MALFORMED;
	int secret;

	if (!take_keys(s, secrets ? &secrets->secrets : &none, &e.secrets))
		return found;
	found.proven = verify_delivery(r, &e, VERIFY_ANY_TIME, v) == VERIFY_OK && v->secret;
	if (r->body.len <= IDENTIFY_BODY_MAX && (found.proven || s->algorithm == ALGORITHM_CLIENT_STATE || has_proof_of(s, v, ev)))
		read = event_read(r, s, verify_first_signature(v), ev);
	if (s->algorithm == ALGORITHM_CLIENT_STATE && read == EVENT_OK)
		found.proven = client_state_check(r, &e, ev, &secret) == CLIENT_STATE_OK;
	if ((found.proven || has_proof_of(s, v, ev)) && read != EVENT_UNAVAILABLE)
		found.points = (s->algorithm == ALGORITHM_SECRET ? POINTS_SECRET : POINTS_PROOF) + header_points(r, s) + (read == EVENT_OK ? field_points(s, ev) : 0);
	free_keys(&e.secrets);
	return found;
}

/* Of two that fit as well, the one that the other is like is the better one: it says less, and fits. */
static bool is_better(const struct likeness *a, const struct likeness *b)
{
	if (a->proven != b->proven)
		return a->proven;
	return a->points != b->points ? a->points > b->points : b->scheme->like && strcmp(b->scheme->like, a->scheme->name) == 0;
}

/* Of equal ones the first stays before the next. */
static size_t insert(struct likeness out[IDENTIFY_MAX], size_t n, const struct likeness *new)
{
	size_t at = n;

	while (at > 0 && is_better(new, &out[at - 1]))
		at--;
	if (at == IDENTIFY_MAX)
		return n;
	if (n == IDENTIFY_MAX)
		n--;
	memmove(out + at + 1, out + at, (n - at) * sizeof *out);
	out[at] = *new;
	return n + 1;
}

static size_t count_schemes(void)
{
	size_t n = 0;

	while (scheme_name_at(n))
		n++;
	return n;
}

/* Its provider signs as another one does, and names its fields in another way than this delivery. */
static bool is_worse_than_its_model(const struct likeness *new, const struct likeness *found, size_t n)
{
	for (size_t i = 0; new->scheme->like && i < n; i++)
		if (strcmp(found[i].scheme->name, new->scheme->like) == 0)
			return found[i].proven > new->proven || found[i].points > new->points;
	return false;
}

size_t identify(const struct request *r, const struct endpoint *secrets, struct likeness out[IDENTIFY_MAX])
{
	struct verify v = {0};
	struct event ev = {0};
	const struct scheme *s;
	size_t n = 0;

	for (size_t i = 0, all = count_schemes(); i < 2 * all; i++) {
		struct likeness found = {0};

		if ((s = scheme_at(i % all)) && (s->like != NULL) == (i >= all)) /* first those that others are like */
			found = compare(r, secrets, s, &v, &ev);
		if (found.points && !is_worse_than_its_model(&found, out, n))
			n = insert(out, n, &found);
		memset(ev.field, 0, sizeof ev.field);
	}
	verify_free(&v);
	event_free(&ev);
	return n;
}

size_t identify_best(const struct likeness *found, size_t n)
{
	size_t best = n > 0;

	while (best && best < n && !is_better(&found[0], &found[best]))
		best++;
	return best;
}
