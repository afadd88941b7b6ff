/* SPDX-License-Identifier: ISC */
/* The checks that a delivery must pass. handle.c has their order. */
#include "hook/step.h"

#include <stdio.h>
#include <string.h>

#include "hook/client_state.h"
#include "hook/content.h"

enum outcome step_reject(struct delivery *d, const char *reason, enum outcome o)
{
	d->reason = reason;
	return o;
}

enum outcome step_not_found(const struct request *r, const struct conf *c, struct delivery *d)
{
	char path[sizeof r->path + 1];
	size_t n = strlen(r->path);

	if (n == 0)
		return step_reject(d, "no path, or one of more than 1023 bytes", OUTCOME_NOT_FOUND);
	snprintf(path, sizeof path, "%s/", r->path);
	if (conf_endpoint(c, path)) {
		snprintf(d->why, sizeof d->why, "endpoint %.200s exists with a slash at its end", path);
		return step_reject(d, d->why, OUTCOME_NOT_FOUND);
	}
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	if (!conf_endpoint(c, path))
		return OUTCOME_NOT_FOUND;
	snprintf(d->why, sizeof d->why, "endpoint %.200s exists without the slash", path);
	return step_reject(d, d->why, OUTCOME_NOT_FOUND);
}

/* nginx and Apache's mod_ssl set SSL_CLIENT_VERIFY. No client can. */
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

enum outcome step_caller(const struct request *r, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;

	if (e->allow.n && !cidr_match(&e->allow, r->remote_addr))
		return step_reject(d, "address not in allow", OUTCOME_FORBIDDEN);
	if (e->certificates.n && !has_certificate(r, &e->certificates))
		return step_reject(d, "no verified certificate of client-certificate", OUTCOME_FORBIDDEN);
	d->proven = e->certificates.n && e->scheme.algorithm == ALGORITHM_NONE;
	return STEP_GO_ON;
}

enum outcome step_rate(const struct request *r, const struct conf *c, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;

	d->retry_after = e->rate.n ? rate_take(&e->rate, c->dir, e->path, r->remote_addr) : 0;
	return d->retry_after ? OUTCOME_RATE_LIMITED : STEP_GO_ON;
}

/* Nothing is at the places of the proof. The body was not read: there it may be. */
static bool lacks_places(const struct request *r, const struct scheme *s)
{
	const char *value;

	for (const struct source *place = s->place; place < s->place + SCHEME_PLACES && place->kind; place++)
		if (place->kind == SOURCE_HEADER ? request_header(r, place->name, &value) != HEADER_ABSENT
			: place->kind != SOURCE_QUERY || strstr(r->query, place->name))
			return false;
	return true;
}

/* Nothing of the delivery can prove its sender. Where the secret stands in the body, only its reading tells. */
static bool lacks_proof(const struct request *r, const struct endpoint *e)
{
	const struct scheme *s = &e->scheme;
	const char *value, *other = s->other_headers.signature;

	if (s->algorithm == ALGORITHM_CLIENT_STATE)
		return false;
	if (s->algorithm == ALGORITHM_NONE)
		return e->authorizations.n == 0 && e->certificates.n == 0;
	if (s->place[0].kind)
		return lacks_places(r, s);
	return request_header(r, s->header, &value) == HEADER_ABSENT && (!other || request_header(r, other, &value) == HEADER_ABSENT);
}

