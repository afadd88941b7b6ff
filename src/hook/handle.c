/* SPDX-License-Identifier: ISC */
/* A delivery from request to outcome: judge() is the map, one step a line. */
#include "hook/handle.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "hook/keep.h"
#include "hook/step.h"
#include "hook/stored.h"

static enum outcome judge_body(const struct request *r, struct delivery *d)
{
	enum outcome o;

	if ((o = step_probe(r, d)) != STEP_GO_ON ||
	    (o = step_signature(r, d)) != STEP_GO_ON || /* before any parser sees the bytes */
	    (o = step_parse(r, d)) != STEP_GO_ON ||
	    (o = step_client_state(r, d)) != STEP_GO_ON ||
	    (o = step_content(r, d)) != STEP_GO_ON ||
	    (o = step_handshake(r, d)) != STEP_GO_ON ||
	    (o = step_filters(d)) != STEP_GO_ON)
		return o;
	return keep_headers(r, d) ? STEP_GO_ON : step_reject(d, "no memory for the headers", OUTCOME_UNAVAILABLE);
}

static enum outcome judge(struct request *r, const struct conf *c, struct delivery *d)
{
	enum outcome o;

	d->endpoint = conf_endpoint(c, r->path);
	if (!d->endpoint)
		return step_not_found(r, c, d);
	if ((o = step_caller(r, d)) != STEP_GO_ON ||
	    (o = step_rate(r, c, d)) != STEP_GO_ON ||
	    (o = step_method(r, d)) != STEP_GO_ON ||
	    (o = step_type(r, d->endpoint)) != STEP_GO_ON ||
	    (o = step_length(r, d)) != STEP_GO_ON ||
	    (o = step_authorization(r, d)) != STEP_GO_ON ||
	    (o = step_body(r, d)) != STEP_GO_ON)
		return o;
	return judge_body(r, d);
}

/* Clears the last delivery, but keeps its memory. */
static void clear_last(struct delivery *d)
{
	d->endpoint = NULL;
	d->id = d->retry_after = d->answered = 0;
	d->secret = 0;
	d->store = STORE_NOT_ASKED;
	d->quarantined = d->proven = d->unread = false;
	d->reason = d->note = NULL;
	d->headers.len = 0;
	d->verify.n_signatures = 0;
	d->verify.value = (struct slice){0};
	memset(d->event.field, 0, sizeof d->event.field);
	d->event.id = (struct slice){0};
	d->received_at = clock_now();
	d->started = clock_mono_us();
}

/* A handshake whose question is a secret that the administrator needs. */
static bool brought_secret(const struct delivery *d)
{
	return d->outcome == OUTCOME_CHALLENGE && d->challenge.secret.len;
}

bool handle(struct request *r, const struct conf *c, struct delivery *d)
{
	clear_last(d);
	d->outcome = judge(r, c, d);
	if (d->outcome == STEP_GO_ON) {
		keep_event(r, d);
		return true;
	}
	keep_refused(r, d);
	d->quarantined = (c->reject_bodies && d->endpoint && r->body.len > 0 && outcome_noted(d->outcome)) || brought_secret(d);
	if (brought_secret(d))
		d->reason = "it brought a secret; hookspool rejects with its ID shows that";
	if (d->quarantined) {
		d->headers.len = 0;
		d->quarantined = stored_headers(r, &d->endpoint->scheme, &d->headers);
	}
	return false;
}

bool handle_again(const struct request *r, const struct endpoint *e, int64_t received_at, struct delivery *d)
{
	clear_last(d);
	d->endpoint = e;
	d->received_at = received_at;
	d->outcome = judge_body(r, d);
	if (d->outcome == STEP_GO_ON)
		keep_event(r, d);
	return d->outcome == STEP_GO_ON;
}

/* Takes over what the spool says of a stored event: its id, and whether it is a duplicate. */
static void take_stored(struct delivery *d)
{
	const struct spool_event *ev = &d->stored;

	d->id = ev->id;
	d->outcome = ev->duplicate ? OUTCOME_DUPLICATE : OUTCOME_STORED;
	if (ev->overflowed)
		snprintf(d->why, sizeof d->why, "%s%sin the overflow; the id is that of the overflow", ev->note ? ev->note : "", ev->note ? "; " : "");
	else if (ev->altered)
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
		if (ok && !d[i]->stored.refused) {
			take_stored(d[i]);
		} else {
			snprintf(d[i]->why, sizeof d[i]->why, "%s", ok ? "the database refuses this event; its log says why" : why);
			d[i]->outcome = step_reject(d[i], d[i]->why, OUTCOME_UNAVAILABLE);
		}
	}
}

void handle_refuse(const struct request *r, const struct conf *c, enum outcome outcome, struct delivery *d)
{
	clear_last(d);
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
	const struct buf *all[] = {&d->event.arena, &d->event.headers, &d->event.joined, &d->event.form.arena, &d->event.query.arena, &d->verify.scratch.text,
		&d->verify.scratch.form.arena, &d->verify.url, &d->verify.token,
		&d->verify.values.names, &d->verify.values.arena, &d->verify.values.form.arena, &d->verify.values.query.arena, &d->challenge.body, &d->challenge.headers, &d->headers};
	const struct form *forms[] = {&d->event.form, &d->event.query, &d->verify.scratch.form, &d->verify.values.form, &d->verify.values.query};
	size_t most = 0;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		most = larger(most, forms[i]->cap * sizeof *forms[i]->param);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		most = larger(most, all[i]->cap);
	return most;
}

void handle_free(struct delivery *d)
{
	event_free(&d->event);
	verify_free(&d->verify);
	handshake_free(&d->challenge);
	buf_free(&d->headers);
	*d = (struct delivery){0};
}
