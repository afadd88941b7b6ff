/* Handshakes: how a provider asks whether an endpoint is real, and what it wants to hear. */
#include "hook/handshake.h"

#include <string.h>

#include "hook/verify.h"

enum { CHALLENGE_MAX = 512 };

/* Where the question stands. In the answer, $C is the challenge, $H its HMAC in hexadecimal, $B the same in base64. */
static const struct {
	const char *method;
	const char *param; /* of the query; NULL: the challenge is FIELD_CHALLENGE of an event... */
	const char *event; /* ...of this name */
	const char *type, *answer;
} handshakes[HANDSHAKE_COUNT] = {
	[HANDSHAKE_CHALLENGE] = {"GET", "challenge", NULL, "text/plain", "$C"},
	[HANDSHAKE_HUB] = {"GET", "hub.challenge", NULL, "text/plain", "$C"},
	[HANDSHAKE_CHALLENGE_CODE] = {"GET", "challengeCode", NULL, "application/json",
		"{\"challengeCode\":\"$C\",\"challengeResponse\":\"$H\"}"},
	[HANDSHAKE_CRC_TOKEN] = {"GET", "crc_token", NULL, "application/json", "{\"response_token\":\"sha256=$B\"}"},
	[HANDSHAKE_VALIDATION_TOKEN] = {"POST", "validationToken", NULL, "text/plain", "$C"},
	[HANDSHAKE_URL_VERIFICATION] = {"POST", NULL, "url_verification", "text/plain", "$C"},
	[HANDSHAKE_PLAIN_TOKEN] = {"POST", NULL, "endpoint.url_validation", "application/json",
		"{\"plainToken\":\"$C\",\"encryptedToken\":\"$H\"}"},
};

/* What challenges are made of, and nothing that could mean something in HTML, JSON or a header. */
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

/* Under the first secret: the one that is to stay when there are several. */
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

static enum handshake_result answer(const struct endpoint *e, struct slice challenge, struct handshake_answer *a)
{
	bool ok = true;

	if (!echoable(challenge))
		return HANDSHAKE_ABSENT;
	a->type = handshakes[e->scheme.handshake].type;
	a->body.len = 0;
	for (const char *p = handshakes[e->scheme.handshake].answer; ok && *p; p++) {
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
	enum handshake kind = e->scheme.handshake;
	struct slice challenge;

	if (!handshakes[kind].param || !strstr(r->query, handshakes[kind].param) || strcmp(r->method, handshakes[kind].method) != 0)
		return HANDSHAKE_ABSENT;
	switch (form_parse(query, r->query, strlen(r->query))) {
	case FORM_OK:
		break;
	case FORM_MALFORMED:
		return HANDSHAKE_ABSENT;
	case FORM_NO_MEMORY:
		return HANDSHAKE_UNAVAILABLE;
	}
	challenge = form_value(query, handshakes[kind].param);
	if (!challenge.p)
		return HANDSHAKE_ABSENT;
	if (kind == HANDSHAKE_HUB && !verify_secret(&e->verify_tokens, form_value(query, "hub.verify_token")))
		return HANDSHAKE_REFUSED;
	return answer(e, challenge, a);
}

enum handshake_result handshake_event(const struct event *ev, const struct endpoint *e, struct handshake_answer *a)
{
	const char *name = handshakes[e->scheme.handshake].event;
	struct slice is = ev->field[FIELD_EVENT];

	if (!name || is.n != strlen(name) || memcmp(is.p, name, is.n) != 0)
		return HANDSHAKE_ABSENT;
	return answer(e, ev->field[FIELD_CHALLENGE], a);
}
