/* SPDX-License-Identifier: ISC */
/* Schemes of code hosts, shops and offices. */
#include "conf/provider.h"

const struct scheme provider_apps[] = {
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
		/* developers.hubspot.com, "Validating requests": v3. A retry's body tells its number, and event ids are not unique */
		.name = "hubspot-v3",
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-HubSpot-Signature-v3",
		.prefix = "",
		.encoding = ENCODING_BASE64,
		.signs = "{method}{decoded-url}{body}{timestamp}",
		.timestamp_header = "X-HubSpot-Request-Timestamp",
		.timestamp_unit = TIMESTAMP_MS,
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
		/* dropbox.com/developers, "Webhooks" */
		.name = "dropbox",
		.handshakes = {HANDSHAKE_ROW_CHALLENGE},
		.algorithm = ALGORITHM_HMAC_SHA256,
		.header = "X-Dropbox-Signature",
		.prefix = "",
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {
			/* The same bytes at each change of the same account */
			[FIELD_EVENT] = {TEXT("file.changed")},
			[FIELD_KEY] = {NOTHING},
			[FIELD_ACCOUNT] = {JSON("list_folder.accounts.*")},
		},
	},
	{
		/* learn.microsoft.com/graph, "Receive change notifications through webhooks" */
		.name = "microsoft-graph",
		.handshakes = {HANDSHAKE_ROW_VALIDATION_TOKEN},
		.algorithm = ALGORITHM_CLIENT_STATE,
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
	{.name = NULL},
};
