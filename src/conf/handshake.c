/* SPDX-License-Identifier: ISC */
/* The built-in handshakes, and the text of an answer. */
#include "conf/handshake.h"

#include <string.h>

#define TEXT_ANSWER .status = 200, .type = "text/plain", .body = "{challenge}"
#define JSON_ANSWER .status = 200, .type = "application/json", .body

static const struct handshake rows[] = {
	{.name = "challenge", .method = HANDSHAKE_GET, .question = "query:challenge", .place = HANDSHAKE_IN_QUERY, TEXT_ANSWER},
	{.name = "hub", .method = HANDSHAKE_GET, .question = "query:hub.challenge", .place = HANDSHAKE_IN_QUERY, .token = "hub.verify_token",
		TEXT_ANSWER},
	{.name = "challenge-code", .method = HANDSHAKE_GET, .question = "query:challengeCode", .place = HANDSHAKE_IN_QUERY,
		JSON_ANSWER = "{\"challengeCode\":\"{challenge}\",\"challengeResponse\":\"{hmac-hex}\"}"},
	{.name = "crc-token", .method = HANDSHAKE_GET, .question = "query:crc_token", .place = HANDSHAKE_IN_QUERY,
		JSON_ANSWER = "{\"response_token\":\"sha256={hmac-base64}\"}"},
	{.name = "validation-token", .question = "query:validationToken", .place = HANDSHAKE_IN_QUERY, TEXT_ANSWER},
	{.name = "url-verification", .is_signed = true, .event = "url_verification", .place = HANDSHAKE_IN_CHALLENGE, TEXT_ANSWER},
	/* docs.slack.dev, "Implementing slash commands": answered before any signature is looked for, as Bolt does */
	{.name = "url-verification", .question = "form:ssl_check", .place = HANDSHAKE_IN_FORM,
		.value = "1", .beside = "token", .status = 200},
	{.name = "plain-token", .is_signed = true, .event = "endpoint.url_validation", .place = HANDSHAKE_IN_CHALLENGE,
		JSON_ANSWER = "{\"plainToken\":\"{challenge}\",\"encryptedToken\":\"{hmac-hex}\"}"},
	/* docs.discord.com: PING of webhook events, and of interactions */
	{.name = "ping", .is_signed = true, .event = "0", .status = 204},
	{.name = "ping", .is_signed = true, .event = "1", JSON_ANSWER = "{\"type\":1}"},
	{.name = "head", .method = HANDSHAKE_HEAD, .status = 200},
};

const struct handshake *handshake_built_in(size_t i)
{
	return i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

static const char *const answer_parts[] = {
	[HANDSHAKE_CHALLENGE] = "{challenge}", [HANDSHAKE_HMAC_HEX] = "{hmac-hex}", [HANDSHAKE_HMAC_BASE64] = "{hmac-base64}"};

/* The placeholder that the text begins with. */
static enum handshake_part part_at(const char *text)
{
	for (int i = HANDSHAKE_CHALLENGE; i <= HANDSHAKE_HMAC_BASE64; i++)
		if (strncmp(text, answer_parts[i], strlen(answer_parts[i])) == 0)
			return (enum handshake_part)i;
	return HANDSHAKE_LITERAL;
}

bool handshake_next(const char **text, enum handshake_part *part, struct slice *literal)
{
	const char *begin = *text, *p = begin;

	if (!*begin)
		return false;
	*part = part_at(begin);
	if (*part != HANDSHAKE_LITERAL)
		p += strlen(answer_parts[*part]);
	else
		for (p++; *p && part_at(p) == HANDSHAKE_LITERAL;)
			p++;
	*literal = (struct slice){begin, (size_t)(p - begin)};
	*text = p;
	return true;
}

static bool has_part(const char *text, enum handshake_part first)
{
	enum handshake_part part;
	struct slice literal;

	while (text && handshake_next(&text, &part, &literal))
		if (part >= first)
			return true;
	return false;
}

static bool answer_has(const struct handshake *h, enum handshake_part first)
{
	for (int i = 0; i < HANDSHAKE_HEADERS && h->headers[i]; i++)
		if (has_part(h->headers[i], first))
			return true;
	return has_part(h->body, first);
}

bool handshake_echoes(const struct handshake *h)
{
	return answer_has(h, HANDSHAKE_CHALLENGE);
}

bool handshake_has_hmac(const struct handshake *h)
{
	return answer_has(h, HANDSHAKE_HMAC_HEX);
}

bool handshake_is_open(const struct handshake *h)
{
	return h->name && (h->method != HANDSHAKE_POST || !h->is_signed);
}
