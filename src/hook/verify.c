/* SPDX-License-Identifier: ISC */
/* Verifies that a delivery comes from its provider: the signature over the raw bytes, Authorization; in constant time. */
#include "hook/verify.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "hook/handshake.h"
#include "hook/proof.h"

enum { ED25519_CHECKS_MIN = 8, ED25519_BYTES_MAX = 64 << 20 };

enum verify_result verify_wrong(struct verify *v, const char *reason)
{
	v->reason = reason;
	return VERIFY_WRONG;
}

static enum verify_result unavailable(struct verify *v)
{
	v->reason = "memory is short, or OpenSSL failed";
	return VERIFY_UNAVAILABLE;
}

static enum verify_result take_content(const struct request *r, const struct endpoint *e, const char *url, struct verify *v)
{
	struct signed_parts parts = {
		.body = {r->body.data, r->body.len},
		.timestamp = v->timestamp,
		.id = v->id,
		.method = slice_text(r->method),
		.url = url,
		.query = r->query,
	};

	switch (signed_string(&e->scheme, &parts, &v->scratch, &v->message)) {
	case SIGNED_OK:
		return VERIFY_OK;
	case SIGNED_MALFORMED:
		return verify_wrong(v, "the form, or the hash of the body in the URL, is malformed");
	case SIGNED_UNAVAILABLE:
		break;
	}
	return unavailable(v);
}

/*
 * How many of the signatures are checked. HMAC is computed once for all of them. Ed25519 hashes the message for each
 * signature and key: at most 64 MiB in all, but always eight signatures.
 */
static size_t checks(const struct secrets *secrets, const struct verify *v)
{
	size_t most = ED25519_BYTES_MAX / (v->message.n + 1) / (secrets->n + 1);

	if (v->algorithm != ALGORITHM_ED25519)
		return v->n_signatures;
	if (most < ED25519_CHECKS_MIN)
		most = ED25519_CHECKS_MIN;
	return v->n_signatures < most ? v->n_signatures : most;
}

static enum verify_result match_signature(const struct scheme *s, const struct secrets *secrets, struct verify *v)
{
	size_t n = checks(secrets, v);
	const struct key *key;

	for (size_t i = 0; i < secrets->n; i++) {
		key = v->algorithm == s->algorithm ? secrets->item[i].key : secrets->item[i].other_key;
		if (!key)
			continue; /* of a scheme that is only tried */
		switch (key_verify(key, v->message.p, v->message.n, v->signature, n)) {
		case 1:
			v->secret = (int)i + 1;
			return VERIFY_OK;
		case 0:
			break;
		default:
			return unavailable(v);
		}
	}
	return verify_wrong(v, "wrong signature");
}

/*
 * The URL without its port, or with that of its scheme where it has none: what Twilio's libraries try too. False when
 * memory is short.
 */
static bool change_port(const char *url, struct buf *out)
{
	const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/"), *port = end;
	bool ok;

	while (port > host && port[-1] >= '0' && port[-1] <= '9')
		port--;
	if (port == host || port[-1] != ':')
		port = end;
	out->len = 0;
	if (port < end)
		ok = buf_add(out, url, (size_t)(port - 1 - url));
	else
		ok = buf_add(out, url, (size_t)(end - url)) && buf_printf(out, "%s", strncmp(url, "https", 5) == 0 ? ":443" : ":80");
	return ok && buf_printf(out, "%s", end) && buf_add(out, "", 1);
}

static enum verify_result match_content(const struct request *r, const struct endpoint *e, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	enum verify_result result = take_content(r, e, e->url, v), other;

	if (result == VERIFY_OK)
		result = match_signature(s, &e->secrets, v);
	if (result != VERIFY_WRONG || !v->message.p || !s->any_port || !e->url || !scheme_signs_url(s))
		return result;
	if (!change_port(e->url, &v->url))
		return unavailable(v);
	other = take_content(r, e, v->url.data, v);
	if (other == VERIFY_OK)
		other = match_signature(s, &e->secrets, v);
	if (other != VERIFY_WRONG)
		return other;
	/* the URL as it is configured is what verify --explain shows */
	return take_content(r, e, e->url, v) == VERIFY_OK ? verify_wrong(v, "wrong signature") : unavailable(v);
}

