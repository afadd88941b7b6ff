/* A delivery from request to outcome: judge() is the map, one step a line. */
#include "hook/handle.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "hook/verify.h"

enum { CHALLENGE_MAX = 256 };

/* A step's answer when the delivery may go on. */
static const enum outcome GO_ON = OUTCOME_COUNT;

static enum outcome because(struct delivery *d, const char *reason, enum outcome o)
{
	d->reason = reason;
	return o;
}

static enum outcome check_address(const struct request *r, const struct endpoint *e)
{
	return e->allow.n && !cidr_match(&e->allow, r->remote_addr) ? OUTCOME_FORBIDDEN : GO_ON;
}

/* Only what a provider's challenge is made of is echoed: no markup, no escapes, no length to speak of. */
static bool take_challenge(const char *query, char out[CHALLENGE_MAX + 1])
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
	static const char name[] = "challenge=";
	const char *p = query;
	size_t n;

	while (p && strncmp(p, name, sizeof name - 1) != 0)
		p = (p = strchr(p, '&')) ? p + 1 : NULL;
	if (!p)
		return false;
	p += sizeof name - 1;
	n = strspn(p, allowed);
	if (n == 0 || n > CHALLENGE_MAX || (p[n] && p[n] != '&'))
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

static enum outcome check_method(const struct request *r, struct delivery *d)
{
	if (strcmp(r->method, "POST") == 0)
		return GO_ON;
	if (strcmp(r->method, "GET") == 0 && d->endpoint->scheme->handshake == HANDSHAKE_ECHO &&
	    take_challenge(r->query, d->echo)) {
		d->challenge = d->echo;
		return OUTCOME_CHALLENGE;
	}
	return OUTCOME_METHOD;
}

/* A media type, case-insensitive, parameters allowed (RFC 9110 section 8.3.1). */
static enum outcome check_type(const struct request *r)
{
	static const char json[] = "application/json";
	size_t n = strcspn(r->content_type, " \t;");

	return n == sizeof json - 1 && strncasecmp(r->content_type, json, n) == 0 ? GO_ON : OUTCOME_CONTENT_TYPE;
}

static enum outcome check_length(const struct request *r, struct delivery *d)
{
	if (r->length_wrong)
		return because(d, "Content-Length is not a number", OUTCOME_INCOMPLETE);
	return r->length_known && r->length > d->endpoint->max_body ? OUTCOME_TOO_LARGE : GO_ON;
}

static enum outcome check_authorization(const struct request *r, struct delivery *d)
{
	if (d->endpoint->authorizations.n == 0)
		return GO_ON;
	if (!r->authorization)
		return because(d, "no Authorization header reached us", OUTCOME_UNAUTHORIZED);
	if (!verify_authorization(&d->endpoint->authorizations, r->authorization))
		return because(d, "wrong Authorization", OUTCOME_UNAUTHORIZED);
	return GO_ON;
}

static enum outcome read_body(struct request *r, struct delivery *d)
{
	switch (request_read_body(r, d->endpoint->max_body)) {
	case BODY_OK:
		return GO_ON;
	case BODY_TOO_LARGE:
		return OUTCOME_TOO_LARGE;
	case BODY_TIMEOUT:
		return OUTCOME_TIMEOUT;
	case BODY_NO_MEMORY:
		return because(d, "no memory for the body", OUTCOME_UNAVAILABLE);
	case BODY_SHORT:
		break;
	}
	return because(d, "the body is not as long as announced", OUTCOME_INCOMPLETE);
}

static enum outcome check_signature(const struct request *r, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;
	const char *value;

	if (!e->scheme->param)
		return GO_ON;
	switch (request_header(r, e->scheme->param, &value)) {
	case HEADER_ABSENT:
		return because(d, "no signature header", OUTCOME_UNAUTHORIZED);
	case HEADER_MANY:
		return because(d, "more than one signature header", OUTCOME_UNAUTHORIZED);
	case HEADER_ONE:
		break;
	}
	d->secret = verify_signature(e->scheme, &e->secrets, value, r->body.data, r->body.len);
	if (d->secret < 0) {
		d->secret = 0;
		return because(d, "OpenSSL can't compute HMAC-SHA256", OUTCOME_UNAVAILABLE);
	}
	if (d->secret == 0)
		return because(d, "wrong signature", OUTCOME_UNAUTHORIZED);
	if (!buf_printf(&d->headers, "%s: %s\n", e->scheme->header, value))
		return because(d, "no memory for the headers", OUTCOME_UNAVAILABLE);
	return GO_ON;
}

