/* What a delivery says: the fields that route, dedupe and list an event. */
#include "hook/event.h"

#include <openssl/evp.h>
#include <string.h>

#include "core/paths.h"

/* Numbers are names of nothing that is shown or echoed as text, and true is a name of nothing at all. */
static bool takes(enum field f, enum path_kind kind)
{
	if (kind != PATH_NUMBER)
		return kind == PATH_STRING;
	return f != FIELD_EVENT && f != FIELD_SENDER_NAME && f != FIELD_TEXT && f != FIELD_CHALLENGE && f != FIELD_CLIENT_STATE;
}

/* All JSON paths of the scheme; which[i] tells whose the i-th is. */
static size_t list_paths(const struct scheme *s, struct path *paths, enum field *which)
{
	size_t n = 0;

	for (int f = 0; f < FIELD_COUNT; f++) {
		for (int i = 0; i < SCHEME_SOURCES && s->source[f][i].kind; i++) {
			if (s->source[f][i].kind != SOURCE_JSON)
				continue;
			which[n] = (enum field)f;
			paths[n++] = (struct path){.text = s->source[f][i].name};
		}
	}
	return n;
}

static enum event_result malformed(struct event *ev, const char *reason)
{
	ev->reason = reason;
	return EVENT_MALFORMED;
}

static enum event_result read_json(struct slice json, struct path *paths, size_t n, struct event *ev)
{
	switch (paths_find(json.p, json.n, paths, n, &ev->arena, &ev->reason)) {
	case PATHS_OK:
		return EVENT_OK;
	case PATHS_MALFORMED:
		return EVENT_MALFORMED;
	case PATHS_NO_MEMORY:
		break;
	}
	return EVENT_UNAVAILABLE;
}

static enum event_result read_body(const struct request *r, struct path *paths, size_t n, struct event *ev)
{
	struct slice body = {r->body.data, r->body.len}, payload;

	if (request_is(r, REQUEST_JSON))
		return read_json(body, paths, n, ev);
	if (!request_is(r, REQUEST_FORM))
		return EVENT_OK;
	switch (form_parse(&ev->form, body.p, body.n)) {
	case FORM_OK:
		payload = form_value(&ev->form, "payload");
		return payload.p ? read_json(payload, paths, n, ev) : EVENT_OK;
	case FORM_MALFORMED:
		return malformed(ev, "not a form, or more than 256 parameters");
	case FORM_NO_MEMORY:
		break;
	}
	return EVENT_UNAVAILABLE;
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

/* The value of a source other than JSON. False when it can't be had. */
static bool value_of(const struct source *source, const struct request *r, struct slice signature, struct event *ev, struct slice *out)
{
	unsigned char hash[KEY_SHA256_BYTES];

	switch (source->kind) {
	case SOURCE_HEADER:
		*out = copy(ev, header(source, r));
		return true;
	case SOURCE_FORM:
		*out = form_value(&ev->form, source->name);
		return true;
	case SOURCE_TEXT:
		*out = (struct slice){source->name, strlen(source->name)};
		return true;
	case SOURCE_SIGNATURE:
		if (signature.p)
			*out = key_of(ev, signature);
		return true;
	case SOURCE_BODY:
		if (!EVP_Digest(r->body.data, r->body.len, hash, NULL, EVP_sha256(), NULL))
			return false;
		*out = key_of(ev, (struct slice){(const char *)hash, sizeof hash});
		return true;
	default:
		return true;
	}
}

/* The first source that has a value; *path is at the field's first JSON path. */
static bool resolve(const struct scheme *s, enum field f, const struct path *path, const struct request *r,
	struct slice signature, struct event *ev)
{
	struct slice *out = &ev->field[f];

	for (int i = 0; i < SCHEME_SOURCES && s->source[f][i].kind && out->n == 0; i++) {
		if (s->source[f][i].kind != SOURCE_JSON) {
			if (!value_of(&s->source[f][i], r, signature, ev, out))
				return false;
			continue;
		}
		if (takes(f, path->kind))
			*out = path->value;
		path++;
	}
	if (out->n == 0)
		*out = (struct slice){0};
	return true;
}

enum event_result event_read(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev)
{
	struct path paths[PATHS_MAX];
	enum field which[PATHS_MAX];
	size_t n = list_paths(s, paths, which), at = 0;
	enum event_result result;

	memset(ev->field, 0, sizeof ev->field);
	ev->reason = NULL;
	ev->arena.len = 0;
	ev->form.n = 0;
	result = reserve_headers(s, r, ev) ? read_body(r, paths, n, ev) : EVENT_UNAVAILABLE;
	if (result != EVENT_OK)
		return result;
	for (int f = 0; f < FIELD_COUNT; f++) {
		if (!resolve(s, (enum field)f, &paths[at], r, signature, ev))
			return EVENT_UNAVAILABLE;
		while (at < n && which[at] == (enum field)f)
			at++;
	}
	return ev->field[FIELD_EVENT].p ? EVENT_OK : malformed(ev, "no name of the event");
}

void event_free(struct event *ev)
{
	buf_free(&ev->arena);
	buf_free(&ev->headers);
	form_free(&ev->form);
	*ev = (struct event){0};
}
