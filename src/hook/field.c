/* SPDX-License-Identifier: ISC */
/* The fields of an event: each has the value of its first source that has one. */
#include "hook/field.h"

#include <openssl/evp.h>
#include <string.h>

bool field_is_path(const struct source *source)
{
	return source->kind == SOURCE_JSON || source->kind == SOURCE_NUMBER || source->kind == SOURCE_MEMBER;
}

/* A number may be an id or a time. It is a name where the source says so. Booleans are never a field's value. */
static bool takes_kind(enum field f, const struct source *source, enum path_kind kind)
{
	if (kind == PATH_STRING)
		return true;
	if (kind != PATH_NUMBER)
		return f == FIELD_KEY && source->more;
	return source->kind == SOURCE_NUMBER || (f != FIELD_EVENT && f != FIELD_SENDER_NAME && f != FIELD_TEXT &&
		f != FIELD_CHALLENGE && f != FIELD_CLIENT_STATE);
}

static struct slice key_of(struct event *ev, struct slice bytes)
{
	encode(ENCODING_HEX, bytes.p, bytes.n, ev->key);
	return (struct slice){ev->key, encode_size(ENCODING_HEX, bytes.n)};
}

/* The value of a source that is a header, when the delivery has that header once. NULL otherwise. */
static const char *single_header(const struct source *source, const struct request *r)
{
	const char *value;

	return source->kind == SOURCE_HEADER && request_header(r, source->name, &value) == HEADER_ONE ? value : NULL;
}

bool field_reserve_headers(const struct scheme *s, const struct request *r, struct event *ev)
{
	const char *value;
	size_t n = 1;

	for (int f = 0; f < FIELD_COUNT; f++)
		for (int i = 0; i < SCHEME_SOURCES && s->source[f][i].kind; i++)
			if ((value = single_header(&s->source[f][i], r)))
				n += strlen(value);
	ev->headers.len = 0;
	return buf_reserve(&ev->headers, n);
}

static struct slice copy_header(struct event *ev, const char *value)
{
	struct slice out = {ev->headers.data + ev->headers.len, value ? strlen(value) : 0};

	buf_add(&ev->headers, value, out.n);
	return out;
}

/* The hash of the body; no value where the body is empty. False when OpenSSL failed. */
static bool hash_body(struct reading *rd, struct slice *out)
{
	unsigned char hash[KEY_SHA256_BYTES];

	if (rd->r->body.len == 0)
		return true;
	if (!EVP_Digest(rd->r->body.data, rd->r->body.len, hash, NULL, EVP_sha256(), NULL))
		return false;
	*out = key_of(rd->ev, (struct slice){(const char *)hash, sizeof hash});
	return true;
}

/* A parameter of the query, where all of its name have one value; a query that cannot be read has none. False when memory is short. */
static bool find_in_query(struct reading *rd, const char *name, struct slice *out)
{
	struct form *query = &rd->ev->query;
	enum form_result result = rd->query_read ? FORM_OK : form_parse(query, rd->r->query, strlen(rd->r->query));

	if (result == FORM_MALFORMED)
		query->n = 0;
	rd->query_read = true;
	*out = form_only_value(query, name);
	return result != FORM_NO_MEMORY;
}

/* Finds the value of a source; out->n == 0: none. `path` is for sources in JSON. False: memory is short, or OpenSSL failed. */
static bool source_value(struct reading *rd, enum field f, const struct source *source, const struct path *path, struct slice *out)
{
	*out = (struct slice){0};
	switch (source->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
	case SOURCE_MEMBER:
		if (path->value.p && takes_kind(f, source, path->kind))
			*out = path->value;
		return true;
	case SOURCE_HEADER:
		*out = copy_header(rd->ev, single_header(source, rd->r));
		return true;
	case SOURCE_FORM:
		/* parameters are signed sorted, so the signature does not say which of two values is the first */
		*out = (scheme_signs(rd->s, PLACEHOLDER_FORM) ? form_only_value : form_value)(&rd->ev->form, source->name);
		return true;
	case SOURCE_QUERY:
		return find_in_query(rd, source->name, out);
	case SOURCE_TEXT:
		*out = slice_text(source->name);
		return true;
	case SOURCE_SIGNATURE:
		if (rd->signature.p)
			*out = key_of(rd->ev, rd->signature);
		return true;
	case SOURCE_BODY:
		return hash_body(rd, out);
	default:
		return true;
	}
}

static struct slice field_of(const struct reading *rd, enum field f)
{
	struct slice value = rd->ev->field[f];

	return rd->joined & 1U << f ? (struct slice){rd->ev->joined.data + rd->joined_at[f], value.n} : value;
}

/* The source's condition holds for the event's name, which was resolved before. */
static bool condition_holds(const struct reading *rd, const struct source *source)
{
	struct slice name = field_of(rd, FIELD_EVENT);
	const char *want = source->event.p;
	size_t n = source->event.n;

	if (!want)
		return true;
	if (*want == '*')
		return name.n >= n - 1 && memcmp(name.p + name.n - (n - 1), want + 1, n - 1) == 0;
	if (want[n - 1] == '*')
		return name.n >= n - 1 && memcmp(name.p, want, n - 1) == 0;
	return name.n == n && memcmp(name.p, want, n) == 0;
}

