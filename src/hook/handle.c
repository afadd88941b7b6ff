/* SPDX-License-Identifier: ISC */
/* A delivery from request to outcome: judge() is the map, one step a line. */
#include "hook/handle.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "hook/client_state.h"
#include "hook/content.h"
#include "hook/keep.h"
#include "hook/stored.h"

/* A step's answer when the delivery may go on. */
static const enum outcome GO_ON = OUTCOME_COUNT;

static enum outcome because(struct delivery *d, const char *reason, enum outcome o)
{
	d->reason = reason;
	return o;
}

/* Says of a path that differs from an endpoint's by slashes at its end alone which endpoint is meant. */
static enum outcome not_found(const struct request *r, const struct conf *c, struct delivery *d)
{
	char path[sizeof r->path + 1];
	size_t n = strlen(r->path);

	if (n == 0)
		return because(d, "no path, or one of more than 1023 bytes", OUTCOME_NOT_FOUND);
	snprintf(path, sizeof path, "%s/", r->path);
	if (conf_endpoint(c, path)) {
		snprintf(d->why, sizeof d->why, "endpoint %.200s exists with a slash at its end", path);
		return because(d, d->why, OUTCOME_NOT_FOUND);
	}
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	if (!conf_endpoint(c, path))
		return OUTCOME_NOT_FOUND;
	snprintf(d->why, sizeof d->why, "endpoint %.200s exists without the slash", path);
	return because(d, d->why, OUTCOME_NOT_FOUND);
}

/* SSL_CLIENT_VERIFY is what nginx and Apache's mod_ssl call it; only the web server can set it. */
static bool has_certificate(const struct request *r, const struct strlist *subjects)
{
	const char *verified = request_variable(r, "SSL_CLIENT_VERIFY"), *subject = request_variable(r, "SSL_CLIENT_S_DN");

	if (!verified || strcmp(verified, "SUCCESS") != 0)
		return false;
	for (size_t i = 0; i < subjects->n; i++)
		if (strcmp(subjects->item[i], "*") == 0 || (subject && strcmp(subjects->item[i], subject) == 0))
			return true;
	return false;
}

static enum outcome check_caller(const struct request *r, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;

	if (e->allow.n && !cidr_match(&e->allow, r->remote_addr))
		return because(d, "address not in allow", OUTCOME_FORBIDDEN);
	if (e->certificates.n && !has_certificate(r, &e->certificates))
		return because(d, "no verified certificate of client-certificate", OUTCOME_FORBIDDEN);
	d->proven = e->certificates.n && e->scheme.algorithm == ALGORITHM_NONE;
	return GO_ON;
}

static enum outcome check_rate(const struct request *r, const struct conf *c, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;

	d->retry_after = e->rate.n ? rate_take(&e->rate, c->spool, e->path, r->remote_addr) : 0;
	return d->retry_after ? OUTCOME_RATE_LIMITED : GO_ON;
}

/* A handshake in the query comes before all else: it has neither signature nor body. */
static enum outcome check_method(const struct request *r, struct delivery *d)
{
	switch (handshake_query(r, d->endpoint, &d->event.form, &d->challenge)) {
	case HANDSHAKE_ANSWERED:
		return OUTCOME_CHALLENGE;
	case HANDSHAKE_REFUSED:
		return because(d, "wrong verify token", OUTCOME_UNAUTHORIZED);
	case HANDSHAKE_UNAVAILABLE:
		return because(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	case HANDSHAKE_ABSENT:
		break;
	}
	if (strcmp(r->method, "POST") == 0 || (scheme_takes_get(&d->endpoint->scheme) && strcmp(r->method, "GET") == 0))
		return GO_ON;
	return OUTCOME_METHOD;
}

/* Nothing of the delivery can prove who sent it. Where the secret stands in the body, only its reading tells. */
static bool lacks_proof(const struct request *r, const struct endpoint *e)
{
	const struct scheme *s = &e->scheme;
	const char *value, *other = s->other_headers.signature;

	if (s->algorithm == ALGORITHM_CLIENT_STATE)
		return false;
	if (s->algorithm == ALGORITHM_NONE)
		return e->authorizations.n == 0 && e->certificates.n == 0;
	return request_header(r, s->header, &value) == HEADER_ABSENT && (!other || request_header(r, other, &value) == HEADER_ABSENT);
}

/* An unexpected Content-Type is refused unread where nothing can be verified. Otherwise a delivery that is signed right is kept. */
static enum outcome check_type(const struct request *r, const struct endpoint *e)
{
	return content_expected(r, &e->scheme) || !lacks_proof(r, e) ? GO_ON : OUTCOME_CONTENT_TYPE;
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
	if (!verify_secret(&d->endpoint->authorizations, (struct slice){r->authorization, strlen(r->authorization)}))
		return because(d, "wrong Authorization", OUTCOME_UNAUTHORIZED);
	d->proven = d->endpoint->scheme.algorithm == ALGORITHM_NONE;
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

/* A probe that is unsigned, and of which nothing is stored. */
static enum outcome check_probe(const struct request *r, struct delivery *d)
{
	return handshake_unsigned(r, d->endpoint, &d->event.form, &d->challenge) == HANDSHAKE_ANSWERED ? OUTCOME_CHALLENGE : GO_ON;
}

/* No stranger's bytes are unpacked, so a signature over the plain bytes can't be checked: the sender is told how (RFC 9110 section 15.5.16). */
static enum outcome wrong_signature(const struct request *r, struct delivery *d)
{
	if (strcmp(d->verify.reason, "wrong signature") != 0 || !r->coding)
		return because(d, d->verify.reason, OUTCOME_UNAUTHORIZED);
	return because(d, "wrong signature for the packed bytes that came (Content-Encoding); what is sent must be what is signed",
		OUTCOME_ENCODING);
}

static enum outcome check_signature(const struct request *r, struct delivery *d)
{
	struct verify *v = &d->verify;

