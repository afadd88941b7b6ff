/* SPDX-License-Identifier: ISC */
/* Explains why a signature does not match: tries changes one at a time until it matches. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "hook/explain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hook/handshake.h"
#include "hook/looks_like.h"
#include "hook/rewrite.h"

/* True when the signature is right; the time is not checked. */
static bool holds(const struct request *r, const struct endpoint *e)
{
	struct verify v = {0};
	bool ok = verify_delivery(r, e, VERIFY_ANY_TIME, &v) == VERIFY_OK;

	verify_free(&v);
	return ok;
}

static bool holds_for_body(const struct request *r, const struct endpoint *e, const void *body, size_t n)
{
	struct request changed = *r;

	changed.body = (struct buf){.data = (char *)(uintptr_t)body, .len = n};
	return holds(&changed, e);
}

/* The same for another scheme, with `behind` added to each secret's text. */
static bool holds_for_scheme(const struct request *r, const struct endpoint *e, const struct scheme *s, const char *behind)
{
	struct endpoint changed = *e;
	struct secret *item = calloc(e->secrets.n, sizeof *item);
	struct buf text = {0};
	const char *why;
	bool ok = item != NULL;

	changed.scheme = *s;
	changed.secrets = (struct secrets){item, 0};
	for (size_t i = 0; ok && i < e->secrets.n; i++) {
		text.len = 0;
		ok = buf_printf(&text, "%s%s", e->secrets.item[i].text, behind);
		item[changed.secrets.n].key = ok ? scheme_key(s, text.data, text.len, false, &why) : NULL;
		item[changed.secrets.n].other_key = item[changed.secrets.n].key ? scheme_other_key(s, text.data, text.len, &why) : NULL;
		changed.secrets.n += item[changed.secrets.n].key != NULL;
	}
	ok = ok && changed.secrets.n && holds(r, &changed);
	for (size_t i = 0; i < changed.secrets.n; i++) {
		key_free(item[i].key);
		key_free(item[i].other_key);
	}
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_free(&text);
	free(item);
	return ok;
}

static const char *try_line_ends(const struct request *r, const struct endpoint *e)
{
	struct buf longer = {0};
	const char *cause = NULL;
	size_t n = r->body.len;

	if (n >= 2 && memcmp(r->body.data + n - 2, "\r\n", 2) == 0 && holds_for_body(r, e, r->body.data, n - 2))
		return "there is a CR LF at the end of the body that was not signed";
	if (n >= 1 && r->body.data[n - 1] == '\n' && holds_for_body(r, e, r->body.data, n - 1))
		return "there is a line feed at the end of the body that was not signed; an editor or echo adds one";
	if (n >= 3 && memcmp(r->body.data, "\xEF\xBB\xBF", 3) == 0 && holds_for_body(r, e, r->body.data + 3, n - 3))
		return "there is a byte order mark before the body that was not signed";
	if (buf_add(&longer, r->body.data, n) && buf_add(&longer, "\n", 1) && holds_for_body(r, e, longer.data, longer.len))
		cause = "a line feed is missing at the end of the body; a shell's $(...) takes it away";
	buf_free(&longer);
	return cause;
}

static const char *try_rewritten(const struct request *r, const struct endpoint *e)
{
	struct slice json = {r->body.data, r->body.len};
	struct buf other = {0};
	bool found = false;

	for (int space = REWRITE_SPACE_KEEP; !found && space <= REWRITE_SPACE_ONE; space++) {
		for (int text = REWRITE_TEXT_KEEP; !found && text <= REWRITE_TEXT_ASCII_SLASHES; text++) {
			other.len = 0;
			found = rewrite_json(json, (enum rewrite_space)space, (enum rewrite_text)text, &other) &&
				holds_for_body(r, e, other.data, other.len);
		}
	}
	buf_free(&other);
	return found ? "the body was parsed and written again on its way: the same JSON, other bytes; sign and check the raw ones" : NULL;
}

static const char *try_secrets(const struct request *r, const struct endpoint *e)
{
	struct scheme s = e->scheme;

	if (holds_for_scheme(r, e, &s, "\n"))
		return "the signer's secret ends with a line feed, as a file that was read whole; it belongs to the signature then";
	s.key_text = KEY_TEXT_BASE64;
	if (e->scheme.key_text != s.key_text && holds_for_scheme(r, e, &s, ""))
		return "the secret is base64 and the signer decodes it; say secret-encoding = \"base64\" in a scheme of your own";
	s.key_text = KEY_TEXT_HEX;
	if (e->scheme.key_text != s.key_text && holds_for_scheme(r, e, &s, ""))
		return "the secret is hexadecimal and the signer decodes it; say secret-encoding = \"hex\" in a scheme of your own";
	s.key_text = KEY_TEXT_PLAIN;
	if (e->scheme.key_text != s.key_text && holds_for_scheme(r, e, &s, ""))
		return "the signer takes the secret's text as it is, without decoding it; say secret-encoding = \"plain\" in a scheme of your own";
	return NULL;
}

