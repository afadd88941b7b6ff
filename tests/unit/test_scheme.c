/* SPDX-License-Identifier: ISC */
/* Signature schemes: published vectors, every scheme's own deliveries, and by table all that must be refused. */
#include "unit.h"

#include <ctype.h>
#include <strings.h>

#include "core/encode.h"
#include "core/paths.h"
#include "hook/event.h"
#include "hook/form.h"
#include "hook/handshake.h"
#include "hook/multipart.h"
#include "hook/sign.h"
#include "hook/stored.h"
#include "hook/verify.h"

/* An endpoint with up to two secrets. */
struct fixture {
	struct endpoint e;
	struct secret item[2];
};

static void set_up(struct fixture *f, const char *scheme, const char *const *secrets, size_t n)
{
	static char source[] = "test", url[] = "https://www.example.com/webhook_uri";
	const char *why = "";

	*f = (struct fixture){.e = {.scheme = *scheme_find(scheme), .url = url}};
	f->e.secrets = (struct secrets){f->item, n};
	for (size_t i = 0; i < n; i++) {
		f->item[i] = (struct secret){.source = source, .text = strdup(secrets[i]), .len = strlen(secrets[i])};
		if (!scheme_has_key(&f->e.scheme))
			continue;
		f->item[i].key = scheme_key(&f->e.scheme, secrets[i], strlen(secrets[i]), false, &why);
		if (!f->item[i].key)
			fail_msg("%s: %s", scheme, why);
		f->item[i].other_key = scheme_other_key(&f->e.scheme, secrets[i], strlen(secrets[i]), &why);
	}
}

static void tear_down(struct fixture *f)
{
	for (size_t i = 0; i < f->e.secrets.n; i++) {
		free(f->item[i].text);
		key_free(f->item[i].key);
		key_free(f->item[i].other_key);
	}
}

static enum verify_result verify(const struct fixture *f, const char *headers, struct slice body, int64_t now, struct verify *v)
{
	struct stored stored = {0};
	enum verify_result result;

	assert_true(stored_request((struct slice){headers, strlen(headers)}, body, &stored));
	result = verify_delivery(&stored.request, &f->e, now, v);
	stored_free(&stored);
	return result;
}

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void published_vectors_verify(void **state)
{
	static const struct {
		const char *scheme, *secret, *headers, *body;
		int64_t now; /* s */
	} cases[] = {
		/* docs.github.com, "Validating webhook deliveries" */
		{"github", "It's a Secret to Everybody",
			"X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", "Hello, World!", 0},
		/* github.com/octokit/webhooks-methods.js */
		{"connectsafely", "mysecret",
			"X-Webhook-Signature: sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3", "{\"foo\":\"bar\"}", 0},
		/* github.com/standard-webhooks, libraries/javascript */
		{"standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			"webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n"
			"webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "{\"test\": 2432232314}", 1614265330},
		/* the same as Svix's headers call it, without the prefix of the secret, among signatures that are not ours */
		{"svix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			"svix-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nsvix-timestamp: 1614265330\n"
			"svix-signature: v1a,xyz v1,AAAM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
			"{\"test\": 2432232314}", 1614265330},
		/* github.com/frain-dev/convoy, Shopify's scheme */
		{"shopify", "Convoy", "X-Shopify-Hmac-SHA256: 16FUVH58NeMcTIIOICN2UJOcPTTa4TbjCndXymGrtM8=", "Test Payload Body", 0},
		{"meta", "secret", "X-Hub-Signature-256: sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914", "test", 0},
		/* developers.hubspot.com, "Validating requests" */
		{"hubspot-v3", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
			"X-HubSpot-Request-Timestamp: 1693657560000\nX-HubSpot-Signature-v3: K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
			"{'example_field':'example_value'}", 1693657560},
		/* dropbox.com/developers */
		{"dropbox", "the_secret", "X-Dropbox-Signature: 0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529",
			"{\"delta\": {\"users\": [12345]}}", 0},
	};
	struct verify v = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *secrets[] = {scheme_find(cases[i].scheme)->key_text == KEY_TEXT_BASE64 ? "d3Jvbmc=" : "wrong", cases[i].secret};
		struct fixture f;

		set_up(&f, cases[i].scheme, secrets, 2);
		if (verify(&f, cases[i].headers, text(cases[i].body), cases[i].now * 1000, &v) != VERIFY_OK || v.secret != 2)
			fail_msg("%s: %s", cases[i].scheme, v.reason);
		f.e.secrets.n = 1;
		assert_int_equal(verify(&f, cases[i].headers, text(cases[i].body), cases[i].now * 1000, &v), VERIFY_WRONG);
		f.e.secrets.n = 2;
		tear_down(&f);
	}
	verify_free(&v);
}

/* twilio.com/docs, "Webhooks security": the example's URL and parameters; its signature for the secret 12345. */
static void twilio_vector(void **state)
{
	static char url[] = "https://example.com/myapp.php";
	static const char body[] = "Digits=1234&To=%2B18005551212&From=%2B14158675310&Caller=%2B14158675310&CallSid=CA1234567890ABCDE";
	static const char headers[] = ":query: foo=1&bar=2\nContent-Type: application/x-www-form-urlencoded\n"
		"X-Twilio-Signature: L/OH5YylLD5NRKLltdqwSvS0BnU=\n";
	const char *secrets[] = {"12345"};
	struct verify v = {0};
	struct fixture f;

	(void)state;
	set_up(&f, "twilio", secrets, 1);
	f.e.url = url;
	if (verify(&f, headers, text(body), 0, &v) != VERIFY_OK)
		fail_msg("%s: %.*s", v.reason, (int)v.message.n, v.message.p);
	tear_down(&f);
	verify_free(&v);
}

/* RFC 8032 section 7.1, TEST 2: its message is the byte 72, here what Discord signs: a timestamp and a body. */
static const char seed[] = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
static const char public[] = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

