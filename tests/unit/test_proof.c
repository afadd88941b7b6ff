/* SPDX-License-Identifier: ISC */
/* Proofs of schemes of the configuration: each kind is taken, and refused with one bit changed, late, or under another key. */
#include "unit.h"

#include <ctype.h>

#include "core/encode.h"
#include "core/io.h"
#include "hook/moment.h"
#include "hook/stored.h"
#include "hook/verify.h"
#include "vectors.h"

static char messages[4096];

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	strncat(messages, message, sizeof messages - strlen(messages) - 1);
}

/* The key of RFC 7515 appendix A.2, and of A.3: none of the deliveries but these is signed by it. */
static const char *find_secret(const char *name)
{
	for (size_t i = 0; i < COUNT(vectors); i++)
		if (strcmp(vectors[i].name, name) == 0)
			return vectors[i].secret;
	fail_msg("no vector %s", name);
	return NULL;
}

/* A key of the same kind that did not sign. */
static const char *other_secret(const struct vector *v)
{
	if (strstr(v->options, "rs256") || strstr(v->options, "rsa-"))
		return strcmp(v->name, "rfc7515-a2") == 0 ? find_secret("wise") : find_secret("rfc7515-a2");
	if (strstr(v->options, "es256") || strstr(v->options, "ecdsa"))
		return strcmp(v->name, "rfc7515-a3") == 0 ? find_secret("sendgrid") : find_secret("rfc7515-a3");
	if (strstr(v->options, "ed25519"))
		return "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="; /* RFC 8410 section 4 has another; RFC 8032, TEST 1 */
	if (strstr(v->options, "secret-encoding"))
		return "00000000000000000000000000000000";
	return "another secret of 32 characters..";
}

/* With the secrets in this order. */
static struct conf *load(const char *options, const char *url, const char *first, const char *second)
{
	char text[8192];

	unit_file("first", first, 0600);
	unit_file("second", second, 0600);
	snprintf(text, sizeof text, "scheme \"s\" { %s }\nendpoint \"/w\" { scheme = \"s\" url = \"%s\" secret-file = {\"first\", \"second\"} }\n", options, url);
	unit_file("test.conf", text, 0600);
	messages[0] = '\0';
	return conf_load("test.conf", report, NULL);
}

static struct conf *load_vector(const struct vector *v)
{
	struct conf *c = load(v->options, v->url, other_secret(v), v->secret);

	if (!c)
		fail_msg("%s: %s", v->name, messages);
	return c;
}

static enum verify_result verify(const struct conf *c, const char *headers, struct slice body, int64_t now, struct verify *v)
{
	struct stored stored = {0};
	enum verify_result result;

	assert_true(stored_request((struct slice){headers, strlen(headers)}, body, &stored));
	result = verify_delivery(&stored.request, conf_endpoint(c, "/w"), now, v);
	assert_int_not_equal(result, VERIFY_UNAVAILABLE);
	assert_true(result == VERIFY_OK || (v->reason && *v->reason));
	stored_free(&stored);
	return result;
}

static void proofs_are_taken(void **state)
{
	struct verify v = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *one = &vectors[i];
		struct conf *c = load_vector(one);

		if (verify(c, one->headers, slice_text(one->body), one->at * 1000, &v) != VERIFY_OK || v.secret != 2)
			fail_msg("%s: %s", one->name, v.reason);
		conf_free(c);
	}
	verify_free(&v);
}

static void proofs_under_another_key_are_refused(void **state)
{
	struct verify v = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *one = &vectors[i];
		struct conf *c = load(one->options, one->url, other_secret(one), other_secret(one));

		assert_non_null(c);
		if (verify(c, one->headers, slice_text(one->body), one->at * 1000, &v) != VERIFY_WRONG || strcmp(v.reason, "wrong signature") != 0)
			fail_msg("%s: %s", one->name, v.reason ? v.reason : "taken");
		conf_free(c);
	}
	verify_free(&v);
}

/* Some schemes have no time; a token has its end. */
static bool has_time(const struct vector *v)
{
	return strstr(v->options, "tolerance") || strstr(v->options, "exp");
}

