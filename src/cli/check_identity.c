/* SPDX-License-Identifier: ISC */
/* hookspool check, the signatures: which fields of an event do they not cover? */
#include "cli/check.h"

/* The names that the options of a scheme have. Other fields are for handshakes only. */
static const struct {
	enum field field;
	const char *name;
} identity_fields[] = {
	{FIELD_EVENT, "event"}, {FIELD_KEY, "dedupe-key"}, {FIELD_ACCOUNT, "account"}, {FIELD_SENDER_ID, "sender-id"},
	{FIELD_SENDER_NAME, "sender-name"}, {FIELD_CONVERSATION, "conversation"}, {FIELD_SENT_AT, "sent-at"}, {FIELD_TEXT, "text"},
};

/* True when the field's value can come from a source that nothing signs. */
static bool is_unsigned(const struct scheme *s, enum field f)
{
	for (int i = 0; i < SCHEME_SOURCES && s->source[f][i].kind; i++)
		if (!scheme_signs_source(s, &s->source[f][i]))
			return true;
	return false;
}

static void check_endpoint_fields(struct check *c, const struct endpoint *e)
{
	const char *plural = e->secrets.n == 1 ? "" : "s";
	struct buf names = {0};

	for (size_t i = 0; i < sizeof identity_fields / sizeof *identity_fields; i++)
		if (is_unsigned(&e->scheme, identity_fields[i].field))
			buf_printf(&names, "%s%s", names.len ? ", " : "", identity_fields[i].name);
	if (e->scheme.algorithm == ALGORITHM_NONE)
		check_say(c, CHECK_OK, "identity", "endpoint %s: nothing is signed; anyone can choose all fields", e->path);
	else if (!scheme_has_key(&e->scheme))
		check_say(c, CHECK_OK, "identity", "endpoint %s: nothing is signed, its secret%s alone prove%s the sender; anyone with a captured "
			"delivery can choose all fields, and the secret%s must belong to one sender", e->path, plural, *plural ? "" : "s", plural);
	else if (names.len)
		check_say(c, CHECK_OK, "identity", "endpoint %s: nothing signs %s; anyone with a captured delivery can choose them, and its secret%s "
			"must belong to one sender", e->path, buf_str(&names), plural);
	else
		check_say(c, CHECK_OK, "identity", "endpoint %s: all fields come from what the sender proves; its secret%s must belong to one sender",
			e->path, plural);
	buf_free(&names);
}

void check_identity(struct check *c, const struct conf *conf)
{
	for (const struct endpoint *e = conf->endpoints; e < conf->endpoints + conf->n_endpoints; e++)
		check_endpoint_fields(c, e);
}
