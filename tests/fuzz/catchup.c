/* SPDX-License-Identifier: ISC */
/* Fuzz target: a page of messages as an API answers it. What is made of a message is JSON with the message's id in it. */
#include "fuzz.h"

#include <string.h>

#include "catchup/message.h"
#include "catchup/raw.h"
#include "core/paths.h"
#include "core/urn.h"

static void check_webhook_body(const struct buf *body)
{
	struct path p[] = {{.text = "event"}, {.text = "data.message_urn"}, {.text = "data.account_id"}, {.text = "data.conversation_id"}};
	struct buf arena = {0};
	const char *reason = NULL;
	enum paths_result result = paths_find(body->data, body->len, p, 4, &arena, &reason);

	/* the API's own members are two levels deeper here */
	assert(result == PATHS_OK || (result == PATHS_MALFORMED && strstr(reason, "deep")));
	if (result == PATHS_OK) {
		assert(raw_is(p[0].value, "message.received") && raw_is(p[2].value, "acc-1"));
		assert(urn_id(p[1].value).p && memcmp(p[1].value.p, URN_MESSAGE, sizeof URN_MESSAGE - 1) == 0);
		assert(raw_is(p[3].value, URN_THREAD "2-x"));
	}
	buf_free(&arena);
}

static void check_messages(struct slice whole)
{
	const struct message_context context = {"acc-1", {"2-x", 3}, raw_member(whole, "participants")};
	struct slice rest = raw_member(whole, "messages"), message;
	struct buf body = {0};
	const char *why = NULL;
	int64_t sent_at;

	while (raw_is_array(raw_member(whole, "messages")) && raw_next_element(&rest, &message)) {
		assert(message.n > 0 && message.p >= whole.p && message.p + message.n <= whole.p + whole.n);
		body.len = 0;
		why = NULL;
		switch (message_read(message, &context, &body, &sent_at, &why)) {
		case MESSAGE_RECEIVED:
			check_webhook_body(&body);
			break;
		case MESSAGE_UNSURE:
			assert(why && body.len == 0);
			break;
		default:
			assert(body.len == 0);
		}
	}
	buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf arena = {0};
	const char *reason;

	if (paths_find((const char *)data, size, NULL, 0, &arena, &reason) == PATHS_OK)
		check_messages(raw_whole((struct slice){(const char *)data, size}));
	buf_free(&arena);
	return 0;
}