static void late_proofs_are_refused(void **state)
{
	struct verify v = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *one = &vectors[i];
		struct conf *c = load_vector(one);
		enum verify_result result = verify(c, one->headers, slice_text(one->body), (one->at + 86400) * 1000, &v);

		if (result != (has_time(one) ? VERIFY_WRONG : VERIFY_OK) || (has_time(one) && v.secret != 2))
			fail_msg("%s: %s", one->name, v.reason ? v.reason : "taken");
		if (strstr(one->options, "tolerance"))
			assert_int_equal(verify(c, one->headers, slice_text(one->body), (one->at - 86400) * 1000, &v), VERIFY_WRONG);
		conf_free(c);
	}
	verify_free(&v);
}

/* Each bit of n bytes at p, which are in the headers or the body of a copy. */
static void flip_all(const struct vector *one, const struct conf *c, const char *headers, struct slice body, char *p, size_t n, bool hex)
{
	struct verify v = {0};

	for (size_t k = 0; k < n; k++) {
		for (int bit = 0; bit < 8; bit++) {
			char right = p[k], wrong = (char)(right ^ 1 << bit);

			if (!wrong || wrong == '\n' || (hex && bit == 5 && isxdigit((unsigned char)right) && isalpha((unsigned char)right)))
				continue; /* either case of hexadecimal is the same */
			p[k] = wrong;
			if (verify(c, headers, body, one->at * 1000, &v) == VERIFY_OK)
				fail_msg("%s: bit %d of '%c' at %zu of %.*s", one->name, bit, right, k, (int)n, p);
			p[k] = right;
		}
	}
	verify_free(&v);
}

static void flip_body(const struct vector *one, const struct conf *c)
{
	struct slice body = {strdup(one->body), strlen(one->body)};
	const char *part = one->parts;

	if (!part)
		flip_all(one, c, one->headers, body, (char *)(uintptr_t)body.p, body.n, false);
	for (size_t n; part && *part; part += n + (part[n] == '\n')) {
		char text[64], *at;

		n = strcspn(part, "\n");
		snprintf(text, sizeof text, "%.*s", (int)n, part);
		at = strstr(body.p, text);
		assert_non_null(at);
		flip_all(one, c, one->headers, body, at, n, false);
	}
	free((char *)(uintptr_t)body.p);
}

static void flip_headers(const struct vector *one, const struct conf *c)
{
	char *headers = strdup(one->headers);
	bool hex = !strstr(one->options, "base64") && !strstr(one->options, "jwt");

	for (char *line = headers, *end; (end = strchr(line, '\n')); line = end + 1) {
		char *value = strchr(line + 1, ':') + 2;

		if (strncmp(value, "Bearer ", 7) == 0)
			value += 7;
		if (strncmp(line, ":query: data.id=77", 18) == 0) {
			value = strstr(line, "77"); /* the rest of the query is not signed */
			flip_all(one, c, headers, slice_text(one->body), value, 2, false);
			continue;
		}
		flip_all(one, c, headers, slice_text(one->body), value, (size_t)(end - value), hex);
	}
	free(headers);
}

static void proofs_with_a_flipped_bit_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct conf *c = load_vector(&vectors[i]);

		flip_body(&vectors[i], c);
		flip_headers(&vectors[i], c);
		conf_free(c);
	}
}

/* ---- tokens */

static void add_token_part(struct buf *out, const void *bytes, size_t n)
{
	assert_true(buf_reserve(out, encode_size(ENCODING_BASE64URL, n) + 1));
	encode(ENCODING_BASE64URL, bytes, n, out->data + out->len);
	out->len += encode_size(ENCODING_BASE64URL, n);
}

/* "Authorization: TOKEN\n" with this header and these claims, signed with HMAC-SHA256 under the key. */
static void make_token(const char *header, const char *claims, const char *secret, struct buf *out)
{
	static const char name[] = "Authorization: ";
	struct key *key = key_new(KEY_HMAC_SHA256, secret, strlen(secret));
	unsigned char mac[KEY_SIGNATURE_MAX];

	out->len = 0;
	buf_printf(out, "%s", name);
	add_token_part(out, header, strlen(header));
	buf_printf(out, ".");
	add_token_part(out, claims, strlen(claims));
	assert_int_equal(key_sign(key, out->data + sizeof name - 1, out->len - (sizeof name - 1), mac), 32);
	buf_printf(out, ".");
	add_token_part(out, mac, 32);
	buf_printf(out, "\n");
	key_free(key);
}

