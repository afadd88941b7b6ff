/* Signature schemes as data: one row a provider. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/scheme.h"

#include <string.h>
#include <strings.h>

enum { SECRET_MAX = 4096 }; /* as io_read_secret() bounds it */
/* Zoom's library checks no age. Its last retry comes 115 minutes after the first attempt, and may bear that one's time. */
enum { HOURS_2 = 2 * 3600 * 1000 };
enum { MINUTES_5 = 300 * 1000 }; /* what Stripe, Slack, Standard Webhooks and HubSpot ask for; ms */

#define JSON(path) {SOURCE_JSON, .name = path}
#define HEADER(field) {SOURCE_HEADER, .name = field}
#define FORM(field) {SOURCE_FORM, .name = field}
#define TEXT(text) {SOURCE_TEXT, .name = text}
#define SIGNATURE {SOURCE_SIGNATURE, .name = NULL}
#define BODY {SOURCE_BODY, .name = NULL}
#define NOTHING {SOURCE_NOTHING, .name = NULL}
/* The id of a message or the like */
#define THING(path) {SOURCE_JSON, .name = path, .thing = true}

/* "What's in the payload"; Unipile's has the same shape */
#define CONNECTSAFELY_FIELDS \
	[FIELD_ACCOUNT] = {JSON("data.account_id")}, [FIELD_SENDER_ID] = {JSON("data.sender.id")}, \
	[FIELD_SENDER_NAME] = {JSON("data.sender.name")}, [FIELD_CONVERSATION] = {JSON("data.conversation_id")}, \
	[FIELD_SENT_AT] = {JSON("data.timestamp")}, [FIELD_TEXT] = {JSON("data.body")}
