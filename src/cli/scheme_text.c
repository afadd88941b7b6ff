/* SPDX-License-Identifier: ISC */
/* What a scheme is, in words: for hookspool schemes and hookspool identify. */
#include "cli/scheme_text.h"

#include <string.h>

#include "conf/scheme_section.h"
#include "conf/scheme_source.h"

const char *scheme_text_algorithm(const struct scheme *s)
{
	const struct option_row *row = scheme_section_rows(0);

	while (strcmp(row->name, "algorithm") != 0)
		row++;
	return row->choices[s->algorithm];
}

/* Where the signature or the secret is. */
static bool add_proof_place(const struct scheme *s, struct buf *out)
{
	bool ok = buf_printf(out, ", in %s", s->header ? s->header : "");

	for (int i = 0; ok && i < SCHEME_PLACES && s->place[i].kind; i++)
		ok = buf_printf(out, "%s%s%s", i ? " or " : "", s->place[i].kind == SOURCE_HEADER ? "" :
			s->place[i].kind == SOURCE_QUERY ? "the query's " : "the body's ", s->place[i].name);
	return ok;
}

bool scheme_text_proof(const struct scheme *s, struct buf *out)
{
	bool ok;

	if (s->algorithm == ALGORITHM_NONE)
		return buf_printf(out, "none");
	if (s->algorithm == ALGORITHM_CLIENT_STATE)
		return buf_printf(out, "the secret itself, in the body");
	if (s->algorithm == ALGORITHM_SECRET)
		return buf_printf(out, "the secret itself") && add_proof_place(s, out);
	if (!scheme_is_jwt(s))
		return buf_printf(out, "%s of %s", scheme_text_algorithm(s), s->signs) && add_proof_place(s, out);
	ok = buf_printf(out, "%s", scheme_text_algorithm(s)) && add_proof_place(s, out);
	for (int i = 0; ok && i < SCHEME_CLAIMS && s->claim[i]; i++)
		ok = buf_printf(out, "%s%s", i ? ", " : ", with ", s->claim[i]);
	return ok;
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

static bool is_listed(const struct buf *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list->data; p && (p = strstr(p, name)); p++)
		if ((p == list->data || p[-1] == ' ') && (!p[n] || p[n] == ','))
			return true;
	return false;
}

bool scheme_text_unsigned(const struct scheme *s, struct buf *out)
{
	struct buf name = {0};
	bool ok = true;

	for (int f = 0; f < FIELD_COUNT; f++) {
		for (int i = 0; ok && i < SCHEME_SOURCES && s->source[f][i].kind; i++) {
			const struct source *source = &s->source[f][i];

			if (scheme_signs_source(s, source) || !source->name || !*source->name)
				continue;
			name.len = 0;
			ok = buf_printf(&name, "%s%s", source->kind == SOURCE_HEADER ? "" : scheme_source_prefix(source->kind), source->name);
			buf_str(out); /* ends the list */
			if (ok && !is_listed(out, buf_str(&name)))
				ok = buf_printf(out, "%s%s", out->len ? ", " : "", buf_str(&name));
		}
	}
	buf_free(&name);
	return ok;
}

bool scheme_text_endpoint(const struct scheme *s, struct buf *out)
{
	bool ok = buf_printf(out, "endpoint \"/webhook/%s\" {\n\tscheme = \"%s\"\n", s->name, s->name);

	if (ok && s->algorithm != ALGORITHM_NONE)
		ok = buf_printf(out, "\tsecret-file = {\"/etc/hookspool/%s.secret\"}\n", s->name);
	if (ok && scheme_needs_url(s))
		ok = buf_printf(out, "\turl = \"https://hooks.example.com/webhook/%s\"\n", s->name);
	if (ok && scheme_has_token(s))
		ok = buf_printf(out, "\tverify-token-file = {\"/etc/hookspool/%s.token\"}\n", s->name);
	return ok && buf_printf(out, "}\n");
}