static void check_token(const struct conf *c, const char *headers, const char *reason)
{
	struct verify v = {0};
	enum verify_result result = verify(c, headers, slice_text("{}"), 1000 * INT64_C(1000), &v);

	if (result != (reason ? VERIFY_WRONG : VERIFY_OK) || (reason && !strstr(v.reason, reason)))
		fail_msg("%s: %s, and not %s", headers, v.reason ? v.reason : "taken", reason ? reason : "taken");
	verify_free(&v);
}

/* The secret of HS256 is the text of the public key, which all know: the algorithm is the configuration's, never the token's. */
static void token_cannot_choose_its_algorithm(void **state)
{
	static const char claims[] = "{\"iss\":\"joe\",\"exp\":2000}";
	const char *const pems[] = {find_secret("rfc7515-a2"), find_secret("wise")};
	struct buf token = {0};
	struct conf *c = load("algorithm = \"jwt-rs256\" header = \"Authorization\" claims = {\"iss=joe\"}", "https://a.example/", pems[0], pems[1]);

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < 2; i++) {
		make_token("{\"alg\":\"HS256\"}", claims, pems[i], &token);
		check_token(c, buf_str(&token), "alg is not RS256");
		make_token("{\"alg\":\"RS256\"}", claims, pems[i], &token);
		check_token(c, buf_str(&token), "signature has another length");
	}
	check_token(c, "Authorization: eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.\n", "alg is not RS256"); /* none */
	conf_free(c);
	c = load("algorithm = \"jwt-hs256\" header = \"Authorization\"", "https://a.example/", "secret", "other");
	assert_non_null(c);
	check_token(c, "Authorization: eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.\n", "alg is not HS256");
	make_token("{\"alg\":\"none\"}", claims, "secret", &token);
	check_token(c, buf_str(&token), "alg is not HS256");
	make_token("{\"alg\":\"hs256\"}", claims, "secret", &token);
	check_token(c, buf_str(&token), "alg is not HS256");
	make_token("{\"alg\":[\"HS256\"]}", claims, "secret", &token);
	check_token(c, buf_str(&token), "alg is not HS256");
	make_token("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", claims, "secret", &token);
	check_token(c, buf_str(&token), "twice");
	make_token("{\"typ\":\"JWT\"}", claims, "secret", &token);
	check_token(c, buf_str(&token), "alg is not HS256");
	make_token("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", claims, "secret", &token);
	check_token(c, buf_str(&token), "critical");
	make_token("{\"alg\":\"HS256\",\"kid\":\"../../etc/passwd\",\"jku\":\"https://a.example/\"}", claims, "secret", &token);
	check_token(c, buf_str(&token), NULL); /* none of these is looked at */
	make_token("{\"alg\":\"HS256\",\"crit\":[]}", claims, "secret", &token);
	check_token(c, buf_str(&token), "critical");
	make_token("{\"alg\":\"HS256\"}", "{\"exp\":null}", "secret", &token);
	check_token(c, buf_str(&token), "exp is no time"); /* though no claim is wanted */
	make_token("{\"alg\":\"HS256\"}", claims, "third", &token);
	check_token(c, buf_str(&token), "wrong signature");
	conf_free(c);
	buf_free(&token);
}

/* A public key as the secret of HS256 would let anyone sign. */
static void public_key_is_no_shared_secret(void **state)
{
	(void)state;
	assert_null(load("algorithm = \"jwt-hs256\" header = \"Authorization\"", "https://a.example/", find_secret("wise"), "secret"));
	assert_non_null(strstr(messages, "shared secret"));
}