static enum outcome parse(const struct request *r, struct delivery *d)
{
	switch (event_parse(r->body.data, r->body.len, &d->event)) {
	case EVENT_OK:
		return GO_ON;
	case EVENT_NO_MEMORY:
		return because(d, "no memory to parse", OUTCOME_UNAVAILABLE);
	case EVENT_MALFORMED:
		break;
	}
	return because(d, d->event.reason, OUTCOME_MALFORMED);
}

static bool listed(const struct words *w, struct slice v)
{
	for (size_t i = 0; i < w->n; i++)
		if (v.p && strlen(w->item[i]) == v.n && memcmp(w->item[i], v.p, v.n) == 0)
			return true;
	return w->n == 0;
}

static enum outcome filter(struct delivery *d)
{
	if (!listed(&d->endpoint->events, d->event.event))
		return because(d, "event not in events", OUTCOME_IGNORED);
	if (!listed(&d->endpoint->accounts, d->event.account))
		return because(d, "account not in accounts", OUTCOME_IGNORED);
	return GO_ON;
}

static enum outcome keep_headers(const struct request *r, struct delivery *d)
{
	if (!buf_printf(&d->headers, "Content-Type: %s\n", r->content_type))
		return because(d, "no memory for the headers", OUTCOME_UNAVAILABLE);
	return GO_ON;
}

static enum outcome judge(struct request *r, const struct conf *c, struct delivery *d)
{
	enum outcome o;

	d->endpoint = conf_endpoint(c, r->path);
	if (!d->endpoint)
		return OUTCOME_NOT_FOUND;
	if ((o = check_address(r, d->endpoint)) != GO_ON ||
	    (o = check_method(r, d)) != GO_ON ||
	    (o = check_type(r)) != GO_ON ||
	    (o = check_length(r, d)) != GO_ON ||
	    (o = check_authorization(r, d)) != GO_ON ||
	    (o = read_body(r, d)) != GO_ON ||
	    (o = check_signature(r, d)) != GO_ON || /* before any parser sees the bytes */
	    (o = parse(r, d)) != GO_ON ||
	    (o = filter(d)) != GO_ON)
		return o;
	return keep_headers(r, d);
}

static void begin(struct delivery *d)
{
	struct event event = {.arena = d->event.arena};
	struct buf headers = d->headers;

	headers.len = 0;
	*d = (struct delivery){
		.event = event,
		.headers = headers,
		.received_at = clock_now(),
		.started = clock_mono_us(),
	};
}

bool handle(struct request *r, const struct conf *c, struct delivery *d)
{
	begin(d);
	d->outcome = judge(r, c, d);
	if (d->outcome != GO_ON)
		return false;
	d->stored = (struct spool_event){
		.endpoint = d->endpoint->path,
		.event = d->event.event,
		.key = d->event.key,
		.account = d->event.account,
		.sender_id = d->event.sender_id,
		.sender_name = d->event.sender_name,
		.conversation = d->event.conversation,
		.sent_at = d->event.sent_at,
		.headers = {d->headers.data, d->headers.len},
		.body = {r->body.data, r->body.len},
		.remote_addr = r->remote_addr,
		.received_at = d->received_at,
		.secret = d->secret,
	};
	return true;
}

