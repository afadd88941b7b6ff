/* SPDX-License-Identifier: ISC */
/* Deliveries with each kind of proof that a scheme of the configuration may have. All secrets are invented, or published examples. */
#ifndef VECTORS_H
#define VECTORS_H

struct vector {
	const char *name, *options, *secret, *headers, *body;
	long long at;         /* s */
	const char *parts;    /* the bytes of the body that are signed, a line each; NULL: all; "": none */
	const char *url;
};

/* The public key of several samples below. */
#define SAMPLE_PEM \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxNdlaM9vOpD5Vq0Ideul\n" \
	"yAVqwI5egf6kOyyby7+RGfx1XHfpg4mzjjEyVyEtppGqQABOq68kzLFnktBbwyLQ\n" \
	"UXRNRnQ56qy6qwbvrRMvAtZyqEy1RdoIpO4gVKtykMD0cQMa+kjntwc+EkkqzEEl\n" \
	"dlY4BjjEavWPp/RBegfGz/RyECKSd3VXgPpg/9W9JGdZ55WAT0F7GevdLT1kVHUW\n" \
	"Ud6NzSUMUsA+3A7sMJbDliSaYZ0AfMUZYKk0kSlq8s8C0FVVmu5mGB8YdpSm6xSf\n" \
	"F17rvPUnC0GRJ/sS7Gneh5FztDwoUJAXiHP46vKgJmpfAeyR412nRJWik6hoKCvA\n" \
	"XQIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"

