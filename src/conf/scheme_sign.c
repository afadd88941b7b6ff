/* SPDX-License-Identifier: ISC */
/* What a scheme signs. */
#include "conf/scheme.h"

#include <string.h>
#include <strings.h>

static const char *const placeholders[PLACEHOLDER_COUNT] = {
	[PLACEHOLDER_BODY] = "{body}",
	[PLACEHOLDER_TIMESTAMP] = "{timestamp}",
	[PLACEHOLDER_ID] = "{id}",
	[PLACEHOLDER_METHOD] = "{method}",
	[PLACEHOLDER_URL] = "{url}",
	[PLACEHOLDER_DECODED_URL] = "{decoded-url}",
	[PLACEHOLDER_FORM] = "{form}",
};

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
	for (int i = 0; i < PLACEHOLDER_COUNT; i++) {
		len = strlen(placeholders[i]);
		if (strncmp(*text, placeholders[i], len) != 0)
			continue;
		*p = (enum placeholder)i;
		*text += len;
		return true;
	}
	return false;
}

bool scheme_signs(const struct scheme *s, enum placeholder p)
{
	return s->signs && strstr(s->signs, placeholders[p]);
}

bool scheme_signs_for_strangers(const struct scheme *s)
{
	for (int i = 0; i < SCHEME_HANDSHAKES && s->handshakes[i].name; i++)
		if (handshake_is_open(&s->handshakes[i]) && handshake_has_hmac(&s->handshakes[i]))
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

static bool is_same_name(const char *name, const char *header)
{
	return header && strcasecmp(name, header) == 0;
}

bool scheme_signs_source(const struct scheme *s, const struct source *source)
{
	bool body = !scheme_has_key(s) || scheme_signs(s, PLACEHOLDER_BODY) || scheme_signs(s, PLACEHOLDER_FORM);

	switch (source->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
	case SOURCE_MEMBER:
	case SOURCE_FORM:
	case SOURCE_BODY:
		return body;
	case SOURCE_HEADER:
		return scheme_has_key(s) && (is_same_name(source->name, s->id_header) || is_same_name(source->name, s->other_headers.id));
	default:
		return true;
	}
}

/* No scheme has its proof in the query yet. */
bool scheme_hides_parameter(const struct scheme *s, struct slice name)
{
	(void)s;
	(void)name;
	return false;
}
