/* SPDX-License-Identifier: ISC */
/* The scheme of ConnectSafely as data of the program. schemes/connectsafely.conf says the same; tests/unit/test_provider.c compares them. */
#include "conf/provider.h"

#define JSON(path) {SOURCE_JSON, .name = path}
/* The id of a message or another thing, which can have several events: the key has the event's name and the account, too. */
#define THING(path) {SOURCE_JSON, .name = path, .thing = true}

const struct scheme provider_connectsafely = {
	.name = "connectsafely",
	.algorithm = ALGORITHM_HMAC_SHA256,
	.header = "X-Webhook-Signature",
	.prefix = "sha256=",
	.signs = "{body}",
	.bodies = CONTENT_JSON,
	.source = {
		[FIELD_EVENT] = {JSON("event")},
		[FIELD_KEY] = {THING("data.message_urn"), THING("data.id")},
		[FIELD_ACCOUNT] = {JSON("data.account_id")},
		[FIELD_SENDER_ID] = {JSON("data.sender.id")},
		[FIELD_SENDER_NAME] = {JSON("data.sender.name")},
		[FIELD_CONVERSATION] = {JSON("data.conversation_id")},
		[FIELD_SENT_AT] = {JSON("data.timestamp")},
		[FIELD_TEXT] = {JSON("data.body")},
	},
};
