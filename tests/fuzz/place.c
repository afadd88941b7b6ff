/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a byte that chooses a scheme, a line that it signs (for one of them), a query, and the body. Each $ becomes the right
 * signature. What is accepted must have that signature at the scheme's place, and no longer when the signature is changed.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "hook/stored.h"
#include "hook/verify.h"

static const int64_t now = 1700000000000;

static const struct scheme schemes[] = {
	{.name = "json", .algorithm = ALGORITHM_HMAC_SHA256, .prefix = "", .place = {{SOURCE_JSON, .name = "s.x"}}, .bodies = CONTENT_JSON,
		.time = {SOURCE_JSON, .name = "s.t"}, .tolerance = 300000, .signs = "{timestamp}{json:s.n}", .reads_values = true},
	{.name = "form", .algorithm = ALGORITHM_HMAC_SHA1, .prefix = "p=", .prefix_optional = true, .separator = ';', .place = {{SOURCE_FORM, .name = "s"}},
		.bodies = CONTENT_FORM | CONTENT_JSON, .signs = "{form:a}:{form:b}:{json:c}", .reads_values = true},
	{.name = "query", .algorithm = ALGORITHM_HMAC_SHA512, .prefix = "", .place = {{SOURCE_QUERY, .name = "s"}, {SOURCE_JSON, .name = "s"}},
		.bodies = CONTENT_JSON | CONTENT_ANY, .signs = "{body}", .reads_values = true},
	{.name = "list", .algorithm = ALGORITHM_SHA256, .prefix = "", .place = {{SOURCE_JSON, .name = "l.=.s"}}, .bodies = CONTENT_JSON,
		.signs = "{json:l.=.a}:{json:l.=.b}{if json:l.=.c}:{json:l.=.c}{end}{body-crc32}", .reads_values = true},
	{.name = "own", .algorithm = ALGORITHM_HMAC_SHA384, .prefix = "", .place = {{SOURCE_QUERY, .name = "s"}}, .bodies = CONTENT_JSON | CONTENT_FORM,
		.reads_values = true},
	{.name = "late", .algorithm = ALGORITHM_HMAC_SHA256, .prefix = "", .place = {{SOURCE_QUERY, .name = "s"}}, .bodies = CONTENT_JSON,
		.time = {SOURCE_JSON, .name = "t"}, .timestamp_unit = TIMESTAMP_DATE, .tolerance = 300000, .signs = "{body}", .reads_values = true},
	{.name = "secret", .algorithm = ALGORITHM_SECRET, .prefix = "", .place = {{SOURCE_QUERY, .name = "s"}, {SOURCE_HEADER, .name = "S"}},
		.bodies = CONTENT_JSON, .reads_values = true},
};

enum { SCHEMES = sizeof schemes / sizeof *schemes };

/* A signed string that check would take; those with a URL or an id are signed.c's. */
static bool is_valid(const char *signs)
{
	struct slice literal, name;
	enum placeholder p;

	while (scheme_next(&signs, &p, &literal))
		if (p == PLACEHOLDER_ID || p == PLACEHOLDER_TIMESTAMP || (p >= PLACEHOLDER_VALUE && p != PLACEHOLDER_COUNT && scheme_value_kind(literal, &name) == SOURCE_HEADER))
			return false;
	return !*signs;
}

static void substitute(struct slice from, const char *right, struct buf *out)
{
	for (size_t i = 0; i < from.n; i++)
		assert(from.p[i] == '$' ? buf_add(out, right, strlen(right)) : buf_add(out, from.p + i, 1));
}

struct delivery_text {
	struct buf headers, body;
};

static void make_text(struct slice query, struct slice body, const char *signature, struct delivery_text *out)
{
	out->headers.len = out->body.len = 0;
	assert(buf_printf(&out->headers, ":query: "));
	substitute(query, signature, &out->headers);
	assert(buf_printf(&out->headers, "\n"));
	substitute(body, signature, &out->body);
}