static void claims_are_checked(void **state)
{
	static const struct {
		const char *claims, *reason;
	} cases[] = {
		{"{\"exp\":1001,\"aud\":\"https://a.example/w\",\"n\":5}", NULL},
		{"{\"exp\":1001,\"aud\":[\"x\",\"https://a.example/w\"],\"n\":[1]}", NULL},
		{"{\"exp\":1001.5,\"nbf\":999.25,\"aud\":\"https://a.example/w\",\"n\":false}", NULL},
		{"{\"exp\":1000,\"aud\":\"https://a.example/w\",\"n\":5}", "expired"},
		{"{\"exp\":1000.9,\"aud\":\"https://a.example/w\",\"n\":5}", "expired"},
		{"{\"exp\":\"2000\",\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":1e9,\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":-1,\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":[2000],\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":99999999999999999999,\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":2000,\"nbf\":1001,\"aud\":\"https://a.example/w\",\"n\":5}", "not valid yet"},
		{"{\"aud\":\"https://a.example/w\",\"n\":5}", "no claim exp"},
		{"{\"exp\":null,\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":\"\",\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":[],\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":{},\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":false,\"aud\":\"https://a.example/w\",\"n\":5}", "exp is no time"},
		{"{\"exp\":2000,\"nbf\":null,\"aud\":\"https://a.example/w\",\"n\":5}", "nbf is no time"},
		{"{\"exp\":2000,\"n\":5}", "no claim aud"},
		{"{\"exp\":2000,\"aud\":\"https://a.example/\",\"n\":5}", "claim aud is not"},
		{"{\"exp\":2000,\"aud\":\"https://a.example/w \",\"n\":5}", "claim aud is not"},
		{"{\"exp\":2000,\"aud\":[],\"n\":5}", "no claim aud"},
		{"{\"exp\":2000,\"aud\":{\"x\":\"https://a.example/w\"},\"n\":5}", "no claim aud"},
		{"{\"exp\":2000,\"aud\":\"https://a.example/w\"}", "no claim n"},
		{"{\"exp\":2000,\"exp\":2000,\"aud\":\"https://a.example/w\",\"n\":5}", "twice"},
		{"[]", "no claim exp"}, {"\"a\"", "malformed"}, {"{", "malformed"},
	};
	struct conf *c = load("algorithm = \"jwt-hs256\" header = \"Authorization\" claims = {\"exp\", \"aud={url}\", \"n\"}", "https://a.example/w", "one", "secret");
	struct buf token = {0};

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < COUNT(cases); i++) {
		make_token("{\"alg\":\"HS256\"}", cases[i].claims, "secret", &token);
		check_token(c, buf_str(&token), cases[i].reason);
	}
	check_token(c, "Authorization: a.b\n", "three parts");
	check_token(c, "Authorization: a.b.c.d\n", "three parts");
	check_token(c, "Authorization: ..\n", "malformed");
	check_token(c, "Authorization: \n", "three parts");
	check_token(c, "X: y\n", "no Authorization header");
	conf_free(c);
	buf_free(&token);
}

/* ---- places */

static void places_are_exact(void **state)
{
	static const struct {
		const char *options, *headers, *body, *reason;
	} cases[] = {
		{"algorithm = \"secret\" signature = {\"query:key\"}", ":query: a=b&key=secret\n", "{}", NULL},
		{"algorithm = \"secret\" signature = {\"query:key\"}", ":query: k%65y=s%65cret\n", "{}", NULL},
		{"algorithm = \"secret\" signature = {\"query:key\"}", ":query: key=secret&key=secret\n", "{}", NULL},
		{"algorithm = \"secret\" signature = {\"query:key\"}", ":query: key=wrong&key=secret\n", "{}", "nothing is where"},
		{"algorithm = \"secret\" signature = {\"query:key\"}", ":query: key=\n", "{}", "nothing is where"},
		{"algorithm = \"secret\" signature = {\"query:key\"}", "key: secret\n", "{}", "nothing is where"},
		{"algorithm = \"secret\" signature = {\"query:key\"}", ":query: key=secret2\n", "{}", "wrong secret"},
		{"algorithm = \"secret\" signature = {\"query:key\", \"header:X-Key\"}", "X-Key: secret\n", "{}", NULL},
		{"algorithm = \"secret\" signature = {\"query:key\", \"header:X-Key\"}", "X-Key: secret\n:query: key=wrong\n", "{}", "more than one"},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}{json:b}\"",
			"", "{\"a\":\"x\",\"b\":1,\"s\":\"5c3c3e5a\"}", "malformed"},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\"", "", "not json", "cannot be read"},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\"", "", "{\"s\":\"00\",\"s\":\"00\"}", "twice"},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\"", "", "{\"a\":\"00\"}", "nothing is where"},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\"", "", "{\"s\":{\"s\":1}}", "nothing is where"},
	};
	struct verify v = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].options, "https://a.example/w", "one", "secret");
		enum verify_result result;

		if (!c)
			fail_msg("%s: %s", cases[i].options, messages);
		result = verify(c, cases[i].headers, slice_text(cases[i].body), 1000, &v);
		if (result != (cases[i].reason ? VERIFY_WRONG : VERIFY_OK) || (cases[i].reason && !strstr(v.reason, cases[i].reason)))
			fail_msg("%s; %s; %s: %s", cases[i].options, cases[i].headers, cases[i].body, v.reason ? v.reason : "taken");
		conf_free(c);
	}
	verify_free(&v);
}

