/* SPDX-License-Identifier: ISC */
/* What a delivery says: the fields that route, dedupe and list an event. */
#include "hook/event.h"

#include <openssl/evp.h>
#include <string.h>

#include "core/paths.h"
#include "core/unpack.h"
#include "hook/content.h"

_Static_assert(FIELD_COUNT * SCHEME_SOURCES <= PATHS_MAX, "each source may be a path");

/* A delivery that is being read. */
struct reading {
	const struct request *r;
	const struct scheme *s;
	struct slice signature;
	struct event *ev;
	struct path *paths;
	size_t n_paths, first[FIELD_COUNT]; /* where the paths of a field begin */
	size_t joined_at[FIELD_COUNT];      /* in ev->joined, which moves as it grows; of fields in `joined` */
	unsigned joined, unsigned_fields;   /* bit f: the field was put together; nothing signs its value (of key, event, account) */
	bool nothing;                       /* nothing identifies the delivery: SOURCE_NOTHING */
};

static bool is_path(const struct source *source)
{
	return source->kind == SOURCE_JSON || source->kind == SOURCE_NUMBER || source->kind == SOURCE_MEMBER;
}

/* A number may be an id or a time. It is a name where the source says so. Booleans are never a field's value. */
static bool takes(enum field f, const struct source *source, enum path_kind kind)
{
	if (kind == PATH_STRING)
		return true;
	if (kind != PATH_NUMBER)
		return f == FIELD_KEY && source->more;
	return source->kind == SOURCE_NUMBER || (f != FIELD_EVENT && f != FIELD_SENDER_NAME && f != FIELD_TEXT &&
		f != FIELD_CHALLENGE && f != FIELD_CLIENT_STATE);
}

static void list_paths(struct reading *rd)
{
	const struct source *source;

	for (int f = 0; f < FIELD_COUNT; f++) {
		rd->first[f] = rd->n_paths;
		source = rd->s->source[f];
		for (int i = 0; i < SCHEME_SOURCES && source[i].kind; i++)
			if (is_path(&source[i]))
				rd->paths[rd->n_paths++] = (struct path){.text = source[i].name, .exact = f != FIELD_TEXT && f != FIELD_SENDER_NAME,
					.member = source[i].kind == SOURCE_MEMBER};
	}
}

static enum event_result malformed(struct event *ev, const char *reason)
{
	ev->reason = reason;
	return EVENT_MALFORMED;
}

static enum event_result read_json(struct reading *rd, struct slice json)
{
	struct event *ev = rd->ev;

	switch (paths_find(json.p, json.n, rd->paths, rd->n_paths, &ev->arena, &ev->reason)) {
	case PATHS_OK:
		return EVENT_OK;
	case PATHS_MALFORMED:
		return EVENT_MALFORMED;
	case PATHS_NO_MEMORY:
		break;
	}
	return EVENT_UNAVAILABLE;
}

static enum event_result read_form(struct reading *rd, struct slice body)
{
	struct form *form = &rd->ev->form;
	struct slice payload;

	switch (form_parse(form, body.p, body.n)) {
	case FORM_OK:
		payload = (scheme_signs(rd->s, PLACEHOLDER_FORM) ? form_only_value : form_value)(form, "payload");
		return payload.p ? read_json(rd, payload) : EVENT_OK;
	case FORM_MALFORMED:
		return malformed(rd->ev, "not a form");
	case FORM_NO_MEMORY:
		break;
	}
	return EVENT_UNAVAILABLE;
}

/* Notes which fields the body has several values for. */
static void note_several(struct reading *rd)
{
	size_t end;

	for (int f = 0; f < FIELD_COUNT; f++) {
		end = f + 1 < FIELD_COUNT ? rd->first[f + 1] : rd->n_paths;
		for (size_t i = rd->first[f]; i < end; i++)
			if (rd->paths[i].several)
				rd->ev->several |= 1U << f;
	}
}

static enum event_result unread(struct reading *rd)
{
	rd->ev->reason = NULL;
	rd->ev->form.n = 0;
	return EVENT_OK;
}

static enum event_result read_body(struct reading *rd)
{
	struct slice body = {rd->r->body.data, rd->r->body.len};
	enum event_result result = EVENT_UNAVAILABLE;
	bool says_what = false;

