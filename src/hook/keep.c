/* SPDX-License-Identifier: ISC */
/* What is kept of a delivery: its event, with the headers that prove it; or what `hookspool rejects` shows of a refused one. */
#include "hook/keep.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hook/stored.h"

static bool add_header_line(struct buf *b, const char *name, const char *value)
{
	return buf_add(b, name, strlen(name)) && buf_add(b, ": ", 2) && buf_add(b, value, strlen(value)) && buf_add(b, "\n", 1);
}

/* A header that is there once. */
static bool keep_header(const struct request *r, const char *name, struct delivery *d)
{
	const char *value;

	return request_header(r, name, &value) != HEADER_ONE || add_header_line(&d->headers, name, value);
}

static bool is_proof(const struct scheme *s, const char *name)
{
	for (size_t i = 0; verify_header(s, i); i++)
		if (strcasecmp(name, verify_header(s, i)) == 0)
			return true;
	return false;
}

/* A source before this one has the same header. */
static bool is_repeated(const struct scheme *s, const struct source *source)
{
	for (const struct source *before = &s->source[0][0]; before < source; before++)
		if (before->kind == SOURCE_HEADER && strcasecmp(before->name, source->name) == 0)
			return true;
	return false;
}

/* The headers that fields were taken from. */
static bool keep_sources(const struct request *r, const struct scheme *s, struct delivery *d)
{
	bool ok = true;

	for (int f = 0; f < FIELD_COUNT; f++)
		for (const struct source *source = s->source[f]; ok && source < s->source[f] + SCHEME_SOURCES && source->kind; source++)
			if (source->kind == SOURCE_HEADER && !is_proof(s, source->name) && !is_repeated(s, source))
				ok = keep_header(r, source->name, d);
	return ok;
}

bool keep_headers(const struct request *r, struct delivery *d)
{
	const struct scheme *s = &d->endpoint->scheme;
	bool ok = true;

	for (size_t i = 0; ok && !scheme_bears_secret(s) && verify_header(s, i); i++)
		ok = keep_header(r, verify_header(s, i), d);
	ok = ok && keep_sources(r, s, d);
	if (ok && *r->query && scheme_needs_query(s))
		ok = stored_query(r, s, &d->headers);
	if (ok && r->coding)
		ok = keep_header(r, "Content-Encoding", d);
	return ok && add_header_line(&d->headers, "Content-Type", r->content_type);
}

/*
 * What tells whether a delivery is the same again: the signed string, where that has the URL or a form. A GET has no body, and a
 * form is signed sorted and decoded: written in another way it is the same delivery. With a time in it, each retry has another.
 */
static struct slice bytes_of(const struct delivery *d)
{
	const struct scheme *s = &d->endpoint->scheme;
	bool whole = (scheme_signs(s, PLACEHOLDER_FORM) || scheme_signs_url(s)) && !scheme_signs(s, PLACEHOLDER_TIMESTAMP);

	return whole ? d->verify.message : (struct slice){0};
}

void keep_event(const struct request *r, struct delivery *d)
{
	static const enum spool_identity identities[] = {
		[IDENTITY_NONE] = SPOOL_IDENTITY_NONE, [IDENTITY_BODY] = SPOOL_IDENTITY_BODY,
		[IDENTITY_SIGNED] = SPOOL_IDENTITY_SIGNED, [IDENTITY_UNSIGNED] = SPOOL_IDENTITY_UNSIGNED,
	};
	const struct slice *field = d->event.field;

	d->stored = (struct spool_event){
		.endpoint = d->endpoint->path,
		.event = field[FIELD_EVENT].p ? field[FIELD_EVENT] : slice_text(""),
		.note = d->note,
		.key = field[FIELD_KEY],
		.identity = identities[d->event.identity],
		.plain_id = d->event.id,
		.dedupe_window = d->endpoint->dedupe_window,
		.replay_window = d->endpoint->replay_window,
		.account = field[FIELD_ACCOUNT],
		.sender_id = field[FIELD_SENDER_ID],
		.sender_name = field[FIELD_SENDER_NAME],
		.conversation = field[FIELD_CONVERSATION],
		.sent_at = field[FIELD_SENT_AT],
		.text = field[FIELD_TEXT],
		.headers = {d->headers.data, d->headers.len},
		.body = {r->body.data, r->body.len},
		.bytes = bytes_of(d),
		.signature = scheme_signs_url(&d->endpoint->scheme) ? verify_first_signature(&d->verify) : (struct slice){0},
		.remote_addr = r->remote_addr,
		.received_at = d->received_at,
		.deadline = d->answer_by,
		.secret = d->secret,
		.several_events = d->event.several & 1U << FIELD_EVENT,
		.several_accounts = d->event.several & 1U << FIELD_ACCOUNT,
		.relay = d->endpoint->relay,
		.n_relay = d->endpoint->n_relay,
		.store = d->endpoint->store,
		.n_store = d->endpoint->n_store,
	};
}

/* The delivery has a proof, right or wrong. It is kept before deliveries without one, which any stranger can send. */
static bool has_proof(const struct request *r, const struct delivery *d)
{
	const struct endpoint *e = d->endpoint;
	const char *value;

	if (!e)
		return false;
	return d->secret || d->verify.n_signatures || (e->authorizations.n && r->authorization) ||
		(e->scheme.algorithm == ALGORITHM_SECRET && (e->scheme.header ? request_header(r, e->scheme.header, &value) == HEADER_ONE : d->verify.value.p != NULL)) ||
		(e->scheme.algorithm == ALGORITHM_CLIENT_STATE && d->event.field[FIELD_CLIENT_STATE].p);
}

void keep_refused(const struct request *r, struct delivery *d)
{
	snprintf(d->method, sizeof d->method, "%s", r->method);
	snprintf(d->content_type, sizeof d->content_type, "%s", r->content_type);
	d->is_signed = has_proof(r, d);
}