/* The signed string of a scheme, as verification leaves it. */
static void values_are_signed_as_they_are(void **state)
{
	static const struct {
		const char *signs, *body, *want;
	} cases[] = {
		{"{json:a}:{json:b.0}:{json:c}", "{\"a\":\"x\\u00e9\",\"b\":[10.50],\"c\":true,", "x\xc3\xa9:10.50:true"},
		{"{json:a}:{json:b}", "{\"a\":\"\",", ":"},
		{"A{if json:a}a={json:a};{end}{if json:b}b={json:b};{end}Z", "{\"b\":\"2\",", "Ab=2;Z"},
		{"{json:a.=.x}", "{\"a\":[{\"x\":\"1\"}],", "1"},
		{"{json:a.=.x}", "{\"a\":[{\"x\":\"1\"},{\"x\":\"1\"}],", ""}, /* a second element rides along: no value */
		{"{json:a}{query:q}{query:r}", "{\"a\":\"1\",", "1two words"},
	};
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	struct verify v = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char options[512], body[512];
		struct conf *c;

		snprintf(options, sizeof options, "algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"%s\"", cases[i].signs);
		snprintf(body, sizeof body, "%s\"s\":\"%s\"}", cases[i].body, zeros);
		c = load(options, "https://a.example/w", "one", "secret");
		assert_non_null(c);
		assert_int_equal(verify(c, ":query: q=two+words&r=1&r=2\n", slice_text(body), 1000, &v), VERIFY_WRONG);
		if (v.message.n != strlen(cases[i].want) || memcmp(v.message.p, cases[i].want, v.message.n) != 0)
			fail_msg("%s: %.*s (%s)", cases[i].signs, (int)v.message.n, v.message.p, v.reason);
		conf_free(c);
	}
	verify_free(&v);
}

static void wrong_proofs_are_refused_at_load(void **state)
{
	static const struct {
		const char *options, *words;
	} cases[] = {
		{"signature = {\"body:x\"}", "json:PATH"}, {"signature = {\"json:\"}", "json:PATH"}, {"signature = {\"header:X Y\"}", "json:PATH"},
		{"header = \"X\" signature = {\"query:s\"}", "both say"},
		{"signature = {\"query:a\", \"query:b\", \"query:c\", \"query:d\", \"query:e\", \"query:f\", \"query:g\", \"query:h\", \"query:i\"}", "more than 8"},
		{"signature = {\"query:s\"} signs = \"{url}{body}\"", "signs the URL"},
		{"algorithm = \"secret\"", "names no header"}, {"algorithm = \"secret\" signature = {\"json:s\"}", "client-state"},
		{"header = \"X\" signs = \"{query:a}\"", "body is not signed"}, {"header = \"X\" signs = \"{json:a\"", "in braces"},
		{"header = \"X\" signs = \"{header:A}{body}\"", "a value is"}, {"header = \"X\" signs = \"{json:a..b}\"", "a value is"},
		{"header = \"X\" signs = \"{if json:a}{body}\"", "text and values"}, {"header = \"X\" signs = \"{if json:a}x\"", "{end}"},
		{"header = \"X\" signs = \"{body}{end}\"", "{end}"}, {"header = \"X\" signs = \"{body}{if json:a}{if json:b}{end}{end}\"", "no other"},
		{"header = \"X\" timestamp = \"json:t\" signs = \"{json:a}\"", "isn't signed"}, {"header = \"X\" timestamp = \"query:t\"", "isn't signed"},
		{"header = \"X\" timestamp = \"json:t\" timestamp-header = \"T\"", "remove one"}, {"header = \"X\" timestamp = \"claim:iat\"", "no token"},
		{"header = \"X\" timestamp = \"soon\"", "json:PATH"}, {"header = \"X\" claims = {\"exp\"}", "those of a token"},
		{"algorithm = \"jwt-hs256\"", "where the token is"}, {"algorithm = \"jwt-hs256\" header = \"X\" signs = \"{body}\"", "signs itself"},
		{"algorithm = \"jwt-hs256\" header = \"X\" separator = \",\"", "a token is one"},
		{"algorithm = \"jwt-hs256\" header = \"X\" encoding = \"base64\"", "remove encoding"},
		{"algorithm = \"jwt-hs256\" header = \"X\" timestamp = \"claim:iat\" timestamp-unit = \"ms\"", "remove timestamp-unit"},
		{"algorithm = \"jwt-hs256\" header = \"X\" other-algorithm = \"hmac-sha1\"", "remove other-algorithm"},
		{"algorithm = \"jwt-hs256\" header = \"X\" timestamp = \"json:t\"", "outside of its token"},
		{"algorithm = \"jwt-hs256\" header = \"X\" claims = {\"a=\"}", "NAME=TEXT"}, {"algorithm = \"jwt-hs256\" header = \"X\" claims = {\"a={body}\"}", "NAME=TEXT"},
		{"algorithm = \"jwt-hs256\" header = \"X\" claims = {\"=b\"}", "NAME=TEXT"},
		{"algorithm = \"sha256\" header = \"X\" bodies = {\"any\"}", "lengthen"}, {"algorithm = \"sha256\" header = \"X\" bodies = {\"json\", \"multipart\"}", "lengthen"},
		{"algorithm = \"rsa-sha256\" header = \"X\" dedupe-key = {\"signature\"}", "signature"},
		{"algorithm = \"rsa-sha256\" header = \"X\"", "no public key or certificate"}, {"algorithm = \"ecdsa-p256-sha256\" header = \"X\"", "no public key"},
		{"algorithm = \"hmac-sha224\" header = \"X\"", "hmac-sha384"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].options, "https://a.example/w", "one", "secret");

		if (c || !strstr(messages, cases[i].words))
			fail_msg("%s: %s", cases[i].options, c ? "taken" : messages);
	}
}

