/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a scheme's number and a method in two bytes, then lines: nothing, the query, a header's CGI variable without its HTTP_;
 * and the body behind them. Whatever is asked, the answer is harmless text.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "hook/handshake.h"

#define JSON_TYPE "application/json"
#define ECHO .status = 200, .type = "text/plain", .body = "{challenge}"
#define IN_BODY .place = HANDSHAKE_IN_CHALLENGE

static const struct scheme own[] = {
	{.handshakes = {{.name = "monday", IN_BODY, .status = 200, .type = JSON_TYPE, .body = "{\"challenge\":\"{challenge}\"}"}},
		.source = {[FIELD_CHALLENGE] = {{SOURCE_JSON, .name = "challenge"}}}},
	{.handshakes = {{.name = "grid", IN_BODY, .event = "Validation", .status = 200, .type = JSON_TYPE, .body = "{\"validationResponse\":\"{challenge}\"}"}},
		.source = {[FIELD_EVENT] = {{SOURCE_JSON, .name = "0.eventType"}}, [FIELD_CHALLENGE] = {{SOURCE_JSON, .name = "0.data.validationCode"}}}},
	{.handshakes = {{.name = "notion", IN_BODY, .keep = true, .status = 200}},
		.source = {[FIELD_CHALLENGE] = {{SOURCE_JSON, .name = "verification_token"}}}},
	{.handshakes = {{.name = "asana", .question = "header:X-Hook-Secret", .place = HANDSHAKE_IN_HEADER, .keep = true, .status = 200,
		.headers = {"X-Hook-Secret: {challenge}"}}}},
	{.handshakes = {{.name = "okta", .method = HANDSHAKE_GET, .question = "header:X-Okta", .place = HANDSHAKE_IN_HEADER, ECHO}}},
	{.handshakes = {{.name = "cloud", .method = HANDSHAKE_OPTIONS, .question = "header:WebHook-Request-Origin", .place = HANDSHAKE_IN_HEADER,
		.status = 200, .headers = {"WebHook-Allowed-Origin: {challenge}", "WebHook-Allowed-Rate: *", "Allow: POST"}}}},
	{.bodies = CONTENT_FORM | CONTENT_MULTIPART, .handshakes = {{.name = "form", .question = "form:echo", .place = HANDSHAKE_IN_FORM, ECHO}}},
};

enum { OWN = sizeof own / sizeof *own };

/* Those that are built in, all at once. */
static void all_built_in(struct scheme *s, size_t i)
{
	const struct handshake *row;

	*s = (struct scheme){.bodies = CONTENT_JSON | CONTENT_FORM, .source = {
		[FIELD_EVENT] = {{SOURCE_NUMBER, .name = "type"}, {SOURCE_JSON, .name = "event"}},
		[FIELD_CHALLENGE] = {{SOURCE_JSON, .name = "challenge"}, {SOURCE_JSON, .name = "payload.plainToken"}}}};
	for (size_t k = 0; k < SCHEME_HANDSHAKES && (row = handshake_built_in((i - OWN) % 11 + k)); k++)
		s->handshakes[k] = *row;
}

static void check_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		assert((s.p[i] >= ' ' && s.p[i] < 0x7F && s.p[i] != '<' && s.p[i] != '>') || s.p[i] == '\r' || s.p[i] == '\n');
}

/* Each line is one of the answer's headers. */
static void check_headers(const struct handshake_answer *a)
{
	size_t lines = 0;

	for (size_t i = 0; i < a->headers.len; i++) {
		lines += a->headers.data[i] == '\n';
		assert((a->headers.data[i] == '\r') == (i + 1 < a->headers.len && a->headers.data[i + 1] == '\n'));
	}
	assert(lines <= HANDSHAKE_HEADERS);
}