	switch (verify_delivery(r, d->endpoint, d->received_at, v)) {
	case VERIFY_OK:
		d->secret = v->secret;
		d->proven |= v->secret != 0;
		return GO_ON;
	case VERIFY_WRONG:
		return wrong_signature(r, d);
	case VERIFY_UNAVAILABLE:
		break;
	}
	return because(d, v->reason, OUTCOME_UNAVAILABLE);
}

static enum outcome parse(const struct request *r, struct delivery *d)
{
	switch (event_read(r, &d->endpoint->scheme, verify_first_signature(&d->verify), &d->event)) {
	case EVENT_OK:
		return GO_ON;
	case EVENT_UNAVAILABLE:
		return because(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	case EVENT_MALFORMED:
		d->unread = true;
		break;
	case EVENT_NAMELESS:
		break;
	}
	d->note = d->event.reason;
	return GO_ON;
}

/* What was signed right is kept, whether or not it can be read; the rest is refused for what is in it. */
static enum outcome check_content(const struct request *r, struct delivery *d)
{
	bool expected = content_expected(r, &d->endpoint->scheme);

	if (!d->proven && !expected)
		return OUTCOME_CONTENT_TYPE;
	if (d->note && (!d->proven || (d->unread && verify_id_touches_body(&d->endpoint->scheme))))
		return because(d, d->note, OUTCOME_MALFORMED);
	if (!d->note && !expected && *r->content_type)
		d->note = "the Content-Type is not one that this endpoint takes";
	return GO_ON;
}

/* Where the secret stands in the body, it could not be looked at before. */
static enum outcome check_client_state(const struct request *r, struct delivery *d)
{
	if (d->endpoint->scheme.algorithm != ALGORITHM_CLIENT_STATE || d->unread)
		return GO_ON; /* what cannot be read proves nothing */
	switch (client_state_check(r, d->endpoint, &d->event, &d->secret)) {
	case CLIENT_STATE_OK:
		d->proven = true;
		return GO_ON;
	case CLIENT_STATE_ABSENT:
		return because(d, "no secret in the body, or in one of its notifications", OUTCOME_UNAUTHORIZED);
	case CLIENT_STATE_WRONG:
		return because(d, "wrong secret in the body", OUTCOME_UNAUTHORIZED);
	case CLIENT_STATE_UNAVAILABLE:
		break;
	}
	return because(d, "memory is short", OUTCOME_UNAVAILABLE);
}

static enum outcome check_handshake(struct delivery *d)
{
	switch (handshake_event(&d->event, d->endpoint, &d->challenge)) {
	case HANDSHAKE_ANSWERED:
		return OUTCOME_CHALLENGE;
	case HANDSHAKE_UNAVAILABLE:
		return because(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	default:
		return GO_ON;
	}
}

/*
 * An event that cannot be read, or has no name, is not known to be left out: it is kept, unless its account is another. A
 * delivery with several events or accounts is kept: one of them may be wanted.
 */
static enum outcome filter(struct delivery *d)
{
	const struct event *ev = &d->event;
	const struct slice *field = ev->field;

	if (field[FIELD_EVENT].p && !(ev->several & 1U << FIELD_EVENT) && !strlist_match(&d->endpoint->events, field[FIELD_EVENT]))
		return because(d, "event not in events", OUTCOME_IGNORED);
	if (!d->unread && (field[FIELD_EVENT].p || field[FIELD_ACCOUNT].p) && !(ev->several & 1U << FIELD_ACCOUNT) &&
	    !strlist_match(&d->endpoint->accounts, field[FIELD_ACCOUNT]))
		return because(d, "account not in accounts", OUTCOME_IGNORED);
	return GO_ON;
}

static enum outcome judge_body(const struct request *r, struct delivery *d)
{
	enum outcome o;

