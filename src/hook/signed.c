/* SPDX-License-Identifier: ISC */
/* The signed string: what a provider signs, put together from the parts of a delivery. */
#include "hook/signed.h"

#include <openssl/evp.h>
#include <string.h>

#include "core/key.h"

static bool add_signed(struct buf *b, struct slice s)
{
	return s.n == 0 || buf_add(b, s.p, s.n);
}

static struct slice text(const char *s)
{
	return (struct slice){s, s ? strlen(s) : 0};
}

static bool add_url(struct buf *b, const struct signed_parts *parts)
{
	return add_signed(b, text(parts->url)) && (!*parts->query || (buf_add(b, "?", 1) && add_signed(b, text(parts->query))));
}

/* developers.hubspot.com, "Validating requests": of the URL only these are decoded, from behind to keep it in place. */
static bool add_decoded_url(struct buf *b, const struct signed_parts *parts)
{
	static const char codes[][4] = {"%3A", "%2F", "%3F", "%40", "%21", "%24", "%27", "%28", "%29", "%2A", "%2C", "%3B"};
	static const char stands_for[] = ":/?@!$'()*,;";
	size_t from = b->len, to = from;

	if (!add_url(b, parts))
		return false;
	for (; from < b->len; from++, to++) {
		b->data[to] = b->data[from];
		for (size_t i = 0; b->data[from] == '%' && b->len - from >= 3 && i < sizeof codes / sizeof *codes; i++) {
			if (memcmp(b->data + from, codes[i], 3) != 0)
				continue;
			b->data[to] = stands_for[i];
			from += 2;
			break;
		}
	}
	b->len = to;
	return true;
}

/* The parameter in which Twilio puts the SHA-256 of a JSON body. */
static const char hash_name[] = "bodySHA256";

enum signed_result signed_by_hash(const struct scheme *s, const char *query, struct form *scratch)
{
	if (!scheme_signs_url(s) || !strstr(query, hash_name))
		return SIGNED_MALFORMED;
	switch (form_parse(scratch, query, strlen(query))) {
	case FORM_OK:
		return form_value(scratch, hash_name).p ? SIGNED_OK : SIGNED_MALFORMED;
	case FORM_MALFORMED:
		return SIGNED_MALFORMED;
	case FORM_NO_MEMORY:
		break;
	}
	return SIGNED_UNAVAILABLE;
}

/* The hash in the query, which signed_by_hash() has found and read, is that of the body. */
static enum signed_result check_body_hash(const struct signed_parts *parts, const struct form *query)
{
	unsigned char right[KEY_SHA256_BYTES], claimed[KEY_SHA256_BYTES];
	struct slice hash = form_value(query, hash_name);
	size_t n;

	if (!EVP_Digest(parts->body.p, parts->body.n, right, NULL, EVP_sha256(), NULL))
		return SIGNED_UNAVAILABLE;
	if (!decode(ENCODING_HEX, hash.p, hash.n, claimed, sizeof claimed, &n) || n != sizeof claimed ||
	    memcmp(claimed, right, sizeof right) != 0)
		return SIGNED_MALFORMED;
	return SIGNED_OK;
}

/*
 * A parameter that is there twice with one value counts once, as in Twilio's own libraries. Without a hash in the signed
 * URL the body is signed as a form and as nothing else, whatever the unsigned Content-Type says.
 */
static enum signed_result add_form(struct buf *b, const struct scheme *s, const struct signed_parts *parts, struct form *f)
{
	enum signed_result hash = signed_by_hash(s, parts->query, f);
	enum form_result parsed;

	if (hash != SIGNED_MALFORMED)
		return hash == SIGNED_OK ? check_body_hash(parts, f) : hash;
	parsed = form_parse(f, parts->body.p, parts->body.n);
	if (parsed != FORM_OK)
		return parsed == FORM_NO_MEMORY ? SIGNED_UNAVAILABLE : SIGNED_MALFORMED;
	form_sort(f);
	for (size_t i = 0; i < f->n; i++)
		if ((i == 0 || form_compare(&f->param[i - 1], &f->param[i]) != 0) &&
		    (!add_signed(b, f->param[i].name) || !add_signed(b, f->param[i].value)))
			return SIGNED_UNAVAILABLE;
	return SIGNED_OK;
}

static enum signed_result add_part(enum placeholder p, const struct scheme *s, const struct signed_parts *parts,
	struct signed_scratch *scratch)
{
	struct buf *b = &scratch->text;
	bool ok = true;

	switch (p) {
	case PLACEHOLDER_BODY:
		ok = add_signed(b, parts->body);
		break;
	case PLACEHOLDER_TIMESTAMP:
		ok = add_signed(b, parts->timestamp);
		break;
	case PLACEHOLDER_ID:
		ok = add_signed(b, parts->id);
		break;
	case PLACEHOLDER_METHOD:
		ok = add_signed(b, parts->method);
		break;
	case PLACEHOLDER_URL:
		ok = add_url(b, parts);
		break;
	case PLACEHOLDER_DECODED_URL:
		ok = add_decoded_url(b, parts);
		break;
	case PLACEHOLDER_FORM:
		return add_form(b, s, parts, &scratch->form);
	case PLACEHOLDER_COUNT:
		break;
	}
	return ok ? SIGNED_OK : SIGNED_UNAVAILABLE;
}

enum signed_result signed_string(const struct scheme *s, const struct signed_parts *parts, struct signed_scratch *scratch,
	struct slice *out)
{
	const char *rest = s->signs;
	enum signed_result result;
	struct slice literal;
	enum placeholder p;

	if (strcmp(rest, "{body}") == 0) {
		*out = parts->body;
		return SIGNED_OK;
	}
	scratch->text.len = 0;
	while (scheme_next(&rest, &p, &literal)) {
		result = p != PLACEHOLDER_COUNT ? add_part(p, s, parts, scratch) :
			add_signed(&scratch->text, literal) ? SIGNED_OK : SIGNED_UNAVAILABLE;
		if (result != SIGNED_OK)
			return result;
	}
	*out = (struct slice){scratch->text.data, scratch->text.len};
	return SIGNED_OK;
}

void signed_free(struct signed_scratch *scratch)
{
	buf_free(&scratch->text);
	form_free(&scratch->form);
}
