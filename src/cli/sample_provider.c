/* SPDX-License-Identifier: ISC */
/* Sample deliveries of providers, for hookspool send. */
#include "cli/sample_provider.h"

#include <string.h>

#include "hook/request.h"

static const struct sample_provider samples[] = {
	{"", "message.received", REQUEST_JSON, NULL},
	{"github", "issues", REQUEST_JSON,
		"{\"action\":\"opened\",\"issue\":{\"number\":1,\"node_id\":\"$\",\"title\":\"It works\"},"
		"\"repository\":{\"full_name\":\"example/app\"},\"sender\":{\"id\":583231,\"login\":\"octocat\"}}"},
	{"gitlab", "Push Hook", REQUEST_JSON,
		"{\"object_kind\":\"push\",\"checkout_sha\":\"$\",\"user_username\":\"jdoe\","
		"\"project\":{\"path_with_namespace\":\"example/app\"}}"},
	{"meta", "", REQUEST_JSON,
		"{\"object\":\"page\",\"entry\":[{\"id\":\"1067280970047460\",\"messaging\":[{\"message\":{\"mid\":\"m_$\","
		"\"text\":\"Hello\"}}]}]}"},
	{"stripe", "", REQUEST_JSON,
		"{\"id\":\"evt_$\",\"object\":\"event\",\"type\":\"charge.succeeded\",\"created\":1778596401,"
		"\"data\":{\"object\":{\"id\":\"ch_$\",\"amount\":2000,\"currency\":\"eur\"}}}"},
	{"slack", "", REQUEST_JSON,
		"{\"type\":\"event_callback\",\"team_id\":\"T061EG9R6\",\"event_id\":\"Ev$\",\"event\":{\"type\":\"message\","
		"\"user\":\"U061F7AUR\",\"channel\":\"C0LAN2Q65\",\"text\":\"Hello\",\"ts\":\"1778596401.000100\"}}"},
	{"standard-webhooks", "", REQUEST_JSON,
		"{\"type\":\"user.created\",\"timestamp\":\"2026-05-12T14:33:21Z\",\"data\":{\"id\":\"$\"}}"},
	{"standard-webhooks-ed25519", "", REQUEST_JSON,
		"{\"type\":\"user.created\",\"timestamp\":\"2026-05-12T14:33:21Z\",\"data\":{\"id\":\"$\"}}"},
	{"svix", "", REQUEST_JSON,
		"{\"type\":\"invoice.paid\",\"timestamp\":\"2026-05-12T14:33:21Z\",\"data\":{\"id\":\"$\"}}"},
	{"shopify", "orders/create", REQUEST_JSON,
		"{\"id\":#,\"admin_graphql_api_id\":\"gid://shopify/Order/$\",\"email\":\"jane@example.com\",\"total_price\":\"10.00\"}"},
	{"linkedin", "", REQUEST_JSON,
		"{\"type\":\"ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS\",\"notifications\":[{\"notificationId\":#,"
		"\"organizationalEntity\":\"urn:li:organization:2414183\",\"action\":\"COMMENT\"}]}"},
	{"zoom", "", REQUEST_JSON,
		"{\"event\":\"meeting.started\",\"event_ts\":1778596401000,\"payload\":{\"account_id\":\"AAAAAABBBB\","
		"\"object\":{\"uuid\":\"$\",\"topic\":\"Stand-up\"}}}"},
	{"hubspot-v3", "", REQUEST_JSON,
		"[{\"eventId\":#,\"subscriptionType\":\"contact.creation\",\"portalId\":62515,\"occurredAt\":1778596401000,"
		"\"attemptNumber\":0,\"objectId\":#}]"},
	{"twilio", "", REQUEST_FORM,
		"MessageSid=SM$&AccountSid=AC$&From=%2B15551234567&To=%2B15557654321&Body=Hello+there&SmsStatus=received"},
	{"discord", "", REQUEST_JSON,
		"{\"version\":1,\"application_id\":\"1234560123453231555\",\"type\":1,\"event\":{\"type\":\"APPLICATION_AUTHORIZED\","
		"\"timestamp\":\"2026-05-12T14:33:21Z\",\"data\":{\"user\":{\"id\":\"#\"}}}}"},
	{"dropbox", "", REQUEST_JSON, "{\"list_folder\":{\"accounts\":[\"dbid:$\"]},\"delta\":{\"users\":[12345678]}}"},
	{"x", "", REQUEST_JSON,
		"{\"for_user_id\":\"2244994945\",\"tweet_create_events\":[{\"id_str\":\"#\",\"text\":\"Hello\"}]}"},
	{"microsoft-graph", "", REQUEST_JSON,
		"{\"value\":[{\"subscriptionId\":\"$\",\"clientState\":\"@\",\"changeType\":\"created\",\"tenantId\":\"84bd8158\","
		"\"resource\":\"me/messages/$\"}]}"},
	{"telegram", "", REQUEST_JSON,
		"{\"update_id\":#,\"message\":{\"message_id\":1365,\"from\":{\"id\":1111111,\"first_name\":\"Jane\",\"username\":\"jane\"},"
		"\"chat\":{\"id\":1111111,\"type\":\"private\"},\"date\":1778596401,\"text\":\"Hello\"}}"},
};

const struct sample_provider *sample_provider_find(const struct scheme *s)
{
	const char *name = s->like ? s->like : s->name;

	for (size_t i = 1; i < sizeof samples / sizeof *samples; i++)
		if (strcmp(samples[i].scheme, name) == 0)
			return &samples[i];
	return &samples[0];
}