/* Comes after the signature, so that only a sender with the secret causes these more exact reasons. */
static enum verify_result check_time(const struct scheme *s, int64_t now, struct verify *v)
{
	if (!s->tolerance || !v->timestamp.p)
		return VERIFY_OK;
	if (now - v->at > s->tolerance)
		return verify_wrong(v, "the signature is right, but its timestamp is too old: a replay, or our clock is ahead");
	if (v->at - now > s->tolerance)
		return verify_wrong(v, "the signature is right, but its timestamp is in the future: our clock is behind");
	return VERIFY_OK;
}

/* The names of authentication schemes are case-insensitive (RFC 9110 section 11.1). */
static enum verify_result match_static(const struct request *r, const struct endpoint *e, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	size_t n = strlen(s->prefix), len;
	enum verify_result result = proof_header(r, v->header = s->header, &v->value, v);
	struct slice value = v->value;
	struct buf *b = &v->scratch.text;

	if (result != VERIFY_OK)
		return result;
	if (value.n < n || strncasecmp(value.p, s->prefix, n) != 0)
		return verify_wrong(v, "wrong secret");
	value = (struct slice){value.p + n, value.n - n};
	if (s->encoding == ENCODING_BASE64) {
		b->len = 0;
		if (!buf_reserve(b, value.n + 1))
			return unavailable(v);
		if (!decode(ENCODING_BASE64, value.p, value.n, (unsigned char *)b->data, value.n, &len))
			return verify_wrong(v, "the header is not base64");
		value = (struct slice){b->data, len};
	}
	v->secret = verify_secret(&e->secrets, value);
	return v->secret ? VERIFY_OK : verify_wrong(v, "wrong secret");
}

enum verify_result verify_delivery(const struct request *r, const struct endpoint *e, int64_t now, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	enum verify_result result;

	v->secret = 0;
	v->reason = NULL;
	v->value = v->timestamp = v->id = v->message = (struct slice){0};
	v->at = 0;
	v->algorithm = s->algorithm;
	v->n_signatures = 0;
	if (s->algorithm == ALGORITHM_NONE || s->algorithm == ALGORITHM_CLIENT_STATE)
		return VERIFY_OK;
	if (s->algorithm == ALGORITHM_SECRET)
		return match_static(r, e, v);
	if ((result = proof_read(r, s, v)) != VERIFY_OK ||
	    (result = match_content(r, e, v)) != VERIFY_OK)
		return result;
	if (handshake_signs(s, v->message)) {
		v->secret = 0;
		return verify_wrong(v, "the handshake gives the signature of such a text to anyone: it proves nothing");
	}
	return check_time(s, now, v);
}

int verify_secret(const struct secrets *secrets, struct slice value)
{
	int match = 0, number, same;

	for (size_t i = 0; i < secrets->n; i++) {
		if (secrets->item[i].len != value.n || value.n == 0) /* an empty one could not be read */
			continue;
		same = CRYPTO_memcmp(secrets->item[i].text, value.p, value.n) == 0;
		number = (int)i + 1;
		match ^= (match ^ number) & -same; /* no branch */
	}
	return match;
}

bool verify_id_touches_body(const struct scheme *s)
{
	return s->signs && (strstr(s->signs, "{id}{") || strstr(s->signs, "}{id}"));
}

struct slice verify_first_signature(const struct verify *v)
{
	return v->n_signatures ? (struct slice){(const char *)v->signature[0], scheme_signature_size(v->algorithm)} : (struct slice){0};
}

const char *verify_header(const struct scheme *s, size_t i)
{
	const char *names[] = {s->header, s->timestamp_header, s->id_header,
		s->other_headers.signature, s->other_headers.timestamp, s->other_headers.id};

	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		if (names[k] && i-- == 0)
			return names[k];
	return NULL;
}

void verify_free(struct verify *v)
{
	signed_free(&v->scratch);
	buf_free(&v->url);
	*v = (struct verify){0};
}
