/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a byte for the scheme, and the lines of the headers behind it; in these $ becomes the right signature (or
 * secret). What is accepted must be right by the rules here, read a second time from the request.
 */
#include "fuzz.h"

#include <ctype.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hook/sign.h"
#include "hook/stored.h"
#include "hook/verify.h"

enum { SECRETS = 2, SCHEMES_MAX = 256 };

static const int64_t now = 1778596401000;
static const char body_text[] = "{\"event\":\"e\"}";
static const struct slice body = {body_text, sizeof body_text - 1};

/* RFC 8032 section 7.1: the public keys of TEST 1 and TEST 2, and the seed of the second. */
static const char hex_other[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char hex_public[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
static const char hex_seed[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";

/* An endpoint of a scheme with two secrets; nothing is ever signed by the first. */
struct made {
	struct endpoint e;
	struct secret item[SECRETS];
	char *signer; /* the text of the key that signs by the second */
};

/* What a request has for its scheme, and the signature that would be right. */
struct reading {
	const char *value, *timestamp, *id; /* NULL: not there once */
	size_t timestamp_len;
	bool two_ids;     /* the other name's id is there, and another one */
	struct buf right; /* as text */
};

static char *as_base64(const char *hex)
{
	unsigned char bytes[KEY_ED25519_BYTES];
	char *text = malloc(encode_size(ENCODING_BASE64, sizeof bytes) + 1);
	size_t n;

	assert(text && decode(ENCODING_HEX, hex, strlen(hex), bytes, sizeof bytes, &n));
	encode(ENCODING_BASE64, bytes, n, text);
	return text;
}

static char *key_text(const struct scheme *s, const char *hex, const char *plain)
{
	if (s->key_text == KEY_TEXT_BASE64)
		return as_base64(hex);
	return strdup(s->key_text == KEY_TEXT_HEX ? hex : plain);
}

static void make(struct made *m, const struct scheme *s)
{
	static char source[] = "fuzz", url[] = "https://www.example.com/webhook_uri";
	char *text[] = {key_text(s, hex_other, "nobody knows it"), key_text(s, hex_public, "It's a secret")};
	const char *why;

	*m = (struct made){.e = {.scheme = *s, .url = url, .secrets = {m->item, SECRETS}}};
	m->signer = key_text(s, s->algorithm == ALGORITHM_ED25519 ? hex_seed : hex_public, text[1]);
	for (size_t i = 0; i < SECRETS; i++) {
		m->item[i] = (struct secret){.source = source, .text = text[i], .len = strlen(text[i])};
		if (scheme_has_key(s))
			assert((m->item[i].key = scheme_key(s, text[i], m->item[i].len, false, &why)));
	}
}

/* The scheme has its proof in headers, by an algorithm that set_right() knows. The others: jwt.c and place.c. */
static bool is_plain(const struct scheme *s)
{
	return !s->reads_values && !s->time.kind && s->timestamp_unit != TIMESTAMP_DATE && s->algorithm <= ALGORITHM_CLIENT_STATE;
}

/* Made once. */
static const struct made *made_at(size_t i)
{
	static struct made made[SCHEMES_MAX];
	static size_t n, all;

	for (; scheme_at(all); all++) {
		if (!is_plain(scheme_at(all)))
			continue;
		assert(n < SCHEMES_MAX);
		make(&made[n++], scheme_at(all));
	}
	return &made[i % n];
}

/* How often the header is there; *value is the last one's. */
static size_t count(const struct stored *stored, const char *name, const char **value)
{
	char variable[128] = "HTTP_";
	size_t n = 5, times = 0;

	for (; name && *name; name++)
		variable[n++] = (char)(*name == '-' ? '_' : toupper((unsigned char)*name));
	variable[n++] = '=';
	for (char **v = stored->envp; name && *v; v++) {
		if (strncmp(*v, variable, n) != 0)
			continue;
		*value = *v + n;
		times++;
	}
	return times;
}

/* The value of a header that is there once. */
static const char *header(const struct stored *stored, const char *name)
{
	const char *value;

	return count(stored, name, &value) == 1 ? value : NULL;
}

static bool is_whole(const struct stored *stored, const struct proof_headers *h)
{
	const char *value;

	return count(stored, h->signature, &value) && (!h->timestamp || count(stored, h->timestamp, &value)) &&
		(!h->id || count(stored, h->id, &value));
}

/* The names that count: the scheme's own, unless they are not all there and the others are. */
static const struct proof_headers *names(const struct stored *stored, const struct scheme *s, const struct proof_headers *own)
{
	const struct proof_headers *other = &s->other_headers;
	const char *value;

	if (is_whole(stored, own) || !other->signature)
		return own;
	return is_whole(stored, other) || (count(stored, other->signature, &value) && !count(stored, own->signature, &value)) ? other : own;
}

static void set_right(const struct made *m, const struct stored *stored, struct reading *r)
{
	const struct scheme *s = &m->e.scheme;
	const struct signed_parts parts = {
		.body = body, .timestamp = {r->timestamp, r->timestamp_len}, .id = {r->id, r->id ? strlen(r->id) : 0},
		.method = {"POST", 4}, .url = m->e.url, .query = stored->request.query,
	};
	unsigned char bytes[KEY_SIGNATURE_MAX], key[KEY_SIGNATURE_MAX];
	const struct secret *secret = &m->item[1];
	struct signed_scratch scratch = {0};
	char text[2 * KEY_SIGNATURE_MAX + 1];
	struct slice message;
	size_t n = secret->len;
	const char *why;

	if (s->algorithm == ALGORITHM_SECRET) {
		assert(n < sizeof key);
		encode(ENCODING_BASE64, secret->text, n, text);
		assert(buf_printf(&r->right, "%s", s->encoding == ENCODING_BASE64 ? text : secret->text));
		return;
	}
	if (signed_string(s, &parts, &scratch, &message) == SIGNED_OK) {
		if (s->algorithm == ALGORITHM_ED25519) {
			struct key *signer = scheme_key(s, m->signer, strlen(m->signer), true, &why);

			assert(signer && key_sign(signer, message.p, message.n, bytes));
			key_free(signer);
		} else {
			if (s->key_text != KEY_TEXT_PLAIN)
				assert(decode(s->key_text == KEY_TEXT_HEX ? ENCODING_HEX : ENCODING_BASE64, secret->text, n, key, sizeof key, &n));
			assert(HMAC(s->algorithm == ALGORITHM_HMAC_SHA1 ? EVP_sha1() : EVP_sha256(),
				s->key_text == KEY_TEXT_PLAIN ? secret->text : (char *)key, (int)n,
				(const unsigned char *)message.p, message.n, bytes, NULL));
		}
		encode(s->encoding, bytes, scheme_signature_size(s->algorithm), text);
		assert(buf_printf(&r->right, "%s", text));
	}
	signed_free(&scratch);
}

/* The end of the element that begins at p. */
static const char *element_end(const struct scheme *s, const char *p)
{
	const char *end = s->separator ? strchr(p, s->separator) : NULL;

	return end ? end : p + strlen(p);
}

/* The element from p to end without the blanks and commas around it. */
static void trim(const char **p, const char **end)
{
	for (; *p < *end && strchr(" \t,", **p); ++*p)
		;
	for (; *end > *p && strchr(" \t,", (*end)[-1]); --*end)
		;
}

/* As the first of several timestamps must be, so that it counts. */
static bool is_digits(const char *p, size_t n)
{
	return p && n > 0 && n <= 15 && strspn(p, "0123456789") >= n;
}

static void read_again(const struct made *m, const struct stored *stored, struct reading *r)
{
	const struct scheme *s = &m->e.scheme;

	const struct proof_headers own = {s->header, s->timestamp_header, s->id_header}, *h = names(stored, s, &own);
	const char *other_id = h == &own ? s->other_headers.id : own.id, *value;

	*r = (struct reading){.value = header(stored, h->signature)};
	r->timestamp = header(stored, h->timestamp);
	r->timestamp_len = r->timestamp ? strlen(r->timestamp) : 0;
	r->id = header(stored, h->id);
	r->two_ids = count(stored, other_id, &value) && (count(stored, other_id, &value) > 1 || !r->id || strcmp(value, r->id) != 0);
	for (const char *p = r->value, *end, *stop; s->timestamp_prefix && p; p = *end ? end + 1 : NULL) {
		end = stop = element_end(s, p);
		trim(&p, &stop);
		if (strncmp(p, s->timestamp_prefix, strlen(s->timestamp_prefix)) != 0 || is_digits(r->timestamp, r->timestamp_len))
			continue;
		r->timestamp = p + strlen(s->timestamp_prefix);
		r->timestamp_len = (size_t)(stop - r->timestamp);
	}
	if (s->algorithm != ALGORITHM_NONE && s->algorithm != ALGORITHM_CLIENT_STATE)
		set_right(m, stored, r);
}

/* From here: is it right? */

static bool is_in_time(const struct scheme *s, const struct reading *r)
{
	long double at = 0;

	if (!r->timestamp)
		return !scheme_signs(s, PLACEHOLDER_TIMESTAMP);
	if (r->timestamp_len == 0 || r->timestamp_len > 15)
		return false;
	if ((strstr(s->signs, "{timestamp}{") || strstr(s->signs, "}{timestamp}")) && r->timestamp_len != (s->timestamp_unit == TIMESTAMP_MS ? 13 : 10))
		return false;
	for (size_t i = 0; i < r->timestamp_len; i++) {
		if (!strchr("0123456789", r->timestamp[i]))
			return false;
		at = at * 10 + (r->timestamp[i] - '0');
	}
	at *= s->timestamp_unit == TIMESTAMP_MS ? 1 : 1000;
	return !s->tolerance || (at >= now - s->tolerance && at <= now + s->tolerance);
}

static bool is_right_signature(const struct scheme *s, const char *p, size_t n, const char *right)
{
	return strlen(right) == n && (s->encoding == ENCODING_HEX ? strncasecmp : strncmp)(p, right, n) == 0;
}

/* One value, or a list in which all that is no signature is passed over. */
static bool has_signature(const struct scheme *s, const struct reading *r, const char *right)
{
	size_t prefix = strlen(s->prefix);
	const char *p = r->value, *end, *next;
	bool found = false;

	if (strlen(p) > VERIFY_HEADER_MAX)
		return false;
	for (; p; p = next) {
		end = element_end(s, p);
		next = *end ? end + 1 : NULL;
		if (s->separator)
			trim(&p, &end);
		if (strncmp(p, s->prefix, prefix) == 0)
			found |= is_right_signature(s, p + prefix, (size_t)(end - p) - prefix, right);
		else if (s->prefix_optional)
			found |= is_right_signature(s, p, (size_t)(end - p), right);
	}
	return found;
}

static bool may_be_accepted(const struct scheme *s, struct reading *r)
{
	const char *right = buf_str(&r->right);

	if (s->algorithm == ALGORITHM_NONE || s->algorithm == ALGORITHM_CLIENT_STATE)
		return true;
	if (!r->value || (s->timestamp_header && !r->timestamp) || (s->id_header && !r->id) || r->two_ids ||
	    (s->id_header && strpbrk(r->id, "{[\"")))
		return false;
	if (s->algorithm == ALGORITHM_SECRET)
		return strncasecmp(r->value, s->prefix, strlen(s->prefix)) == 0 && strcmp(r->value + strlen(s->prefix), right) == 0;
	return *right && is_in_time(s, r) && has_signature(s, r, right);
}

/* As the provider itself writes it, and with nothing else. */
static bool must_be_accepted(const struct scheme *s, struct reading *r)
{
	struct buf value = {0};
	bool same;

	if (s->timestamp_prefix)
		assert(buf_printf(&value, "%s%.*s%c", s->timestamp_prefix, (int)r->timestamp_len, r->timestamp ? r->timestamp : "", s->separator));
	assert(!s->prefix || buf_printf(&value, "%s%s", s->prefix, buf_str(&r->right)));
	same = !r->value || strcmp(r->value, buf_str(&value)) == 0;
	buf_free(&value);
	return same && r->timestamp_len <= 15 && may_be_accepted(s, r); /* none writes that many digits */
}

/* Each $ is replaced. */
static void substitute(struct slice lines, const char *right, struct buf *out)
{
	for (size_t i = 0; i < lines.n; i++)
		assert(lines.p[i] == '$' ? buf_add(out, right, strlen(right)) : buf_add(out, lines.p + i, 1));
}

static bool is_within(struct slice s, const struct buf *b)
{
	return !s.p || (s.p >= b->data && s.p + s.n <= b->data + b->len);
}

static void check(const struct made *m, const struct stored *stored, struct verify *v)
{
	enum verify_result result = verify_delivery(&stored->request, &m->e, now, v);
	const struct scheme *s = &m->e.scheme;
	struct reading r;

	assert(result == VERIFY_OK || (result == VERIFY_WRONG && v->reason && *v->reason));
	assert(v->n_signatures <= VERIFY_SIGNATURES_MAX && v->at >= 0);
	assert(is_within(v->value, &stored->text) && is_within(v->timestamp, &stored->text) && is_within(v->id, &stored->text));
	read_again(m, stored, &r);
	if (result == VERIFY_OK)
		assert(may_be_accepted(s, &r) && v->secret == (s->header ? SECRETS : 0));
	else
		assert(!must_be_accepted(s, &r) && (v->secret == 0 || strstr(v->reason, "timestamp is")));
	buf_free(&r.right);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice lines = {(const char *)data + 1, size - 1};
	struct stored stored = {0};
	struct verify v = {0};
	struct buf text = {0};
	struct reading r;
	const struct made *m;

	if (size == 0 || memchr(data + 1, '\0', size - 1)) /* a variable has none */
		return 0;
	m = made_at(data[0]);
	assert(stored_request(lines, body, &stored));
	read_again(m, &stored, &r);
	substitute(lines, buf_str(&r.right), &text);
	assert(stored_request((struct slice){text.data, text.len}, body, &stored));
	check(m, &stored, &v);
	check(m, &stored, &v);
	verify_free(&v);
	stored_free(&stored);
	buf_free(&text);
	buf_free(&r.right);
	return 0;
}
