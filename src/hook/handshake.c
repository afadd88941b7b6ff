/* SPDX-License-Identifier: ISC */
/* Handshakes: how a provider asks whether an endpoint is real, and what it wants to hear. */
#include "hook/handshake.h"

#include <string.h>

#include "hook/verify.h"

enum { CHALLENGE_MAX = 512 };

/* Where the question stands. In the answer, $C is the challenge, $H its HMAC in hexadecimal, $B the same in base64. */
static const struct question {
	enum handshake kind;
	const char *method;
	const char *param; /* of the query; NULL: the challenge is FIELD_CHALLENGE of an event... */
	const char *event; /* ...of this name */
	unsigned status;
	const char *type, *answer;
} questions[] = {
	{HANDSHAKE_CHALLENGE, "GET", "challenge", NULL, 200, "text/plain", "$C"},
	{HANDSHAKE_HUB, "GET", "hub.challenge", NULL, 200, "text/plain", "$C"},
	{HANDSHAKE_CHALLENGE_CODE, "GET", "challengeCode", NULL, 200, "application/json",
		"{\"challengeCode\":\"$C\",\"challengeResponse\":\"$H\"}"},
	{HANDSHAKE_CRC_TOKEN, "GET", "crc_token", NULL, 200, "application/json", "{\"response_token\":\"sha256=$B\"}"},
	{HANDSHAKE_VALIDATION_TOKEN, "POST", "validationToken", NULL, 200, "text/plain", "$C"},
	{HANDSHAKE_URL_VERIFICATION, "POST", NULL, "url_verification", 200, "text/plain", "$C"},
	{HANDSHAKE_PLAIN_TOKEN, "POST", NULL, "endpoint.url_validation", 200, "application/json",
		"{\"plainToken\":\"$C\",\"encryptedToken\":\"$H\"}"},
	/* docs.discord.com: PING of webhook events, and of interactions */
	{HANDSHAKE_PING, "POST", NULL, "0", 204, NULL, ""},
	{HANDSHAKE_PING, "POST", NULL, "1", 200, "application/json", "{\"type\":1}"},
};

enum { QUESTIONS = sizeof questions / sizeof *questions, PROBE_MAX = 512 };

/* A challenge may have these characters. None of them has a meaning in HTML, JSON or a header. */
static bool echoable(struct slice challenge)
{
	static const char marks[] = " -_.~+/=:,;()@";

	for (size_t i = 0; i < challenge.n; i++) {
		char c = challenge.p[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (!c || !strchr(marks, c)))
			return false;
	}
	return challenge.n > 0 && challenge.n <= CHALLENGE_MAX;
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

static enum handshake_result answer_question(const struct endpoint *e, const struct question *q, struct slice challenge, struct handshake_answer *a)
{
	bool ok = true;

	if (strchr(q->answer, '$') && !echoable(challenge))
		return HANDSHAKE_ABSENT;
	a->status = q->status;
	a->type = q->type;
	a->body.len = 0;
	for (const char *p = q->answer; ok && *p; p++) {
		if (*p != '$')
			ok = buf_add(&a->body, p, 1);
		else if (*++p == 'C')
			ok = buf_add(&a->body, challenge.p, challenge.n);
		else
			ok = add_mac(&a->body, e, challenge, *p == 'H' ? ENCODING_HEX : ENCODING_BASE64);
	}
	return ok ? HANDSHAKE_ANSWERED : HANDSHAKE_UNAVAILABLE;
}

enum handshake_result handshake_query(const struct request *r, const struct endpoint *e, struct form *query,
	struct handshake_answer *a)
{
	const struct question *q = questions, *end = q + QUESTIONS;
	struct slice challenge;

	while (q < end && (q->kind != e->scheme.handshake || !q->param))
		q++;
	if (q == end || !strstr(r->query, q->param) || strcmp(r->method, q->method) != 0)
		return HANDSHAKE_ABSENT;
	switch (form_parse(query, r->query, strlen(r->query))) {
	case FORM_OK:
		break;
	case FORM_MALFORMED:
		return HANDSHAKE_ABSENT;
	case FORM_NO_MEMORY:
		return HANDSHAKE_UNAVAILABLE;
	}
	challenge = form_value(query, q->param);
	if (!challenge.p)
		return HANDSHAKE_ABSENT;
	if (q->kind == HANDSHAKE_HUB && !verify_secret(&e->verify_tokens, form_value(query, "hub.verify_token")))
		return HANDSHAKE_REFUSED;
	return answer_question(e, q, challenge, a);
}

static bool is(struct slice s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

enum handshake_result handshake_unsigned(const struct request *r, const struct endpoint *e, struct form *form, struct handshake_answer *a)
{
	bool asks = false;

	/* docs.slack.dev, "Implementing slash commands": as Bolt answers it, before any signature is looked for */
	if (e->scheme.handshake != HANDSHAKE_URL_VERIFICATION || !(e->scheme.bodies & CONTENT_FORM) || r->body.len > PROBE_MAX ||
	    form_parse(form, r->body.data, r->body.len) != FORM_OK)
		return HANDSHAKE_ABSENT;
	for (size_t i = 0; i < form->n; i++) {
		if (is(form->param[i].name, "ssl_check") && is(form->param[i].value, "1"))
			asks = true;
		else if (!is(form->param[i].name, "token"))
			return HANDSHAKE_ABSENT;
	}
	if (!asks)
		return HANDSHAKE_ABSENT;
	*a = (struct handshake_answer){.status = 200, .body = a->body};
	a->body.len = 0;
	return HANDSHAKE_ANSWERED;
}

enum handshake_result handshake_event(const struct event *ev, const struct endpoint *e, struct handshake_answer *a)
{
	struct slice name = ev->field[FIELD_EVENT];

	for (const struct question *q = questions; q < questions + QUESTIONS; q++)
		if (q->kind == e->scheme.handshake && q->event && is(name, q->event))
			return answer_question(e, q, ev->field[FIELD_CHALLENGE], a);
	return HANDSHAKE_ABSENT;
}
