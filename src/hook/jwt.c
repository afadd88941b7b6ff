/* SPDX-License-Identifier: ISC */
/* Deliveries that a JSON Web Token proves (RFC 7519, RFC 7515): signed under a configured key, by a configured algorithm. */
#include "hook/jwt.h"

#include <stdio.h>
#include <string.h>

#include "core/paths.h"
#include "hook/proof.h"

enum { DIGITS_MAX = 15 };

const char *jwt_algorithm(const struct scheme *s)
{
	switch (s->algorithm) {
	case ALGORITHM_JWT_HS256:
		return "HS256";
	case ALGORITHM_JWT_RS256:
		return "RS256";
	default:
		return "ES256";
	}
}

/* ---- the token's three parts */

struct token {
	struct slice header, claims, signature; /* in base64url */
};

static bool split_token(struct slice text, struct token *out, struct slice *message)
{
	const char *end = text.p + text.n, *first = memchr(text.p, '.', text.n), *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;

	if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return false;
	out->header = (struct slice){text.p, (size_t)(first - text.p)};
	out->claims = (struct slice){first + 1, (size_t)(second - first - 1)};
	out->signature = (struct slice){second + 1, (size_t)(end - second - 1)};
	*message = (struct slice){text.p, (size_t)(second - text.p)};
	return true;
}

/* Appends the bytes of base64url. False: it is none, or memory is short. */
static bool add_base64url(struct slice text, struct buf *out)
{
	size_t len;

	if (!buf_reserve(out, text.n + 1) || !decode(ENCODING_BASE64URL, text.p, text.n, (unsigned char *)out->data + out->len, text.n, &len))
		return false;
	out->len += len;
	return true;
}

/* Finds values in a part of the token, which replaces what is in v's buffers. */
static enum verify_result find_values(struct slice part, struct path *path, size_t n, struct verify *v)
{
	struct buf *json = &v->scratch.text, *arena = &v->token;
	const char *why;

	json->len = arena->len = 0;
	if (!buf_reserve(json, part.n + 1))
		return verify_unavailable(v);
	if (!add_base64url(part, json))
		return verify_wrong(v, "the token is malformed: not base64url");
	switch (paths_find(json->data, json->len, path, n, arena, &why)) {
	case PATHS_OK:
		return VERIFY_OK;
	case PATHS_MALFORMED:
		return verify_wrong(v, "the token is malformed: not one JSON object, or a name is in it twice");
	case PATHS_NO_MEMORY:
		break;
	}
	return verify_unavailable(v);
}

