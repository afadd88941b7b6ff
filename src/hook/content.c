/* SPDX-License-Identifier: ISC */
/* How a body is read: by what was signed and by its first byte. */
#include "hook/content.h"

#include <string.h>

#include "hook/signed.h"

bool content_expected(const struct request *r, const struct scheme *s)
{
	if (scheme_takes_get(s) && strcmp(r->method, "GET") == 0)
		return true; /* it has no body */
	return s->bodies & CONTENT_ANY || (s->bodies & CONTENT_JSON && request_is_json(r)) ||
		(s->bodies & CONTENT_FORM && request_is(r, REQUEST_FORM));
}

/* White space as in RFC 8259 section 2, or a byte order mark, may stand before it. */
static bool begins_json(struct slice body)
{
	size_t at = body.n >= 3 && memcmp(body.p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	while (at < body.n && (body.p[at] == ' ' || body.p[at] == '\t' || body.p[at] == '\r' || body.p[at] == '\n'))
		at++;
	return at < body.n && (body.p[at] == '{' || body.p[at] == '[');
}

enum content_kind content_kind(const struct request *r, const struct scheme *s, struct form *scratch)
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
	if (s->bodies == CONTENT_JSON || (json && s->bodies & (CONTENT_JSON | CONTENT_ANY)))
		return CONTENT_IS_JSON;
	return CONTENT_IS_FORM;
}