	switch (content_kind(rd->r, rd->s, &rd->ev->form)) {
	case CONTENT_IS_JSON:
		rd->ev->form.n = 0; /* of the query, where that was looked at */
		result = read_json(rd, body);
		says_what = request_is_json(rd->r);
		break;
	case CONTENT_IS_FORM:
		result = read_form(rd, body);
		says_what = request_is(rd->r, REQUEST_FORM);
		break;
	case CONTENT_IS_QUERY:
		return read_form(rd, slice_text(rd->r->query));
	case CONTENT_IS_UNKNOWN:
		return result;
	}
	/* where any body is taken, one that is neither JSON nor a form is stored unread */
	return result == EVENT_MALFORMED && rd->s->bodies & CONTENT_ANY && !says_what ? unread(rd) : result;
}

static struct slice key_of(struct event *ev, struct slice bytes)
{
	encode(ENCODING_HEX, bytes.p, bytes.n, ev->key);
	return (struct slice){ev->key, encode_size(ENCODING_HEX, bytes.n)};
}

/* The value of a source that is a header which is there once; NULL for others. */
static const char *header(const struct source *source, const struct request *r)
{
	const char *value;

	return source->kind == SOURCE_HEADER && request_header(r, source->name, &value) == HEADER_ONE ? value : NULL;
}

/* Room for the copies of all of them, so that none moves when the next is added. */
static bool reserve_headers(const struct scheme *s, const struct request *r, struct event *ev)
{
	const char *value;
	size_t n = 1;

	for (int f = 0; f < FIELD_COUNT; f++)
		for (int i = 0; i < SCHEME_SOURCES && s->source[f][i].kind; i++)
			if ((value = header(&s->source[f][i], r)))
				n += strlen(value);
	ev->headers.len = 0;
	return buf_reserve(&ev->headers, n);
}

static struct slice copy(struct event *ev, const char *value)
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