/* What promises a signature beside an algorithm without one is told of, and loads, as 0.1 took it. */
static void options_that_sign_nothing_are_reported(void **state)
{
	static const struct {
		const char *options, *words; /* NULL: nothing is reported */
	} cases[] = {
		{"like = \"bearer\" signs = \"{body}\"", "signs does nothing"}, {"algorithm = \"secret\" header = \"X\" encoding = \"base64\"", NULL},
		{"algorithm = \"client-state\" client-state = {\"json:s\"} id-header = \"X\"", "id-header does nothing"}, {"like = \"header\" timestamp-header = \"X\"", "timestamp-header does nothing"},
		{"like = \"bearer\" event = {\"json:type\"}", NULL}, {"header = \"X\" signs = \"{body}\" encoding = \"base64\"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].options, "https://a.example/w", "one", "secret");

		if (!c || (cases[i].words ? !strstr(messages, cases[i].words) : strstr(messages, "does nothing") != NULL))
			fail_msg("%s: %s", cases[i].options, messages);
		conf_free(c);
	}
}

/* ---- keys */

static struct key *read_key(enum key_kind kind, const char *text, const char **why)
{
	return key_read(kind, text, strlen(text), false, why);
}

static void keys_have_a_kind_and_a_length(void **state)
{
	static const char rsa_1024[] = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCu0Lw0r0yVxVBmXJ7DZlDYgYxmfJQF0mH1MK0rlBkWqnJ6nbDsCX3CX0pk7B7lJzyVyyyVeG6HJxXn1y5Qf4pI"; /* cut */
	const char *why = NULL;

	(void)state;
	assert_null(read_key(KEY_RSA_SHA256, find_secret("sendgrid"), &why));
	assert_non_null(strstr(why, "not one of RSA"));
	assert_null(read_key(KEY_ECDSA_P256, find_secret("wise"), &why));
	assert_non_null(strstr(why, "P-256"));
	assert_null(read_key(KEY_ED25519_PUBLIC, find_secret("wise"), &why));
	assert_non_null(strstr(why, "Ed25519"));
	assert_null(read_key(KEY_RSA_SHA256, rsa_1024, &why));
	assert_null(read_key(KEY_RSA_SHA256, "", &why));
	assert_null(read_key(KEY_RSA_SHA256, "-----BEGIN PUBLIC KEY-----\n", &why));
	assert_null(key_new(KEY_RSA_SHA256, "x", 1));
}

/* A file with a key in DER becomes a text, as each secret is one. */
static void key_in_der_is_read_from_a_file(void **state)
{
	unsigned char der[512];
	struct buf text = {0};
	char why[128];
	const char *base64 = find_secret("sendgrid");
	size_t n = 0;
	FILE *f = fopen("der", "w");

	(void)state;
	assert_non_null(f);
	assert_true(decode(ENCODING_BASE64, base64, strlen(base64), der, sizeof der, &n));
	assert_int_equal(fwrite(der, 1, n, f), n);
	fclose(f);
	chmod("der", 0600);
	assert_true(io_read_secret("der", &text, why, sizeof why));
	assert_string_equal(buf_str(&text), base64);
	unit_file("pem", find_secret("wise"), 0600);
	assert_true(io_read_secret("pem", &text, why, sizeof why));
	assert_non_null(strchr(buf_str(&text), '\n'));
	unit_file("lines", "one\ntwo\n", 0600);
	assert_false(io_read_secret("lines", &text, why, sizeof why));
	buf_free(&text);
}

/* RFC 7518 section 3.2: a key of HS256 has as many bytes as its hash, at least. */
static void short_keys_of_tokens_are_known(void **state)
{
	static const struct {
		const char *options, *secret;
		size_t bytes;
	} cases[] = {
		{"algorithm = \"jwt-hs256\"", "abc", 3}, {"algorithm = \"jwt-hs256\"", "0123456789abcdef0123456789abcde", 31},
		{"algorithm = \"jwt-hs256\"", "0123456789abcdef0123456789abcdef", 0},
		{"algorithm = \"jwt-hs256\" secret-encoding = \"hex\"", "0123456789abcdef0123456789abcdef", 16},
		{"algorithm = \"jwt-hs256\" secret-encoding = \"base64\"", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr8=", 0},
		{"algorithm = \"hmac-sha256\"", "abc", 0},
	};
	char options[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c;

		snprintf(options, sizeof options, "header = \"X\" %s", cases[i].options);
		c = load(options, "https://a.example/w", cases[i].secret, cases[i].secret);
		assert_non_null(c);
		assert_int_equal(scheme_short_key(&conf_endpoint(c, "/w")->scheme, cases[i].secret, strlen(cases[i].secret)), cases[i].bytes);
		conf_free(c);
	}
}

static void moments_are_strict(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: none */
	} cases[] = {
		{"1994-11-06T08:49:37Z", 784111777000}, {"1994-11-06T08:49:37.5Z", 784111777500}, {"1994-11-06T10:49:37+02:00", 784111777000},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000}, {"1994-11-06", -1}, {"784111777", -1}, {"1994-11-06T08:49:37", -1}, {"", -1},
		{"1994-11-06 08:49:37Z", -1}, {"1994-13-06T08:49:37Z", -1}, {"1994-11-06T08:49:37Z ", -1}, {" 1994-11-06T08:49:37Z", -1},
		{"1994-11-06T08:49:37.Z", -1}, {"1994-11-06T08:49:37+0200", -1}, {"Sun, 06 Foo 1994 08:49:37 GMT", -1}, {"Sun, 06 ovD 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:49:37 CET", -1}, {"Sun, 06 Nov 1994 08:49:37 GMT+1", -1}, {"1994-11-06T08:49:37+02:0", -1},
		{"1994-11-06T08:49:37.1234567890Z", -1}, {"+994-11-06T08:49:37Z", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = -1;

		if (moment_read(slice_text(cases[i].text), &ms) != (cases[i].ms >= 0) || (cases[i].ms >= 0 && ms != cases[i].ms))
			fail_msg("%s: %lld", cases[i].text, (long long)ms);
	}
}

static void base64url_is_strict(void **state)
{
	static const char *const wrong[] = {"A", "AB=", "AB==", "A+A=", "AA/A", "AB", "AAB", "AA AA", "AAAA=", "AAAAA"};
	unsigned char bytes[16];
	char text[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (decode(ENCODING_BASE64URL, wrong[i], strlen(wrong[i]), bytes, sizeof bytes, &n))
			fail_msg("%s", wrong[i]);
	for (size_t len = 0; len <= 6; len++) {
		encode(ENCODING_BASE64URL, "\xff\xfe\xfb\x00\x01\x02", len, text);
		assert_int_equal(strlen(text), encode_size(ENCODING_BASE64URL, len));
		assert_true(decode(ENCODING_BASE64URL, text, strlen(text), bytes, sizeof bytes, &n));
		assert_int_equal(n, len);
		assert_memory_equal(bytes, "\xff\xfe\xfb\x00\x01\x02", len);
	}
}

/* What is unsigned is known: a delivery's fields are named by check, and never count as a signed id. */
static void unsigned_fields_are_known(void **state)
{
	static const struct {
		const char *options;
		enum field field;
		bool is_signed;
	} cases[] = {
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\" dedupe-key = {\"json:a\"}", FIELD_KEY, true},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\" dedupe-key = {\"json:b\"}", FIELD_KEY, false},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\" dedupe-key = {\"body\"}", FIELD_KEY, false},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:a}\" event = {\"member:a.!b\"}", FIELD_EVENT, false},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:b}.{if json:a}{json:a}{end}\" dedupe-key = {\"json:a\"}", FIELD_KEY, true},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:b}{if json:a}{json:a}{end}\" dedupe-key = {\"json:a\"}", FIELD_KEY, false},
		{"algorithm = \"hmac-sha256\" signature = {\"json:s\"} signs = \"{json:b}{if json:c}{json:a}{end}\" dedupe-key = {\"json:a\"}", FIELD_KEY, false},
		{"algorithm = \"hmac-sha256\" header = \"X\" signs = \"{body-crc32}\" dedupe-key = {\"json:a\"}", FIELD_KEY, false},
		{"algorithm = \"hmac-sha256\" header = \"X\" signs = \"{body-sha256}\" dedupe-key = {\"json:a\"}", FIELD_KEY, true},
		{"algorithm = \"jwt-hs256\" header = \"X\" dedupe-key = {\"json:a\"}", FIELD_KEY, false},
		{"algorithm = \"jwt-hs256\" header = \"X\" claims = {\"h={body-sha256}\"} dedupe-key = {\"json:a\"}", FIELD_KEY, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].options, "https://a.example/w", "one", "secret");
		const struct scheme *s = c ? &conf_endpoint(c, "/w")->scheme : NULL;

		if (!s || scheme_signs_source(s, &s->source[cases[i].field][0]) != cases[i].is_signed)
			fail_msg("%s: %s", cases[i].options, messages);
		conf_free(c);
	}
}

