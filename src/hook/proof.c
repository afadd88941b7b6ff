/* SPDX-License-Identifier: ISC */
/* What proves a delivery, in headers or elsewhere: signatures, timestamp and id. */
#include "hook/proof.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hook/moment.h"

enum { TIMESTAMP_DIGITS_MAX = 15 };

static bool begins(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static struct slice behind(struct slice s, size_t n)
{
	return (struct slice){s.p + n, s.n - n};
}

enum verify_result proof_header(const struct request *r, const char *name, struct slice *out, struct verify *v)
{
	const char *value;
	enum header_result there = request_header(r, name, &value);

	if (there == HEADER_ONE) {
		*out = slice_text(value);
		return VERIFY_OK;
	}
	snprintf(v->why, sizeof v->why, there == HEADER_ABSENT ? "no %s header" : "more than one %s header", name);
	return verify_wrong(v, v->why);
}

static struct slice trim(struct slice s)
{
	for (; s.n && strchr(" \t,", s.p[s.n - 1]); s.n--)
		;
	while (s.n && strchr(" \t,", *s.p))
		s = behind(s, 1);
	return s;
}

static bool is_number(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && s.n <= TIMESTAMP_DIGITS_MAX;
}

/* False: the element is a second timestamp that differs from the first. An element that is not a number is taken only when there is no other. */
static bool take_time(struct slice element, struct verify *v)
{
	if (!v->timestamp.p || !is_number(v->timestamp))
		v->timestamp = element;
	else if (is_number(element))
		return element.n == v->timestamp.n && memcmp(element.p, v->timestamp.p, element.n) == 0;
	return true;
}

bool proof_add_signature(enum encoding encoding, struct slice text, enum algorithm other, struct verify *v)
{
	unsigned char *at = v->decoded + v->n_decoded;
	size_t room = sizeof v->decoded - v->n_decoded, n;

	if (v->n_signatures == VERIFY_SIGNATURES_MAX ||
	    !decode(encoding, text.p, text.n, at, room < KEY_SIGNATURE_MAX ? room : KEY_SIGNATURE_MAX, &n))
		return false;
	if (v->n_signatures == 0 && other && n == scheme_signature_size(other))
		v->algorithm = other;
	if (!scheme_signature_fits(v->algorithm, n))
		return false;
	v->signature[v->n_signatures++] = (struct slice){(const char *)at, n};
	v->n_decoded += n;
	return true;
}

/* Takes the signature. True when the text has a signature's prefix, even if the rest cannot be decoded. */
static bool take_signature(const struct scheme *s, struct slice text, struct verify *v)
{
	if (begins(text, s->prefix))
		text = behind(text, strlen(s->prefix));
	else if (!s->prefix_optional)
		return false;
	proof_add_signature(s->encoding, text, s->other_algorithm, v);
	return true;
}

/* Skips elements that cannot be a signature: one right signature proves the delivery. *seen: one has a signature's prefix. */
static enum verify_result take_list(const struct scheme *s, struct slice rest, bool *seen, struct verify *v)
{
	struct slice element;
	const char *stop;

	while (rest.n > 0) {
		stop = memchr(rest.p, s->separator, rest.n);
		element = trim((struct slice){rest.p, stop ? (size_t)(stop - rest.p) : rest.n});
		rest = stop ? behind(rest, (size_t)(stop - rest.p) + 1) : (struct slice){0};
		if (s->timestamp_prefix && begins(element, s->timestamp_prefix)) {
			if (!take_time(behind(element, strlen(s->timestamp_prefix)), v))
				return verify_wrong(v, "the signature header has two timestamps");
			continue;
		}
		*seen |= element.n > 0 && take_signature(s, element, v);
	}
	return VERIFY_OK;
}

static enum verify_result take_signatures(const struct scheme *s, struct slice value, bool *seen, struct verify *v)
{
	if (value.n > VERIFY_HEADER_MAX)
		return verify_wrong(v, "the signature header is longer than 4 KiB");
	if (s->separator)
		return take_list(s, value, seen, v);
	take_signature(s, value, v);
	*seen = true;
	return VERIFY_OK;
}

/* After all were taken. */
static enum verify_result count_signatures(struct verify *v, bool seen)
{
	return v->n_signatures ? VERIFY_OK
		: verify_wrong(v, seen ? "the signature header is malformed" : "the signature header has no signature of this scheme");
}

/*
 * Nothing but its length separates the timestamp from what is signed beside it: digits could be moved into a body that is kept
 * unread. From 2001 to 2286 a time has 10 digits in s, and 13 in ms.
 */
static bool joined(const struct scheme *s)
{
	return s->signs && (strstr(s->signs, "{timestamp}{") || strstr(s->signs, "}{timestamp}"));
}

/* Digits and nothing else: no sign, no white space, no second value behind a comma. */
static enum verify_result take_number(const struct scheme *s, struct verify *v)
{
	bool ms = s->timestamp_unit == TIMESTAMP_MS;

	if (!is_number(v->timestamp))
		return verify_wrong(v, "the timestamp is no number");
	if (joined(s) && v->timestamp.n != (ms ? 13 : 10))
		return verify_wrong(v, "the timestamp is longer or shorter than a time is");
	for (size_t i = 0; i < v->timestamp.n; i++)
		v->at = v->at * 10 + (v->timestamp.p[i] - '0');
	if (!ms)
		v->at *= 1000;
	return VERIFY_OK;
}

static enum verify_result take_timestamp(const struct scheme *s, struct verify *v)
{
	if (!v->timestamp.n && s->time.kind)
		return verify_wrong(v, "the timestamp is missing");
	if (!v->timestamp.p)
		return scheme_signs(s, PLACEHOLDER_TIMESTAMP) ? verify_wrong(v, "the signature header has no timestamp") : VERIFY_OK;
	if (s->timestamp_unit != TIMESTAMP_DATE)
		return take_number(s, v);
	return moment_read(v->timestamp, &v->at) ? VERIFY_OK : verify_wrong(v, "the timestamp is no date with a time and a zone");
}

static bool has(const struct request *r, const char *name)
{
	const char *value;

	return request_header(r, name, &value) != HEADER_ABSENT;
}

static bool complete(const struct request *r, const struct proof_headers *h)
{
	return h->signature && has(r, h->signature) && (!h->timestamp || has(r, h->timestamp)) && (!h->id || has(r, h->id));
}

/*
 * The names of one set, never mixed: the first that is whole, as Svix's library chooses. Where none is, the names that an
 * error speaks of.
 */
static const struct proof_headers *choose(const struct request *r, const struct proof_headers *own, const struct proof_headers *other)
{
	if (!other->signature || complete(r, own))
		return own;
	return complete(r, other) || (!has(r, own->signature) && has(r, other->signature)) ? other : own;
}

/*
 * A dot separates the id from what is signed behind it, and may stand in either. With the first byte of a JSON body in the id,
 * a captured delivery would be another one.
 */
static bool is_id(struct slice id)
{
	return !id.n || (!memchr(id.p, '{', id.n) && !memchr(id.p, '[', id.n) && !memchr(id.p, '"', id.n));
}

/* An id under the other name is signed by nothing: it must be the same, so that a field may be taken from either. */
static bool is_other_id(const struct request *r, const char *name, struct slice id)
{
	const char *value;
	enum header_result there = name ? request_header(r, name, &value) : HEADER_ABSENT;

	return there == HEADER_MANY || (there == HEADER_ONE && (strlen(value) != id.n || memcmp(value, id.p, id.n) != 0));
}

/* Once for each delivery. */
static enum verify_result read_values(const struct request *r, const struct scheme *s, struct verify *v)
{
	if (v->values_read)
		return VERIFY_OK;
	v->values_read = true;
	switch (values_read(r, s, &v->values)) {
	case VALUES_OK:
		return VERIFY_OK;
	case VALUES_MALFORMED:
		snprintf(v->why, sizeof v->why, "the proof in the body cannot be read: %s", v->values.reason);
		return verify_wrong(v, v->why);
	case VALUES_UNAVAILABLE:
		break;
	}
	return verify_unavailable(v);
}

/* The text at a place; n == 0: none. A header that is there twice is WRONG. */
static enum verify_result read_proof_place(const struct request *r, const struct source *place, struct slice *out, struct verify *v)
{
	const char *value;

	*out = (struct slice){0};
	if (place->kind != SOURCE_HEADER)
		*out = values_find(&v->values, place->kind, slice_text(place->name));
	else if (request_header(r, place->name, &value) != HEADER_ABSENT)
		return proof_header(r, place->name, out, v);
	return VERIFY_OK;
}

static enum verify_result no_proof(const struct scheme *s, struct verify *v)
{
	snprintf(v->why, sizeof v->why, "nothing is where the scheme has the proof (%.40s%s)", s->place[0].name, s->place[1].kind ? ", ..." : "");
	return verify_wrong(v, v->why);
}

/* The signatures at all places. */
static enum verify_result take_places(const struct request *r, const struct scheme *s, struct verify *v)
{
	enum verify_result result = VERIFY_OK;
	struct slice value;
	bool seen = false;

	for (const struct source *place = s->place; place < s->place + SCHEME_PLACES && place->kind; place++) {
		result = read_proof_place(r, place, &value, v);
		if (result == VERIFY_OK && value.n)
			result = take_signatures(s, value, &seen, v);
		if (result != VERIFY_OK)
			return result;
		if (value.n && !v->value.p) {
			v->header = place->name;
			v->value = value;
		}
	}
	return v->value.p ? count_signatures(v, seen) : no_proof(s, v);
}

/* The names of authentication schemes are case-insensitive (RFC 9110 section 11.1). */
static struct slice without_prefix(const struct scheme *s, struct slice value)
{
	size_t n = strlen(s->prefix);

	if (value.n >= n && strncasecmp(value.p, s->prefix, n) == 0)
		return behind(value, n);
	return s->prefix_optional ? value : (struct slice){0};
}

enum verify_result proof_one(const struct request *r, const struct scheme *s, struct slice *out, struct verify *v)
{
	enum verify_result result = VERIFY_OK;
	struct slice value;

	if (!s->place[0].kind)
		result = proof_header(r, v->header = s->header, &v->value, v);
	else
		result = read_values(r, s, v);
	for (const struct source *place = s->place; result == VERIFY_OK && place < s->place + SCHEME_PLACES && place->kind; place++) {
		result = read_proof_place(r, place, &value, v);
		if (result == VERIFY_OK && value.n && v->value.p)
			return verify_wrong(v, "more than one of the places has a secret or a token");
		if (result == VERIFY_OK && value.n) {
			v->header = place->name;
			v->value = value;
		}
	}
	if (result != VERIFY_OK)
		return result;
	if (!v->value.p)
		return no_proof(s, v);
	*out = without_prefix(s, v->value);
	return VERIFY_OK;
}

/* The time is in a body whose bytes are signed: it is read after these were verified. */
static bool is_late_time(const struct scheme *s)
{
	return (s->time.kind == SOURCE_JSON || s->time.kind == SOURCE_FORM) && !scheme_signs(s, PLACEHOLDER_TIMESTAMP);
}

enum verify_result proof_late_time(const struct request *r, const struct scheme *s, struct verify *v)
{
	enum verify_result result;

	if (!s->time.kind || !is_late_time(s))
		return VERIFY_OK;
	result = read_values(r, s, v);
	if (result != VERIFY_OK)
		return result;
	v->timestamp = values_find(&v->values, s->time.kind, slice_text(s->time.name));
	return take_timestamp(s, v);
}

enum verify_result proof_read(const struct request *r, const struct scheme *s, struct verify *v)
{
	const struct proof_headers own = {s->header, s->timestamp_header, s->id_header};
	const struct proof_headers *h = choose(r, &own, &s->other_headers);
	enum verify_result result;
	bool seen = false;

	v->header = h->signature;
	if (s->reads_values && (result = read_values(r, s, v)) != VERIFY_OK)
		return result;
	if ((h->signature && (result = proof_header(r, h->signature, &v->value, v)) != VERIFY_OK) ||
	    (h->timestamp && (result = proof_header(r, h->timestamp, &v->timestamp, v)) != VERIFY_OK) ||
	    (h->id && (result = proof_header(r, h->id, &v->id, v)) != VERIFY_OK))
		return result;
	result = h->signature ? take_signatures(s, v->value, &seen, v) : take_places(r, s, v);
	if (result != VERIFY_OK || (result = count_signatures(v, seen)) != VERIFY_OK)
		return result;
	if (h->id && !is_id(v->id))
		return verify_wrong(v, "the id has a mark in it that begins a body");
	if (h->id && is_other_id(r, h == &own ? s->other_headers.id : own.id, v->id))
		return verify_wrong(v, "two different ids, under two names");
	if (s->time.kind && is_late_time(s))
		return VERIFY_OK;
	if (s->time.kind)
		v->timestamp = values_find(&v->values, s->time.kind, slice_text(s->time.name));
	return take_timestamp(s, v);
}
