/* SPDX-License-Identifier: ISC */
/* The built-in handshakes, and the text of an answer. */
#include "conf/handshake.h"

#include <string.h>

#include "conf/handshake_rows.h"

static const struct handshake rows[] = {
	HANDSHAKE_ROW_CHALLENGE,
	HANDSHAKE_ROW_HUB,
	HANDSHAKE_ROW_CHALLENGE_CODE,
	HANDSHAKE_ROW_CRC_TOKEN,
	HANDSHAKE_ROW_VALIDATION_TOKEN,
	HANDSHAKE_ROW_URL_VERIFICATION,
	HANDSHAKE_ROW_SSL_CHECK,
	HANDSHAKE_ROW_PLAIN_TOKEN,
	HANDSHAKE_ROW_PING_OF_EVENTS,
	HANDSHAKE_ROW_PING_OF_INTERACTIONS,
	HANDSHAKE_ROW_HEAD_EMPTY,
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