static void check_answer(const struct handshake_answer *a)
{
	assert(a->status == 200 || (a->status == 204 && !a->type));
	assert(a->body.len <= 2048 && a->headers.len <= 2048 && a->secret.len <= HANDSHAKE_CHALLENGE_MAX);
	check_text((struct slice){a->body.data, a->body.len});
	check_text((struct slice){a->headers.data, a->headers.len});
	check_headers(a);
	assert(a->body.len == 0 || !memchr(a->body.data, '\n', a->body.len));
	assert(!a->type || strcmp(a->type, "text/plain") == 0 || strcmp(a->type, JSON_TYPE) == 0);
	if (a->type && strcmp(a->type, JSON_TYPE) == 0) {
		yajl_handle json = yajl_alloc(NULL, NULL, NULL);

		assert(json && yajl_parse(json, (const unsigned char *)a->body.data, a->body.len) == yajl_status_ok &&
			yajl_complete_parse(json) == yajl_status_ok);
		yajl_free(json);
	}
}

static void ask_all(const struct request *r, const struct endpoint *e)
{
	struct handshake_answer a = {0};
	struct event ev = {0};
	struct form form = {0};
	enum handshake_result result = handshake_head(r, e, true, &form, &a);

	assert(result != HANDSHAKE_UNAVAILABLE);
	if (result == HANDSHAKE_ANSWERED)
		check_answer(&a);
	result = handshake_head(r, e, false, &form, &a);
	if (result == HANDSHAKE_ANSWERED)
		check_answer(&a);
	result = handshake_unsigned(r, e, &ev, &a);
	assert(result != HANDSHAKE_UNAVAILABLE);
	if (result == HANDSHAKE_ANSWERED)
		check_answer(&a);
	else
		assert(!ev.field[FIELD_EVENT].p && !ev.field[FIELD_CHALLENGE].p && !ev.form.n);
	if (event_read(r, &e->scheme, (struct slice){0}, &ev) != EVENT_MALFORMED && handshake_event(r, e, &ev, &a) == HANDSHAKE_ANSWERED)
		check_answer(&a);
	form_free(&form);
	event_free(&ev);
	handshake_free(&a);
}

/* The next line as a CGI variable; NULL when there is none. */
static char *take_variable(struct slice *rest, const char *before)
{
	const char *stop = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = stop ? (size_t)(stop - rest->p) : 0, k = strlen(before);
	char *variable = stop ? calloc(1, k + n + 1) : NULL;

	if (!variable)
		return NULL;
	memcpy(variable, before, k);
	memcpy(variable + k, rest->p, n);
	*rest = (struct slice){stop + 1, rest->n - n - 1};
	return variable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char methods[][24] = {"REQUEST_METHOD=POST", "REQUEST_METHOD=GET", "REQUEST_METHOD=HEAD", "REQUEST_METHOD=OPTIONS"};
	static char texts[][8] = {"secret", "token"};
	struct key *key = key_new(KEY_HMAC_SHA256, "secret", 6);
	struct secret secret = {.text = texts[0], .len = 6, .key = key}, token = {.text = texts[1], .len = 5};
	struct endpoint e = {.secrets = {&secret, 1}, .verify_tokens = {&token, 1}};
	struct slice rest = {(const char *)data + 2, size - 2};
	char *line[3] = {0};
	struct request r = {0};

	assert(key);
	if (size > 2 && (line[0] = take_variable(&rest, "X=")) && (line[1] = take_variable(&rest, "QUERY_STRING=")) &&
	    (line[2] = take_variable(&rest, "HTTP_"))) {
		char *const envp[] = {methods[data[1] % 4], line[1], line[2], NULL};

		if (data[0] < OWN)
			e.scheme = own[data[0]];
		else
			all_built_in(&e.scheme, data[0]);
		if (!e.scheme.bodies)
			e.scheme.bodies = CONTENT_JSON;
		request_init(&r, envp, NULL, NULL);
		r.body = (struct buf){.data = (char *)(uintptr_t)rest.p, .len = rest.n};
		ask_all(&r, &e);
	}
	for (int i = 0; i < 3; i++)
		free(line[i]);
	key_free(key);
	return 0;
}