#define CONNECTSAFELY_EVENT [FIELD_EVENT] = {JSON("event")}, [FIELD_KEY] = {THING("data.message_urn"), THING("data.id")}

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
			[FIELD_EVENT] = {JSON("event")},
			[FIELD_KEY] = {JSON("data.message_urn"), JSON("data.id"), JSON("message_id"), BODY},
			CONNECTSAFELY_FIELDS,
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
			[FIELD_EVENT] = {JSON("event"), JSON("type")},
			[FIELD_KEY] = {JSON("data.message_urn"), JSON("data.id"), JSON("message_id"), BODY},
			CONNECTSAFELY_FIELDS,
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
			[FIELD_ACCOUNT] = {JSON("repository.full_name"), JSON("organization.login")},
			[FIELD_SENDER_ID] = {JSON("sender.id")},
			[FIELD_SENDER_NAME] = {JSON("sender.login")},
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
			[FIELD_EVENT] = {HEADER("X-Gitlab-Event"), JSON("object_kind"), TEXT("event")},
			[FIELD_KEY] = {HEADER("Idempotency-Key"), BODY},
			[FIELD_ACCOUNT] = {JSON("project.path_with_namespace")},
			[FIELD_SENDER_NAME] = {JSON("user_username"), JSON("user.username")},
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
			[FIELD_EVENT] = {JSON("object")},
			[FIELD_KEY] = {BODY},
			[FIELD_ACCOUNT] = {JSON("entry.0.id")},
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
			[FIELD_ACCOUNT] = {JSON("account")},
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
		.bodies = CONTENT_JSON | CONTENT_FORM,
		.source = {
			[FIELD_EVENT] = {JSON("event.type"), JSON("type"), FORM("command")},
			[FIELD_KEY] = {JSON("event_id"), JSON("trigger_id"), FORM("trigger_id"), SIGNATURE},
			[FIELD_ACCOUNT] = {JSON("team_id"), FORM("team_id")},
			[FIELD_SENDER_ID] = {JSON("event.user"), JSON("user.id"), FORM("user_id")},
			[FIELD_CONVERSATION] = {JSON("event.channel"), FORM("channel_id")},
			[FIELD_SENT_AT] = {JSON("event.ts")},
			[FIELD_TEXT] = {JSON("event.text"), FORM("text")},
			[FIELD_CHALLENGE] = {JSON("challenge")},
		},
	},
	{
		/* standardwebhooks.com, specification, "Signature scheme" */
		.name = "standard-webhooks",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.prefix = "v1,",
		STANDARD_WEBHOOKS("webhook"),
		.source = {[FIELD_EVENT] = {JSON("type"), JSON("event")}, [FIELD_KEY] = {HEADER("webhook-id")}, [FIELD_SENT_AT] = {JSON("timestamp")}},
	},
	{
		.name = "standard-webhooks-ed25519",
		.algorithm = ALGORITHM_ED25519,
		.prefix = "v1a,",
		STANDARD_WEBHOOKS("webhook"),
		.source = {[FIELD_EVENT] = {JSON("type"), JSON("event")}, [FIELD_KEY] = {HEADER("webhook-id")}, [FIELD_SENT_AT] = {JSON("timestamp")}},
	},
	{
		/* docs.svix.com, "Verifying payloads: manually" */
		.name = "svix",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.prefix = "v1,",
		STANDARD_WEBHOOKS("svix"),
		.other_headers = {"webhook-signature", "webhook-timestamp", "webhook-id"}, /* docs.svix.com: "unbranded" */
		.source = {[FIELD_EVENT] = {JSON("type"), JSON("event")}, [FIELD_KEY] = {HEADER("svix-id")}, [FIELD_SENT_AT] = {JSON("timestamp")}},
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
			[FIELD_EVENT] = {HEADER("X-Shopify-Topic"), TEXT("event")},
			[FIELD_KEY] = {HEADER("X-Shopify-Webhook-Id"), BODY},
			[FIELD_ACCOUNT] = {HEADER("X-Shopify-Shop-Domain")},
			[FIELD_SENT_AT] = {HEADER("X-Shopify-Triggered-At")},
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
		.source = {[FIELD_EVENT] = {JSON("type"), TEXT("notification")}, [FIELD_KEY] = {BODY}},
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
			[FIELD_KEY] = {BODY},
			[FIELD_ACCOUNT] = {JSON("payload.account_id")},
			[FIELD_SENT_AT] = {JSON("event_ts")},
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
			[FIELD_EVENT] = {JSON("0.subscriptionType"), JSON("subscriptionType"), TEXT("request")},
			[FIELD_KEY] = {SIGNATURE},
			[FIELD_ACCOUNT] = {JSON("0.portalId"), JSON("portalId")},
			[FIELD_SENT_AT] = {JSON("0.occurredAt")},
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
		.bodies = CONTENT_JSON | CONTENT_FORM,
		.source = {
			[FIELD_EVENT] = {FORM("EventType"), FORM("SmsStatus"), FORM("CallStatus"), TEXT("event")},
			[FIELD_KEY] = {SIGNATURE},
			[FIELD_ACCOUNT] = {FORM("AccountSid"), JSON("0.data.accountSid")},
			[FIELD_SENDER_ID] = {FORM("From")},
			[FIELD_CONVERSATION] = {FORM("ConversationSid")},
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
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("event.type"), TEXT("ping")},
			[FIELD_KEY] = {BODY},
			[FIELD_ACCOUNT] = {JSON("application_id")},
			[FIELD_SENT_AT] = {JSON("event.timestamp")},
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
		.source = {[FIELD_EVENT] = {TEXT("file.changed")}, [FIELD_KEY] = {NOTHING}},
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
		.source = {[FIELD_EVENT] = {TEXT("activity")}, [FIELD_KEY] = {BODY}, [FIELD_ACCOUNT] = {JSON("for_user_id")}},
	},
	{
		/* learn.microsoft.com/graph, "Receive change notifications through webhooks" */
		.name = "microsoft-graph",
		.algorithm = ALGORITHM_CLIENT_STATE,
		.handshake = HANDSHAKE_VALIDATION_TOKEN,
		.bodies = CONTENT_JSON,
		.source = {
			[FIELD_EVENT] = {JSON("value.0.changeType"), JSON("value.0.lifecycleEvent")},
			[FIELD_KEY] = {BODY},
			[FIELD_ACCOUNT] = {JSON("value.0.tenantId")},
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
			[FIELD_EVENT] = {TEXT("update")},
			[FIELD_KEY] = {JSON("update_id")},
			[FIELD_SENDER_ID] = {JSON("message.from.id")},
			[FIELD_SENDER_NAME] = {JSON("message.from.username"), JSON("message.from.first_name")},
			[FIELD_CONVERSATION] = {JSON("message.chat.id")},
			[FIELD_SENT_AT] = {JSON("message.date")},
			[FIELD_TEXT] = {JSON("message.text")},
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

static const char *const placeholders[PLACEHOLDER_COUNT] = {
	[PLACEHOLDER_BODY] = "{body}",
	[PLACEHOLDER_TIMESTAMP] = "{timestamp}",
	[PLACEHOLDER_ID] = "{id}",
	[PLACEHOLDER_METHOD] = "{method}",
	[PLACEHOLDER_URL] = "{url}",
	[PLACEHOLDER_DECODED_URL] = "{decoded-url}",
	[PLACEHOLDER_FORM] = "{form}",
};

bool scheme_next(const char **text, enum placeholder *p, struct slice *literal)
{
	size_t len;

	if (**text == '\0')
		return false;
	*p = PLACEHOLDER_COUNT;
	if (**text != '{') {
		*literal = (struct slice){*text, strcspn(*text, "{")};
		*text += literal->n;
		return true;
	}
	for (int i = 0; i < PLACEHOLDER_COUNT; i++) {
		len = strlen(placeholders[i]);
		if (strncmp(*text, placeholders[i], len) != 0)
			continue;
		*p = (enum placeholder)i;
		*text += len;
		return true;
	}
	return false;
}

bool scheme_signs(const struct scheme *s, enum placeholder p)
{
	return s->signs && strstr(s->signs, placeholders[p]);
}

bool scheme_signs_for_strangers(const struct scheme *s)
{
	return s->handshake == HANDSHAKE_CHALLENGE_CODE || s->handshake == HANDSHAKE_CRC_TOKEN;
}

bool scheme_signs_url(const struct scheme *s)
{
	return scheme_signs(s, PLACEHOLDER_URL) || scheme_signs(s, PLACEHOLDER_DECODED_URL);
}

bool scheme_signs_source(const struct scheme *s, const struct source *source)
{
	bool body = !scheme_has_key(s) || scheme_signs(s, PLACEHOLDER_BODY) || scheme_signs(s, PLACEHOLDER_FORM);

	switch (source->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
	case SOURCE_MEMBER:
	case SOURCE_FORM:
	case SOURCE_BODY:
		return body;
	case SOURCE_HEADER:
		return scheme_has_key(s) && s->id_header && strcasecmp(source->name, s->id_header) == 0;
	default:
		return true;
	}
}

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

bool scheme_has_key(const struct scheme *s)
{
	return scheme_signature_size(s->algorithm) > 0;
}

/*
 * Base64 (RFC 4648 section 4) as the Standard Webhooks libraries take secrets: with or without its padding, and with bits at
 * the end that stand for nothing. None of them takes the URL's alphabet.
 */
static bool decode_loose(const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned held = 0;
	const char *at;

	if (n > 0 && n % 4 == 0)
		for (int i = 0; i < 2 && text[n - 1] == '='; i++)
			n--;
	if (n % 4 == 1)
		return false;
	for (*len = 0; n > 0; n--, text++) {
		at = *text ? strchr(alphabet, *text) : NULL;
		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (*len == max)
			return false;
		out[(*len)++] = (unsigned char)(bits >> held);
	}
	return *len > 0;
}

/* The bytes behind the Standard Webhooks' prefix, decoded. Supabase writes the signature's version before it. */
static bool decode_key(const struct scheme *s, const char *text, size_t n, unsigned char *out, size_t max, size_t *len)
{
	static const char *const prefixes[] = {"v1,", "v1a,", "whsec_", "whpk_", "whsk_"};
	size_t k;

	if (s->key_text == KEY_TEXT_HEX)
		return decode(ENCODING_HEX, text, n, out, max, len);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		k = strlen(prefixes[i]);
		if (n < k || strncmp(text, prefixes[i], k) != 0)
			continue;
		text += k;
		n -= k;
	}
	return decode_loose(text, n, out, max, len);
}

static struct key *make_key(enum algorithm algorithm, const unsigned char *bytes, size_t n, bool sign, const char **why)
{
	enum key_kind kind = algorithm == ALGORITHM_HMAC_SHA256 ? KEY_HMAC_SHA256 : KEY_HMAC_SHA1;
	struct key *key;

	if (algorithm == ALGORITHM_ED25519) {
		kind = sign ? KEY_ED25519_PRIVATE : KEY_ED25519_PUBLIC;
		if (sign && n == 2 * KEY_ED25519_BYTES)
			n = KEY_ED25519_BYTES;
		*why = "an Ed25519 key has 32 bytes";
		if (n != KEY_ED25519_BYTES)
			return NULL;
	}
	key = key_new(kind, bytes, n);
	*why = "memory is short, or OpenSSL failed";
	return key;
}

static struct key *key_of(const struct scheme *s, enum algorithm algorithm, const char *text, size_t n, bool sign, const char **why)
{
	unsigned char bytes[SECRET_MAX];
	struct key *key = NULL;
	size_t len = 0;

	if (s->key_text == KEY_TEXT_PLAIN)
		return make_key(algorithm, (const unsigned char *)text, n, sign, why);
	if (decode_key(s, text, n, bytes, sizeof bytes, &len))
		key = make_key(algorithm, bytes, len, sign, why);
	else
		*why = s->key_text == KEY_TEXT_HEX ? "it is not hexadecimal" : "it is not base64, with or without whsec_ before it";
	explicit_bzero(bytes, sizeof bytes);
	return key;
}

struct key *scheme_key(const struct scheme *s, const char *text, size_t n, bool sign, const char **why)
{
	return key_of(s, s->algorithm, text, n, sign, why);
}

struct key *scheme_other_key(const struct scheme *s, const char *text, size_t n, const char **why)
{
	return s->other_algorithm ? key_of(s, s->other_algorithm, text, n, false, why) : NULL;
}

size_t scheme_signature_size(enum algorithm a)
{
	switch (a) {
	case ALGORITHM_HMAC_SHA256:
		return 32;
	case ALGORITHM_HMAC_SHA1:
		return 20;
	case ALGORITHM_ED25519:
		return 64;
	default:
		return 0;
	}
}