/* Appends a space and a further part of a key. Spaces in the part are encoded, so different lists of parts give different keys. */
static bool add_key_part(struct buf *b, struct slice part)
{
	char *out;

	if (!buf_reserve(b, 1 + 3 * part.n))
		return false;
	out = b->data + b->len;
	*out++ = ' ';
	for (const char *p = part.p, *end = part.n ? p + part.n : p; p < end; p++) {
		if (*p != ' ' && *p != '%') {
			*out++ = *p;
			continue;
		}
		memcpy(out, *p == ' ' ? "%20" : "%25", 3);
		out += 3;
	}
	b->len = (size_t)(out - b->data);
	return true;
}

/* The values of n sources that are joined, or of one. */
struct parts {
	const struct source *source;
	size_t n;
	struct slice value[SCHEME_SOURCES];
};

/* Appends the event's name and the account: the same message may have several events. Reserves first, as the fields may be in ev->joined. */
static bool add_scope(const struct reading *rd)
{
	struct buf *b = &rd->ev->joined;

	return buf_reserve(b, 2 + 3 * (field_of(rd, FIELD_EVENT).n + field_of(rd, FIELD_ACCOUNT).n)) &&
		add_key_part(b, field_of(rd, FIELD_EVENT)) && add_key_part(b, field_of(rd, FIELD_ACCOUNT));
}

/* Joins the parts in ev->joined: as they are, or in a key as add_key_part() does. */
static bool join_parts(struct reading *rd, enum field f, const struct parts *parts)
{
	struct buf *b = &rd->ev->joined;
	size_t at = b->len;
	bool ok = true;

	for (size_t i = 0; ok && i < parts->n; i++)
		ok = i > 0 && f == FIELD_KEY ? add_key_part(b, parts->value[i]) : buf_add(b, parts->value[i].p, parts->value[i].n);
	if (ok && f == FIELD_KEY && parts->source->thing)
		ok = add_scope(rd);
	rd->joined |= 1U << f;
	rd->joined_at[f] = at;
	rd->ev->field[f].n = b->len - at;
	return ok;
}

/* Sets the field to these parts. */
static bool set_field(struct reading *rd, enum field f, const struct parts *parts)
{
	struct event *ev = rd->ev;
	unsigned scope = parts->source->thing ? rd->unsigned_fields & (1U << FIELD_EVENT | 1U << FIELD_ACCOUNT) : 0;
	enum source_kind kind = parts->source->kind;

	for (size_t i = 0; i < parts->n && (f == FIELD_KEY || f == FIELD_EVENT || f == FIELD_ACCOUNT); i++)
		if (!scheme_signs_source(rd->s, &parts->source[i]))
			rd->unsigned_fields |= 1U << f;
	if (f == FIELD_KEY) {
		ev->id = parts->value[0];
		ev->identity = kind == SOURCE_BODY || kind == SOURCE_SIGNATURE ? IDENTITY_BODY
			: scope || rd->unsigned_fields & 1U << f ? IDENTITY_UNSIGNED : IDENTITY_SIGNED;
	}
	if (parts->n > 1 || (f == FIELD_KEY && parts->source->thing))
		return join_parts(rd, f, parts);
	ev->field[f] = parts->value[0];
	return true;
}

/*
 * A message's URN in the API's spelling becomes the webhook's, so that both give one key: a message that was fetched by the API is the
 * one that the webhook delivers. An id that is too long stays as it is.
 */
static void respell_urn(struct event *ev, struct slice *urn)
{
	struct slice id = urn_is_api_message(*urn) ? urn_id(*urn) : (struct slice){0};

	_Static_assert(sizeof ev->key > 2 * KEY_FIXED_MAX, "a signature fits");
	if (!id.p)
		return;
	memcpy(ev->key, URN_MESSAGE, sizeof URN_MESSAGE - 1);
	memcpy(ev->key + sizeof URN_MESSAGE - 1, id.p, id.n);
	*urn = (struct slice){ev->key, sizeof URN_MESSAGE - 1 + id.n};
}

/* Takes the first source that has a value; of joined sources all must have one. False: memory is short, or OpenSSL failed. */
static bool resolve_field(struct reading *rd, enum field f)
{
	const struct source *source = rd->s->source[f], *end = source + SCHEME_SOURCES;
	const struct path *path = &rd->paths[rd->first[f]];
	struct parts parts;
	bool all, more;

	while (source < end && source->kind) {
		parts.source = source;
		parts.n = 0;
		all = condition_holds(rd, source);
		if (all && source->kind == SOURCE_NOTHING) {
			rd->nothing = true;
			return true;
		}
		do {
			if (all && !source_value(rd, f, source, path, &parts.value[parts.n]))
				return false;
			all = all && parts.value[parts.n++].n > 0;
			path += field_is_path(source);
			more = source->more;
		} while (++source < end && more);
		if (all && f == FIELD_KEY && parts.source->thing)
			respell_urn(rd->ev, &parts.value[0]);
		if (all)
			return set_field(rd, f, &parts);
	}
	return true;
}

/* The key comes last: it may have the event's name and the account in it. */
bool field_resolve_all(struct reading *rd)
{
	static const struct source body = {.kind = SOURCE_BODY};
	struct parts last = {.source = &body, .n = 1};
	struct event *ev = rd->ev;

	for (int f = 0; f < FIELD_COUNT; f++)
		if (f != FIELD_KEY && !resolve_field(rd, (enum field)f))
			return false;
	if (!resolve_field(rd, FIELD_KEY))
		return false;
	if (field_of(rd, FIELD_KEY).n == 0 && !rd->nothing) {
		if (!hash_body(rd, &last.value[0]))
			return false;
		if (last.value[0].p && !set_field(rd, FIELD_KEY, &last))
			return false;
	}
	for (int f = 0; f < FIELD_COUNT; f++)
		ev->field[f] = field_of(rd, (enum field)f);
	return true;
}