	if ((o = check_probe(r, d)) != GO_ON ||
	    (o = check_signature(r, d)) != GO_ON || /* before any parser sees the bytes */
	    (o = parse(r, d)) != GO_ON ||
	    (o = check_client_state(r, d)) != GO_ON ||
	    (o = check_content(r, d)) != GO_ON ||
	    (o = check_handshake(d)) != GO_ON ||
	    (o = filter(d)) != GO_ON)
		return o;
	return keep_headers(r, d) ? GO_ON : because(d, "no memory for the headers", OUTCOME_UNAVAILABLE);
}

static enum outcome judge(struct request *r, const struct conf *c, struct delivery *d)
{
	enum outcome o;

	d->endpoint = conf_endpoint(c, r->path);
	if (!d->endpoint)
		return not_found(r, c, d);
	if ((o = check_caller(r, d)) != GO_ON ||
	    (o = check_rate(r, c, d)) != GO_ON ||
	    (o = check_method(r, d)) != GO_ON ||
	    (o = check_type(r, d->endpoint)) != GO_ON ||
	    (o = check_length(r, d)) != GO_ON ||
	    (o = check_authorization(r, d)) != GO_ON ||
	    (o = read_body(r, d)) != GO_ON)
		return o;
	return judge_body(r, d);
}

/* All but the memory that is used again. */
static void begin(struct delivery *d)
{
	d->endpoint = NULL;
	d->id = d->retry_after = d->answered = 0;
	d->secret = 0;
	d->store = STORE_NOT_ASKED;
	d->quarantined = d->proven = d->unread = false;
	d->reason = d->note = NULL;
	d->headers.len = 0;
	d->verify.n_signatures = 0;
	memset(d->event.field, 0, sizeof d->event.field);
	d->event.id = (struct slice){0};
	d->received_at = clock_now();
	d->started = clock_mono_us();
}

bool handle(struct request *r, const struct conf *c, struct delivery *d)
{
	begin(d);
	d->outcome = judge(r, c, d);
	if (d->outcome == GO_ON) {
		keep_event(r, d);
		return true;
	}
	keep_refused(r, d);
	d->quarantined = c->reject_bodies && d->endpoint && r->body.len > 0 && outcome_noted(d->outcome);
	if (d->quarantined) {
		d->headers.len = 0;
		d->quarantined = stored_headers(r, &d->endpoint->scheme, &d->headers);
	}
	return false;
}

bool handle_again(const struct request *r, const struct endpoint *e, int64_t received_at, struct delivery *d)
{
	begin(d);
	d->endpoint = e;
	d->received_at = received_at;
	d->outcome = judge_body(r, d);
	if (d->outcome == GO_ON)
		keep_event(r, d);
	return d->outcome == GO_ON;
}

/* A stored event, or a duplicate of one that is worth a word. */
static void take_stored(struct delivery *d)
{
	const struct spool_event *ev = &d->stored;

	d->id = ev->id;
	d->outcome = ev->duplicate ? OUTCOME_DUPLICATE : OUTCOME_STORED;
	if (ev->altered)
		snprintf(d->why, sizeof d->why, "other bytes than event %lld has under this id", (long long)ev->id);
	else if (ev->same_as && ev->duplicate)
		snprintf(d->why, sizeof d->why, "same bytes as event %lld under another id, within replay-window", (long long)ev->id);
	else if (ev->same_as)
		snprintf(d->why, sizeof d->why, "%s%ssame bytes as event %lld", ev->note ? ev->note : "", ev->note ? "; " : "", (long long)ev->same_as);
	else
		return;
	if (ev->duplicate)
		d->reason = d->why;
	else
		d->note = d->why;
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
			take_stored(d[i]);
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
	keep_refused(r, d);
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

size_t handle_memory(const struct delivery *d)
{
	const struct buf *all[] = {&d->event.arena, &d->event.headers, &d->event.joined, &d->event.form.arena, &d->verify.scratch.text,
		&d->verify.scratch.form.arena, &d->verify.url, &d->challenge.body, &d->headers};
	size_t param = sizeof *d->event.form.param, most = larger(d->event.form.cap * param, d->verify.scratch.form.cap * param);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		most = larger(most, all[i]->cap);
	return most;
}

void handle_free(struct delivery *d)
{
	event_free(&d->event);
	verify_free(&d->verify);
	buf_free(&d->challenge.body);
	buf_free(&d->headers);
	*d = (struct delivery){0};
}