static enum verify_result verify_text(const struct endpoint *e, const struct delivery_text *d, struct verify *v)
{
	struct stored stored = {0};
	enum verify_result result;

	assert(stored_request((struct slice){d->headers.data, d->headers.len}, (struct slice){d->body.data, d->body.len}, &stored));
	result = verify_delivery(&stored.request, e, now, v);
	assert(result == VERIFY_OK || (result == VERIFY_WRONG && v->reason && *v->reason));
	assert(v->n_signatures <= VERIFY_SIGNATURES_MAX && v->n_decoded <= sizeof v->decoded && v->values.n <= SCHEME_VALUES);
	if (result == VERIFY_OK && e->scheme.algorithm != ALGORITHM_SECRET) {
		unsigned char right[KEY_SIGNATURE_MAX];
		size_t n = key_sign(e->secrets.item[0].key, v->message.p, v->message.n, right);
		bool found = false;

		for (size_t i = 0; i < v->n_signatures; i++)
			found |= v->signature[i].n == n && memcmp(v->signature[i].p, right, n) == 0;
		assert(found && v->secret == 1 && (!e->scheme.tolerance || llabs(now - v->at) <= e->scheme.tolerance));
	}
	if (result == VERIFY_OK && e->scheme.algorithm == ALGORITHM_SECRET)
		assert(v->value.n == 6 && memcmp(v->value.p, "secret", 6) == 0);
	stored_free(&stored);
	return result;
}

static void check(const struct endpoint *e, struct slice query, struct slice body)
{
	static const char zeros[] = "00000000000000000000000000000000";
	unsigned char right[KEY_SIGNATURE_MAX];
	char text[2 * KEY_SIGNATURE_MAX + 1] = "secret", wrong[2 * KEY_SIGNATURE_MAX + 1];
	struct delivery_text d = {0};
	struct verify v = {0};
	size_t n;

	make_text(query, body, e->scheme.algorithm == ALGORITHM_SECRET ? text : zeros, &d);
	verify_text(e, &d, &v);
	if (v.message.p) {
		n = key_sign(e->secrets.item[0].key, v.message.p, v.message.n, right);
		assert(n);
		encode(ENCODING_HEX, right, n, text);
		make_text(query, body, text, &d);
		if (verify_text(e, &d, &v) == VERIFY_OK && v.n_signatures == 1) {
			/* all that is not the signature stays, so the message is the same unless it has the body */
			strcpy(wrong, text);
			wrong[0] = wrong[0] == '0' ? '1' : '0';
			make_text(query, body, wrong, &d);
			assert(verify_text(e, &d, &v) == VERIFY_WRONG || !memchr(query.p, '$', query.n));
		}
	}
	verify_free(&v);
	buf_free(&d.headers);
	buf_free(&d.body);
}

static struct slice take_line(struct slice *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct slice line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

	*rest = end ? (struct slice){end + 1, rest->n - line.n - 1} : (struct slice){rest->p + rest->n, 0};
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char secret_text[] = "secret", source[] = "fuzz";
	struct secret secret = {.source = source, .text = secret_text, .len = 6};
	struct endpoint e = {.secrets = {&secret, 1}};
	struct slice rest = {(const char *)data + 1, size - 1}, signs, query;
	const char *why;
	char *own;

	if (size == 0 || memchr(data + 1, '\0', size - 1))
		return 0;
	e.scheme = schemes[data[0] % SCHEMES];
	signs = take_line(&rest);
	query = take_line(&rest);
	own = strndup(signs.p, signs.n);
	assert(own);
	if (!e.scheme.signs)
		e.scheme.signs = is_valid(own) ? own : "{json:a}";
	secret.key = e.scheme.algorithm == ALGORITHM_SECRET ? NULL : scheme_key(&e.scheme, secret.text, secret.len, false, &why);
	check(&e, query, rest);
	key_free(secret.key);
	free(own);
	return 0;
}
