/* Is this delivery from whom it says? Signature over the raw bytes, Authorization, in constant time. */
#include "hook/verify.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hook/handshake.h"

enum { TIMESTAMP_DIGITS_MAX = 15, ED25519_CHECKS_MIN = 8, ED25519_BYTES_MAX = 64 << 20 };

static enum verify_result wrong(struct verify *v, const char *reason)
{
	v->reason = reason;
	return VERIFY_WRONG;
}

static enum verify_result unavailable(struct verify *v)
{
	v->reason = "memory is short, or OpenSSL failed";
	return VERIFY_UNAVAILABLE;
}

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static bool begins(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static struct slice behind(struct slice s, size_t n)
{
	return (struct slice){s.p + n, s.n - n};
}

/* A header of which there must be one. */
static enum verify_result take_header(const struct request *r, const char *name, struct slice *out, struct verify *v)
{
	const char *value;
	enum header_result there = request_header(r, name, &value);

	if (there == HEADER_ONE) {
		*out = text(value);
		return VERIFY_OK;
	}
	snprintf(v->why, sizeof v->why, there == HEADER_ABSENT ? "no %s header" : "more than one %s header", name);
	return wrong(v, v->why);
}

static struct slice trim(struct slice s)
{
	for (; s.n && strchr(" \t,", s.p[s.n - 1]); s.n--)
		;
	while (s.n && strchr(" \t,", *s.p))
		s = behind(s, 1);
	return s;
}

static bool is_number(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && s.n <= TIMESTAMP_DIGITS_MAX;
}

/* False: it is a second timestamp, and another than the first. An element that is no number counts only without one. */
static bool take_time(struct slice element, struct verify *v)
{
	if (!v->timestamp.p || !is_number(v->timestamp))
		v->timestamp = element;
	else if (is_number(element))
		return element.n == v->timestamp.n && memcmp(element.p, v->timestamp.p, element.n) == 0;
	return true;
}

/* Keeps the signature where its text can be one. True also where it cannot, but has the prefix of one. */
static bool take_signature(const struct scheme *s, struct slice text, struct verify *v)
{
	size_t n;

	if (begins(text, s->prefix))
		text = behind(text, strlen(s->prefix));
	else if (!s->prefix_optional)
		return false;
	if (v->n_signatures == VERIFY_SIGNATURES_MAX ||
	    !decode(s->encoding, text.p, text.n, v->signature[v->n_signatures], KEY_SIGNATURE_MAX, &n))
		return true;
	if (v->n_signatures == 0 && s->other_algorithm && n == scheme_signature_size(s->other_algorithm))
		v->algorithm = s->other_algorithm;
	if (n == scheme_signature_size(v->algorithm))
		v->n_signatures++;
	return true;
}

/* Elements of a list that cannot be a signature are passed over: a right one beside them proves the delivery. */
static enum verify_result take_list(const struct scheme *s, struct verify *v)
{
	struct slice rest = v->value, element;
	bool seen = false;
	const char *stop;

	while (rest.n > 0) {
		stop = memchr(rest.p, s->separator, rest.n);
		element = trim((struct slice){rest.p, stop ? (size_t)(stop - rest.p) : rest.n});
		rest = stop ? behind(rest, (size_t)(stop - rest.p) + 1) : (struct slice){0};
		if (s->timestamp_prefix && begins(element, s->timestamp_prefix)) {
			if (!take_time(behind(element, strlen(s->timestamp_prefix)), v))
				return wrong(v, "the signature header has two timestamps");
			continue;
		}
		seen |= element.n > 0 && take_signature(s, element, v);
	}
	return v->n_signatures ? VERIFY_OK
		: wrong(v, seen ? "the signature header is malformed" : "the signature header has no signature of this scheme");
}

static enum verify_result take_signatures(const struct scheme *s, struct verify *v)
{
	if (v->value.n > VERIFY_HEADER_MAX)
		return wrong(v, "the signature header is longer than 4 KiB");
	if (s->separator)
		return take_list(s, v);
	if (!take_signature(s, v->value, v))
		return wrong(v, "the signature header is malformed");
	return v->n_signatures ? VERIFY_OK : wrong(v, "the signature header is malformed");
}

/*
 * Nothing but its length separates the timestamp from what is signed beside it: digits could be moved into a body that is kept
 * unread. From 2001 to 2286 a time has 10 digits in s, and 13 in ms.
 */
static bool joined(const struct scheme *s)
{
	return s->signs && (strstr(s->signs, "{timestamp}{") || strstr(s->signs, "}{timestamp}"));
}

/* Digits and nothing else: no sign, no white space, no second value behind a comma. */
static enum verify_result take_timestamp(const struct scheme *s, struct verify *v)
{
	if (!v->timestamp.p)
		return scheme_signs(s, PLACEHOLDER_TIMESTAMP) ? wrong(v, "the signature header has no timestamp") : VERIFY_OK;
	if (!is_number(v->timestamp))
		return wrong(v, "the timestamp is no number");
	if (joined(s) && v->timestamp.n != (s->timestamp_ms ? 13 : 10))
		return wrong(v, "the timestamp is longer or shorter than a time is");
	for (size_t i = 0; i < v->timestamp.n; i++)
		v->at = v->at * 10 + (v->timestamp.p[i] - '0');
	if (!s->timestamp_ms)
		v->at *= 1000;
	return VERIFY_OK;
}

static bool has(const struct request *r, const char *name)
{
	const char *value;

	return request_header(r, name, &value) != HEADER_ABSENT;
}

static bool complete(const struct request *r, const struct proof_headers *h)
{
	return h->signature && has(r, h->signature) && (!h->timestamp || has(r, h->timestamp)) && (!h->id || has(r, h->id));
}

/*
 * The names of one set, never mixed: the first that is whole, as Svix's library chooses. Where none is, the names that an
 * error speaks of.
 */
static const struct proof_headers *choose(const struct request *r, const struct proof_headers *own, const struct proof_headers *other)
{
	if (!other->signature || complete(r, own))
		return own;
	return complete(r, other) || (!has(r, own->signature) && has(r, other->signature)) ? other : own;
}

/*
 * A dot separates the id from what is signed behind it, and may stand in either. With the first byte of a JSON body in the id,
 * a captured delivery would be another one.
 */
static bool is_id(struct slice id)
{
	return !id.n || (!memchr(id.p, '{', id.n) && !memchr(id.p, '[', id.n) && !memchr(id.p, '"', id.n));
}

/* An id under the other name is signed by nothing: it must be the same, so that a field may be taken from either. */
static bool is_other_id(const struct request *r, const char *name, struct slice id)
{
	const char *value;
	enum header_result there = name ? request_header(r, name, &value) : HEADER_ABSENT;

	return there == HEADER_MANY || (there == HEADER_ONE && (strlen(value) != id.n || memcmp(value, id.p, id.n) != 0));
}

static enum verify_result take_headers(const struct request *r, const struct scheme *s, struct verify *v)
{
	const struct proof_headers own = {s->header, s->timestamp_header, s->id_header};
	const struct proof_headers *h = choose(r, &own, &s->other_headers);
	enum verify_result result;

	v->header = h->signature;
	if ((result = take_header(r, h->signature, &v->value, v)) != VERIFY_OK ||
	    (h->timestamp && (result = take_header(r, h->timestamp, &v->timestamp, v)) != VERIFY_OK) ||
	    (h->id && (result = take_header(r, h->id, &v->id, v)) != VERIFY_OK) ||
	    (result = take_signatures(s, v)) != VERIFY_OK)
		return result;
	if (h->id && !is_id(v->id))
		return wrong(v, "the id has a mark in it that begins a body");
	if (h->id && is_other_id(r, h == &own ? s->other_headers.id : own.id, v->id))
		return wrong(v, "two different ids, under two names");
	return take_timestamp(s, v);
}

static enum verify_result take_content(const struct request *r, const struct endpoint *e, const char *url, struct verify *v)
{
	struct signed_parts parts = {
		.body = {r->body.data, r->body.len},
		.timestamp = v->timestamp,
		.id = v->id,
		.method = text(r->method),
		.url = url,
		.query = r->query,
	};

	switch (signed_string(&e->scheme, &parts, &v->scratch, &v->message)) {
	case SIGNED_OK:
		return VERIFY_OK;
	case SIGNED_MALFORMED:
		return wrong(v, "the form, or the hash of the body in the URL, is malformed");
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
	return wrong(v, "wrong signature");
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
	return other == VERIFY_WRONG ? take_content(r, e, e->url, v) == VERIFY_OK ? wrong(v, "wrong signature") : unavailable(v) : other;
}

/* After the signature: a reason that says more, and nobody without the secret learns it. */
static enum verify_result check_time(const struct scheme *s, int64_t now, struct verify *v)
{
	if (!s->tolerance || !v->timestamp.p)
		return VERIFY_OK;
	if (now - v->at > s->tolerance)
		return wrong(v, "the signature is right, but its timestamp is too old: a replay, or our clock is ahead");
	if (v->at - now > s->tolerance)
		return wrong(v, "the signature is right, but its timestamp is in the future: our clock is behind");
	return VERIFY_OK;
}

/* The names of authentication schemes are case-insensitive (RFC 9110 section 11.1). */
static enum verify_result match_static(const struct request *r, const struct endpoint *e, struct verify *v)
{
	const struct scheme *s = &e->scheme;
	size_t n = strlen(s->prefix), len;
	enum verify_result result = take_header(r, v->header = s->header, &v->value, v);
	struct slice value = v->value;
	struct buf *b = &v->scratch.text;

	if (result != VERIFY_OK)
		return result;
	if (value.n < n || strncasecmp(value.p, s->prefix, n) != 0)
		return wrong(v, "wrong secret");
	value = behind(value, n);
	if (s->encoding == ENCODING_BASE64) {
		b->len = 0;
		if (!buf_reserve(b, value.n + 1))
			return unavailable(v);
		if (!decode(ENCODING_BASE64, value.p, value.n, (unsigned char *)b->data, value.n, &len))
			return wrong(v, "the header is not base64");
		value = (struct slice){b->data, len};
	}
	v->secret = verify_secret(&e->secrets, value);
	return v->secret ? VERIFY_OK : wrong(v, "wrong secret");
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
	if ((result = take_headers(r, s, v)) != VERIFY_OK ||
	    (result = match_content(r, e, v)) != VERIFY_OK)
		return result;
	if (handshake_signs(s, v->message)) {
		v->secret = 0;
		return wrong(v, "the handshake gives the signature of such a text to anyone: it proves nothing");
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
