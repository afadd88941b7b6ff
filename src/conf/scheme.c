/* SPDX-License-Identifier: ISC */
/* Signature schemes as data: one row a provider. */
#include "conf/scheme.h"

#include <string.h>

/* Zoom's library checks no age. Its last retry comes 115 minutes after the first attempt, and may bear that one's time. */
enum { HOURS_2 = 2 * 3600 * 1000 };
enum { MINUTES_5 = 300 * 1000 }; /* what Stripe, Slack, Standard Webhooks and HubSpot ask for; ms */

#define JSON(path) {SOURCE_JSON, .name = path}
#define JSON_OF(events, path) {SOURCE_JSON, .name = path, .event = events}
#define NUMBER(path) {SOURCE_NUMBER, .name = path}
#define MEMBER(path) {SOURCE_MEMBER, .name = path}
#define HEADER(field) {SOURCE_HEADER, .name = field}
#define FORM(field) {SOURCE_FORM, .name = field}
#define TEXT(text) {SOURCE_TEXT, .name = text}
#define SIGNATURE {SOURCE_SIGNATURE, .name = NULL}
#define BODY {SOURCE_BODY, .name = NULL}
#define NOTHING {SOURCE_NOTHING, .name = NULL}
#define NOTHING_OF(events) {SOURCE_NOTHING, .name = NULL, .event = events}
/* The id of a message or the like, of which there can be several events: the event's name and the account are in the key. */
#define THING(path) {SOURCE_JSON, .name = path, .thing = true}
#define THING_OF(events, path) {SOURCE_JSON, .name = path, .event = events, .thing = true}
/* Joined with the source behind it */
#define JSON_AND(path) {SOURCE_JSON, .name = path, .more = true}
#define HEADER_AND(field) {SOURCE_HEADER, .name = field, .more = true}
#define TEXT_AND(text) {SOURCE_TEXT, .name = text, .more = true}
#define THING_AND(path) {SOURCE_JSON, .name = path, .thing = true, .more = true}
/* An event that can happen again to the same thing: its bytes are in the key, too. */
#define THING_AGAIN(path) {SOURCE_JSON, .name = path, .thing = true, .more = true}, BODY
#define THING_AGAIN_OF(events, path) {SOURCE_JSON, .name = path, .event = events, .thing = true, .more = true}, BODY

/* "What's in the payload" */
#define CONNECTSAFELY_FIELDS \
	[FIELD_ACCOUNT] = {JSON("data.account_id")}, [FIELD_SENDER_ID] = {JSON("data.sender.id")}, \
	[FIELD_SENDER_NAME] = {JSON("data.sender.name")}, [FIELD_CONVERSATION] = {JSON("data.conversation_id")}, \
	[FIELD_SENT_AT] = {JSON("data.timestamp")}, [FIELD_TEXT] = {JSON("data.body")}
#define CONNECTSAFELY_EVENT [FIELD_EVENT] = {JSON("event")}, [FIELD_KEY] = {THING("data.message_urn"), THING("data.id")}

/*
 * docs.gitlab.com, "Webhook events". The header names the event, and a JSON body has "object_kind" in another spelling.
 * `hooks` is "* Hook" where other providers have the same scheme.
 */
#define GITLAB_ACCOUNT(hooks) JSON_OF(hooks, "project.path_with_namespace"), JSON_OF(hooks, "path_with_namespace")
#define GITLAB_SENDER_ID(hooks) JSON_OF(hooks, "user.id"), JSON_OF(hooks, "user_id")
#define GITLAB_SENDER_NAME(hooks) JSON_OF(hooks, "user.username"), JSON_OF(hooks, "user_username")
#define GITLAB_CONVERSATION(hooks) JSON_OF(hooks, "object_attributes.discussion_id")
#define GITLAB_SENT_AT(hooks) JSON_OF(hooks, "object_attributes.created_at"), JSON_OF(hooks, "created_at")
#define GITLAB_TEXT(hooks) JSON_OF(hooks, "object_attributes.note")

/*
 * Of the providers that use the Standard Webhooks: "type" is recommended by the specification, "instance_id" is Clerk's,
 * "created_at" that of OpenAI and Resend, "data.from" Resend's, and "* Hook" is an event of GitLab.
 */
