/* SPDX-License-Identifier: ISC */
/* What a scheme is, in words: for hookspool schemes and hookspool identify. */
#include "cli/scheme_text.h"

#include <string.h>

#include "conf/scheme_section.h"

const char *scheme_text_algorithm(const struct scheme *s)
{
	const struct option_row *row = scheme_section_rows(0);

	while (strcmp(row->name, "algorithm") != 0)
		row++;
	return row->choices[s->algorithm];
}

bool scheme_text_proof(const struct scheme *s, struct buf *out)
{
	switch (s->algorithm) {
	case ALGORITHM_NONE:
		return buf_printf(out, "none");
	case ALGORITHM_SECRET:
		return buf_printf(out, "the secret itself, in %s", s->header);
	case ALGORITHM_CLIENT_STATE:
		return buf_printf(out, "the secret itself, in the body");
	default:
		break;
	}
	return buf_printf(out, "%s of %s, in %s", scheme_text_algorithm(s), s->signs, s->header);
}

static bool is_id_source(const struct source *source)
{
	return source->kind != SOURCE_BODY && source->kind != SOURCE_SIGNATURE && source->kind != SOURCE_NOTHING;
}

bool scheme_text_ids(const struct provider *p, const struct scheme *s, struct buf *out)
{
	bool any = false, all_signed = true;

	for (int i = 0; i < SCHEME_SOURCES && s->source[FIELD_KEY][i].kind; i++) {
		any = any || is_id_source(&s->source[FIELD_KEY][i]);
		all_signed = all_signed && scheme_signs_source(s, &s->source[FIELD_KEY][i]);
	}
	if (!provider_add_note(p, PROVIDER_ID, out) || !any)
		return out->len > 0;
	if (s->algorithm == ALGORITHM_NONE)
		return buf_printf(out, "; nothing is signed");
	if (!scheme_has_key(s))
		return buf_printf(out, "; the secret proves the sender, and nothing is signed");
	return buf_printf(out, all_signed ? "; signed" : "; not signed, so the bytes are a part of the key");
}

bool scheme_text_unsigned(const struct scheme *s, struct buf *out)
{
	const char *name;
	bool ok = true;
	size_t at;

	for (int f = 0; f < FIELD_COUNT; f++) {
		for (int i = 0; ok && i < SCHEME_SOURCES && s->source[f][i].kind; i++) {
			name = s->source[f][i].name;
			if (scheme_signs_source(s, &s->source[f][i]) || !name)
				continue;
			at = out->len;
			ok = buf_printf(out, "%s%s", at ? ", " : "", name) && buf_add(out, "", 1);
			out->len--;
			/* the same header may have several fields */
			if (ok && at && strstr(out->data, name) < out->data + at)
				out->len = at;
		}
	}
	return ok;
}

static bool wants_token(const struct scheme *s)
{
	for (int i = 0; i < SCHEME_HANDSHAKES && s->handshakes[i].name; i++)
		if (s->handshakes[i].token)
			return true;
	return false;
}

bool scheme_text_endpoint(const struct scheme *s, struct buf *out)
{
	bool ok = buf_printf(out, "endpoint \"/webhook/%s\" {\n\tscheme = \"%s\"\n", s->name, s->name);

	if (ok && s->algorithm != ALGORITHM_NONE)
		ok = buf_printf(out, "\tsecret-file = {\"/etc/hookspool/%s.secret\"}\n", s->name);
	if (ok && scheme_signs_url(s))
		ok = buf_printf(out, "\turl = \"https://hooks.example.com/webhook/%s\"\n", s->name);
	if (ok && wants_token(s))
		ok = buf_printf(out, "\tverify-token-file = {\"/etc/hookspool/%s.token\"}\n", s->name);
	return ok && buf_printf(out, "}\n");
}
