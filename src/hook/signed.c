/* SPDX-License-Identifier: ISC */
/* The signed string: what a provider signs, put together from the parts of a delivery. */
#include "hook/signed.h"

#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

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

static bool add_body_sha256(struct buf *b, struct slice body)
{
	unsigned char hash[KEY_SHA256_BYTES];
	char hex[2 * KEY_SHA256_BYTES + 1];

	if (!EVP_Digest(body.p, body.n, hash, NULL, EVP_sha256(), NULL))
		return false;
	encode(ENCODING_HEX, hash, sizeof hash, hex);
	return buf_add(b, hex, sizeof hex - 1);
}

static struct slice value_of(const struct signed_parts *parts, struct slice source)
{
	struct slice name = {0};
	enum source_kind kind = scheme_value_kind(source, &name);

	return parts->values ? values_find(parts->values, kind, name) : (struct slice){0};
}

static enum signed_result add_part(enum placeholder p, struct slice source, const struct scheme *s, const struct signed_parts *parts,
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
	case PLACEHOLDER_BODY_SHA256:
		ok = add_body_sha256(b, parts->body);
		break;
	case PLACEHOLDER_BODY_CRC32:
		ok = buf_add_number(b, (int64_t)crc32_z(0, (const unsigned char *)parts->body.p, parts->body.n));
		break;
	case PLACEHOLDER_VALUE:
		ok = add_signed(b, value_of(parts, source));
		break;
	case PLACEHOLDER_IF:
	case PLACEHOLDER_END:
		break;
	case PLACEHOLDER_COUNT:
		ok = add_signed(b, source);
		break;
	}
	return ok ? SIGNED_OK : SIGNED_UNAVAILABLE;
}

enum signed_result signed_text(const char *text, const struct scheme *s, const struct signed_parts *parts, struct signed_scratch *scratch,
	struct slice *out)
{
	enum signed_result result;
	struct slice literal;
	enum placeholder p;
	bool skips = false; /* from an "if" without a value to its end */

	scratch->text.len = 0;
	while (scheme_next(&text, &p, &literal)) {
		if (p == PLACEHOLDER_IF)
			skips = value_of(parts, literal).n == 0;
		else if (p == PLACEHOLDER_END)
			skips = false;
		if (!skips && (result = add_part(p, literal, s, parts, scratch)) != SIGNED_OK)
			return result;
	}
	*out = (struct slice){scratch->text.data, scratch->text.len};
	return SIGNED_OK;
}

enum signed_result signed_string(const struct scheme *s, const struct signed_parts *parts, struct signed_scratch *scratch,
	struct slice *out)
{
	if (strcmp(s->signs, "{body}") != 0)
		return signed_text(s->signs, s, parts, scratch, out);
	*out = parts->body;
	return SIGNED_OK;
}

void signed_free(struct signed_scratch *scratch)
{
	buf_free(&scratch->text);
	form_free(&scratch->form);
}