/* The value of a source, or none in *out. `path` is its path, where it has one. False when the value can't be had. */
static bool value_of(struct reading *rd, enum field f, const struct source *source, const struct path *path, struct slice *out)
{
	*out = (struct slice){0};
	switch (source->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
	case SOURCE_MEMBER:
		if (path->value.p && takes(f, source, path->kind))
			*out = path->value;
		return true;
	case SOURCE_HEADER:
		*out = copy(rd->ev, header(source, rd->r));
		return true;
	case SOURCE_FORM:
		/* where parameters are signed sorted, nothing signs which of two values is the first */
		*out = (scheme_signs(rd->s, PLACEHOLDER_FORM) ? form_only_value : form_value)(&rd->ev->form, source->name);
		return true;
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
static bool applies(const struct reading *rd, const struct source *source)
{
	struct slice name = field_of(rd, FIELD_EVENT);
	const char *want = source->event;
	size_t n = want ? strlen(want) : 0;

	if (!want)
		return true;
	if (*want == '*')
		return name.n >= n - 1 && memcmp(name.p + name.n - (n - 1), want + 1, n - 1) == 0;
	if (want[n - 1] == '*')
		return name.n >= n - 1 && memcmp(name.p, want, n - 1) == 0;
	return name.n == n && memcmp(name.p, want, n) == 0;
}

/* Appends a further part of a key: behind a space, and with none in it, so that no two lists of parts give the same key. */
static bool add_part(struct buf *b, struct slice part)
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

/* Appends what scopes the name of a thing. The fields may stand in ev->joined, which moves here and not while they are read. */
static bool add_scope(const struct reading *rd)
{
	struct buf *b = &rd->ev->joined;

	return buf_reserve(b, 2 + 3 * (field_of(rd, FIELD_EVENT).n + field_of(rd, FIELD_ACCOUNT).n)) &&
		add_part(b, field_of(rd, FIELD_EVENT)) && add_part(b, field_of(rd, FIELD_ACCOUNT));
}

/* Puts the parts together in ev->joined: one behind the other, or in a key as add_part() does. */
static bool join(struct reading *rd, enum field f, const struct parts *parts)
{
	struct buf *b = &rd->ev->joined;
	size_t at = b->len;
	bool ok = true;

	for (size_t i = 0; ok && i < parts->n; i++)
		ok = i > 0 && f == FIELD_KEY ? add_part(b, parts->value[i]) : buf_add(b, parts->value[i].p, parts->value[i].n);
	if (ok && f == FIELD_KEY && parts->source->thing)
		ok = add_scope(rd);
	rd->joined |= 1U << f;
	rd->joined_at[f] = at;
	rd->ev->field[f].n = b->len - at;
	return ok;
}

/* The field has these parts. */
static bool take(struct reading *rd, enum field f, const struct parts *parts)
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
		return join(rd, f, parts);
	ev->field[f] = parts->value[0];
	return true;
}

/* The first source, or sources that are joined, of which all have a value. False when a value can't be had. */
static bool resolve(struct reading *rd, enum field f)
{
	const struct source *source = rd->s->source[f], *end = source + SCHEME_SOURCES;
	const struct path *path = &rd->paths[rd->first[f]];
	struct parts parts;
	bool all, more;

	while (source < end && source->kind) {
		parts.source = source;
		parts.n = 0;
		all = applies(rd, source);
		if (all && source->kind == SOURCE_NOTHING) {
			rd->nothing = true;
			return true;
		}
		do {
			if (all && !value_of(rd, f, source, path, &parts.value[parts.n]))
				return false;
			all = all && parts.value[parts.n++].n > 0;
			path += is_path(source);
			more = source->more;
		} while (++source < end && more);
		if (all)
			return take(rd, f, &parts);
	}
	return true;
}

/* The key comes last: what names a thing is scoped by the other fields. */
static enum event_result resolve_all(struct reading *rd)
{
	static const struct source body = {.kind = SOURCE_BODY};
	struct parts last = {.source = &body, .n = 1};
	struct event *ev = rd->ev;

	for (int f = 0; f < FIELD_COUNT; f++)
		if (f != FIELD_KEY && !resolve(rd, (enum field)f))
			return EVENT_UNAVAILABLE;
	if (!resolve(rd, FIELD_KEY))
		return EVENT_UNAVAILABLE;
	if (field_of(rd, FIELD_KEY).n == 0 && !rd->nothing) {
		if (!hash_body(rd, &last.value[0]))
			return EVENT_UNAVAILABLE;
		if (last.value[0].p && !take(rd, FIELD_KEY, &last))
			return EVENT_UNAVAILABLE;
	}
	for (int f = 0; f < FIELD_COUNT; f++)
		ev->field[f] = field_of(rd, (enum field)f);
	return EVENT_OK;
}

static enum event_result read_plain(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev)
{
	struct path paths[PATHS_MAX];
	struct reading rd = {.r = r, .s = s, .signature = signature, .ev = ev, .paths = paths};
	enum event_result result;

	memset(ev->field, 0, sizeof ev->field);
	ev->id = (struct slice){0};
	ev->identity = IDENTITY_NONE;
	ev->several = 0;
	ev->reason = NULL;
	ev->arena.len = ev->joined.len = 0;
	ev->form.n = 0;
	list_paths(&rd);
	result = reserve_headers(s, r, ev) ? read_body(&rd) : EVENT_UNAVAILABLE;
	note_several(&rd);
	if (result == EVENT_UNAVAILABLE || resolve_all(&rd) != EVENT_OK)
		return EVENT_UNAVAILABLE;
	if (result == EVENT_MALFORMED)
		ev->field[FIELD_EVENT] = (struct slice){0};
	else if (!ev->field[FIELD_EVENT].p) {
		ev->reason = "no name of the event";
		result = EVENT_NAMELESS;
	}
	return result;
}

/* The bytes alone decide whether the body is packed, as nothing signs the header. One that can't be unpacked is read as it is. */
enum event_result event_read(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev)
{
	struct buf body = {0};
	enum unpack_result unpacked = unpack((struct slice){r->body.data, r->body.len}, &body);
	struct request plain = *r;
	enum event_result result = EVENT_UNAVAILABLE;
	const char *note = unpack_note(r->coding, unpacked);

	if (unpacked == UNPACK_OK)
		plain.body = body;
	if (unpacked != UNPACK_NO_MEMORY)
		result = read_plain(&plain, s, signature, ev);
	if (result == EVENT_MALFORMED && note)
		ev->reason = note;
	buf_free(&body);
	return result;
}

void event_free(struct event *ev)
{
	buf_free(&ev->arena);
	buf_free(&ev->headers);
	buf_free(&ev->joined);
	form_free(&ev->form);
	*ev = (struct event){0};
}