static const struct vector vectors[] = {
	{"mailgun",
		"algorithm = \"hmac-sha256\" signature = {\"json:signature.signature\"} timestamp = \"json:signature.times"
		"tamp\" signs = \"{timestamp}{json:signature.token}\" tolerance = \"300s\"",
		"sample-secret-of-32-characters-00",
		"",
		"{\"signature\":{\"timestamp\":\"1795780000\",\"token\":\"9050b130deb96dfe2a6f75ed301706f4890c41e24273c6fb58\","
		"\"signature\":\"7d53d382d64454a2f97cd878da9c895a8d61f76f980d16500d5171d8fb642815\"},\"event-data\":{\"event"
		"\":\"opened\",\"timestamp\":1795780000,\"id\":\"mg-0001\",\"recipient\":\"lead@example.com\",\"message\":{\"headers\""
		":{\"message-id\":\"mm-0001\"}}}}",
		1795780000, "1795780000\"\n9050b130deb9", "https://hooks.example.com/monday"},
	{"adyen-payments",
		"algorithm = \"hmac-sha256\" encoding = \"base64\" secret-encoding = \"hex\" signature = {\"json:notificatio"
		"nItems.=.NotificationRequestItem.additionalData.hmacSignature\"} signs = \"{json:notificationItems.=.N"
		"otificationRequestItem.pspReference}:{json:notificationItems.=.NotificationRequestItem.originalRefer"
		"ence}:{json:notificationItems.=.NotificationRequestItem.merchantAccountCode}:{json:notificationItems"
		".=.NotificationRequestItem.merchantReference}:{json:notificationItems.=.NotificationRequestItem.amou"
		"nt.value}:{json:notificationItems.=.NotificationRequestItem.amount.currency}:{json:notificationItems"
		".=.NotificationRequestItem.eventCode}:{json:notificationItems.=.NotificationRequestItem.success}\"",
		"E073659639058A5234ED94B07E5389C10F9DE351D27430C4D439FF2717006A02",
		"",
		"{\"live\":\"false\",\"notificationItems\":[{\"NotificationRequestItem\":{\"additionalData\":{\"hmacSignature\":\""
		"+W27WyJn5A0iggcKyb2jqqNG9OVgOGtjcXq8HU83ne8=\"},\"amount\":{\"currency\":\"EUR\",\"value\":1000},\"eventCode\":"
		"\"AUTHORISATION\",\"eventDate\":\"2026-11-27T09:00:00+00:00\",\"merchantAccountCode\":\"SampleMerchant\",\"merc"
		"hantReference\":\"or-0001\",\"originalReference\":\"\",\"pspReference\":\"PSP0001\",\"success\":\"true\"}}]}",
		1795780000, "+W27Wy\nSampleMerchant\nor-0001\nPSP0001\nAUTHORISATION\n1000\nEUR", "https://hooks.example.com/monday"},
	{"aws-sns",
		"algorithm = \"rsa-sha256\" encoding = \"base64\" bodies = {\"json\", \"any\"} signature = {\"json:Signature\"}"
		" signs = \"Message\\n{json:Message}\\nMessageId\\n{json:MessageId}\\n{if json:Subject}Subject\\n{json:Subj"
		"ect}\\n{end}{if json:SubscribeURL}SubscribeURL\\n{json:SubscribeURL}\\n{end}Timestamp\\n{json:Timestamp}"
		"\\n{if json:Token}Token\\n{json:Token}\\n{end}TopicArn\\n{json:TopicArn}\\nType\\n{json:Type}\\n\" timestamp"
		" = \"json:Timestamp\" timestamp-unit = \"date\" tolerance = \"3h\"",
		SAMPLE_PEM,
		"",
		"{\"Type\":\"Notification\",\"MessageId\":\"sns-0001\",\"TopicArn\":\"arn:aws:sns:eu-west-1:000000000000:sample\""
		",\"Subject\":\"Sample\",\"Message\":\"Hello\",\"Timestamp\":\"2026-11-27T09:00:00.000Z\",\"SignatureVersion\":\"2\","
		"\"SigningCertURL\":\"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-sample.pem\",\"Unsubsc"
		"ribeURL\":\"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe\",\"Signature\":\"RfhFSZQKqIkNsEXyUy9V"
		"+CCY/DN3x2BZHgUHBYdl+mghdpvwUt1W57DZng1qJ1kqLgRUJ86x52gb+CsbvhrtiVALXXXSemfDMclqfm0/dZv/pRC5K3D3iWYP"
		"oXCjppPnQC8N3AmcKiI5nfi2pv78jp9nckJ0o5+3lggBqUHIWp12A/+tlCvIF7I0IeMH3ZNie6EUwl+/OhVb/MNKkMRFFa3jjR6U"
		"LhuFV+Y72eGOBzKYD+UI5zYS+lfHCcDwD7jP85N+eBeCfNytWbcdUgf/IWpQ7iDnURFh0zIUiYX+eA8OAviXEU3DV+kS5pTf5tbq"
		"Pqxn047/+No28ZAX3rqjXw==\"}",
		1795780000, "RfhFSZ\nHello\nsns-0001\narn:aws:sns\nSample\"", "https://hooks.example.com/monday"},
	{"pandadoc",
		"algorithm = \"hmac-sha256\" signature = {\"query:signature\"} signs = \"{body}\"",
		"sample-secret-of-32-characters-00",
		":query: signature=1e5e12f8a732b1ebd3191598151286a75db0cc52945499b504afdd6b0b31fef8\n",
		"[{\"event\":\"document_state_changed\",\"data\":{\"id\":\"pd-0001\",\"name\":\"Offer\",\"status\":\"document.complete"
		"d\",\"date_modified\":\"2026-11-27T09:00:00.000000Z\"}}]",
		1795780000, NULL, "https://hooks.example.com/monday"},
	{"sendgrid",
		"algorithm = \"ecdsa-p256-sha256\" header = \"X-Twilio-Email-Event-Webhook-Signature\" encoding = \"base64"
		"\" timestamp-header = \"X-Twilio-Email-Event-Webhook-Timestamp\" signs = \"{timestamp}{body}\" tolerance "
		"= \"300s\"",
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMgrXuWgUCYcmCGAM6UrnLFQhCNMY/4Mt8cp8b61f24Bj/T0Wjs2Um1EDX/d0KzNM"
		"+dBcR+bSbeBtqGt08VNw0w==",
		"X-Twilio-Email-Event-Webhook-Signature: MEUCIG7GVMOgtFM86FLg+ReZ7Sr3rgc2CWWB8J7XK2ojgrzBAiEAs52tE/by"
		"M/+gBjjQEu34G5Kq46fZ16d0pR3mUcnoCdw=\n"
		"X-Twilio-Email-Event-Webhook-Timestamp: 1795780000\n",
		"[{\"email\":\"lead@example.com\",\"timestamp\":1795780000,\"event\":\"open\",\"sg_event_id\":\"sge-0001\",\"sg_mess"
		"age_id\":\"sgm-0001\"}]",
		1795780000, NULL, "https://hooks.example.com/monday"},
	{"wise",
		"algorithm = \"rsa-sha256\" header = \"X-Signature-SHA256\" encoding = \"base64\" signs = \"{body}\"",
		SAMPLE_PEM,
		"X-Signature-SHA256: vWGa23c9En/qwAeEfJH2HFP9De732Qd0ncA0wzjcK9F9Jzg1nigcivQ8aqvi0c2sp7CsomAeeig25VcA"
		"ETp9RTEJgjJOuG9oZBJ5wfPCEI8noU4fUDfM2oaiNjY6238q6bLG7H9ytPtthIP98cEhObEUAXpTmsa7jH4K2fjb0S1KoJcb06+Z"
		"XJCK5nUdQPOnpoSKgOeUBi+FMTlljPhtCsWN8yTlG5e8dXyUR/P2hQJVDfAN4ruIzIk4hlBIItAjoE8PtS4XyTINQDuWPycEjcMm"
		"QQPumNUMCKrVfaJaN9P5z4by17PsQ6xte14DlGh/WpokCWdVF+uyOr1XSKjBQg==\n",
		"{\"data\":{\"resource\":{\"id\":1,\"profile_id\":2,\"type\":\"transfer\"},\"current_state\":\"processing\"},\"subscri"
		"ption_id\":\"ws-0001\",\"event_type\":\"transfers#state-change\",\"schema_version\":\"2.0.0\",\"sent_at\":\"2026-1"
		"1-27T09:00:00Z\"}",
		1795780000, NULL, "https://hooks.example.com/monday"},
	{"netlify",
		"algorithm = \"jwt-hs256\" header = \"X-Webhook-Signature\" claims = {\"iss=netlify\", \"sha256={body-sha256"
		"}\"}",
		"sample-secret-of-32-characters-00",
		"X-Webhook-Signature: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJuZXRsaWZ5Iiwic2hhMjU2IjoiMjY4YT"
		"M4MTY1ZGFiNmI3MDFiZTU3YThmNTEzMGViZjczYmRkNTdiZDdjZWU3NWRjYzBhMWI3ZjE2MGY0NjkwMSJ9.dZvV0HCEMNTs7_AkS"
		"abA32ndNJwZXBoEuKKSMBbBwFg\n",
		"{\"id\":\"nd-0001\",\"state\":\"ready\",\"site_id\":\"ns-0001\",\"name\":\"sample\",\"created_at\":\"2026-11-27T09:00:0"
		"0.000Z\"}",
		1795780000, NULL, "https://hooks.example.com/monday"},
	{"monday",
		"algorithm = \"jwt-hs256\" header = \"Authorization\" claims = {\"exp\", \"aud={url}\"} timestamp = \"claim:ia"
		"t\" tolerance = \"300s\"",
		"sample-secret-of-32-characters-00",
		"Authorization: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY2NvdW50SWQiOjE4MjU1LCJ1c2VySWQiOjkwMSwiYXVk"
		"IjoiaHR0cHM6Ly9ob29rcy5leGFtcGxlLmNvbS9tb25kYXkiLCJleHAiOjE3OTU3ODAzMDAsImlhdCI6MTc5NTc4MDAwMH0.iTtJ"
		"GHH3FBHj_ZzcC3ua-oTAtPJuA4OxoksUHXu8hLU\n",
		"{\"event\":{\"userId\":901,\"boardId\":771,\"pulseId\":772,\"type\":\"create_pulse\",\"triggerTime\":\"2026-11-27T0"
		"9:00:00.000Z\",\"subscriptionId\":73,\"triggerUuid\":\"mo0001\"}}",
		1795780000, "", "https://hooks.example.com/monday"},
	{"paddle",
		"algorithm = \"hmac-sha256\" header = \"Paddle-Signature\" separator = \";\" prefix = \"h1=\" timestamp-prefi"
		"x = \"ts=\" signs = \"{timestamp}:{body}\" tolerance = \"300s\"",
		"sample-secret-of-32-characters-00",
		"Paddle-Signature: ts=1795780000;h1=ab379fb2a99e3266f34e19eb86a5dc6bb925967b6773bc7c29ac9c722740227c\n",
		"{\"event_id\":\"evt_p0001\",\"event_type\":\"transaction.completed\",\"occurred_at\":\"2026-11-27T09:00:00.000Z"
		"\",\"notification_id\":\"ntf_0001\",\"data\":{\"id\":\"txn_0001\",\"status\":\"completed\",\"customer_id\":\"ctm_1\"}}",
		1795780000, NULL, "https://hooks.example.com/monday"},
	/* legacydocs.hubspot.com, "Validating the v1 request signature" */
	{"hubspot-v1",
		"algorithm = \"sha256\" header = \"X-HubSpot-Signature\" signs = \"{body}\"",
		"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
		"X-HubSpot-Signature: 232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de\n",
		"[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000,\"subscriptionType\":"
		"\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":"
		"54321}]",
		0, NULL, "https://hooks.example.com/"},
	/* the same, v2 */
	{"hubspot-v2",
		"algorithm = \"sha256\" header = \"X-HubSpot-Signature\" signs = \"{method}{url}{body}\"",
		"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
		"X-HubSpot-Signature: 9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900\n",
		"{\"example_field\":\"example_value\"}",
		0, NULL, "https://www.example.com/webhook_uri"},
	/* RFC 7515, appendix A.1 */
	{"rfc7515-a1",
		"algorithm = \"jwt-hs256\" secret-encoding = \"base64\" header = \"Authorization\" prefix = \"Bearer \" claim"
		"s = {\"exp\", \"iss=joe\"}",
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==",
		"Authorization: Bearer eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4M"
		"TkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX"
		"k\n",
		"{}",
		1300819379, "", "https://hooks.example.com/"},
	/* A.2 */
	{"rfc7515-a2",
		"algorithm = \"jwt-rs256\" header = \"Authorization\" prefix = \"Bearer \" claims = {\"exp\", \"iss=joe\"}",
		"-----BEGIN PUBLIC KEY-----\n"
		"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
		"NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
		"P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
		"9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
		"EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
		"FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
		"oQIDAQAB\n"
		"-----END PUBLIC KEY-----\n",
		"Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6L"
		"y9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZm"
		"h7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h"
		"6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phC"
		"nvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw\n",
		"{}",
		1300819379, "", "https://hooks.example.com/"},
	/* A.3 */
	{"rfc7515-a3",
		"algorithm = \"jwt-es256\" header = \"Authorization\" prefix = \"Bearer \" claims = {\"exp\", \"iss=joe\"}",
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0"
		"s2ldbqkLJK2KRiMohYjlrQ==",
		"Authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6L"
		"y9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISl"
		"SApmWQxfKTUJqPP3-Kg6NU1Q\n",
		"{}",
		1300819379, "", "https://hooks.example.com/"},
	/* made as the provider's documentation says */
	{"paystack",
		"algorithm = \"hmac-sha512\" header = \"x-paystack-signature\"",
		"sample-secret-of-32-characters-00",
		"x-paystack-signature: a1710a2ddeeef1f4407e4a0b2eeb257211835a2369136ea217e5fec0cc772a7e6032e7bd05f66e"
		"e5574204a2c829b3d1085f966e75bb9fa168ac13529d2e3337\n",
		"{\"event\":\"charge.success\",\"data\":{\"id\":302961}}",
		0, NULL, "https://hooks.example.com/"},
	/* made */
	{"hmac-sha384",
		"algorithm = \"hmac-sha384\" header = \"X-S\" encoding = \"base64\"",
		"sample-secret-of-32-characters-00",
		"X-S: MjhJ1b6ZaWtFnH0ZkzmXfAqA28ZC/79Q2K7e/rvLP2aDKHnSVeuaN0jtXlVftTKu\n",
		"{\"event\":\"charge.success\",\"data\":{\"id\":302961}}",
		0, NULL, "https://hooks.example.com/"},
	/* made */
	{"workos",
		"algorithm = \"hmac-sha256\" header = \"WorkOS-Signature\" separator = \",\" prefix = \"v1=\" timestamp-prefi"
		"x = \"t=\" timestamp-unit = \"ms\" signs = \"{timestamp}.{body}\" tolerance = \"180s\"",
		"sample-secret-of-32-characters-00",
		"WorkOS-Signature: t=1795780000123, v1=7cefcb6150cf7f09b914a5bc35f4345d6650a9f1890a8b7de77e589fd8d6b4"
		"3c\n",
		"{\"event\":\"charge.success\",\"data\":{\"id\":302961}}",
		1795780000, NULL, "https://hooks.example.com/"},
	{"zendesk",
		"algorithm = \"hmac-sha256\" header = \"X-Zendesk-Webhook-Signature\" encoding = \"base64\" timestamp-heade"
		"r = \"X-Zendesk-Webhook-Signature-Timestamp\" timestamp-unit = \"date\" signs = \"{timestamp}{body}\" tole"
		"rance = \"300s\"",
		"sample-secret-of-32-characters-00",
		"X-Zendesk-Webhook-Signature: 5RQvqVoImbQmJ1h2IrB3k6jhf3hHu+eWpeF7lycrrkQ=\n"
		"X-Zendesk-Webhook-Signature-Timestamp: 2026-11-27T11:46:40Z\n",
		"{\"id\":\"ze-0001\",\"type\":\"zen:event-type:ticket.created\",\"account_id\":31001,\"time\":\"2026-11-27T09:00:0"
		"0Z\",\"subject\":\"zen:ticket:42\",\"detail\":{\"id\":\"42\",\"requester_id\":\"9001\",\"subject\":\"Sample\"}}",
		1795780000, NULL, "https://hooks.example.com/"},
	{"docusign",
		"algorithm = \"hmac-sha256\" encoding = \"base64\" signature = {\"header:X-DocuSign-Signature-1\", \"header:"
		"X-DocuSign-Signature-2\"}",
		"sample-secret-of-32-characters-00",
		"X-DocuSign-Signature-2: QK0VmNBE5Ysw9ZM16/tYUg+XPhlS/lZQ0t9W/35DDe8=\n",
		"{\"event\":\"envelope-completed\",\"apiVersion\":\"v2.1\",\"retryCount\":0,\"configurationId\":1001,\"generatedDa"
		"teTime\":\"2026-11-27T09:00:00.000Z\",\"data\":{\"accountId\":\"da-0001\",\"userId\":\"du-0001\",\"envelopeId\":\"de"
		"-0001\"}}",
		1795780000, NULL, "https://hooks.example.com/"},
	{"linear",
		"algorithm = \"hmac-sha256\" header = \"Linear-Signature\" timestamp = \"json:webhookTimestamp\" timestamp-"
		"unit = \"ms\" tolerance = \"60s\"",
		"sample-secret-of-32-characters-00",
		"Linear-Signature: f588a6ac7e3c3f1b6c5aaacc19c3dc920cf28c430e46a885f3339380fb27d9c0\n",
		"{\"action\":\"create\",\"type\":\"Comment\",\"organizationId\":\"org-0001\",\"createdAt\":\"2026-11-27T09:00:00.000"
		"Z\",\"webhookTimestamp\":1795780000000,\"webhookId\":\"lw-0001\",\"actor\":{\"id\":\"act-0001\",\"type\":\"user\",\"na"
		"me\":\"Sample Actor\"},\"data\":{\"id\":\"com-0001\",\"body\":\"Looks good\",\"issueId\":\"iss-0001\"},\"url\":\"https:/"
		"/linear.example/iss\"}",
		1795780000, NULL, "https://hooks.example.com/"},
	{"mollie",
		"algorithm = \"hmac-sha256\" header = \"X-Mollie-Signature\" prefix = \"sha256=\" prefix-optional = true",
		"sample-secret-of-32-characters-00",
		"X-Mollie-Signature: 7532519400c39f2e2922929a39c2976aea299404503b79d69c0559920b8e0234\n",
		"{\"resource\":\"event\",\"id\":\"event_0001\",\"type\":\"payment-link.paid\",\"entityId\":\"pl_0001\",\"createdAt\":\"2"
		"026-11-27T09:00:00.0Z\"}",
		0, NULL, "https://hooks.example.com/"},
	/* RFC 8032, TEST 2's key */
	{"ed25519-pem",
		"algorithm = \"ed25519\" header = \"X-S\" encoding = \"base64\"",
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
		"-----END PUBLIC KEY-----\n",
		"X-S: 7PFSOjGmtQx4D2X5F16dDOV5C2sWKshqF6ZSXhkOG7plIIR3QTADJ3tX9ioUvtLprHG3/tUKNg4xCiihE2dLCA==\n",
		"{\"event\":\"charge.success\",\"data\":{\"id\":302961}}",
		0, NULL, "https://hooks.example.com/"},
	/* made: the string as PayPal signs it, under a certificate */
	{"paypal",
		"algorithm = \"rsa-sha256\" encoding = \"base64\" header = \"PAYPAL-TRANSMISSION-SIG\" id-header = \"PAYPAL-"
		"TRANSMISSION-ID\" timestamp-header = \"PAYPAL-TRANSMISSION-TIME\" timestamp-unit = \"date\" tolerance = \""
		"300s\" signs = \"{id}|{timestamp}|WH-1|{body-crc32}\"",
		"-----BEGIN CERTIFICATE-----\n"
		"MIICmzCCAYOgAwIBAgIBATANBgkqhkiG9w0BAQsFADARMQ8wDQYDVQQDDAZzYW1w\n"
		"bGUwHhcNMjYwMTAxMDAwMDAwWhcNMjcwMTAxMDAwMDAwWjARMQ8wDQYDVQQDDAZz\n"
		"YW1wbGUwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC6nbaT1T99Nl7U\n"
		"3YlIdctvbeJrnh3Clz/8ILUkA5zpAL3EsJKHfG7RUdbZc9Zurg3WgHw+Ri8vIalI\n"
		"gN0JfKxeLis+X/05whJaAIQtHm3LSgE36JxcCgbAOuU5vw4znzzLraOo96mqOtOr\n"
		"+eHSCOF+4kIVJnO0DzFts+7h3ovuOVoQMZ7aUj11dyFDZqrlgR1Lu5s6QLiM7Rzw\n"
		"cI7pPPy2d60c23iQq6/7EzZGrE00pgzYRS77P2sqi3JpNw1EPwGiG7ZJWC9mz3hh\n"
		"c+TiBOZcI2Pg8DT39FHrv9dOcD4cLpkQ6z2xLRRxPAwxYxxMRFAnQgKEtOIFVpUl\n"
		"Itqfme/nAgMBAAEwDQYJKoZIhvcNAQELBQADggEBAAawLdLb8cdJQ/J6VwMs0VmF\n"
		"5aARiy8KS6NfJOeGt3pXG0aX0nc2vXVSFVsBcux0tbIi3NRnen5kluT813K7EjR6\n"
		"EUlZEWAwxbBqjc8Wl4k/fnHJ+1Cf51/fFt+wLrJnt+sxN1oTTzS+1D042d5o+NaP\n"
		"zVEGKOF7ktHDwpCU4i8s1psiUGvHir084PDYtosF4TRa7M4t1Y3Hu9uEu7YZAFzZ\n"
		"Tvql/GcosLUQIWOkuZ3b5e1wCu8iBdSJyZs4wxaFlt4exMbE4zNEICN/MxLCBtLN\n"
		"t5P54MvmTGN2oaHnU14g2rBXwcppDBx6gom7D/3t/G0+fnbkuzbkWQz3hz1kwOY=\n"
		"-----END CERTIFICATE-----\n",
		"PAYPAL-TRANSMISSION-SIG: GDiBmzsavPodIxXW+sw7UeSBaRBw+QLh6fuAb2UYGC/4cveWTe9DmkFmRjbRJRI3n+5ga/CYzem"
		"WBbkpTGaGPs7Z+I0Gv43FCuGvT8bSyES6tvPOTFWie33K12bhVh3Vq5FqfT+r4vC/IuyxiKqw37RVoZaJdJFCPQwGlLvzpqm0F2F"
		"TU+dB64uuswjARvz/dXGSIO5m3SGpNGVbHBoaZZCmWdyEUd2XUomC3ASsLz7Ffrh46zOT4AM3S8SriHSTQOC45i9oPcVhwAVVDLl"
		"wSR5nih9K0hIhp+mscb7/8CEtcwNu22xlyoeQKGJS2+kqiER4FIEG6duRfzTtdOoWBg==\n"
		"PAYPAL-TRANSMISSION-ID: id-1\n"
		"PAYPAL-TRANSMISSION-TIME: 2026-11-27T11:46:40Z\n",
		"{\"event\":\"charge.success\",\"data\":{\"id\":302961}}",
		1795780000, NULL, "https://hooks.example.com/"},
	/* made as Mercado Pago signs */
	{"query-values",
		"algorithm = \"hmac-sha256\" header = \"x-signature\" separator = \",\" prefix = \"v1=\" timestamp-prefix = \""
		"ts=\" id-header = \"x-request-id\" signs = \"id:{query:data.id};request-id:{id};ts:{timestamp};{body}\" t"
		"olerance = \"300s\"",
		"sample-secret-of-32-characters-00",
		"x-signature: ts=1795780000,v1=d0e04dd45e246427c35c52454134ccd47bc58b1cd66a4d1301dd651a19bfc3db\n"
		"x-request-id: r-1\n"
		":query: data.id=77&type=payment\n",
		"{\"event\":\"charge.success\",\"data\":{\"id\":302961}}",
		1795780000, NULL, "https://hooks.example.com/"},
};

#endif
