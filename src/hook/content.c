/* SPDX-License-Identifier: ISC */
/* How a body is read: by what was signed and by its first byte. */
#include "hook/content.h"

#include <string.h>

#include "hook/multipart.h"
#include "hook/signed.h"

bool content_expected(const struct request *r, const struct scheme *s)
{
	if (scheme_takes_get(s) && strcmp(r->method, "GET") == 0)
		return true; /* it has no body */
	return s->bodies & CONTENT_ANY || (s->bodies & CONTENT_JSON && request_is_json(r)) ||
		(s->bodies & CONTENT_FORM && request_is(r, REQUEST_FORM)) || (s->bodies & CONTENT_TEXT && request_is(r, "text/plain")) ||
		(s->bodies & CONTENT_MULTIPART && request_is(r, REQUEST_MULTIPART));
}

/* White space as in RFC 8259 section 2, or a byte order mark, may stand before it. */
static bool begins_json(struct slice body)
{
	size_t at = body.n >= 3 && memcmp(body.p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	while (at < body.n && (body.p[at] == ' ' || body.p[at] == '\t' || body.p[at] == '\r' || body.p[at] == '\n'))
		at++;
	return at < body.n && (body.p[at] == '{' || body.p[at] == '[');
}

static enum content_kind find_kind(const struct request *r, const struct scheme *s, struct form *scratch)
{
	struct slice body = {r->body.data, r->body.len};
	bool json = begins_json(body);

	if (scheme_takes_get(s) && body.n == 0)
		return CONTENT_IS_QUERY;
	if (scheme_signs(s, PLACEHOLDER_FORM) && !scheme_signs(s, PLACEHOLDER_BODY)) {
		switch (signed_by_hash(s, r->query, scratch)) {
		case SIGNED_OK:
			return json ? CONTENT_IS_JSON : CONTENT_IS_FORM;
		case SIGNED_MALFORMED:
			return CONTENT_IS_FORM;
		case SIGNED_UNAVAILABLE:
			return CONTENT_IS_UNKNOWN;
		}
	}
	if (!(s->bodies & ~(unsigned)(CONTENT_JSON | CONTENT_TEXT)) || (json && s->bodies & (CONTENT_JSON | CONTENT_TEXT | CONTENT_ANY)))
		return CONTENT_IS_JSON;
	return s->bodies & CONTENT_MULTIPART && (multipart_begins(body) || !(s->bodies & (CONTENT_FORM | CONTENT_ANY))) ? CONTENT_IS_MULTIPART
		: CONTENT_IS_FORM;
}

/* A form is signed sorted, so the signature does not say which of two values of a name is the first. */
static enum content_kind read_form(const struct scheme *s, struct slice text, enum content_kind kind, struct form *form, struct slice *json)
{
	const char *field = s->json_field ? s->json_field : "payload";

	switch (kind == CONTENT_IS_MULTIPART ? multipart_parse(form, text) : form_parse(form, text.p, text.n)) {
	case FORM_OK:
		if (*field)
			*json = (scheme_signs(s, PLACEHOLDER_FORM) ? form_only_value : form_value)(form, field);
		return kind;
	case FORM_MALFORMED:
		form->n = 0;
		return CONTENT_IS_BROKEN;
	case FORM_NO_MEMORY:
		break;
	}
	return CONTENT_IS_UNKNOWN;
}

enum content_kind content_json(const struct request *r, const struct scheme *s, struct form *form, struct slice *json)
{
	struct slice body = {r->body.data, r->body.len};
	enum content_kind kind = find_kind(r, s, form);

	*json = (struct slice){0};
	if (kind == CONTENT_IS_FORM || kind == CONTENT_IS_MULTIPART)
		return read_form(s, body, kind, form, json);
	if (kind == CONTENT_IS_QUERY)
		return read_form(s, slice_text(r->query), kind, form, json);
	form->n = 0; /* of the query, where that was looked at */
	if (kind == CONTENT_IS_JSON)
		*json = body;
	return kind;
}