/* A secret in the query, a token that covers no body, and a signature in the query are not kept; the parameters are known. */
static void proofs_that_are_not_kept(void **state)
{
	static const struct {
		const char *options;
		bool bears, keeps, hides; /* the parameter "key" */
	} cases[] = {
		{"algorithm = \"secret\" signature = {\"query:key\"}", true, false, true},
		{"algorithm = \"secret\" header = \"X\"", true, false, false},
		{"algorithm = \"hmac-sha256\" signature = {\"query:key\"}", false, false, true},
		{"algorithm = \"hmac-sha256\" signature = {\"query:keys\"}", false, false, false},
		{"algorithm = \"hmac-sha256\" header = \"X\"", false, true, false},
		{"algorithm = \"jwt-hs256\" header = \"X\"", true, false, false},
		{"algorithm = \"jwt-hs256\" header = \"X\" claims = {\"h={body-sha256}\"}", false, true, false},
		{"algorithm = \"jwt-hs256\" signature = {\"query:key\"}", true, false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conf *c = load(cases[i].options, "https://a.example/w", "one", "secret");
		const struct scheme *s = c ? &conf_endpoint(c, "/w")->scheme : NULL;

		if (!s || scheme_bears_secret(s) != cases[i].bears || scheme_keeps_proof(s) != cases[i].keeps ||
		    scheme_hides_parameter(s, slice_text("key")) != cases[i].hides)
			fail_msg("%s: %s", cases[i].options, messages);
		conf_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proofs_are_taken),
		cmocka_unit_test(proofs_under_another_key_are_refused),
		cmocka_unit_test(late_proofs_are_refused),
		cmocka_unit_test(proofs_with_a_flipped_bit_are_refused),
		cmocka_unit_test(token_cannot_choose_its_algorithm),
		cmocka_unit_test(public_key_is_no_shared_secret),
		cmocka_unit_test(claims_are_checked),
		cmocka_unit_test(places_are_exact),
		cmocka_unit_test(values_are_signed_as_they_are),
		cmocka_unit_test(wrong_proofs_are_refused_at_load),
		cmocka_unit_test(options_that_sign_nothing_are_reported),
		cmocka_unit_test(keys_have_a_kind_and_a_length),
		cmocka_unit_test(key_in_der_is_read_from_a_file),
		cmocka_unit_test(short_keys_of_tokens_are_known),
		cmocka_unit_test(moments_are_strict),
		cmocka_unit_test(base64url_is_strict),
		cmocka_unit_test(unsigned_fields_are_known),
		cmocka_unit_test(proofs_that_are_not_kept),
	};

	return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
