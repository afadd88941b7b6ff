/* SPDX-License-Identifier: ISC */
/* Answers handshakes: how a provider asks whether an endpoint is real. */
#include "hook/handshake.h"

#include <string.h>

#include "hook/content.h"
#include "hook/verify.h"

/* A challenge may have these characters. None of them has a meaning in HTML, JSON or a header. */
static bool echoable(struct slice challenge)
{
	static const char marks[] = " -_.~+/=:,;()@";

	for (size_t i = 0; i < challenge.n; i++) {
		char c = challenge.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (!c || !strchr(marks, c)))
			return false;
	}
	return challenge.n > 0 && challenge.n <= HANDSHAKE_CHALLENGE_MAX;
}

bool handshake_signs(const struct scheme *s, struct slice text)
{
	return scheme_signs_for_strangers(s) && echoable(text);
}

/* Appends the HMAC with the first secret. Of several secrets the first is the one that stays. */
static bool add_mac(struct buf *b, const struct endpoint *e, struct slice challenge, enum encoding encoding)
{
	unsigned char mac[KEY_SIGNATURE_MAX];
	char text[2 * KEY_SIGNATURE_MAX + 1];
	const struct key *key = e->secrets.item[0].key;

	if (!key_sign(key, challenge.p, challenge.n, mac))
		return false;
	encode(encoding, mac, key_signature_size(key), text);
	return buf_add(b, text, strlen(text));
}

/* Appends a text of the answer, with the challenge and its HMAC in it. */
static bool add_answer_text(struct buf *b, const struct endpoint *e, const char *text, struct slice challenge)
{
	enum handshake_part part;
	struct slice literal;
	bool ok = true;

	while (ok && handshake_next(&text, &part, &literal)) {
		switch (part) {
		case HANDSHAKE_LITERAL:
			ok = buf_add(b, literal.p, literal.n);
			break;
		case HANDSHAKE_CHALLENGE:
			ok = buf_add(b, challenge.p, challenge.n);
			break;
		case HANDSHAKE_HMAC_HEX:
			ok = add_mac(b, e, challenge, ENCODING_HEX);
			break;
		case HANDSHAKE_HMAC_BASE64:
			ok = add_mac(b, e, challenge, ENCODING_BASE64);
			break;
		}
	}
	return ok;
}

static enum handshake_result answer_question(const struct endpoint *e, const struct handshake *h, struct slice challenge, struct handshake_answer *a)
{
	bool ok = true;

	if ((handshake_echoes(h) && !echoable(challenge)) || (h->keep && challenge.n > HANDSHAKE_CHALLENGE_MAX))
		return HANDSHAKE_ABSENT;
	a->status = h->status;
	a->type = h->type;
	a->body.len = a->headers.len = a->secret.len = 0;
	if (h->keep)
		ok = buf_add(&a->secret, challenge.p, challenge.n);
	for (int i = 0; ok && i < HANDSHAKE_HEADERS && h->headers[i]; i++)
		ok = add_answer_text(&a->headers, e, h->headers[i], challenge) && buf_add(&a->headers, "\r\n", 2);
	ok = ok && (!h->body || add_answer_text(&a->body, e, h->body, challenge));
	return ok ? HANDSHAKE_ANSWERED : HANDSHAKE_UNAVAILABLE;
}

/* The name behind the "header:" or the like of a question. */
static const char *name_of(const struct handshake *h)
{
	return strchr(h->question, ':') + 1;
}

static enum handshake_result ask_in_query(const struct request *r, const struct endpoint *e, const struct handshake *h, struct form *query,
	struct handshake_answer *a)
{
	struct slice challenge;

	if (!strstr(r->query, name_of(h)))
		return HANDSHAKE_ABSENT;
	switch (form_parse(query, r->query, strlen(r->query))) {
	case FORM_OK:
		break;
	case FORM_MALFORMED:
		return HANDSHAKE_ABSENT;
	case FORM_NO_MEMORY:
		return HANDSHAKE_UNAVAILABLE;
	}
	challenge = form_value(query, name_of(h));
	if (!challenge.p)
		return HANDSHAKE_ABSENT;
	if (h->token && !verify_secret(&e->verify_tokens, form_value(query, h->token)))
		return HANDSHAKE_REFUSED;
	return answer_question(e, h, challenge, a);
}

static enum handshake_result ask_in_header(const struct request *r, const struct endpoint *e, const struct handshake *h,
	struct handshake_answer *a)
{
	const char *value;

	if (request_header(r, name_of(h), &value) != HEADER_ONE || !*value)
		return HANDSHAKE_ABSENT;
	return answer_question(e, h, slice_text(value), a);
}

static bool has_method(const struct request *r, enum handshake_method method)
{
	static const char *const names[] = {"POST", "GET", "HEAD", "OPTIONS"};

	return strcmp(r->method, names[method]) == 0;
}