#define STANDARD_WEBHOOKS_FIELDS \
	[FIELD_ACCOUNT] = {JSON("instance_id"), GITLAB_ACCOUNT("* Hook")}, \
	[FIELD_SENDER_ID] = {JSON_OF("email.received", "data.from"), GITLAB_SENDER_ID("* Hook")}, \
	[FIELD_SENDER_NAME] = {GITLAB_SENDER_NAME("* Hook")}, \
	[FIELD_CONVERSATION] = {GITLAB_CONVERSATION("* Hook")}, \
	[FIELD_SENT_AT] = {JSON("timestamp"), GITLAB_SENT_AT("* Hook"), JSON("created_at")}, \
	[FIELD_TEXT] = {JSON_OF("email.received", "data.subject"), GITLAB_TEXT("* Hook")}

/* The only change of the only entry of a request of Meta's, a message in it, and what Messenger and Instagram have for them. */
#define META_VALUE "entry.=.changes.=.value."
#define META_MESSAGING "entry.=.messaging.=."
#define META_STANDBY "entry.=.standby.=."
/* The member beside these is the event. */
#define META_MESSAGES(list) "entry.*." list ".*.!sender!recipient!hop_context!prior_message"

/* core.telegram.org/bots/api, "Update": the member beside the update's id is the event. */
#define UPDATE "!update_id"

/* developer.x.com, "Account activity data object structure": the member beside these is a list of one kind of events. */
#define ACTIVITY "!for_user_id!user_has_blocked!users!apps"

#define STANDARD_WEBHOOKS(prefix_of_headers) \
	.header = prefix_of_headers "-signature", .separator = ' ', .encoding = ENCODING_BASE64, .key_text = KEY_TEXT_BASE64, \
	.signs = "{id}.{timestamp}.{body}", .timestamp_header = prefix_of_headers "-timestamp", .tolerance = MINUTES_5, \
	.id_header = prefix_of_headers "-id", .bodies = CONTENT_JSON