static const char *try_forms(const struct request *r, const struct endpoint *e)
{
	struct scheme s = e->scheme;

	s.encoding = e->scheme.encoding == ENCODING_HEX ? ENCODING_BASE64 : ENCODING_HEX;
	if (holds_for_scheme(r, e, &s, ""))
		return s.encoding == ENCODING_HEX ? "the signature is in hexadecimal and the scheme wants base64"
			: "the signature is in base64 and the scheme wants hexadecimal";
	s = e->scheme;
	s.prefix_optional = true;
	if (holds_for_scheme(r, e, &s, ""))
		return "the prefix before the signature is missing";
	return NULL;
}

/* By another algorithm with a shared secret. */
static bool try_algorithms(const struct request *r, const struct endpoint *e, struct buf *out)
{
	static const struct {
		enum algorithm algorithm;
		const char *name;
	} shared[] = {
		{ALGORITHM_HMAC_SHA256, "HMAC-SHA256"}, {ALGORITHM_HMAC_SHA1, "HMAC-SHA1"}, {ALGORITHM_HMAC_SHA512, "HMAC-SHA512"},
		{ALGORITHM_HMAC_SHA384, "HMAC-SHA384"}, {ALGORITHM_SHA256, "SHA-256 of secret and text"},
	};
	enum { SHARED = sizeof shared / sizeof *shared };
	struct scheme s = e->scheme;
	size_t own = 0, i = 0;

	while (own < SHARED && shared[own].algorithm != e->scheme.algorithm)
		own++;
	for (; own < SHARED && i < SHARED; i++) {
		s.algorithm = shared[i].algorithm;
		s.other_algorithm = ALGORITHM_NONE;
		if (i != own && holds_for_scheme(r, e, &s, ""))
			return buf_printf(out, "it is signed with %s and not with %s", shared[i].name, shared[own].name);
	}
	return true;
}

/* A value that is signed and not there. */
static bool name_missing_value(const struct verify *v, struct buf *out)
{
	for (size_t i = 0; v->values_read && i < v->values.n; i++)
		if (!v->values.item[i].text.n && v->values.item[i].kind == SOURCE_JSON)
			return buf_printf(out, "the body has nothing at %.*s, which the scheme reads; else not found", (int)v->values.item[i].name.n,
				v->values.item[i].name.p);
	return true;
}

static bool holds_for_url(const struct request *r, const struct endpoint *e, const char *before, const char *url, const char *behind)
{
	struct endpoint changed = *e;
	struct buf other = {0};
	bool ok = buf_printf(&other, "%s%s%s", before, url, behind) && buf_add(&other, "", 1);

	changed.url = other.data;
	ok = ok && holds(r, &changed);
	buf_free(&other);
	return ok;
}

static const char *try_urls(const struct request *r, const struct endpoint *e)
{
	const char *rest = e->url ? strstr(e->url, "://") : NULL;

	if (!rest)
		return NULL;
	if (holds_for_url(r, e, "http", rest, "") || holds_for_url(r, e, "https", rest, ""))
		return "the URL was signed with the other of http and https; set url as the provider was given it";
	if (holds_for_url(r, e, "", e->url, "/"))
		return "the URL was signed with a slash at its end; set url as the provider was given it";
	return NULL;
}

/* The request has the header that the scheme wants, or the scheme wants none. */
static bool has_header(const struct request *r, const struct scheme *s)
{
	const char *value, *other = s->other_headers.signature;

	return !s->header || request_header(r, s->header, &value) != HEADER_ABSENT || (other && request_header(r, other, &value) != HEADER_ABSENT);
}

bool explain_cause(const struct request *r, const struct endpoint *e, const struct verify *v, struct buf *out)
{
	static const char *(*const tries[])(const struct request *, const struct endpoint *) = {
		try_line_ends, try_rewritten, try_secrets, try_forms, try_urls,
	};
	const char *cause = NULL;

	if (v->secret)
		return true; /* the time: the verdict says all */
	if (!scheme_has_key(&e->scheme) && has_header(r, &e->scheme))
		return true;
	if (handshake_signs(&e->scheme, v->message))
		cause = "the body is no JSON: the handshake of this scheme gives the signature of such a text to anyone";
	for (size_t i = 0; !cause && scheme_has_key(&e->scheme) && i < sizeof tries / sizeof *tries; i++)
		cause = tries[i](r, e);
	if (cause)
		return buf_printf(out, "%s", cause);
	if (scheme_has_key(&e->scheme) && !try_algorithms(r, e, out))
		return false;
	if (!out->len && !looks_like_other(r, e, out))
		return false;
	if (!out->len && !has_header(r, &e->scheme))
		return buf_printf(out, "no header of any scheme is there; does a proxy pass it on?%s",
			strcasecmp(e->scheme.header, "Authorization") ? "" : " Of a rejected delivery it is never kept: look at the reason there");
	if (!out->len && !name_missing_value(v, out))
		return false;
	return out->len || !scheme_signs_url(&e->scheme) ||
		buf_printf(out, "not found: another secret, other bytes than were signed, or the provider was not given the url %s", e->url ? e->url : "");
}