enum handshake_result handshake_head(const struct request *r, const struct endpoint *e, bool lacks_proof, struct form *query,
	struct handshake_answer *a)
{
	const struct handshake *h = e->scheme.handshakes, *end = h + SCHEME_HANDSHAKES;
	enum handshake_result result = HANDSHAKE_ABSENT;

	for (; result == HANDSHAKE_ABSENT && h < end && h->name; h++) {
		if (!handshake_is_open(h) || !has_method(r, h->method))
			continue;
		if (h->place == HANDSHAKE_IN_QUERY)
			result = ask_in_query(r, e, h, query, a);
		else if (h->place == HANDSHAKE_IN_HEADER && (h->method != HANDSHAKE_POST || lacks_proof))
			result = ask_in_header(r, e, h, a);
		else if (h->place == HANDSHAKE_NOWHERE)
			result = answer_question(e, h, (struct slice){0}, a);
	}
	return result;
}

static bool is(struct slice s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* The form has no parameters but the question and the one that may stand beside it. */
static bool stands_alone(const struct form *form, const struct handshake *h)
{
	for (size_t i = 0; h->beside && i < form->n; i++)
		if (!is(form->param[i].name, name_of(h)) && !is(form->param[i].name, h->beside))
			return false;
	return true;
}

/* The question in a body that was read. */
static enum handshake_result ask_in_body(const struct endpoint *e, const struct handshake *h, const struct event *ev, struct handshake_answer *a)
{
	struct slice challenge = h->place == HANDSHAKE_IN_FORM ? form_value(&ev->form, name_of(h)) : ev->field[FIELD_CHALLENGE];

	if (h->place == HANDSHAKE_NOWHERE)
		return answer_question(e, h, (struct slice){0}, a);
	if (!challenge.p || (h->value && !is(challenge, h->value)) || (h->place == HANDSHAKE_IN_FORM && !stands_alone(&ev->form, h)))
		return HANDSHAKE_ABSENT;
	return answer_question(e, h, challenge, a);
}

static bool is_for_event(const struct handshake *h, const struct event *ev)
{
	return !h->event || is(ev->field[FIELD_EVENT], h->event);
}

static bool is_in_body(const struct handshake *h)
{
	return h->place == HANDSHAKE_IN_CHALLENGE || h->place == HANDSHAKE_IN_FORM;
}

bool handshake_is_in_unsigned_body(const struct scheme *s)
{
	for (const struct handshake *h = s->handshakes; h < s->handshakes + SCHEME_HANDSHAKES && h->name; h++)
		if (h->method == HANDSHAKE_POST && handshake_is_open(h) && is_in_body(h))
			return true;
	return false;
}

enum handshake_result handshake_event(const struct request *r, const struct endpoint *e, const struct event *ev, struct handshake_answer *a)
{
	const struct handshake *h = e->scheme.handshakes, *end = h + SCHEME_HANDSHAKES;
	enum handshake_result result = HANDSHAKE_ABSENT;

	for (; result == HANDSHAKE_ABSENT && h < end && h->name; h++) {
		if (h->method != HANDSHAKE_POST || h->place == HANDSHAKE_IN_QUERY || !is_for_event(h, ev))
			continue;
		result = h->place == HANDSHAKE_IN_HEADER ? ask_in_header(r, e, h, a) : ask_in_body(e, h, ev, a);
	}
	return result;
}

/* Reads the body, and asks the handshakes of unsigned ones. */
static enum handshake_result ask_unsigned(const struct request *r, const struct endpoint *e, struct event *ev, struct handshake_answer *a)
{
	enum handshake_result result = HANDSHAKE_ABSENT;

	switch (event_read_plain(r, &e->scheme, (struct slice){0}, ev)) {
	case EVENT_OK:
	case EVENT_NAMELESS:
		break;
	case EVENT_MALFORMED:
		return HANDSHAKE_ABSENT;
	case EVENT_UNAVAILABLE:
		return HANDSHAKE_UNAVAILABLE;
	}
	for (const struct handshake *h = e->scheme.handshakes; result == HANDSHAKE_ABSENT && h < e->scheme.handshakes + SCHEME_HANDSHAKES && h->name; h++) {
		size_t max = h->place == HANDSHAKE_IN_FORM ? HANDSHAKE_FORM_MAX : HANDSHAKE_JSON_MAX;

		if (h->method == HANDSHAKE_POST && handshake_is_open(h) && is_in_body(h) && r->body.len <= max && is_for_event(h, ev))
			result = ask_in_body(e, h, ev, a);
	}
	return result;
}

enum handshake_result handshake_unsigned(const struct request *r, const struct endpoint *e, struct event *ev, struct handshake_answer *a)
{
	enum handshake_result result;

	if (strcmp(r->method, "POST") != 0 || r->body.len > HANDSHAKE_JSON_MAX)
		return HANDSHAKE_ABSENT;
	result = ask_unsigned(r, e, ev, a);
	if (result != HANDSHAKE_ANSWERED)
		event_clear(ev);
	return result;
}

void handshake_free(struct handshake_answer *a)
{
	buf_free(&a->body);
	buf_free(&a->headers);
	buf_free(&a->secret);
}