static void ed25519_vector(void **state)
{
	unsigned char bytes[32], signature[KEY_SIGNATURE_MAX], right[64];
	const struct slice signatures[] = {{(const char *)signature, 64}};
	struct key *signing, *verifying;
	size_t n;

	(void)state;
	assert_true(decode(ENCODING_HEX, seed, 64, bytes, 32, &n));
	signing = key_new(KEY_ED25519_PRIVATE, bytes, 32);
	assert_true(decode(ENCODING_HEX, public, 64, bytes, 32, &n));
	verifying = key_new(KEY_ED25519_PUBLIC, bytes, 32);
	assert_true(signing && verifying);
	assert_true(decode(ENCODING_HEX,
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00", 128, right, 64, &n));
	assert_true(key_sign(signing, "\x72", 1, signature));
	assert_memory_equal(signature, right, 64);
	assert_int_equal(key_verify(verifying, "\x72", 1, signatures, 1), 1);
	assert_int_equal(key_verify(verifying, "\x73", 1, signatures, 1), 0);
	key_free(signing);
	key_free(verifying);
	assert_null(key_new(KEY_ED25519_PUBLIC, bytes, 31));
}

/* What each scheme's own sender sends now. */
struct made {
	struct fixture f;
	struct buf headers;
	char body[256];
};

static const int64_t now = 1778596401000;

static void make(struct made *m, const struct scheme *s)
{
	static char whsk[64], whpk[64], seed_text[] = "whsk_", public_text[] = "whpk_";
	const char *secret = s->key_text == KEY_TEXT_BASE64 ? "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" : "It's a secret", *why = "";
	const char *signer_text = secret, *secrets[1];
	struct signed_scratch scratch = {0};
	struct secret signer = {0};
	unsigned char bytes[32];
	size_t n;
	bool form = !(s->bodies & CONTENT_JSON) || scheme_signs(s, PLACEHOLDER_FORM);

	if (s->algorithm != ALGORITHM_ED25519 && s->key_text == KEY_TEXT_HEX) {
		signer_text = secret = "00112233445566778899aabbccddeeff";
	} else if (s->algorithm == ALGORITHM_ED25519 && s->key_text == KEY_TEXT_HEX) {
		secret = public;
		signer_text = seed;
	} else if (s->algorithm == ALGORITHM_ED25519) {
		assert_true(decode(ENCODING_HEX, seed, 64, bytes, 32, &n));
		strcpy(whsk, seed_text);
		encode(ENCODING_BASE64, bytes, 32, whsk + 5);
		assert_true(decode(ENCODING_HEX, public, 64, bytes, 32, &n));
		strcpy(whpk, public_text);
		encode(ENCODING_BASE64, bytes, 32, whpk + 5);
		secret = whpk;
		signer_text = whsk;
	}
	secrets[0] = secret;
	*m = (struct made){0};
	set_up(&m->f, s->name, secrets, 1);
	strcpy(m->body, form ? "b=2&a=1%2B1&b=1" : "{\"event\":\"e\",\"type\":\"t\"}");
	signer.text = (char *)(uintptr_t)signer_text;
	signer.len = strlen(signer_text);
	if (scheme_has_key(s))
		signer.key = scheme_key(s, signer_text, strlen(signer_text), true, &why);
	buf_printf(&m->headers, "Content-Type: %s\n", form ? REQUEST_FORM : REQUEST_JSON);
	assert_true(sign_headers(&(struct sign){.scheme = s, .secret = &signer, .event = "e", .url = m->f.e.url, .query = "",
		.type = form ? REQUEST_FORM : REQUEST_JSON, .body = text(m->body), .now = now}, &scratch, &m->headers));
	key_free(signer.key);
	signed_free(&scratch);
}

static void unmake(struct made *m)
{
	tear_down(&m->f);
	buf_free(&m->headers);
}

/* Schemes whose signatures the tests can make; tests/e2e/test_providers.py has samples of all. */
static bool is_made(const struct scheme *s)
{
	return sign_is_possible(s) && (!scheme_has_public_key(s) || s->algorithm == ALGORITHM_ED25519);
}

static bool is_signed(const struct scheme *s)
{
	return is_made(s) && s->algorithm != ALGORITHM_NONE && s->algorithm != ALGORITHM_CLIENT_STATE;
}

static void own_signatures_verify(void **state)
{
	const struct scheme *s;
	struct verify v = {0};
	struct made m;

	(void)state;
	for (size_t i = 0; (s = scheme_at(i)); i++) {
		if (!is_made(s))
			continue;
		make(&m, s);
		if (verify(&m.f, buf_str(&m.headers), text(m.body), now, &v) != VERIFY_OK)
			fail_msg("%s: %s\n%s", s->name, v.reason, buf_str(&m.headers));
		assert_int_equal(v.secret, is_signed(s));
		unmake(&m);
	}
	verify_free(&v);
}

static bool accepted(const struct made *m, const char *headers, struct slice body, int64_t at)
{
	struct verify v = {0};
	enum verify_result result = verify(&m->f, headers, body, at, &v);

	if (result != VERIFY_OK)
		assert_non_null(v.reason);
	assert_int_not_equal(result, VERIFY_UNAVAILABLE);
	verify_free(&v);
	return result == VERIFY_OK;
}

/* One bit of any byte of the body, and of any byte of the values that are signed or signatures. */
static void signature_with_a_flipped_bit_is_refused(void **state)
{
	const struct scheme *s;
	char body[256], headers[1024], c;
	struct made m;

	(void)state;
	for (size_t i = 0; (s = scheme_at(i)); i++) {
		if (!is_signed(s))
			continue;
		make(&m, s);
		strcpy(body, m.body);
		for (size_t k = 0; scheme_has_key(s) && body[k]; k++) {
			for (int bit = 0; bit < 8; bit++) {
				if (bit == 5 && strstr(m.body, "%2B") == m.body + k - 2)
					continue; /* %2b says the same */
				body[k] = (char)(m.body[k] ^ 1 << bit);
				if (accepted(&m, buf_str(&m.headers), (struct slice){body, strlen(m.body)}, now))
					fail_msg("%s: bit %d of byte %zu of the body", s->name, bit, k);
			}
			body[k] = m.body[k];
		}
		strcpy(headers, buf_str(&m.headers));
		for (size_t h = 0; verify_header(s, h); h++) {
			char *value = strstr(headers, verify_header(s, h)), *end = value ? strchr(value, '\n') : NULL;

			if (!value)
				continue; /* the same under another name */
			for (char *p = strchr(value, ':') + 2; p < end; p++) {
				for (int bit = 0; bit < 8; bit++) {
					c = *p;
					*p = (char)(c ^ 1 << bit);
					/* either case of hexadecimal, and of the name of an authentication scheme, is the same value */
					bool same = bit == 5 && isalpha((unsigned char)c) &&
						(s->algorithm == ALGORITHM_SECRET ? strcmp(verify_header(s, h), "Authorization") == 0
							&& p < strchr(value, ':') + 2 + strlen(s->prefix)
							: s->encoding == ENCODING_HEX && isxdigit((unsigned char)c));
					if (*p && *p != '\n' && !same && accepted(&m, headers, text(m.body), now))
						fail_msg("%s: bit %d of %c at %td of %.*s", s->name, bit, c, p - value, (int)(end - value), value);
					*p = c;
				}
			}
		}
		unmake(&m);
	}
}

enum { OUT = 128 * 1024 };

/* The headers with one of them replaced, by up to two lines. */
static const char *with(const char *headers, const char *name, const char *first, const char *second, char *out)
{
	const char *line = strstr(headers, name), *end = strchr(line, '\n') + 1;

	snprintf(out, OUT, "%.*s%s%s%s%s%s", (int)(line - headers), headers, first, *first ? "\n" : "", second, *second ? "\n" : "", end);
	return out;
}

static void broken_signature_headers_are_refused(void **state)
{
	static char out[OUT], line[OUT / 2], other[OUT / 2], value[OUT / 8];
	const struct scheme *s;
	struct made m;

	(void)state;
	for (size_t i = 0; (s = scheme_at(i)); i++) {
		if (!is_signed(s))
			continue;
		make(&m, s);
		for (size_t h = 0; verify_header(s, h); h++) {
			const char *name = verify_header(s, h), *headers = buf_str(&m.headers);
			const char *at = strstr(headers, name);

			if (!at)
				continue; /* the same under another name */
			at += strlen(name) + 2;
			snprintf(value, sizeof value, "%.*s", (int)(strchr(at, '\n') - at), at);
			assert_false(accepted(&m, with(headers, name, "", "", out), text(m.body), now)); /* missing */
			snprintf(line, sizeof line, "%s: %s", name, value);
			assert_false(accepted(&m, with(headers, name, line, line, out), text(m.body), now)); /* twice */
			snprintf(other, sizeof other, "%s: x", name);
			assert_false(accepted(&m, with(headers, name, line, other, out), text(m.body), now));
			assert_false(accepted(&m, with(headers, name, other, line, out), text(m.body), now));
			snprintf(line, sizeof line, "%s: ", name);
			assert_false(accepted(&m, with(headers, name, line, "", out), text(m.body), now)); /* empty */
			snprintf(line, sizeof line, "%s: %0*d", name, 8192, 0); /* 8 KiB */
			assert_false(accepted(&m, with(headers, name, line, "", out), text(m.body), now));
			snprintf(line, sizeof line, "%s: %s%0*d", name, value, 8192, 0);
			assert_false(accepted(&m, with(headers, name, line, "", out), text(m.body), now));
			if (s->separator && h == 0)
				continue; /* a list: see lists() */
			snprintf(line, sizeof line, "%s: %s, %s", name, value, value); /* twice, as Apache joins them */
			assert_false(accepted(&m, with(headers, name, line, "", out), text(m.body), now));
			snprintf(line, sizeof line, "%s:  \t%s", name, value);
			assert_false(accepted(&m, with(headers, name, line, "", out), text(m.body), now)); /* white space */
			snprintf(line, sizeof line, "%s: %s ", name, value);
			assert_false(accepted(&m, with(headers, name, line, "", out), text(m.body), now));
		}
		unmake(&m);
	}
}

/* Either way; Zoom's retries may bear the first attempt's time, and Discord's library checks none. */
static void timestamp_outside_the_tolerance_is_refused(void **state)
{
	const struct scheme *s;
	struct made m;

	(void)state;
	assert_int_equal(scheme_find("discord")->tolerance, 0);
	assert_int_equal(scheme_find("zoom")->tolerance, 7200000);
	assert_int_equal(scheme_find("stripe")->tolerance, 300000);
	for (size_t i = 0; (s = scheme_at(i)); i++) {
		int64_t ms = s->tolerance;

		if (!s->tolerance || !is_made(s))
			continue;
		make(&m, s);
		assert_true(accepted(&m, buf_str(&m.headers), text(m.body), now + ms));
		assert_false(accepted(&m, buf_str(&m.headers), text(m.body), now + ms + 1));
		assert_true(accepted(&m, buf_str(&m.headers), text(m.body), now - ms));
		assert_false(accepted(&m, buf_str(&m.headers), text(m.body), now - ms - 1));
		assert_false(accepted(&m, buf_str(&m.headers), text(m.body), 0));
		unmake(&m);
	}
}

/*
 * Lists of signatures: an element that cannot be one is passed over, wherever it stands. $ is the right signature, # a wrong
 * one, @ the timestamp.
 */
static const struct {
	const char *scheme, *value;
	bool right;
	const char *reason; /* NULL: not looked at */
} list_cases[] = {
	{"stripe", "t=@,v1=$", true, NULL}, {"stripe", "v1=$,t=@", true, NULL}, {"stripe", "t=@,v1=#,v1=$", true, NULL},
	{"stripe", "t=@,v1=$,v1=#,v0=x", true, NULL},
	{"stripe", "t=@,v1=#,v1=#,v1=#,v1=#,v1=#,v1=#,v1=#,v1=#,v1=#,v1=#,v1=$", true, NULL},
	{"stripe", "t=@,v1=$,", true, NULL}, {"stripe", ",t=@,v1=$", true, NULL}, {"stripe", "t=@,,v1=$", true, NULL},
	{"stripe", "t=@, v1=$ ", true, NULL}, {"stripe", "t=@,v1=$,v1=", true, NULL}, {"stripe", "t=@,v1=xyz,v1=$", true, NULL},
	{"stripe", "t=@,v1=$$,v1=abcd,v1=$", true, NULL}, {"stripe", "t=@,v1=$, t=@,v1=#", true, NULL},
	{"stripe", "t=soon,t=@,v1=$", true, NULL}, {"stripe", "t=@,t=,v1=$", true, NULL},
	{"stripe", "t=@,v1=#", false, "wrong signature"}, {"stripe", "t=@", false, "has no signature of this scheme"},
	{"stripe", "v1=$", false, "no timestamp"}, {"stripe", "t=,v1=$", false, "no number"},
	{"stripe", "t=@,t=1,v1=$", false, "two timestamps"}, {"stripe", "t=1,t=@,v1=$", false, "two timestamps"},
	{"stripe", "t=+@,v1=$", false, "no number"}, {"stripe", "t=@x,v1=$", false, "no number"}, {"stripe", "t=-1,v1=$", false, "no number"},
	{"stripe", "t=9999999999999999999999,v1=$", false, "no number"}, {"stripe", "t=@,v1=$0", false, "malformed"},
	{"stripe", "t=@,v1=", false, "malformed"}, {"stripe", "t=@,v0=$", false, "has no signature of this scheme"},
	{"stripe", "T=@,V1=$", false, "has no signature of this scheme"}, {"stripe", "", false, "has no signature of this scheme"},
	{"stripe", ",", false, "has no signature of this scheme"},
	{"standard-webhooks", "v1,$", true, NULL}, {"standard-webhooks", "v1,# v1,$", true, NULL},
	{"standard-webhooks", "v1,$ ", true, NULL}, {"standard-webhooks", "  v1,$", true, NULL}, {"standard-webhooks", "v1,$,", true, NULL},
	{"standard-webhooks", "v1,# , v1,$", true, NULL}, {"standard-webhooks", "v1,$, v1,$", true, NULL},
	{"standard-webhooks", "v1, v1,AAAA v1,not*base64 v1a,$ v2 v1,$", true, NULL},
	{"standard-webhooks", "v1,# v1,# v1,# v1,# v1,# v1,# v1,# v1,# v1,# v1,$", true, NULL},
	{"standard-webhooks", "v1,AAAA", false, "malformed"}, {"standard-webhooks", "v1,not*base64 v1,", false, "malformed"},
	{"standard-webhooks", "v1,$A==", false, "malformed"}, {"standard-webhooks", "v1a,$", false, "has no signature of this scheme"},
	{"standard-webhooks", "$", false, "has no signature of this scheme"},
	{"standard-webhooks-ed25519", "v1, v1a,AAAA v1a,# v1a,# v1a,# v1a,# v1a,# v1a,# v1a,# v1a,# v1a,# v1a,$", true, NULL},
	{"standard-webhooks-ed25519", "v1,$", false, "has no signature of this scheme"},
};

static void add_case(struct buf *out, const char *value, struct slice right)
{
	for (const char *p = value; *p; p++) {
		if (*p == '$')
			buf_add(out, right.p, right.n);
		else if (*p == '#')
			buf_printf(out, "%c%.*s", *right.p == 'A' ? 'B' : 'A', (int)right.n - 1, right.p + 1);
		else if (*p == '@')
			buf_printf(out, "%lld", (long long)now / 1000);
		else
			buf_add(out, p, 1);
	}
}

static void any_signature_of_a_list_may_match(void **state)
{
	static char out[OUT];
	struct verify v = {0};
	struct buf line = {0};
	struct made m;

	(void)state;
	for (size_t i = 0; i < COUNT(list_cases); i++) {
		const struct scheme *s = scheme_find(list_cases[i].scheme);
		const char *headers, *right;
		struct slice signature;

		make(&m, s);
		headers = buf_str(&m.headers);
		right = strstr(strstr(headers, s->header), s->prefix) + strlen(s->prefix);
		signature = (struct slice){right, strcspn(right, "\n")};
		line.len = 0;
		buf_printf(&line, "%s: ", s->header);
		add_case(&line, list_cases[i].value, signature);
		if ((verify(&m.f, with(headers, s->header, buf_str(&line), "", out), text(m.body), now, &v) == VERIFY_OK) != list_cases[i].right ||
		    (list_cases[i].reason && !strstr(v.reason, list_cases[i].reason)))
			fail_msg("%s: %s: %s", s->name, list_cases[i].value, v.reason);
		unmake(&m);
	}
	verify_free(&v);
	buf_free(&line);
}

/* A header is at most 4 KiB; within it, the right signature counts wherever it stands. */
static void long_signature_lists_are_bounded(void **state)
{
	const struct scheme *s = scheme_find("stripe");
	struct buf line = {0};
	struct made m;
	const char *right;

	(void)state;
	make(&m, s);
	right = strstr(buf_str(&m.headers), "v1=");
	for (int over = 0; over < 2; over++) {
		line.len = 0;
		buf_printf(&line, "%s: t=%lld", s->header, (long long)now / 1000);
		while (line.len + 1 + 67 < strlen("Stripe-Signature: ") + VERIFY_HEADER_MAX - 67)
			buf_printf(&line, ",v1=%064d", 0);
		buf_printf(&line, ",%.67s", right);
		buf_printf(&line, "%.*s\n", over ? 80 : 0, ",v0=0000000000000000000000000000000000000000000000000000000000000000000000000000");
		assert_int_equal(accepted(&m, buf_str(&line), text(m.body), now), !over);
	}
	buf_free(&line);
	unmake(&m);
}

/* Svix's and Shopify's other names. The signature of Standard Webhooks' own vector. */
static void header_names_of_svix_and_shopify(void **state)
{
#define SVIX(id) "svix-id: " id "\nsvix-timestamp: 1614265330\nsvix-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"
#define PLAIN(id) "webhook-id: " id "\nwebhook-timestamp: 1614265330\nwebhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
	static const struct {
		const char *headers;
		bool right;
	} cases[] = {
		{SVIX(ID), true}, {PLAIN(ID), true}, {SVIX(ID) PLAIN(ID), true},
		{PLAIN(ID) "svix-id: " ID "\n", true}, {PLAIN(ID) "svix-id: another\n", false}, {SVIX(ID) "webhook-id: another\n", false},
		{PLAIN(ID) "svix-id: " ID "\nsvix-id: another\n", false}, {SVIX("another") PLAIN(ID), false}, {SVIX(ID) PLAIN("another"), false},
		{PLAIN(ID) "svix-signature: v1,AAAA\n", true}, {"webhook-signature: v1,AAAA\n" SVIX(ID), true},
		{"svix-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\nsvix-timestamp: 1614265330\nwebhook-id: " ID "\n", false},
		{"webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\nsvix-timestamp: 1614265330\nsvix-id: " ID "\n", false},
	};
	static const char *const shopify[] = {"X-Shopify-Hmac-SHA256: 16FUVH58NeMcTIIOICN2UJOcPTTa4TbjCndXymGrtM8=\n",
		"shopify-hmac-sha256: 16FUVH58NeMcTIIOICN2UJOcPTTa4TbjCndXymGrtM8=\n"};
	const char *whsec[] = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, *convoy[] = {"Convoy"};
	struct verify v = {0};
	struct fixture f;

	(void)state;
	set_up(&f, "svix", whsec, 1);
	for (size_t i = 0; i < COUNT(cases); i++)
		if ((verify(&f, cases[i].headers, text("{\"test\": 2432232314}"), 1614265330000, &v) == VERIFY_OK) != cases[i].right)
			fail_msg("%s%s", cases[i].headers, v.reason);
	assert_int_equal(verify(&f, "webhook-signature: v1,AAAA\n", text("{}"), 0, &v), VERIFY_WRONG);
	assert_string_equal(v.reason, "no webhook-timestamp header");
	assert_int_equal(verify(&f, "", text("{}"), 0, &v), VERIFY_WRONG);
	assert_string_equal(v.reason, "no svix-signature header");
	tear_down(&f);
	set_up(&f, "shopify", convoy, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(verify(&f, shopify[i], text("Test Payload Body"), 0, &v), VERIFY_OK);
		assert_int_equal(verify(&f, shopify[i], text("test payload body"), 0, &v), VERIFY_WRONG);
	}
	tear_down(&f);
	verify_free(&v);
}

/* The signature of `signed_text` by the secret 12345, as Twilio writes it. */
static void sign_twilio(enum key_kind kind, const char *signed_text, char *out)
{
	struct key *key = key_new(kind, "12345", 5);
	unsigned char bytes[KEY_SIGNATURE_MAX];

	assert_true(key_sign(key, signed_text, strlen(signed_text), bytes));
	encode(ENCODING_BASE64, bytes, key_signature_size(key), out);
	key_free(key);
}

/* What Twilio signs: the URL with or without its port, and the form or, by its hash in the URL, the body. */
static void twilio_signatures(void **state)
{
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded\n"
#define JSON_TYPE "Content-Type: application/json\n"
#define HASH "bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862" /* of {"a":1} */
	static const struct {
		const char *url, *signed_text, *headers, *body;
		bool right;
	} cases[] = {
		{"https://e.com/t", "https://e.com/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"https://e.com/t", "https://e.com:443/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"http://e.com/t", "http://e.com:80/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"http://e.com/t", "http://e.com:443/tBodyhi", FORM_TYPE, "Body=hi", false},
		{"https://e.com:8443/t", "https://e.com/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"https://e.com:8443/t", "https://e.com:8443/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"https://e.com:8443/t", "https://e.com:443/tBodyhi", FORM_TYPE, "Body=hi", false},
		{"https://[::1]:8443/t", "https://[::1]/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"https://[::1]/t", "https://[::1]:443/tBodyhi", FORM_TYPE, "Body=hi", true},
		{"https://e.com", "https://e.com:443Bodyhi", FORM_TYPE, "Body=hi", true},
		/* the unsigned type chooses nothing */
		{"https://e.com/t", "https://e.com/tBodyhi", JSON_TYPE, "Body=hi", true},
		{"https://e.com/t", "https://e.com/tBodyhi", "", "Body=hi", true},
		{"https://e.com/t", "https://e.com/t?" HASH, ":query: " HASH "\n" JSON_TYPE, "{\"a\":1}", true},
		{"https://e.com/t", "https://e.com/t?" HASH, ":query: " HASH "\n" FORM_TYPE, "{\"a\":1}", true},
		{"https://e.com/t", "https://e.com:443/t?" HASH, ":query: " HASH "\n" JSON_TYPE, "{\"a\":1}", true},
		{"https://e.com/t", "https://e.com/t?" HASH, ":query: " HASH "\n" FORM_TYPE, "", false},
		{"https://e.com/t", "https://e.com/t?" HASH, ":query: " HASH "\n" JSON_TYPE, "{\"a\":2}", false},
		{"https://e.com/t", "https://e.com/t?bodySHA256=x", ":query: bodySHA256=x\n" JSON_TYPE, "{\"a\":1}", false},
		{"https://e.com/t", "https://e.com/t?bodySHA256=", ":query: bodySHA256=\n" FORM_TYPE, "", false},
		{"https://e.com/t", "https://e.com/t?%zz&" HASH, ":query: %zz&" HASH "\n" JSON_TYPE, "{\"a\":1}", false},
		{"https://e.com/t", "https://e.com/t", JSON_TYPE, "{\"a\":1}", false},
		{"https://e.com/t", "https://e.com/t?a=1&b=2", ":query: a=1&b=2\n", "", true},
	};
	const char *secrets[] = {"12345"};
	struct verify v = {0};
	char headers[1024], signature[128];
	struct fixture f;

	(void)state;
	set_up(&f, "twilio", secrets, 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		f.e.url = (char *)(uintptr_t)cases[i].url;
		for (int kind = KEY_HMAC_SHA256; kind <= KEY_HMAC_SHA1; kind++) {
			sign_twilio((enum key_kind)kind, cases[i].signed_text, signature);
			snprintf(headers, sizeof headers, "X-Twilio-Signature: %s\n%s", signature, cases[i].headers);
			if ((verify(&f, headers, text(cases[i].body), 0, &v) == VERIFY_OK) != cases[i].right)
				fail_msg("%s: %s: %s", cases[i].signed_text, cases[i].headers, v.reason);
			snprintf(headers, sizeof headers, "X-Twilio-Signature: %sA\n%s", signature, cases[i].headers);
			assert_int_equal(verify(&f, headers, text(cases[i].body), 0, &v), VERIFY_WRONG);
		}
	}
	tear_down(&f);
	verify_free(&v);
}

/* What a handshake would sign for anyone proves nothing, though the signature is right. */
static void signature_of_a_handshake_proves_no_delivery(void **state)
{
	static const struct {
		const char *scheme, *header, *body;
		bool right;
	} cases[] = {
		{"x", "x-twitter-webhooks-signature: sha256=", "forged", false}, {"x", "x-twitter-webhooks-signature: sha256=", "1", false},
		{"x", "x-twitter-webhooks-signature: sha256=", "amount=1000", false}, {"x", "x-twitter-webhooks-signature: sha256=", "{}", true},
		{"x", "x-twitter-webhooks-signature: sha256=", "\"text\"", true}, {"x", "x-twitter-webhooks-signature: sha256=", "[]", true},
		{"linkedin", "X-LI-Signature: ", "forged", false}, {"linkedin", "X-LI-Signature: hmacsha256=", "", false},
		{"linkedin", "X-LI-Signature: ", "{\"type\":\"t\"}", true},
		{"dropbox", "X-Dropbox-Signature: ", "forged", true}, {"connectsafely", "X-Webhook-Signature: sha256=", "forged", true},
	};
	const char *secrets[] = {"12345"};
	struct key *key = key_new(KEY_HMAC_SHA256, "12345", 5);
	char headers[256], signed_text[256], encoded[128];
	unsigned char bytes[KEY_SIGNATURE_MAX];
	struct verify v = {0};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set_up(&f, cases[i].scheme, secrets, 1);
		snprintf(signed_text, sizeof signed_text, "%s%s", strcmp(cases[i].scheme, "linkedin") == 0 ? "hmacsha256=" : "", cases[i].body);
		assert_true(key_sign(key, signed_text, strlen(signed_text), bytes));
		encode(f.e.scheme.encoding, bytes, 32, encoded);
		snprintf(headers, sizeof headers, "%s%s\n", cases[i].header, encoded);
		if ((verify(&f, headers, text(cases[i].body), 0, &v) == VERIFY_OK) != cases[i].right || v.secret != cases[i].right)
			fail_msg("%s: %s: %s", cases[i].scheme, cases[i].body, v.reason);
		tear_down(&f);
	}
	key_free(key);
	verify_free(&v);
}

/* Where nothing separates timestamp and body, digits of one are not taken for the other's; nor is a hash in an unsigned URL. */
static void parts_of_the_signed_string_cannot_shift(void **state)
{
	static const struct {
		const char *signs, *signed_text, *headers, *body;
		bool right;
	} cases[] = {
		{"{timestamp}{body}", "1780315200{}", "X-T: 1780315200\n", "{}", true}, {"{timestamp}{body}", "1780315200{}", "X-T: 178031520\n", "0{}", false},
		{"{timestamp}{body}", "1780315200{}", "X-T: 1\n", "780315200{}", false}, {"{timestamp}{body}", "17803152001{}", "X-T: 17803152001\n", "{}", false},
		{"{body}{timestamp}", "{}1780315200", "X-T: 1780315200\n", "{}", true}, {"{body}{timestamp}", "{}1780315200", "X-T: 780315200\n", "{}1", false},
		{"{timestamp}.{body}", "1.{}", "X-T: 1\n", "{}", true},
		{"{id}.{body}", "a.b.{}", "X-I: a.b\n", "{}", true}, {"{id}.{body}", "a.{\"b\":\"c.{}\"}", "X-I: a.{\"b\":\"c\n", "{}\"}", false},
		{"{id}.{body}", "a.[1.{}]", "X-I: a.[1\n", "{}]", false},
		{"{form}", "a1", "", "a=1", true}, {"{form}", "a1", ":query: " HASH "\n", "{\"a\":1}", false}, {"{form}", "", ":query: " HASH "\n", "{\"a\":1}", false},
		{"{form}", "a1", ":query: " HASH "\n", "a=1", true},
	};
	const char *secrets[] = {"12345"};
	struct key *key = key_new(KEY_HMAC_SHA256, "12345", 5);
	unsigned char bytes[KEY_SIGNATURE_MAX];
	char headers[512], encoded[128];
	struct verify v = {0};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set_up(&f, "connectsafely", secrets, 1);
		f.e.scheme.signs = cases[i].signs;
		f.e.scheme.timestamp_header = strstr(cases[i].signs, "timestamp") ? "X-T" : NULL;
		f.e.scheme.id_header = strstr(cases[i].signs, "id") ? "X-I" : NULL;
		assert_true(key_sign(key, cases[i].signed_text, strlen(cases[i].signed_text), bytes));
		encode(ENCODING_HEX, bytes, 32, encoded);
		snprintf(headers, sizeof headers, "X-Webhook-Signature: sha256=%s\n%s", encoded, cases[i].headers);
		if ((verify(&f, headers, text(cases[i].body), 1780315200000, &v) == VERIFY_OK) != cases[i].right)
			fail_msg("%s: %s%s: %s", cases[i].signs, cases[i].headers, cases[i].body, v.reason);
		tear_down(&f);
	}
	key_free(key);
	verify_free(&v);
}

/* Whatever the signatures are, as many bytes are looked at: a right one in front doesn't spare those behind. */
static void all_signatures_are_compared(void **state)
{
	unsigned char right[KEY_SIGNATURE_MAX], wrong[KEY_SHA256_BYTES] = {0};
	struct slice signatures[VERIFY_SIGNATURES_MAX];
	struct key *key = key_new(KEY_HMAC_SHA256, "k", 1);

	(void)state;
	assert_true(key_sign(key, "m", 1, right));
	for (size_t i = 0; i < VERIFY_SIGNATURES_MAX; i++)
		signatures[i] = (struct slice){(const char *)wrong, sizeof wrong};
	signatures[0].p = (const char *)right;
	assert_int_equal(key_verify(key, "m", 1, signatures, VERIFY_SIGNATURES_MAX), 1);
	signatures[VERIFY_SIGNATURES_MAX - 1] = signatures[0];
	signatures[0].p = (const char *)wrong;
	assert_int_equal(key_verify(key, "m", 1, signatures, VERIFY_SIGNATURES_MAX), 1);
	assert_int_equal(key_verify(key, "m", 1, signatures, VERIFY_SIGNATURES_MAX - 1), 0);
	key_free(key);
}

static void keys_are_decoded(void **state)
{
	static const struct {
		const char *scheme, *text;
		bool right;
	} cases[] = {
		{"connectsafely", "anything", true}, {"stripe", "whsec_anything", true},
		{"standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true}, {"standard-webhooks", "whsec_no base64", false},
		/* as the Standard Webhooks libraries take them, and as Supabase hands them out */
		{"standard-webhooks", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true}, {"standard-webhooks", "v1,whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", true},
		{"standard-webhooks", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA", true}, {"svix", "whsec_-_-_", false}, {"svix", "whsec_Zh==", true},
		{"standard-webhooks", "whsec_", false}, {"standard-webhooks", "whsec_A", false}, {"standard-webhooks", "whsec_AA===", false},
		{"standard-webhooks", "whsec_AA A", false}, {"standard-webhooks-ed25519", "v1a,whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw", true},
		{"standard-webhooks-ed25519", "whpk_d3Jvbmc=", false},
		{"discord", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", true},
		{"discord", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af466", false}, {"discord", "xyz", false},
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct key *key = scheme_key(scheme_find(cases[i].scheme), cases[i].text, strlen(cases[i].text), false, &why);

		if ((key != NULL) != cases[i].right)
			fail_msg("%s: %s", cases[i].scheme, cases[i].text);
		key_free(key);
	}
}

static void signature_encodings(void **state)
{
	static const struct {
		enum encoding e;
		const char *text, *bytes; /* NULL: not decoded */
	} cases[] = {
		/* RFC 4648 section 10 */
		{ENCODING_BASE64, "", ""}, {ENCODING_BASE64, "Zg==", "f"}, {ENCODING_BASE64, "Zm8=", "fo"}, {ENCODING_BASE64, "Zm9v", "foo"},
		{ENCODING_BASE64, "Zm9vYg==", "foob"}, {ENCODING_BASE64, "Zm9vYmE=", "fooba"}, {ENCODING_BASE64, "Zm9vYmFy", "foobar"},
		{ENCODING_BASE64, "Zg", NULL}, {ENCODING_BASE64, "Zg=", NULL}, {ENCODING_BASE64, "Z===", NULL}, {ENCODING_BASE64, "====", NULL},
		{ENCODING_BASE64, "Zm9v\n", NULL}, {ENCODING_BASE64, " Zm9", NULL}, {ENCODING_BASE64, "Zm9-", NULL}, {ENCODING_BASE64, "Zg==Zg==", NULL},
		{ENCODING_HEX, "", ""}, {ENCODING_HEX, "666f", "fo"}, {ENCODING_HEX, "666F", "fo"}, {ENCODING_HEX, "6", NULL},
		{ENCODING_HEX, "6g", NULL}, {ENCODING_HEX, "0x66", NULL}, {ENCODING_HEX, "6 6f", NULL},
	};
	unsigned char bytes[16];
	char out[32];
	size_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (decode(cases[i].e, cases[i].text, strlen(cases[i].text), bytes, sizeof bytes, &n) != (cases[i].bytes != NULL))
			fail_msg("%s", cases[i].text);
		if (!cases[i].bytes)
			continue;
		assert_int_equal(n, strlen(cases[i].bytes));
		assert_memory_equal(bytes, cases[i].bytes, n);
		encode(cases[i].e, bytes, n, out);
		assert_int_equal(strlen(out), encode_size(cases[i].e, n));
		assert_int_equal(strcasecmp(out, cases[i].text), 0);
		assert_false(n > 0 && decode(cases[i].e, cases[i].text, strlen(cases[i].text), bytes, n - 1, &n));
	}
}

static void forms_are_parsed(void **state)
{
	static const struct {
		const char *form, *want; /* name=value; of each, decoded; NULL: malformed */
	} cases[] = {
		{"", ""}, {"a=1", "a=1;"}, {"a=1&b=2", "a=1;b=2;"}, {"a", "a=;"}, {"a=", "a=;"}, {"=1", "=1;"}, {"a=b=c", "a=b=c;"},
		{"a+b=%2B+%20", "a b=+  ;"}, {"&&a=1&", "a=1;"}, {"a=%C3%AB", "a=\xC3\xAB;"}, {"a=%", NULL}, {"a=%4", NULL}, {"a=%zz", NULL},
		{"a=%00", NULL},
	};
	struct form f = {0};
	struct buf many = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf got = {0};

		assert_int_equal(form_parse(&f, cases[i].form, strlen(cases[i].form)), cases[i].want ? FORM_OK : FORM_MALFORMED);
		for (size_t k = 0; cases[i].want && k < f.n; k++)
			buf_printf(&got, "%.*s=%.*s;", (int)f.param[k].name.n, f.param[k].name.p, (int)f.param[k].value.n, f.param[k].value.p);
		if (cases[i].want && strcmp(buf_str(&got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].form, buf_str(&got));
		buf_free(&got);
	}
	for (int n = 255; n < 100000; n = n < 258 ? n + 1 : n * 5) {
		many.len = 0;
		for (int i = 0; i < n; i++)
			buf_printf(&many, "a%d=%d&", i, i);
		assert_int_equal(form_parse(&f, many.data, many.len), FORM_OK);
		assert_int_equal(f.n, n);
		assert_int_equal(form_value(&f, "a254").n, 3);
	}
	buf_free(&many);
	form_free(&f);
}

#define FIELD(name, value) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define PART(header, value) "--b\r\n" header "\r\n\r\n" value "\r\n"
#define LAST "--b--\r\n"

/* What two readers could understand in two ways is malformed. */
static void multipart_forms_are_parsed(void **state)
{
	static const struct {
		const char *body, *want; /* name=value; of each; NULL: malformed */
	} cases[] = {
		{FIELD("a", "1") LAST, "a=1;"}, {FIELD("a", "1") FIELD("b", "") FIELD("a", "2") LAST, "a=1;b=;a=2;"},
		{FIELD("a", "1") "--b--", "a=1;"}, {FIELD("a b;c", "--b\n--b\r--b") LAST, "a b;c=--b\n--b\r--b;"},
		{PART("content-disposition:form-data;name=a", "1") LAST, "a=1;"},
		{PART("Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"a\" ; x=y", "1") LAST, "a=1;"},
		{PART("Content-Disposition: form-data; name=\"f\"; filename=\"x\\\"; name=\\\"g\"", "1") FIELD("a", "2") LAST, "a=2;"},
		{PART("Content-Disposition: form-data; filename*=utf-8''x; name=f", "1") LAST, ""},
		{PART("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: 8bit", "1") LAST, "a=1;"},
		{"", NULL}, {"--b--\r\n", NULL}, {"--\r\n", NULL}, {"a=1", NULL}, {FIELD("a", "1"), NULL}, {FIELD("a", "1") "--b-", NULL},
		{FIELD("a", "1") "--b--\r\nmore", NULL}, {"\r\n" FIELD("a", "1") LAST, NULL}, {FIELD("a", "\r\n--bc") LAST, NULL},
		{PART("Content-Disposition: form-data; name=\"a\"; name=\"b\"", "1") LAST, NULL},
		{PART("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", "1") LAST, NULL},
		{PART("Content-Disposition: form-data; name*=utf-8''a", "1") LAST, NULL}, {FIELD("", "1") LAST, NULL}, {FIELD("a\\b", "1") LAST, NULL},
		{PART("Content-Disposition: form-data", "1") LAST, NULL}, {PART("Content-Disposition: attachment; name=a", "1") LAST, NULL},
		{PART("Content-Type: text/plain", "1") LAST, NULL}, {PART("Content-Disposition: form-data;\r\n name=a", "1") LAST, NULL},
		{PART("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", "MQ==") LAST, NULL},
		{PART("Content-Disposition: form-data; name=\"a", "1") LAST, NULL}, {PART("Content-Disposition : form-data; name=a", "1") LAST, NULL},
		{"--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n", NULL},
	};
	struct form f = {0};
	struct buf many = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf got = {0};

		if (multipart_parse(&f, slice_text(cases[i].body)) != (cases[i].want ? FORM_OK : FORM_MALFORMED))
			fail_msg("case %zu: %s", i, cases[i].body);
		for (size_t k = 0; cases[i].want && k < f.n; k++)
			buf_printf(&got, "%.*s=%.*s;", (int)f.param[k].name.n, f.param[k].name.p, (int)f.param[k].value.n, f.param[k].value.p);
		if (cases[i].want && strcmp(buf_str(&got), cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].body, buf_str(&got));
		buf_free(&got);
	}
	assert_int_equal(multipart_parse(&f, (struct slice){FIELD("a", "\0") LAST, sizeof FIELD("a", "\0") LAST - 1}), FORM_MALFORMED);
	for (int n = MULTIPART_PARTS; n <= MULTIPART_PARTS + 1; n++) {
		many.len = 0;
		for (int i = 0; i < n; i++)
			buf_printf(&many, FIELD("a%d", "%d"), i, i);
		buf_printf(&many, LAST);
		assert_int_equal(multipart_parse(&f, (struct slice){many.data, many.len}), n == MULTIPART_PARTS ? FORM_OK : FORM_MALFORMED);
	}
	for (int n = MULTIPART_HEADER - 45; n <= MULTIPART_HEADER; n += 45) {
		many.len = 0;
		buf_printf(&many, "--b\r\nX: %0*d\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" LAST, n - 9, 0);
		assert_int_equal(multipart_parse(&f, (struct slice){many.data, many.len}), n < MULTIPART_HEADER ? FORM_OK : FORM_MALFORMED);
	}
	for (int n = MULTIPART_BOUNDARY_MAX; n <= MULTIPART_BOUNDARY_MAX + 1; n++) {
		many.len = 0;
		buf_printf(&many, "--%0*d\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--%0*d--", n, 0, n, 0);
		assert_int_equal(multipart_parse(&f, (struct slice){many.data, many.len}), n == MULTIPART_BOUNDARY_MAX ? FORM_OK : FORM_MALFORMED);
	}
	buf_free(&many);
	form_free(&f);
}

static void values_at_paths(void **state)
{
	static const struct {
		const char *json, *path, *want; /* NULL: no value */
	} cases[] = {
		{"{\"a\":{\"b\":\"x\"}}", "a.b", "x"}, {"{\"a\":{\"b\":\"x\"}}", "a", NULL}, {"{\"a\":{\"b\":\"x\"}}", "a.b.c", NULL},
		{"{\"a.b\":\"x\"}", "a.b", NULL}, {"{\"a\":{\"b\":\"\"}}", "a.b", NULL}, {"{\"a\":[\"x\",\"y\"]}", "a.1", "y"},
		{"{\"a\":[[1,2],[3,4]]}", "a.1.0", "3"}, {"{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}", "a.1.b", "y"}, {"{\"a\":{\"0\":\"x\"}}", "a.0", "x"},
		{"{\"a\":[\"x\"]}", "a.00", NULL}, {"{\"a\":[\"x\"]}", "a.1", NULL}, {"[{\"a\":\"x\"}]", "0.a", "x"}, {"[]", "0.a", NULL},
		{"{\"a\":[{\"b\":\"x\"},{\"b\":\"x\"}]}", "a.*.b", "x"}, {"{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}", "a.*.b", NULL},
		{"{\"a\":[{\"b\":\"x\"},{}]}", "a.*.b", NULL}, {"{\"a\":[{\"b\":\"x\"},null]}", "a.*.b", NULL}, {"{\"a\":[]}", "a.*.b", NULL},
		{"{\"a\":[{\"b\":\"x\"},{\"b\":null}]}", "a.*.b", NULL}, {"{\"a\":[{\"b\":\"x\"},{\"b\":[\"x\"]}]}", "a.*.b", NULL},
		{"{\"a\":[{},{\"b\":\"x\"}]}", "a.*.b", NULL}, {"{\"a\":[{\"b\":[{\"c\":1},{\"c\":1}]},{\"b\":[{\"c\":1}]}]}", "a.*.b.*.c", "1"},
		{"{\"a\":[{\"b\":[]},{\"b\":[{\"c\":1}]}]}", "a.*.b.*.c", NULL}, {"{\"a\":[{\"b\":[{\"c\":1}]},{\"b\":[{}]}]}", "a.*.b.*.c", NULL},
		{"{\"a\":[{\"b\":\"x\"}]}", "a.=.b", "x"}, {"{\"a\":[{\"b\":\"x\"},{}]}", "a.=.b", NULL}, {"{\"a\":{\"=\":\"x\"}}", "a.=", "x"},
		{"{\"i\":1,\"n\":2,\"p\":{\"w\":\"1\"},\"q\":{\"w\":\"2\"}}", "!i.w", "1"}, {"{\"i\":{\"w\":\"1\"},\"q\":[\"2\"]}", "!i.0", "2"},
		{"{\"c\":{\"a\":{\"b\":\"x\"}}}", "a.b", NULL}, {"{\"a\":{\"c\":{\"b\":\"x\"}}}", "a.b", NULL},
		{"{\"a\":{\"c\":{\"d\":1},\"b\":\"x\"}}", "a.b", "x"}, {"{\"a\":{\"b\":{\"c\":1}},\"z\":{\"b\":\"x\"}}", "a.b", NULL},
	};
	const char *const twice[] = {"{\"a\":{\"b\":\"x\",\"b\":\"y\"}}", "{\"a\":{\"b\":\"x\"},\"a\":{}}", "{\"a\":[{\"b\":1,\"b\":1}]}",
		"{\"a\":[{\"s\":1,\"k\":{},\"k\":1}]}"};
	struct buf arena = {0};
	const char *reason;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct path p = {.text = cases[i].path};

		arena.len = 0;
		assert_int_equal(paths_find(cases[i].json, strlen(cases[i].json), &p, 1, &arena, &reason), PATHS_OK);
		if (cases[i].want ? !p.value.p || p.value.n != strlen(cases[i].want) || memcmp(p.value.p, cases[i].want, p.value.n) != 0 : p.value.p != NULL)
			fail_msg("%s at %s: %.*s", cases[i].json, cases[i].path, (int)p.value.n, p.value.p ? p.value.p : "");
	}
	for (size_t i = 0; i < COUNT(twice); i++) {
		struct path p[] = {{.text = "a.b"}, {.text = "a.*.b"}, {.text = "a.0.!s", .member = true}};

		assert_int_equal(paths_find(twice[i], strlen(twice[i]), p, 3, &arena, &reason), PATHS_MALFORMED);
	}
	assert_true(paths_valid("a", false) && paths_valid("a.b.0.c", false) && paths_valid("*.a", false) && paths_valid("a.b.c.d.e.f.g.h.i.j.k.l", false) && paths_valid("*.*.a", false) &&
		paths_valid("a.=.!b!c.d", false) && paths_valid("a.!b", true));
	assert_false(paths_valid("", false) || paths_valid(".a", false) || paths_valid("a.", false) || paths_valid("a..b", false) ||
		paths_valid("a.b.c.d.e.f.g.h.i.j.k.l.m", false) || paths_valid("!a.!b", false) || paths_valid("a.!b", false) || paths_valid("a.b", true));
	buf_free(&arena);
}

static void handshakes(void **state)
{
	static const struct {
		const char *scheme, *method, *query, *answer; /* NULL: none */
	} cases[] = {
		{"dropbox", "GET", "challenge=abc-1", "abc-1"}, {"dropbox", "POST", "challenge=abc", NULL}, {"dropbox", "GET", "xchallenge=abc", NULL},
		{"dropbox", "GET", "challenge=%3Cb%3E", NULL}, {"dropbox", "GET", "challenge=", NULL}, {"dropbox", "GET", "challenge=a%0d%0ab", NULL},
		{"connectsafely", "GET", "challenge=abc", NULL},
		{"meta", "GET", "hub.mode=subscribe&hub.verify_token=t%20k&hub.challenge=1158201444", "1158201444"},
		/* Convoy's test of X's scheme */
		{"x", "GET", "crc_token=uzwcfYtzr9", "{\"response_token\":\"sha256=HXvxTdsfShG6k2zC9NVANwFquJBdOugRYHax2vNiiOo=\"}"},
		{"linkedin", "GET", "challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0", "{\"challengeCode\":\"890e4665-4dfe-4ab1-b689-ed553bceeed0\","
			"\"challengeResponse\":\"d56ee5e98b415d2e641d05c88b61f9f03e9c6545e7866dce5ac9880662157db6\"}"},
		{"microsoft-graph", "POST", "validationToken=Validation%3a+Testing+client+application%2e", "Validation: Testing client application."},
		{"microsoft-graph", "POST", "validationToken=%22quoted%22", NULL}, {"microsoft-graph", "POST", "", NULL},
	};
	static char token[] = "t k";
	struct secret tokens = {.text = token, .len = 3};
	const char *secrets[] = {"Convoy"};
	struct handshake_answer a = {0};
	struct form form = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct request r = {.method = cases[i].method, .query = cases[i].query};
		enum handshake_result result;
		struct fixture f;

		set_up(&f, cases[i].scheme, secrets, 1);
		f.e.verify_tokens = (struct secrets){&tokens, 1};
		result = handshake_head(&r, &f.e, true, &form, &a);
		if (result != (cases[i].answer ? HANDSHAKE_ANSWERED : HANDSHAKE_ABSENT))
			fail_msg("%s %s: %d", cases[i].scheme, cases[i].query, (int)result);
		if (cases[i].answer)
			assert_string_equal(buf_str(&a.body), cases[i].answer);
		f.e.verify_tokens.n = 0;
		if (strcmp(cases[i].scheme, "meta") == 0)
			assert_int_equal(handshake_head(&r, &f.e, true, &form, &a), HANDSHAKE_REFUSED);
		tear_down(&f);
	}
	form_free(&form);
	handshake_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_verify),
		cmocka_unit_test(twilio_vector),
		cmocka_unit_test(ed25519_vector),
		cmocka_unit_test(own_signatures_verify),
		cmocka_unit_test(signature_with_a_flipped_bit_is_refused),
		cmocka_unit_test(broken_signature_headers_are_refused),
		cmocka_unit_test(timestamp_outside_the_tolerance_is_refused),
		cmocka_unit_test(any_signature_of_a_list_may_match),
		cmocka_unit_test(long_signature_lists_are_bounded),
		cmocka_unit_test(parts_of_the_signed_string_cannot_shift),
		cmocka_unit_test(signature_of_a_handshake_proves_no_delivery),
		cmocka_unit_test(header_names_of_svix_and_shopify),
		cmocka_unit_test(twilio_signatures),
		cmocka_unit_test(all_signatures_are_compared),
		cmocka_unit_test(keys_are_decoded),
		cmocka_unit_test(signature_encodings),
		cmocka_unit_test(forms_are_parsed),
		cmocka_unit_test(multipart_forms_are_parsed),
		cmocka_unit_test(values_at_paths),
		cmocka_unit_test(handshakes),
	};

	return cmocka_run_group_tests_name("scheme", tests, unit_enter, unit_leave);
}