enum outcome step_method(const struct request *r, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;

	switch (!e->scheme.handshakes[0].name ? HANDSHAKE_ABSENT : handshake_head(r, e, lacks_proof(r, e), &d->event.form, &d->challenge)) {
	case HANDSHAKE_ANSWERED:
		return OUTCOME_CHALLENGE;
	case HANDSHAKE_REFUSED:
		return step_reject(d, "wrong verify token", OUTCOME_UNAUTHORIZED);
	case HANDSHAKE_UNAVAILABLE:
		return step_reject(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	case HANDSHAKE_ABSENT:
		break;
	}
	if (strcmp(r->method, "POST") == 0 || (scheme_takes_get(&e->scheme) && strcmp(r->method, "GET") == 0))
		return STEP_GO_ON;
	return OUTCOME_METHOD;
}

enum outcome step_type(const struct request *r, const struct endpoint *e)
{
	return content_expected(r, &e->scheme) || !lacks_proof(r, e) ? STEP_GO_ON : OUTCOME_CONTENT_TYPE;
}

enum outcome step_length(const struct request *r, struct delivery *d)
{
	if (r->length_wrong)
		return step_reject(d, "Content-Length is not a number", OUTCOME_INCOMPLETE);
	return r->length_known && r->length > d->endpoint->max_body ? OUTCOME_TOO_LARGE : STEP_GO_ON;
}

enum outcome step_authorization(const struct request *r, struct delivery *d)
{
	if (d->endpoint->authorizations.n == 0)
		return STEP_GO_ON;
	if (!r->authorization)
		return step_reject(d, "no Authorization header reached us", OUTCOME_UNAUTHORIZED);
	if (!verify_secret(&d->endpoint->authorizations, (struct slice){r->authorization, strlen(r->authorization)}))
		return step_reject(d, "wrong Authorization", OUTCOME_UNAUTHORIZED);
	d->proven = d->endpoint->scheme.algorithm == ALGORITHM_NONE;
	return STEP_GO_ON;
}

enum outcome step_body(struct request *r, struct delivery *d)
{
	switch (request_read_body(r, d->endpoint->max_body)) {
	case BODY_OK:
		return STEP_GO_ON;
	case BODY_TOO_LARGE:
		return OUTCOME_TOO_LARGE;
	case BODY_TIMEOUT:
		return OUTCOME_TIMEOUT;
	case BODY_NO_MEMORY:
		return step_reject(d, "no memory for the body", OUTCOME_UNAVAILABLE);
	case BODY_SHORT:
		break;
	}
	return step_reject(d, "the body is not as long as announced", OUTCOME_INCOMPLETE);
}

enum outcome step_probe(const struct request *r, struct delivery *d)
{
	const struct endpoint *e = d->endpoint;

	if (!handshake_is_in_unsigned_body(&e->scheme) || !lacks_proof(r, e))
		return STEP_GO_ON;
	switch (handshake_unsigned(r, e, &d->event, &d->challenge)) {
	case HANDSHAKE_ANSWERED:
		return OUTCOME_CHALLENGE;
	case HANDSHAKE_UNAVAILABLE:
		return step_reject(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	default:
		return STEP_GO_ON;
	}
}

/*
 * The receiver does not unpack bytes that nothing has proven, so it cannot check a signature over the plain bytes. The answer
 * tells the sender (RFC 9110 section 15.5.16).
 */
static enum outcome wrong_signature(const struct request *r, struct delivery *d)
{
	if (strcmp(d->verify.reason, "wrong signature") != 0 || !r->coding)
		return step_reject(d, d->verify.reason, OUTCOME_UNAUTHORIZED);
	return step_reject(d, "wrong signature for the packed bytes that came (Content-Encoding); what is sent must be what is signed",
		OUTCOME_ENCODING);
}

enum outcome step_signature(const struct request *r, struct delivery *d)
{
	struct verify *v = &d->verify;

	switch (verify_delivery(r, d->endpoint, d->received_at, v)) {
	case VERIFY_OK:
		d->secret = v->secret;
		d->proven |= v->secret != 0;
		return STEP_GO_ON;
	case VERIFY_WRONG:
		return wrong_signature(r, d);
	case VERIFY_UNAVAILABLE:
		break;
	}
	return step_reject(d, v->reason, OUTCOME_UNAVAILABLE);
}

enum outcome step_parse(const struct request *r, struct delivery *d)
{
	switch (event_read(r, &d->endpoint->scheme, verify_first_signature(&d->verify), &d->event)) {
	case EVENT_OK:
		return STEP_GO_ON;
	case EVENT_UNAVAILABLE:
		return step_reject(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	case EVENT_MALFORMED:
		d->unread = true;
		break;
	case EVENT_NAMELESS:
		break;
	}
	d->note = d->event.reason;
	return STEP_GO_ON;
}

enum outcome step_content(const struct request *r, struct delivery *d)
{
	bool expected = content_expected(r, &d->endpoint->scheme);

	if (!d->proven && !expected)
		return OUTCOME_CONTENT_TYPE;
	if (d->note && (!d->proven || (d->unread && verify_needs_reading(&d->endpoint->scheme))))
		return step_reject(d, d->note, OUTCOME_MALFORMED);
	if (!d->note && !expected && *r->content_type)
		d->note = "the Content-Type is not one that this endpoint takes";
	return STEP_GO_ON;
}

enum outcome step_client_state(const struct request *r, struct delivery *d)
{
	if (d->endpoint->scheme.algorithm != ALGORITHM_CLIENT_STATE || d->unread)
		return STEP_GO_ON; /* what cannot be read proves nothing */
	switch (client_state_check(r, d->endpoint, &d->event, &d->secret)) {
	case CLIENT_STATE_OK:
		d->proven = true;
		return STEP_GO_ON;
	case CLIENT_STATE_ABSENT:
		return step_reject(d, "no secret in the body, or in one of its notifications", OUTCOME_UNAUTHORIZED);
	case CLIENT_STATE_WRONG:
		return step_reject(d, "wrong secret in the body", OUTCOME_UNAUTHORIZED);
	case CLIENT_STATE_UNAVAILABLE:
		break;
	}
	return step_reject(d, "memory is short", OUTCOME_UNAVAILABLE);
}

enum outcome step_handshake(const struct request *r, struct delivery *d)
{
	switch (handshake_event(r, d->endpoint, &d->event, &d->challenge)) {
	case HANDSHAKE_ANSWERED:
		return OUTCOME_CHALLENGE;
	case HANDSHAKE_UNAVAILABLE:
		return step_reject(d, "memory is short, or OpenSSL failed", OUTCOME_UNAVAILABLE);
	default:
		return STEP_GO_ON;
	}
}

enum outcome step_filters(struct delivery *d)
{
	const struct event *ev = &d->event;
	const struct slice *field = ev->field;

	if (field[FIELD_EVENT].p && !(ev->several & 1U << FIELD_EVENT) && !strlist_match(&d->endpoint->events, field[FIELD_EVENT]))
		return step_reject(d, "event not in events", OUTCOME_IGNORED);
	if (!d->unread && (field[FIELD_EVENT].p || field[FIELD_ACCOUNT].p) && !(ev->several & 1U << FIELD_ACCOUNT) &&
	    !strlist_match(&d->endpoint->accounts, field[FIELD_ACCOUNT]))
		return step_reject(d, "account not in accounts", OUTCOME_IGNORED);
	return STEP_GO_ON;
}