static const struct scheme schemes[] = {
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
		/* docs.github.com, "Validating webhook deliveries", "Webhook events and payloads" */
		.name = "github",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Hub-Signature-256",
		.prefix = "sha256=",
		.signs = "{body}",
		.bodies = CONTENT_JSON | CONTENT_FORM,
		.source = {
			[FIELD_EVENT] = {HEADER("X-GitHub-Event"), TEXT("event")},
			[FIELD_KEY] = {HEADER("X-GitHub-Delivery")},
			[FIELD_ACCOUNT] = {JSON("repository.full_name"), JSON("organization.login"), JSON("installation.account.login")},
			[FIELD_SENDER_ID] = {JSON("sender.id")},
			[FIELD_SENDER_NAME] = {JSON("sender.login")},
			[FIELD_SENT_AT] = {JSON("comment.created_at"), JSON("review.submitted_at")},
			[FIELD_TEXT] = {JSON("comment.body"), JSON("review.body")},
		},
	},
	{
		/* docs.gitlab.com, "Webhooks": the secret token; its newer signature is standard-webhooks */
		.name = "gitlab",
		.algorithm = ALGORITHM_SECRET,
		.header = "X-Gitlab-Token",
		.prefix = "",
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {HEADER("X-Gitlab-Event"), JSON("object_kind"), JSON("event_name"), TEXT("event")},
			[FIELD_KEY] = {HEADER("Idempotency-Key")},
			[FIELD_ACCOUNT] = {GITLAB_ACCOUNT(NULL)},
			[FIELD_SENDER_ID] = {GITLAB_SENDER_ID(NULL)},
			[FIELD_SENDER_NAME] = {GITLAB_SENDER_NAME(NULL)},
			[FIELD_CONVERSATION] = {GITLAB_CONVERSATION(NULL)},
			[FIELD_SENT_AT] = {GITLAB_SENT_AT(NULL)},
			[FIELD_TEXT] = {GITLAB_TEXT(NULL)},
		},
	},
	{
		/* developers.facebook.com, "Webhooks: Getting Started" */
		.name = "meta",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Hub-Signature-256",
		.prefix = "sha256=",
		.signs = "{body}",
		.handshake = HANDSHAKE_HUB,
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
		/* docs.stripe.com, "Resolve webhook signature verification errors" and "Verify manually" */
		.name = "stripe",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "Stripe-Signature",
		.separator = ',',
		.prefix = "v1=",
		.signs = "{timestamp}.{body}",
		.timestamp_prefix = "t=",
		.tolerance = MINUTES_5,
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("type")},
			[FIELD_KEY] = {JSON("id")},
			[FIELD_ACCOUNT] = {JSON("account"), JSON("context")}, /* "context": thin events, and organizations */
			[FIELD_SENT_AT] = {JSON("created")},
		},
	},
	{
		/* api.slack.com, "Verifying requests from Slack" */
		.name = "slack",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Slack-Signature",
		.prefix = "v0=",
		.signs = "v0:{timestamp}:{body}",
		.timestamp_header = "X-Slack-Request-Timestamp",
		.tolerance = MINUTES_5,
		.handshake = HANDSHAKE_URL_VERIFICATION,
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
		/* standardwebhooks.com, specification, "Signature scheme" */
		.name = "standard-webhooks",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.prefix = "v1,",
		STANDARD_WEBHOOKS("webhook"),
		.source = {
			[FIELD_EVENT] = {JSON("type"), JSON("event"), HEADER("X-Gitlab-Event"), JSON("event_type"), JSON("object_kind")},
			[FIELD_KEY] = {HEADER("webhook-id")},
			STANDARD_WEBHOOKS_FIELDS,
		},
	},
	{
		.name = "standard-webhooks-ed25519",
		.algorithm = ALGORITHM_ED25519,
		.prefix = "v1a,",
		STANDARD_WEBHOOKS("webhook"),
		.source = {
			[FIELD_EVENT] = {JSON("type"), JSON("event"), HEADER("X-Gitlab-Event"), JSON("event_type"), JSON("object_kind")},
			[FIELD_KEY] = {HEADER("webhook-id")},
			STANDARD_WEBHOOKS_FIELDS,
		},
	},
	{
		/* docs.svix.com, "Verifying payloads: manually" */
		.name = "svix",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.prefix = "v1,",
		STANDARD_WEBHOOKS("svix"),
		.other_headers = {"webhook-signature", "webhook-timestamp", "webhook-id"}, /* docs.svix.com: "unbranded" */
		.source = {
			[FIELD_EVENT] = {JSON("type"), JSON("event"), JSON("event_type")},
			[FIELD_KEY] = {HEADER("svix-id"), HEADER("webhook-id")},
			STANDARD_WEBHOOKS_FIELDS,
		},
	},
	{
		/* shopify.dev, "Verify webhook deliveries" */
		.name = "shopify",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Shopify-Hmac-SHA256",
		.other_headers = {.signature = "shopify-hmac-sha256"}, /* shopify.dev, "Events: delivery structure" */
		.prefix = "",
		.encoding = ENCODING_BASE64,
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {HEADER("X-Shopify-Topic"), HEADER_AND("shopify-topic"), TEXT_AND("/"), HEADER("shopify-action"),
				HEADER("shopify-topic"), TEXT("event")},
			[FIELD_KEY] = {HEADER("X-Shopify-Webhook-Id"), HEADER("shopify-webhook-id")},
			[FIELD_ACCOUNT] = {HEADER("X-Shopify-Shop-Domain"), HEADER("shopify-shop-domain")},
			[FIELD_SENT_AT] = {HEADER("X-Shopify-Triggered-At"), HEADER("shopify-triggered-at")},
		},
	},
	{
		/* learn.microsoft.com/linkedin, "Webhooks": the signed string has the prefix, the header may have it */
		.name = "linkedin",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-LI-Signature",
		.prefix = "hmacsha256=",
		.prefix_optional = true,
		.signs = "hmacsha256={body}",
		.handshake = HANDSHAKE_CHALLENGE_CODE,
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
	{
		/* developers.zoom.us, "Using webhooks" */
		.name = "zoom",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "x-zm-signature",
		.prefix = "v0=",
		.signs = "v0:{timestamp}:{body}",
		.timestamp_header = "x-zm-request-timestamp",
		.tolerance = HOURS_2,
		.handshake = HANDSHAKE_PLAIN_TOKEN,
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
		/* developers.hubspot.com, "Validating requests": v3. A retry's body tells its number, and event ids are not unique */
		.name = "hubspot-v3",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-HubSpot-Signature-v3",
		.prefix = "",
		.encoding = ENCODING_BASE64,
		.signs = "{method}{decoded-url}{body}{timestamp}",
		.timestamp_header = "X-HubSpot-Request-Timestamp",
		.timestamp_ms = true,
		.tolerance = MINUTES_5,
		.bodies = CONTENT_JSON,
		.source = {
			/* A request has up to 100 events, also of several portals; a workflow's action posts one object of its own. */
			[FIELD_EVENT] = {JSON("*.subscriptionType"), JSON("0.subscriptionType"), JSON("subscriptionType"), TEXT("request")},
			[FIELD_KEY] = {SIGNATURE},
			[FIELD_ACCOUNT] = {JSON("*.portalId"), JSON("portalId"), JSON("portal-id"), JSON("origin.portalId")},
			[FIELD_CONVERSATION] = {JSON_OF("conversation.*", "=.objectId"), JSON_OF("conversation.*", "objectId")},
			[FIELD_SENT_AT] = {JSON("0.occurredAt"), JSON("occurredAt")},
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
		.algorithm = ALGORITHM_ED25519,
		.header = "X-Signature-Ed25519",
		.prefix = "",
		.key_text = KEY_TEXT_HEX,
		.signs = "{timestamp}{body}",
		.timestamp_header = "X-Signature-Timestamp",
		.handshake = HANDSHAKE_PING,
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
		/* dropbox.com/developers, "Webhooks" */
		.name = "dropbox",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Dropbox-Signature",
		.prefix = "",
		.signs = "{body}",
		.handshake = HANDSHAKE_CHALLENGE,
		.bodies = CONTENT_JSON,
		.source = {
			/* The same bytes at each change of the same account */
			[FIELD_EVENT] = {TEXT("file.changed")},
			[FIELD_KEY] = {NOTHING},
			[FIELD_ACCOUNT] = {JSON("list_folder.accounts.*")},
		},
	},
	{
		/* developer.x.com, "Securing webhooks" */
		.name = "x",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "x-twitter-webhooks-signature",
		.prefix = "sha256=",
		.encoding = ENCODING_BASE64,
		.signs = "{body}",
		.handshake = HANDSHAKE_CRC_TOKEN,
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
		/* learn.microsoft.com/graph, "Receive change notifications through webhooks" */
		.name = "microsoft-graph",
		.algorithm = ALGORITHM_CLIENT_STATE,
		.handshake = HANDSHAKE_VALIDATION_TOKEN,
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("value.*.changeType"), JSON("value.*.lifecycleEvent"), JSON("value.0.changeType"),
				JSON("value.0.lifecycleEvent")},
			/* A drive's, a list's and a lifecycle's notifications have no id, and the same bytes at each change. */
			[FIELD_KEY] = {JSON("value.=.id"), JSON_AND("value.0.id"), BODY, NOTHING},
			[FIELD_ACCOUNT] = {JSON("value.*.tenantId")},
			[FIELD_CLIENT_STATE] = {JSON("value.*.clientState")},
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
	{
		/* RFC 7617: the secret is user:password */
		.name = "basic",
		.algorithm = ALGORITHM_SECRET,
		.header = "Authorization",
		.prefix = "Basic ",
		.encoding = ENCODING_BASE64,
		.bodies = CONTENT_JSON,
		.source = {CONNECTSAFELY_EVENT, CONNECTSAFELY_FIELDS},
	},
	{
		/* RFC 6750 section 2.1 */
		.name = "bearer",
		.algorithm = ALGORITHM_SECRET,
		.header = "Authorization",
		.prefix = "Bearer ",
		.bodies = CONTENT_JSON,
		.source = {CONNECTSAFELY_EVENT, CONNECTSAFELY_FIELDS},
	},
	{
		.name = "header",
		.algorithm = ALGORITHM_SECRET,
		.header = "X-Webhook-Secret",
		.prefix = "",
		.bodies = CONTENT_JSON,
		.source = {CONNECTSAFELY_EVENT, CONNECTSAFELY_FIELDS},
	},
	{
		.name = "none",
		.algorithm = ALGORITHM_NONE,
		.bodies = CONTENT_JSON,
		.source = {CONNECTSAFELY_EVENT, CONNECTSAFELY_FIELDS},
	},
};

const struct scheme *scheme_at(size_t i)
{
	return i < sizeof schemes / sizeof *schemes ? &schemes[i] : NULL;
}

const struct scheme *scheme_find(const char *name)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	return NULL;
}
