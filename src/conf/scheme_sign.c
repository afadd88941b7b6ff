/* SPDX-License-Identifier: ISC */
/* What a scheme signs. */
#include "conf/scheme.h"

#include <string.h>
#include <strings.h>

/* Those with a text of their own. */
static const char *const placeholders[PLACEHOLDER_VALUE] = {
	[PLACEHOLDER_BODY] = "{body}",
	[PLACEHOLDER_TIMESTAMP] = "{timestamp}",
	[PLACEHOLDER_ID] = "{id}",
	[PLACEHOLDER_METHOD] = "{method}",
	[PLACEHOLDER_URL] = "{url}",
	[PLACEHOLDER_DECODED_URL] = "{decoded-url}",
	[PLACEHOLDER_FORM] = "{form}",
	[PLACEHOLDER_BODY_SHA256] = "{body-sha256}",
	[PLACEHOLDER_BODY_CRC32] = "{body-crc32}",
	[PLACEHOLDER_END] = "{end}",
};

static bool starts_with(struct slice s, const char *text)
{
	size_t n = strlen(text);

	return s.n >= n && memcmp(s.p, text, n) == 0;
}

/* "{json:PATH}" or "{if json:PATH}" */
static bool take_braces(const char **text, enum placeholder *p, struct slice *source)
{
	static const char condition[] = "if ";
	struct slice inside = {*text + 1, strcspn(*text + 1, "{}")}, name;
	const char *end = inside.p + inside.n;

	*p = PLACEHOLDER_VALUE;
	if (starts_with(inside, condition)) {
		inside = (struct slice){inside.p + sizeof condition - 1, inside.n - (sizeof condition - 1)};
		*p = PLACEHOLDER_IF;
	}
	if (*end != '}' || scheme_value_kind(inside, &name) == SOURCE_NONE)
		return false;
	*source = inside;
	*text = end + 1;
	return true;
}

bool scheme_next(const char **text, enum placeholder *p, struct slice *literal)
{
	size_t len;

	if (**text == '\0')
		return false;
	*p = PLACEHOLDER_COUNT;
	if (**text != '{') {
		*literal = (struct slice){*text, strcspn(*text, "{")};
		*text += literal->n;
		return true;
	}
	for (int i = 0; i < PLACEHOLDER_VALUE; i++) {
		len = strlen(placeholders[i]);
		if (strncmp(*text, placeholders[i], len) != 0)
			continue;
		*p = (enum placeholder)i;
		*text += len;
		return true;
	}
	return take_braces(text, p, literal);
}

bool scheme_signs(const struct scheme *s, enum placeholder p)
{
	return s->signs && p < PLACEHOLDER_VALUE && strstr(s->signs, placeholders[p]);
}

bool scheme_signs_for_strangers(const struct scheme *s)
{
	for (int i = 0; i < SCHEME_HANDSHAKES && s->handshakes[i].name; i++)
		if (handshake_is_open(&s->handshakes[i]) && handshake_has_hmac(&s->handshakes[i]))
			return true;
	return false;
}

bool scheme_has_token(const struct scheme *s)
{
	for (int i = 0; i < SCHEME_HANDSHAKES && s->handshakes[i].name; i++)
		if (s->handshakes[i].token)
			return true;
	return false;
}

bool scheme_takes_get(const struct scheme *s)
{
	return s->takes_get && scheme_signs_url(s);
}

bool scheme_signs_url(const struct scheme *s)
{
	return scheme_signs(s, PLACEHOLDER_URL) || scheme_signs(s, PLACEHOLDER_DECODED_URL);
}

static bool claims(const struct scheme *s, enum placeholder p)
{
	for (int i = 0; i < SCHEME_CLAIMS && s->claim[i]; i++)
		if (strstr(s->claim[i], placeholders[p]))
			return true;
	return false;
}

bool scheme_needs_url(const struct scheme *s)
{
	return scheme_signs_url(s) || claims(s, PLACEHOLDER_URL);
}

