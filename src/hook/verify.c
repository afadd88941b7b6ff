/* SPDX-License-Identifier: ISC */
/* Verifies that a delivery comes from its provider: the signature over the raw bytes, Authorization; in constant time. */
#include "hook/verify.h"

#include <openssl/crypto.h>
#include <string.h>

#include "hook/handshake.h"
#include "hook/jwt.h"
#include "hook/proof.h"

enum { PUBLIC_CHECKS = 8, ED25519_BYTES_MAX = 64 << 20 };

enum verify_result verify_wrong(struct verify *v, const char *reason)
{
	v->reason = reason;
	return VERIFY_WRONG;
}

enum verify_result verify_unavailable(struct verify *v)
{
	v->reason = "memory is short, or OpenSSL failed";
	return VERIFY_UNAVAILABLE;
}

static enum verify_result take_content(const struct request *r, const struct endpoint *e, const char *url, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	struct signed_parts parts = {
		.body = {r->body.data, r->body.len},
		.timestamp = v->timestamp,
		.id = v->id,
		.method = slice_text(r->method),
		.url = url,
		.query = r->query,
		.values = s->reads_values ? &v->values : NULL,
	};

	switch (signed_string(s, &parts, &v->scratch, &v->message)) {
	case SIGNED_OK:
		return VERIFY_OK;
	case SIGNED_MALFORMED:
		return verify_wrong(v, "the form, or the hash of the body in the URL, is malformed");
	case SIGNED_UNAVAILABLE:
		break;
	}
	return verify_unavailable(v);
}

/*
 * How many of the signatures are checked. HMAC is computed once for all of them. Public-key algorithms hash the message for each
 * signature and key: at most 64 MiB in all, but always eight signatures. RSA and ECDSA, which are slower, never check more.
 */
static size_t checks(const struct secrets *secrets, const struct verify *v)
{
	size_t most = ED25519_BYTES_MAX / (v->message.n + 1) / (secrets->n + 1);

	if (scheme_signature_size(v->algorithm) && v->algorithm != ALGORITHM_ED25519 && v->algorithm != ALGORITHM_JWT_ES256)
		return v->n_signatures;
	if (most < PUBLIC_CHECKS || v->algorithm != ALGORITHM_ED25519)
		most = PUBLIC_CHECKS;
	return v->n_signatures < most ? v->n_signatures : most;
}

enum verify_result verify_match(const struct endpoint *e, struct verify *v)
{
	const struct secrets *secrets = &e->secrets;
	size_t n = checks(secrets, v);
	const struct key *key;

	for (size_t i = 0; i < secrets->n; i++) {
		key = v->algorithm == e->scheme.algorithm ? secrets->item[i].key : secrets->item[i].other_key;
		if (!key)
			continue; /* of a scheme that is only tried */
		switch (key_verify(key, v->message.p, v->message.n, v->signature, n)) {
		case 1:
			v->secret = (int)i + 1;
			return VERIFY_OK;
		case 0:
			break;
		default:
			return verify_unavailable(v);
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
		result = verify_match(e, v);
	if (result != VERIFY_WRONG || !v->message.p || !s->any_port || !e->url || !scheme_signs_url(s))
		return result;
	if (!change_port(e->url, &v->url))
		return verify_unavailable(v);
	other = take_content(r, e, v->url.data, v);
	if (other == VERIFY_OK)
		other = verify_match(e, v);
	if (other != VERIFY_WRONG)
		return other;
	/* the URL as it is configured is what verify --explain shows */
	return take_content(r, e, e->url, v) == VERIFY_OK ? verify_wrong(v, "wrong signature") : verify_unavailable(v);
}

/* Comes after the signature, so that only a sender with the secret causes these more exact reasons. */
enum verify_result verify_time(const struct scheme *s, int64_t now, struct verify *v)
{
	if (now == VERIFY_ANY_TIME || !s->tolerance || !v->timestamp.p)
		return VERIFY_OK;
	if (now - v->at > s->tolerance)
		return verify_wrong(v, "the signature is right, but its timestamp is too old: a replay, or our clock is ahead");
	if (v->at - now > s->tolerance)
		return verify_wrong(v, "the signature is right, but its timestamp is in the future: our clock is behind");
	return VERIFY_OK;
}

static enum verify_result match_static(const struct request *r, const struct endpoint *e, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	struct slice value;
	size_t len;
	enum verify_result result = proof_one(r, s, &value, v);
	struct buf *b = &v->scratch.text;

	if (result != VERIFY_OK)
		return result;
	if (!value.p)
		return verify_wrong(v, "wrong secret");
	if (s->encoding == ENCODING_BASE64) {
		b->len = 0;
		if (!buf_reserve(b, value.n + 1))
			return verify_unavailable(v);
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
	v->n_decoded = 0;
	v->values_read = false;
	if (s->algorithm == ALGORITHM_NONE || s->algorithm == ALGORITHM_CLIENT_STATE)
		return VERIFY_OK;
	if (s->algorithm == ALGORITHM_SECRET)
		return match_static(r, e, v);
	if (scheme_is_jwt(s))
		return jwt_verify(r, e, now, v);
	if ((result = proof_read(r, s, v)) != VERIFY_OK ||
	    (result = match_content(r, e, v)) != VERIFY_OK)
		return result;
	if (handshake_signs(s, v->message)) {
		v->secret = 0;
		return verify_wrong(v, "the handshake gives the signature of such a text to anyone: it proves nothing");
	}
	result = proof_late_time(r, s, v);
	return result == VERIFY_OK ? verify_time(s, now, v) : result;
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

bool verify_needs_reading(const struct scheme *s)
{
	return s->algorithm == ALGORITHM_SHA256 || (s->signs && (strstr(s->signs, "{id}{") || strstr(s->signs, "}{id}")));
}

struct slice verify_first_signature(const struct verify *v)
{
	return v->n_signatures && scheme_signature_size(v->algorithm) && v->algorithm != ALGORITHM_JWT_ES256 ? v->signature[0] : (struct slice){0};
}

const char *verify_header(const struct scheme *s, size_t i)
{
	const char *names[] = {s->header, s->timestamp_header, s->id_header,
		s->other_headers.signature, s->other_headers.timestamp, s->other_headers.id};

	for (size_t k = 0; k < sizeof names / sizeof *names; k++)
		if (names[k] && i-- == 0)
			return names[k];
	for (size_t k = 0; k < SCHEME_PLACES && s->place[k].kind; k++)
		if (s->place[k].kind == SOURCE_HEADER && i-- == 0)
			return s->place[k].name;
	return NULL;
}

void verify_free(struct verify *v)
{
	signed_free(&v->scratch);
	values_free(&v->values);
	buf_free(&v->url);
	buf_free(&v->token);
	*v = (struct verify){0};
}
