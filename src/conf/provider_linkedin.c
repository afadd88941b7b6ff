/* SPDX-License-Identifier: ISC */
/* Schemes of LinkedIn, and of the services that send its messages. */
#include "conf/provider.h"

const struct scheme provider_linkedin[] = {
	{
		/* "Security & Auth" */
		.name = "connectsafely",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Webhook-Signature",
		.prefix = "sha256=",
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {CONNECTSAFELY_EVENT, CONNECTSAFELY_FIELDS},
	},
	{
		/* developer.unipile.com, "Webhooks": a header that the user names; theirs is an example */
		.name = "unipile-v1",
		.algorithm = ALGORITHM_SECRET,
		.header = "Unipile-Auth",
		.prefix = "",
		.bodies = CONTENT_JSON,
		.source = {
			/* The status of an account has no "event": the only member's name says what it is. */
			[FIELD_EVENT] = {JSON("event"), MEMBER("!")},
			/* A mail or a message comes once. Other events of it, such as a reaction, can happen again. */
			[FIELD_KEY] = {THING("data.message_urn"), THING("data.id"), THING_OF("mail_received", "email_id"),
				THING_OF("mail_sent", "email_id"), THING_OF("message_received", "message_id"), THING_AGAIN("email_id"),
				THING_AGAIN("message_id"), NOTHING_OF("AccountStatus")}, /* without a time: the same bytes each time */
			[FIELD_ACCOUNT] = {JSON("account_id"), JSON("AccountStatus.account_id"), JSON("data.account_id")},
			[FIELD_SENDER_ID] = {JSON("sender.attendee_id"), JSON("sender.attendee_provider_id"), JSON("from_attendee.identifier"),
				JSON("user_provider_id"), JSON("user.provider_id"), JSON("data.sender.id")},
			[FIELD_SENDER_NAME] = {JSON("sender.attendee_name"), JSON("from_attendee.display_name"), JSON("user_full_name"),
				JSON("user.full_name"), JSON("data.sender.name")},
			[FIELD_CONVERSATION] = {JSON("chat_id"), JSON("data.conversation_id")},
			[FIELD_SENT_AT] = {JSON("timestamp"), JSON("date"), JSON("data.timestamp")},
			[FIELD_TEXT] = {JSON("message"), JSON("body_plain"), JSON("data.body")},
		},
	},
	{
		.name = "unipile-v2",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "unipile-signature",
		.separator = ',',
		.prefix = "v0=",
		.signs = "{timestamp}.{body}",
		.timestamp_prefix = "t=",
		.tolerance = MINUTES_5,
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("type"), JSON("event")},
			[FIELD_KEY] = {JSON("id"), THING("data.message_urn"), THING("data.id"), THING("message_id")},
			[FIELD_ACCOUNT] = {JSON("account_id"), JSON("data.account_id")},
			/* what is in the payload differs by type */
			[FIELD_SENDER_ID] = {JSON("payload.sender.id"), JSON("payload.sender_id"), JSON("payload.sender.user_id"),
				JSON("payload.sender.attendee_id"), JSON("payload.from.id"), JSON("payload.user.id"), JSON("payload.user_id"),
				JSON("payload.message.sender.id"), JSON("payload.message.sender_id"), JSON("data.sender.id")},
			[FIELD_SENDER_NAME] = {JSON("payload.sender.name"), JSON("payload.sender.display_name"), JSON("payload.sender.full_name"),
				JSON("payload.sender_name"), JSON("payload.sender.attendee_name"), JSON("payload.from.name"),
				JSON("payload.user.name"), JSON("payload.user.display_name"), JSON("payload.message.sender.name"), JSON("data.sender.name")},
			[FIELD_CONVERSATION] = {JSON("payload.chat_id"), JSON("payload.chat.id"), JSON("payload.conversation_id"),
				JSON("payload.thread_id"), JSON("payload.message.chat_id"), JSON("data.conversation_id")},
			[FIELD_SENT_AT] = {JSON("payload.timestamp"), JSON("created_at"), JSON("data.timestamp")},
			[FIELD_TEXT] = {JSON("payload.text"), JSON("payload.message"), JSON("payload.body"), JSON("payload.content"),
				JSON("payload.message.text"), JSON("payload.message.body"), JSON("data.body")},
		},
	},
	{
		/* learn.microsoft.com/linkedin, "Webhooks": the signed string has the prefix, the header may have it */
		.name = "linkedin",
		.handshakes = {HANDSHAKE_ROW_CHALLENGE_CODE},
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-LI-Signature",
		.prefix = "hmacsha256=",
		.prefix_optional = true,
		.signs = "hmacsha256={body}",
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("type"), TEXT("notification")},
			/* A lead that is deleted has the id that it was created with. A request with several notifications is known by its bytes. */
			[FIELD_KEY] = {JSON("notifications.=.notificationId"), THING_AND("leadGenFormResponse"), JSON("leadAction"),
				THING("leadGenFormResponse")},
			[FIELD_ACCOUNT] = {JSON("notifications.*.organizationalEntity"), JSON("owner.organization"), JSON("owner.sponsoredAccount")},
			[FIELD_SENDER_ID] = {JSON("notifications.=.decoratedGeneratedActivity.comment.owner")},
			[FIELD_CONVERSATION] = {JSON("notifications.*.sourcePost")},
			[FIELD_SENT_AT] = {JSON("notifications.*.lastModifiedAt"), JSON("occurredAt")},
			[FIELD_TEXT] = {JSON("notifications.=.decoratedGeneratedActivity.comment.text")},
		},
	},
	{.name = NULL},
};