void handle_store(struct spool *s, struct delivery *const *d, size_t n)
{
	char why[sizeof d[0]->why];
	bool ok;

	for (size_t i = 0; i + 1 < n; i++)
		d[i]->stored.next = &d[i + 1]->stored;
	ok = spool_put(s, &d[0]->stored, why, sizeof why);
	for (size_t i = 0; i < n; i++) {
		if (ok) {
			d[i]->id = d[i]->stored.id;
			d[i]->outcome = d[i]->stored.duplicate ? OUTCOME_DUPLICATE : OUTCOME_STORED;
		} else {
			snprintf(d[i]->why, sizeof d[i]->why, "%s", why);
			d[i]->outcome = because(d[i], d[i]->why, OUTCOME_UNAVAILABLE);
		}
	}
}

void handle_refuse(const struct request *r, const struct conf *c, enum outcome outcome, struct delivery *d)
{
	begin(d);
	d->endpoint = conf_endpoint(c, r->path);
	d->outcome = outcome;
}

/* The answer's body; `json` is storage for it. */
static const char *answer_body(const struct delivery *d, char *json, size_t n)
{
	const struct outcome_info *info = outcome_info(d->outcome);

	if (d->challenge)
		return d->challenge;
	if (info->message)
		snprintf(json, n, "{\"status\":\"%s\",\"message\":\"%s\"}\n", info->code, info->message);
	else if (d->id)
		snprintf(json, n, "{\"status\":\"%s\",\"id\":%lld}\n", info->code, (long long)d->id);
	else
		snprintf(json, n, "{\"status\":\"%s\"}\n", info->code);
	return json;
}

void handle_answer(struct delivery *d, struct buf *out)
{
	const struct outcome_info *info = outcome_info(d->outcome);
	char json[192];
	const char *body = answer_body(d, json, sizeof json);

	buf_printf(out,
		"Status: %d %s\r\n"
		"Content-Type: %s\r\n"
		"Content-Length: %zu\r\n"
		"Cache-Control: no-store\r\n"
		"%s\r\n%s",
		info->status, info->phrase, d->challenge ? "text/plain" : "application/json", strlen(body),
		info->header, body);
	d->answered = clock_mono_us();
}

static void note_reject(const struct request *r, const struct conf *c, struct spool *s, const struct delivery *d)
{
	struct spool_reject reject = {
		.endpoint = d->endpoint ? d->endpoint->path : NULL,
		.code = outcome_info(d->outcome)->code,
		.reason = d->reason,
		.remote_addr = r->remote_addr,
		.received_at = d->received_at,
		.bytes = (int64_t)r->body.len,
	};

	if (c->reject_bodies && r->body.len)
		reject.body = (struct slice){r->body.data, r->body.len};
	spool_reject(s, &reject);
}

static void write_log(const struct request *r, const struct conf *c, const struct delivery *d)
{
	const struct outcome_info *info = outcome_info(d->outcome);
	struct log_entry e;

	if (!log_on(info->level))
		return;
	log_begin(&e, info->level);
	if (d->endpoint)
		log_text(&e, "endpoint", d->endpoint->path);
	else
		log_text(&e, "path", r->path);
	log_text(&e, "outcome", info->code);
	if (d->id)
		log_number(&e, "id", d->id);
	log_slice(&e, "event", d->event.event);
	log_slice(&e, "key", d->event.key);
	log_slice(&e, "sender", d->event.sender_name);
	if (d->secret)
		log_number(&e, "secret", d->secret);
	log_number(&e, "bytes", (int64_t)r->body.len);
	log_millis(&e, "ms", d->answered - d->started);
	log_text(&e, "remote", r->remote_addr);
	log_text(&e, "reason", d->reason);
	if (c->log_bodies && d->event.event.p)
		log_slice(&e, "body", (struct slice){r->body.data, r->body.len});
	log_end(&e);
}

void handle_record(const struct request *r, const struct conf *c, struct spool *s, const struct delivery *d)
{
	write_log(r, c, d);
	spool_count(s, d->endpoint ? d->endpoint->path : NULL, outcome_info(d->outcome)->code, d->secret, d->received_at);
	if (outcome_rejected(d->outcome) && d->outcome != OUTCOME_UNAVAILABLE && d->outcome != OUTCOME_BUSY)
		note_reject(r, c, s, d);
}

void handle_free(struct delivery *d)
{
	event_free(&d->event);
	buf_free(&d->headers);
	*d = (struct delivery){0};
}
