/* SPDX-License-Identifier: ISC */
/* Schemes that many providers share: Standard Webhooks, and plain secrets. */
#include "conf/provider.h"

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

#define STANDARD_WEBHOOKS(prefix_of_headers) \
	.header = prefix_of_headers "-signature", .separator = ' ', .encoding = ENCODING_BASE64, .key_text = KEY_TEXT_BASE64, \
	.signs = "{id}.{timestamp}.{body}", .timestamp_header = prefix_of_headers "-timestamp", .tolerance = MINUTES_5, \
	.id_header = prefix_of_headers "-id", .bodies = CONTENT_JSON

const struct scheme provider_standard[] = {
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
	{.name = NULL},
};