bool scheme_needs_query(const struct scheme *s)
{
	if (scheme_needs_url(s) || (s->signs && strstr(s->signs, "query:")) || s->time.kind == SOURCE_QUERY)
		return true;
	for (int f = 0; f < FIELD_COUNT; f++)
		for (const struct source *source = s->source[f]; source < s->source[f] + SCHEME_SOURCES && source->kind; source++)
			if (source->kind == SOURCE_QUERY)
				return true;
	return false;
}

bool scheme_signs_body(const struct scheme *s)
{
	return scheme_signs(s, PLACEHOLDER_BODY) || scheme_signs(s, PLACEHOLDER_FORM) || scheme_signs(s, PLACEHOLDER_BODY_SHA256) ||
		claims(s, PLACEHOLDER_BODY_SHA256);
}

bool scheme_bears_secret(const struct scheme *s)
{
	return s->algorithm == ALGORITHM_SECRET || (scheme_is_jwt(s) && !scheme_signs_body(s));
}

bool scheme_keeps_proof(const struct scheme *s)
{
	for (int i = 0; i < SCHEME_PLACES && s->place[i].kind; i++)
		if (s->place[i].kind == SOURCE_QUERY)
			return false;
	return scheme_has_key(s) && !scheme_bears_secret(s);
}

static bool is_same_name(const char *name, const char *header)
{
	return header && strcasecmp(name, header) == 0;
}

static bool is_same_slice(struct slice a, struct slice b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/*
 * True when this very value is in the signed string, whenever a delivery has it: outside of each "if", or inside of the "if" of
 * the value itself. A text or a timestamp, whose length is checked, must be on both of its sides: between two values, bytes of one
 * can be moved into the other.
 */
static bool signs_value(const struct scheme *s, const struct source *source)
{
	enum source_kind kind = source->kind == SOURCE_NUMBER ? SOURCE_JSON : source->kind;
	const char *text = s->signs ? s->signs : "";
	struct slice literal, name, condition = {0};
	enum placeholder p;
	bool found = false, apart = true, is_fixed;

	while (scheme_next(&text, &p, &literal)) {
		if (p == PLACEHOLDER_IF || p == PLACEHOLDER_END) {
			condition = p == PLACEHOLDER_IF ? literal : (struct slice){0};
			continue;
		}
		is_fixed = p == PLACEHOLDER_COUNT || p == PLACEHOLDER_TIMESTAMP;
		if (found && is_fixed)
			return true;
		found = apart && p == PLACEHOLDER_VALUE && scheme_value_kind(literal, &name) == kind &&
			(!condition.p || is_same_slice(condition, literal)) && name.n == strlen(source->name) &&
			(kind == SOURCE_HEADER ? strncasecmp(name.p, source->name, name.n) : memcmp(name.p, source->name, name.n)) == 0;
		apart = is_fixed;
	}
	return found;
}

bool scheme_signs_source(const struct scheme *s, const struct source *source)
{
	bool body = !scheme_has_key(s) || scheme_signs_body(s);

	switch (source->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
	case SOURCE_FORM:
		return body || signs_value(s, source);
	case SOURCE_MEMBER:
	case SOURCE_BODY:
		return body;
	case SOURCE_HEADER:
		return scheme_has_key(s) && (is_same_name(source->name, s->id_header) || is_same_name(source->name, s->other_headers.id) ||
			signs_value(s, source));
	case SOURCE_QUERY:
		return scheme_signs_url(s) || signs_value(s, source);
	default:
		return true;
	}
}

bool scheme_hides_parameter(const struct scheme *s, struct slice name)
{
	for (int i = 0; i < SCHEME_PLACES && s->place[i].kind; i++)
		if (s->place[i].kind == SOURCE_QUERY && is_same_slice(name, slice_text(s->place[i].name)))
			return true;
	return false;
}
