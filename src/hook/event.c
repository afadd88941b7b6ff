/* SPDX-License-Identifier: ISC */
/* What a delivery says: the fields that route, dedupe and list an event. */
#include "hook/event.h"

#include <string.h>

#include "core/paths.h"
#include "core/unpack.h"
#include "hook/content.h"
#include "hook/field.h"

_Static_assert(FIELD_COUNT * SCHEME_SOURCES <= PATHS_MAX, "each source may be a path");

static void list_paths(struct reading *rd)
{
	const struct source *source;

	for (int f = 0; f < FIELD_COUNT; f++) {
		rd->first[f] = rd->n_paths;
		source = rd->s->source[f];
		for (int i = 0; i < SCHEME_SOURCES && source[i].kind; i++)
			if (field_is_path(&source[i]))
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

/* Notes the fields that have several values in the body. */
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

static enum event_result read_content(struct reading *rd)
{
	enum event_result result = EVENT_OK;
	struct slice json;
	enum content_kind kind = content_json(rd->r, rd->s, &rd->ev->form, &json);
	bool says_what = request_is(rd->r, REQUEST_FORM) || request_is(rd->r, REQUEST_MULTIPART);

	if (kind == CONTENT_IS_UNKNOWN)
		return EVENT_UNAVAILABLE;
	if (kind == CONTENT_IS_BROKEN)
		result = malformed(rd->ev, "not a form");
	else if (kind == CONTENT_IS_JSON || json.p)
		result = read_json(rd, json);
	if (kind == CONTENT_IS_QUERY)
		return result;
	if (kind == CONTENT_IS_JSON)
		says_what = request_is_json(rd->r);
	/* an endpoint that takes any body stores one unread that is neither JSON nor a form */
	return result == EVENT_MALFORMED && rd->s->bodies & CONTENT_ANY && !says_what ? unread(rd) : result;
}

void event_clear(struct event *ev)
{
	memset(ev->field, 0, sizeof ev->field);
	ev->id = (struct slice){0};
	ev->identity = IDENTITY_NONE;
	ev->several = 0;
	ev->reason = NULL;
	ev->arena.len = ev->joined.len = 0;
	ev->form.n = 0;
}

enum event_result event_read_plain(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev)
{
	struct path paths[PATHS_MAX];
	struct reading rd = {.r = r, .s = s, .signature = signature, .ev = ev, .paths = paths};
	enum event_result result;

	event_clear(ev);
	list_paths(&rd);
	result = field_reserve_headers(s, r, ev) ? read_content(&rd) : EVENT_UNAVAILABLE;
	note_several(&rd);
	if (result == EVENT_UNAVAILABLE || !field_resolve_all(&rd))
		return EVENT_UNAVAILABLE;
	if (result == EVENT_MALFORMED)
		ev->field[FIELD_EVENT] = (struct slice){0};
	else if (!ev->field[FIELD_EVENT].p) {
		ev->reason = "no name of the event";
		result = EVENT_NAMELESS;
	}
	return result;
}

/* The bytes decide whether the body is packed: nothing signs the header. A body that cannot be unpacked is read as it is. */
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
		result = event_read_plain(&plain, s, signature, ev);
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
	form_free(&ev->query);
	*ev = (struct event){0};
}
