/* SPDX-License-Identifier: ISC */
/* Schemes of messengers and social networks. */
#include "conf/provider.h"

/* Zoom's library checks no age. Its last retry comes 115 minutes after the first attempt, and may have its time. */
enum { HOURS_2 = 2 * 3600 * 1000 };

/* Meta's requests have a list of entries. WhatsApp's have a list of changes in each, Messenger's and Instagram's one of messages. */
#define META_VALUE "entry.=.changes.=.value."
#define META_MESSAGING "entry.=.messaging.=."
#define META_STANDBY "entry.=.standby.=."
/* The member beside these is the event. */
#define META_MESSAGES(list) "entry.*." list ".*.!sender!recipient!hop_context!prior_message"

/* core.telegram.org/bots/api, "Update": the member beside the update's id is the event. */
#define UPDATE "!update_id"

/* developer.x.com, "Account activity data object structure": the member beside these is a list of one kind of events. */
#define ACTIVITY "!for_user_id!user_has_blocked!users!apps"

const struct scheme provider_chat[] = {
	{
		/* developers.facebook.com, "Webhooks: Getting Started" */
		.name = "meta",
		.handshakes = {HANDSHAKE_ROW_HUB},
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Hub-Signature-256",
		.prefix = "sha256=",
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {
			/* The object is the product; entries and changes of several kinds may share a request. */
			[FIELD_EVENT] = {JSON("entry.*.changes.*.field"), MEMBER(META_MESSAGES("messaging")), MEMBER(META_MESSAGES("standby")), JSON("object")},
			/* A status has its message's id, and delivered and read the same: their bytes tell them apart. */
			[FIELD_KEY] = {THING(META_VALUE "messages.=.id"), THING(META_VALUE "message_echoes.=.id"), THING(META_VALUE "leadgen_id"),
				THING_OF("comments", META_VALUE "id"), THING_OF("live_comments", META_VALUE "id"),
				THING_AND(META_MESSAGING "message.mid"), JSON(META_MESSAGING "message.is_deleted"),
				THING(META_MESSAGING "message.mid"), THING(META_MESSAGING "postback.mid"), THING(META_STANDBY "message.mid")},
			[FIELD_ACCOUNT] = {JSON("entry.*.id")},
			[FIELD_SENDER_ID] = {JSON(META_VALUE "messages.=.from"), JSON(META_MESSAGING "sender.id"), JSON(META_VALUE "from.id"),
				JSON(META_STANDBY "sender.id"), JSON(META_VALUE "message_echoes.=.from")},
			[FIELD_SENDER_NAME] = {JSON(META_VALUE "contacts.=.profile.name"), JSON(META_VALUE "from.username"),
				JSON(META_VALUE "from.name")},
			[FIELD_CONVERSATION] = {JSON(META_VALUE "messages.=.from"), JSON(META_VALUE "statuses.=.recipient_id"),
				JSON(META_MESSAGING "sender.id"), JSON(META_VALUE "media.id"), JSON(META_VALUE "post_id"),
				JSON(META_STANDBY "sender.id"), JSON(META_VALUE "message_echoes.=.to")},
			[FIELD_SENT_AT] = {JSON(META_VALUE "messages.=.timestamp"), JSON(META_VALUE "statuses.=.timestamp"),
				JSON(META_MESSAGING "timestamp"), JSON(META_VALUE "created_time"), JSON(META_STANDBY "timestamp"),
				JSON(META_VALUE "message_echoes.=.timestamp"), JSON("entry.=.time")},
			[FIELD_TEXT] = {JSON(META_VALUE "messages.=.text.body"), JSON(META_VALUE "messages.=.button.text"),
				JSON(META_VALUE "messages.=.image.caption"), JSON(META_VALUE "messages.=.video.caption"),
				JSON(META_VALUE "messages.=.document.caption"),
				JSON(META_MESSAGING "message.text"), JSON(META_VALUE "text"), JSON(META_VALUE "message"),
				JSON(META_STANDBY "message.text"), JSON(META_VALUE "message_echoes.=.text.body")},
		},
	},
	{
		/* api.slack.com, "Verifying requests from Slack" */
		.name = "slack",
		.handshakes = {HANDSHAKE_ROW_URL_VERIFICATION, HANDSHAKE_ROW_SSL_CHECK},
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Slack-Signature",
		.prefix = "v0=",
		.signs = "v0:{timestamp}:{body}",
		.timestamp_header = "X-Slack-Request-Timestamp",
		.tolerance = MINUTES_5,
		.answer = {200, true, NULL, ""}, /* it shows the answer to a command, and takes JSON for a message; Bolt's is empty */
		.bodies = CONTENT_JSON | CONTENT_FORM,
		.source = {
			[FIELD_EVENT] = {JSON("event.type"), JSON("type"), FORM("command")},
			[FIELD_KEY] = {JSON("event_id"), JSON("trigger_id"), FORM("trigger_id"), SIGNATURE},
			[FIELD_ACCOUNT] = {JSON("team_id"), JSON("team.id"), JSON("user.team_id"), FORM("team_id")},
			[FIELD_SENDER_ID] = {JSON("event.user"), JSON("event.user.id"), JSON("event.user_id"), JSON("event.message.user"),
				JSON("user.id"), FORM("user_id"), JSON("event.bot_id")},
			[FIELD_SENDER_NAME] = {JSON("event.user.name"), JSON("event.username"), JSON("user.username"), JSON("user.name"), FORM("user_name")},
			[FIELD_CONVERSATION] = {JSON("event.channel"), JSON("event.channel.id"), JSON("event.channel_id"),
				JSON("event.item.channel"), JSON("channel.id"), JSON("container.channel_id"), FORM("channel_id")},
			[FIELD_SENT_AT] = {JSON("event.ts"), JSON("event.event_ts"), JSON("event_time"), JSON("actions.0.action_ts"),
				JSON("action_ts"), JSON("minute_rate_limited")},
			[FIELD_TEXT] = {JSON("event.text"), JSON("event.message.text"), FORM("text")},
			[FIELD_CHALLENGE] = {JSON("challenge")},
		},
	},
	{
		/* developers.zoom.us, "Using webhooks" */
		.name = "zoom",
		.handshakes = {HANDSHAKE_ROW_PLAIN_TOKEN},
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "x-zm-signature",
		.prefix = "v0=",
		.signs = "v0:{timestamp}:{body}",
		.timestamp_header = "x-zm-request-timestamp",
		.tolerance = HOURS_2,
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("event")},
			[FIELD_ACCOUNT] = {JSON("payload.account_id")},
			[FIELD_SENDER_ID] = {JSON("payload.operator_id")},
			[FIELD_SENDER_NAME] = {JSON("payload.operator")},
			[FIELD_CONVERSATION] = {JSON("payload.object.channel_id"), JSON("payload.object.session_id")},
			[FIELD_SENT_AT] = {JSON("event_ts")},
			[FIELD_TEXT] = {JSON("payload.object.message")},
			[FIELD_CHALLENGE] = {JSON("payload.plainToken")},
		},
	},
	{
		/*
		 * twilio.com/docs, "Webhooks security": a JSON body is signed by the bodySHA256 in the URL. "Webhook shared
		 * keys": they sign with SHA-256. Its library tries the URL with and without port, and takes GET.
		 */
		.name = "twilio",
		.algorithm = ALGORITHM_HMAC_SHA1,
		.header = "X-Twilio-Signature",
		.prefix = "",
		.encoding = ENCODING_BASE64,
		.signs = "{url}{form}",
		.other_algorithm = ALGORITHM_HMAC_SHA256,
		.any_port = true,
		.takes_get = true,
		.answer = {200, true, "text/xml", "<Response/>"}, /* error 12300: it takes TwiML or nothing; this says to do nothing */
		.bodies = CONTENT_JSON | CONTENT_FORM,
		.source = {
			[FIELD_EVENT] = {FORM("EventType"), FORM("MessageStatus"), FORM("SmsStatus"), FORM("CallStatus"), JSON("*.type"),
				JSON("0.type"), TEXT("event")},
			/* The Sids name things. The token is the same in the retries of a delivery; nothing signs it. */
			[FIELD_KEY] = {HEADER("I-Twilio-Idempotency-Token"), JSON("=.id"), SIGNATURE},
			[FIELD_ACCOUNT] = {FORM("AccountSid"), JSON("*.data.accountSid")},
			[FIELD_SENDER_ID] = {FORM("From"), FORM("Author")},
			[FIELD_SENDER_NAME] = {FORM("ProfileName")},
			[FIELD_CONVERSATION] = {FORM("ConversationSid")},
			[FIELD_SENT_AT] = {FORM("DateCreated"), JSON("0.time")},
			[FIELD_TEXT] = {FORM("Body")},
		},
	},
	{
		/*
		 * discord.com/developers, "Validating security request headers". No tolerance: its library
		 * (discord-interactions 4.4.0) checks no age, and whether a retry is signed anew is not documented.
		 */
		.name = "discord",
		.handshakes = {HANDSHAKE_ROW_PING_OF_EVENTS, HANDSHAKE_ROW_PING_OF_INTERACTIONS},
		.algorithm = ALGORITHM_ED25519,
		.header = "X-Signature-Ed25519",
		.prefix = "",
		.key_text = KEY_TEXT_HEX,
		.signs = "{timestamp}{body}",
		.timestamp_header = "X-Signature-Timestamp",
		.answer = {204, false, NULL, ""}, /* "Webhook events"; an interaction wants a response that the spool cannot give */
		.bodies = CONTENT_JSON,
		.source = {
			/* Webhook events have a name, interactions a number; both have a "ping". */
			[FIELD_EVENT] = {JSON("event.type"), NUMBER("type")},
			/* A message is updated, and an entitlement renewed, more than once: the time of the event is in the key. */
			[FIELD_KEY] = {JSON("id"), THING_AND("event.data.id"), JSON("event.timestamp")},
			[FIELD_ACCOUNT] = {JSON("application_id")},
			[FIELD_SENDER_ID] = {JSON("event.data.user.id"), JSON("event.data.author.id"), JSON("event.data.user_id"),
				JSON("member.user.id"), JSON("user.id")},
			[FIELD_SENDER_NAME] = {JSON("event.data.user.username"), JSON("event.data.author.username"),
				JSON("member.user.username"), JSON("user.username")},
			[FIELD_CONVERSATION] = {JSON("event.data.lobby_id"), JSON("event.data.channel_id"), JSON("channel_id"), JSON("channel.id")},
			[FIELD_SENT_AT] = {JSON("event.timestamp")},
			[FIELD_TEXT] = {JSON("event.data.content")},
		},
	},
	{
		/* developer.x.com, "Securing webhooks" */
		.name = "x",
		.handshakes = {HANDSHAKE_ROW_CRC_TOKEN},
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "x-twitter-webhooks-signature",
		.prefix = "sha256=",
		.encoding = ENCODING_BASE64,
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("data.event_type"), MEMBER(ACTIVITY), TEXT("activity")},
			/* the first: X Activity API */
			[FIELD_KEY] = {JSON("data.event_uuid"), THING(ACTIVITY ".=.id_str"), THING_AGAIN_OF("favorite_events", ACTIVITY ".=.id"),
				THING(ACTIVITY ".=.id"), THING(ACTIVITY ".=.status.id")},
			[FIELD_ACCOUNT] = {JSON("for_user_id"), JSON("data.filter.user_id"), JSON(ACTIVITY ".revoke.source.user_id")},
			[FIELD_SENDER_ID] = {JSON(ACTIVITY ".=.message_create.sender_id"), JSON(ACTIVITY ".=.user.id_str"), JSON(ACTIVITY ".=.source.id"),
				JSON(ACTIVITY ".=.sender_id"), JSON(ACTIVITY ".=.status.user_id"), JSON(ACTIVITY ".revoke.source.user_id")},
			[FIELD_SENDER_NAME] = {JSON(ACTIVITY ".=.user.screen_name"), JSON(ACTIVITY ".=.source.screen_name")},
			[FIELD_SENT_AT] = {JSON(ACTIVITY ".=.created_timestamp"), JSON(ACTIVITY ".=.timestamp_ms")},
			[FIELD_TEXT] = {JSON(ACTIVITY ".=.message_create.message_data.text"), JSON(ACTIVITY ".=.text")},
		},
	},
	{
		/* core.telegram.org/bots/api, "setWebhook" */
		.name = "telegram",
		.algorithm = ALGORITHM_SECRET,
		.header = "X-Telegram-Bot-Api-Secret-Token",
		.prefix = "",
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {MEMBER(UPDATE), TEXT("update")},
			[FIELD_KEY] = {JSON("update_id")},
			[FIELD_ACCOUNT] = {JSON(UPDATE ".business_connection_id"), JSON("business_connection.id")},
			[FIELD_SENDER_ID] = {JSON(UPDATE ".from.id"), JSON(UPDATE ".user.id"), JSON(UPDATE ".sender_chat.id"),
				JSON(UPDATE ".actor_chat.id"), JSON(UPDATE ".voter_chat.id"), JSON_OF("*channel_post", UPDATE ".chat.id")},
			[FIELD_SENDER_NAME] = {JSON(UPDATE ".from.username"), JSON(UPDATE ".from.first_name"), JSON(UPDATE ".user.username"),
				JSON(UPDATE ".user.first_name"), JSON(UPDATE ".sender_chat.title"), JSON(UPDATE ".actor_chat.title"),
				JSON_OF("*channel_post", UPDATE ".chat.title")},
			[FIELD_CONVERSATION] = {JSON(UPDATE ".chat.id"), JSON(UPDATE ".message.chat.id"), JSON(UPDATE ".user_chat_id")},
			[FIELD_SENT_AT] = {JSON(UPDATE ".date")},
			[FIELD_TEXT] = {JSON(UPDATE ".text"), JSON(UPDATE ".caption"), JSON_OF("callback_query", UPDATE ".data"),
				JSON_OF("inline_query", UPDATE ".query")},
		},
	},
	{.name = NULL},
};