static bool is_same_text(struct slice s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* RFC 7515 section 4.1.11: an extension that is critical and not understood makes the token invalid. Others are ignored. */
static enum verify_result check_token_header(const struct scheme *s, const struct token *t, struct verify *v)
{
	struct path path[] = {{.text = "alg", .exact = true}, {.text = "crit"}};
	enum verify_result result = find_values(t->header, path, 2, v);

	if (result != VERIFY_OK)
		return result;
	if (path[0].kind != PATH_STRING || !is_same_text(path[0].value, jwt_algorithm(s))) {
		snprintf(v->why, sizeof v->why, "the token's alg is not %s, the scheme's", jwt_algorithm(s));
		return verify_wrong(v, v->why);
	}
	if (path[1].named)
		return verify_wrong(v, "the token has a critical extension, and none is known");
	return VERIFY_OK;
}

/* ---- claims */

struct claim {
	char name[SCHEME_CLAIM_NAME + 1], each[SCHEME_CLAIM_NAME + 3]; /* its path, and that of its elements */
	bool exact;        /* the claim must be, or have, this text */
	struct slice want;
	bool there, right;
};

static void compare_claim(void *ctx, enum path_kind kind, struct slice value)
{
	struct claim *c = ctx;

	c->there = true;
	c->right |= kind != PATH_BOOLEAN && value.n == c->want.n && memcmp(value.p, c->want.p, value.n) == 0;
}

/* NumericDate: seconds since the epoch, with a fraction or without (RFC 7519 section 2). */
static bool read_moment(const struct path *path, int64_t *ms)
{
	size_t i = 0;

	if (path->kind != PATH_NUMBER)
		return false;
	for (*ms = 0; i < DIGITS_MAX && i < path->value.n && path->value.p[i] >= '0' && path->value.p[i] <= '9'; i++)
		*ms = *ms * 10 + (path->value.p[i] - '0');
	*ms *= 1000;
	return i > 0 && (i == path->value.n || path->value.p[i] == '.');
}

/* A claim that is there and no time, such as null, makes the token invalid: it is not taken for a token without that claim. */
static enum verify_result check_validity(const struct scheme *s, const struct path *exp, const struct path *nbf, int64_t now, struct verify *v)
{
	int64_t at;

	if (exp->named) {
		if (!read_moment(exp, &at))
			return verify_wrong(v, "the token's exp is no time");
		if (now != VERIFY_ANY_TIME && now >= at + s->tolerance)
			return verify_wrong(v, "the token's signature is right, but it has expired (exp)");
	}
	if (nbf->named) {
		if (!read_moment(nbf, &at))
			return verify_wrong(v, "the token's nbf is no time");
		if (now != VERIFY_ANY_TIME && now < at - s->tolerance)
			return verify_wrong(v, "the token's signature is right, but it is not valid yet (nbf)");
	}
	return VERIFY_OK;
}

/* The text that a claim must be, appended to out. */
static enum verify_result make_want(const struct request *r, const struct endpoint *e, const char *text, struct buf *out, struct slice *want, struct verify *v)
{
	struct signed_parts parts = {.body = {r->body.data, r->body.len}, .method = slice_text(r->method), .url = e->url, .query = r->query};
	struct signed_scratch scratch = {0};
	struct slice made;
	bool ok = signed_text(text, &e->scheme, &parts, &scratch, &made) == SIGNED_OK;
	size_t at = out->len;

	ok = ok && buf_add(out, made.p, made.n);
	signed_free(&scratch);
	*want = (struct slice){out->data + at, out->len - at};
	return ok ? VERIFY_OK : verify_unavailable(v);
}

/* The claims as the scheme has them: their names, and the texts in `texts`. */
static enum verify_result list_claims(const struct request *r, const struct endpoint *e, struct claim *claim, size_t *n, struct buf *texts, struct verify *v)
{
	size_t at[SCHEME_CLAIMS];
	enum verify_result result;

	for (*n = 0; *n < SCHEME_CLAIMS && e->scheme.claim[*n]; ++*n) {
		struct claim *c = &claim[*n];
		const char *text = e->scheme.claim[*n];
		size_t name = strcspn(text, "=");

		*c = (struct claim){0};
		snprintf(c->name, sizeof c->name, "%.*s", (int)name, text);
		snprintf(c->each, sizeof c->each, "%.*s.*", (int)name, text);
		c->exact = text[name] == '=';
		at[*n] = texts->len;
		if (c->exact && (result = make_want(r, e, text + name + 1, texts, &c->want, v)) != VERIFY_OK)
			return result;
	}
	for (size_t i = 0; i < *n; i++)
		if (claim[i].exact)
			claim[i].want.p = texts->data + at[i]; /* the texts have moved as they grew */
	return VERIFY_OK;
}

/* A wrong claim is explained like a wrong signature: it may be the hash of the body. */
static enum verify_result wrong_claim(const struct claim *c, struct verify *v)
{
	v->secret = 0;
	snprintf(v->why, sizeof v->why, c->there ? "the token's claim %.40s is not what the scheme wants" : "the token has no claim %.40s", c->name);
	return verify_wrong(v, v->why);
}

static enum verify_result check_time_claim(const struct scheme *s, const struct path *time, int64_t now, struct verify *v)
{
	if (s->time.kind != SOURCE_CLAIM)
		return VERIFY_OK;
	if (!time->value.p || !read_moment(time, &v->at))
		return verify_wrong(v, "the token's time is missing, or is no time");
	v->timestamp = time->value;
	return verify_time(s, now, v);
}

static enum verify_result check_claims(const struct request *r, const struct endpoint *e, const struct token *t, int64_t now, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	struct claim claim[SCHEME_CLAIMS];
	struct path path[3 + 2 * SCHEME_CLAIMS] = {{.text = "exp"}, {.text = "nbf"}, {.text = s->time.kind ? s->time.name : "iat"}};
	struct buf texts = {0};
	size_t n = 0;
	enum verify_result result = list_claims(r, e, claim, &n, &texts, v);

	for (size_t i = 0; result == VERIFY_OK && i < n; i++) {
		path[3 + 2 * i] = (struct path){.text = claim[i].name, .each = compare_claim, .ctx = &claim[i]};
		path[4 + 2 * i] = (struct path){.text = claim[i].each, .each = compare_claim, .ctx = &claim[i]};
	}
	if (result == VERIFY_OK)
		result = find_values(t->claims, path, 3 + 2 * n, v);
	if (result == VERIFY_OK)
		result = check_validity(s, &path[0], &path[1], now, v);
	for (size_t i = 0; result == VERIFY_OK && i < n; i++)
		if (claim[i].exact ? !claim[i].right : !claim[i].there && !path[3 + 2 * i].filled)
			result = wrong_claim(&claim[i], v);
	buf_free(&texts);
	return result == VERIFY_OK ? check_time_claim(s, &path[2], now, v) : result;
}

/* ---- the delivery */

enum verify_result jwt_verify(const struct request *r, const struct endpoint *e, int64_t now, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	struct slice text;
	struct token t;
	enum verify_result result = proof_one(r, s, &text, v);

	if (result != VERIFY_OK)
		return result;
	if (!text.p)
		return verify_wrong(v, "the prefix before the token is missing");
	if (text.n > VERIFY_HEADER_MAX)
		return verify_wrong(v, "the token is longer than 4 KiB");
	if (!split_token(text, &t, &v->message))
		return verify_wrong(v, "the token is malformed: it has not three parts");
	if ((result = check_token_header(s, &t, v)) != VERIFY_OK)
		return result;
	if (!proof_add_signature(ENCODING_BASE64URL, t.signature, ALGORITHM_NONE, v))
		return verify_wrong(v, "the token is malformed: its signature has another length, or is not base64url");
	if ((result = verify_match(e, v)) != VERIFY_OK)
		return result;
	return check_claims(r, e, &t, now, v);
}

bool jwt_show(const struct verify *v, bool claims, struct buf *out)
{
	const char *dot = v->message.p ? memchr(v->message.p, '.', v->message.n) : NULL;

	if (!dot)
		return false;
	return add_base64url(claims ? (struct slice){dot + 1, v->message.n - (size_t)(dot + 1 - v->message.p)}
		: (struct slice){v->message.p, (size_t)(dot - v->message.p)}, out);
}
