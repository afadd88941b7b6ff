/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what the command line reads: a delivery's headers and body under verify --explain, times and sizes, texts
 * that are printed, and what a receiver answered. The first byte chooses.
 *
 * All that is printed has nothing in it that steers a terminal; a time that was read is written and read as the same.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "hook/explain.h"
#include "hook/rewrite.h"
#include "cli/terminal.h"
#include "conf/cidr.h"
#include "core/clock.h"
#include "core/pattern.h"
#include "core/rate.h"
#include "core/units.h"
#include "core/utf8.h"
#include "hook/stored.h"

static const char hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"; /* RFC 8032 section 7.1, test 1 */

/* Bytes with nothing before and behind them. */
static char *alone(const uint8_t *data, size_t n)
{
	char *p = malloc(n + !n);

	assert(p);
	if (n)
		memcpy(p, data, n);
	return p;
}

static char *as_text(const uint8_t *data, size_t n)
{
	char *p = malloc(n + 1);

	assert(p);
	if (n)
		memcpy(p, data, n);
	p[n] = '\0';
	return p;
}

/* RFC 7515, appendices A.2 and A.3: public keys in base64 of DER. */
static const char rsa_key[] = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw"
	"+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e"
	"+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcD"
	"TW9gb54h4FRWyuXpoQIDAQAB";
static const char p256_key[] = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==";

/* The key of a scheme, from whichever text it takes for one. */
static struct key *key_of(const struct scheme *s, const char **text)
{
	static const char *const texts[] = {hex, "1111111111111111111111111111111111111111111=", "a-secret-of-thirty-two-characters", rsa_key, p256_key};
	struct key *key = NULL;
	const char *why;

	for (size_t i = 0; !key && i < sizeof texts / sizeof *texts; i++) {
		*text = texts[i];
		key = scheme_key(s, *text, strlen(*text), false, &why);
	}
	return key;
}

static void explain(const struct scheme *s, struct slice headers, struct slice body)
{
	static char source[] = "fuzz", url[] = "https://www.example.com/hook";
	struct secret secret = {.source = source};
	struct endpoint e = {.scheme = *s, .url = url, .secrets = {&secret, 1}};
	struct stored stored = {0};
	struct verify v = {0};
	struct buf cause = {0};
	const char *text = "a-secret-of-thirty-two-characters";

	secret.key = scheme_has_key(s) ? key_of(s, &text) : NULL;
	secret.text = (char *)(uintptr_t)text;
	secret.len = strlen(text);
	assert(secret.key || !scheme_has_key(s));
	assert(stored_request(headers, body, &stored));
	if (verify_delivery(&stored.request, &e, clock_now(), &v) != VERIFY_OK)
		assert(v.reason && explain_cause(&stored.request, &e, &v, &cause));
	key_free(secret.key);
	buf_free(&cause);
	verify_free(&v);
	stored_free(&stored);
}

/* Headers, an empty line, the body. */
static void explain_delivery(const uint8_t *data, size_t n)
{
	const struct scheme *s;
	size_t schemes = 0, split = 0;
	char *headers, *body;

	while (scheme_at(schemes))
		schemes++;
	if (n == 0 || memchr(data, '\0', n))
		return;
	s = scheme_at(data[0] % schemes);
	data++;
	n--;
	while (split + 1 < n && !(data[split] == '\n' && data[split + 1] == '\n'))
		split++;
	headers = alone(data, split);
	body = alone(data + split, n - split);
	explain(s, (struct slice){headers, split}, (struct slice){body, n - split});
	free(headers);
	free(body);
}

static void rewrite_all(const uint8_t *data, size_t n)
{
	char *json = alone(data, n);
	struct buf out = {0};

	for (int space = REWRITE_SPACE_KEEP; space <= REWRITE_SPACE_ONE; space++) {
		for (int text = REWRITE_TEXT_KEEP; text <= REWRITE_TEXT_ASCII_SLASHES; text++) {
			out.len = 0;
			assert(rewrite_json((struct slice){json, n}, (enum rewrite_space)space, (enum rewrite_text)text, &out));
		}
	}
	buf_free(&out);
	free(json);
}

static void read_numbers(const uint8_t *data, size_t n)
{
	static const int64_t now = INT64_C(1800000000000), first = INT64_C(-62135596800000), last = INT64_C(253402300799999);
	char *text = as_text(data, n), written[CLOCK_TEXT], why[256];
	int64_t ms = 0, again = 0;
	struct pattern *p;
	struct rate rate;
	struct cidr range;
	uint64_t size;

	if (clock_parse(text, now, &ms)) {
		clock_format(ms, written);
		assert(ms < first || ms > last || (clock_parse(written, now, &again) && again == ms));
	}
	assert(!units_duration(text, &ms) || ms >= 0);
	clock_format(ms, written);
	assert(!units_age(text, &ms) || ms >= 0);
	(void)units_size(text, &size);
	if (rate_parse(text, &rate))
		assert(rate.n && rate.n <= RATE_MAX && rate_pass(&rate, &ms, now) >= 0);
	if (cidr_parse(text, &range))
		cidr_match(&(struct cidrs){&range, 1}, "2001:db8::1");
	p = pattern_new(text, why, sizeof why);
	if (p && n < 200)
		pattern_find(p, "Hello, what is the price?");
	pattern_free(p);
	free(text);
}

static void check_clean(const char *s, size_t n, bool lines)
{
	uint32_t c;

	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_next(s + i, n - i, &c);
		assert(len && (!utf8_steers(c) || (lines && c == '\n')));
	}
}

static void print(const uint8_t *data, size_t n)
{
	char *text = alone(data, n), *out = NULL;
	size_t size = 0, columns = n ? data[0] % 40 : 0;
	FILE *to = open_memstream(&out, &size);

	assert(to);
	terminal_print(to, (struct slice){text, n}, columns);
	terminal_cell(to, (struct slice){text, n}, columns);
	fflush(to);
	check_clean(out, size, false);
	rewind(to);
	terminal_json(to, (struct slice){text, n});
	fclose(to);
	check_clean(out, size, true);
	free(out);
	free(text);
}

/* What a receiver answered to send. */
static void read_answer(const uint8_t *data, size_t n)
{
	char *text = alone(data, n);
	struct answer a;

	answer_parse((struct slice){text, n}, &a);
	assert(a.id >= 0 && memchr(a.status, '\0', sizeof a.status));
	assert(strspn(a.status, "abcdefghijklmnopqrstuvwxyz_") == strlen(a.status));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(const uint8_t *, size_t) = {explain_delivery, rewrite_all, read_numbers, print, read_answer};

	if (size > 0 && size < 65536)
		parts[data[0] % (sizeof parts / sizeof *parts)](data + 1, size - 1);
	return 0;
}
