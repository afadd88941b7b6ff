/* SPDX-License-Identifier: ISC */
/* The built-in handshakes, for the tables of schemes. */
#ifndef HANDSHAKE_ROWS_H
#define HANDSHAKE_ROWS_H

#include "conf/handshake.h"

#define TEXT_ANSWER .status = 200, .type = "text/plain", .body = "{challenge}"
#define JSON_ANSWER .status = 200, .type = "application/json", .body

#define HANDSHAKE_ROW_CHALLENGE \
	{.name = "challenge", .method = HANDSHAKE_GET, .question = "query:challenge", .place = HANDSHAKE_IN_QUERY, TEXT_ANSWER}
#define HANDSHAKE_ROW_HUB \
	{.name = "hub", .method = HANDSHAKE_GET, .question = "query:hub.challenge", .place = HANDSHAKE_IN_QUERY, .token = "hub.verify_token", TEXT_ANSWER}
#define HANDSHAKE_ROW_CHALLENGE_CODE \
	{.name = "challenge-code", .method = HANDSHAKE_GET, .question = "query:challengeCode", .place = HANDSHAKE_IN_QUERY, JSON_ANSWER = "{\"challengeCode\":\"{challenge}\",\"challengeResponse\":\"{hmac-hex}\"}"}
#define HANDSHAKE_ROW_CRC_TOKEN \
	{.name = "crc-token", .method = HANDSHAKE_GET, .question = "query:crc_token", .place = HANDSHAKE_IN_QUERY, JSON_ANSWER = "{\"response_token\":\"sha256={hmac-base64}\"}"}
#define HANDSHAKE_ROW_VALIDATION_TOKEN \
	{.name = "validation-token", .question = "query:validationToken", .place = HANDSHAKE_IN_QUERY, TEXT_ANSWER}
#define HANDSHAKE_ROW_URL_VERIFICATION \
	{.name = "url-verification", .is_signed = true, .event = "url_verification", .place = HANDSHAKE_IN_CHALLENGE, TEXT_ANSWER}
/* docs.slack.dev, "Implementing slash commands": answered before any signature is looked for, as Bolt does */
#define HANDSHAKE_ROW_SSL_CHECK \
	{.name = "url-verification", .question = "form:ssl_check", .place = HANDSHAKE_IN_FORM, .value = "1", .beside = "token", .status = 200}
#define HANDSHAKE_ROW_PLAIN_TOKEN \
	{.name = "plain-token", .is_signed = true, .event = "endpoint.url_validation", .place = HANDSHAKE_IN_CHALLENGE, JSON_ANSWER = "{\"plainToken\":\"{challenge}\",\"encryptedToken\":\"{hmac-hex}\"}"}
/* docs.discord.com: PING of webhook events, and of interactions */
#define HANDSHAKE_ROW_PING_OF_EVENTS \
	{.name = "ping", .is_signed = true, .event = "0", .status = 204}
#define HANDSHAKE_ROW_PING_OF_INTERACTIONS \
	{.name = "ping", .is_signed = true, .event = "1", JSON_ANSWER = "{\"type\":1}"}
#define HANDSHAKE_ROW_HEAD_EMPTY \
	{.name = "head", .method = HANDSHAKE_HEAD, .status = 200}

#endif
