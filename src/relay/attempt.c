/* SPDX-License-Identifier: ISC */
/* An attempt: one event on its way to one sink, from when it was read from the spool until its result is written there. */
#include "relay/attempt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/unpack.h"
#include "hook/stored.h"

/* Copies what the row borrows from the spool: one block of memory for all, which does not move any more. */
static bool copy_row(struct attempt *a, const struct spool_row *row)
{
	struct spool_row *e = &a->event;
	struct slice *const all[] = {&e->endpoint, &e->event, &e->key, &e->account, &e->sender_id, &e->sender_name, &e->conversation,
		&e->sent_at, &e->text, &e->remote_addr, &e->headers, &e->body, &e->note, &a->values.known[TEMPLATE_REPLY]};
	size_t sum = 0;

	*e = *row;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sum += all[i]->n + 1;
	if (!buf_reserve(&a->copies, sum))
		return false;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		const char *at = a->copies.data + a->copies.len;

		if (!all[i]->p)
			continue;
		buf_add(&a->copies, all[i]->p, all[i]->n);
		buf_add(&a->copies, "", 1);
		all[i]->p = at;
	}
	return true;
}

static void set_values(struct attempt *a)
{
	const struct spool_row *e = &a->event;
	struct slice *known = a->values.known;

	known[TEMPLATE_ID] = slice_text(a->id);
	known[TEMPLATE_ENDPOINT] = e->endpoint;
	known[TEMPLATE_EVENT] = e->event;
	known[TEMPLATE_ACCOUNT] = e->account;
	known[TEMPLATE_SENDER_ID] = e->sender_id;
	known[TEMPLATE_SENDER_NAME] = e->sender_name;
	known[TEMPLATE_CONVERSATION] = e->conversation;
	known[TEMPLATE_SENT_AT] = e->sent_at;
	known[TEMPLATE_RECEIVED_AT] = slice_text(clock_format(e->received_at, a->received));
}

struct attempt *attempt_new(const struct spool_relay_row *row, const char *spool)
{
	struct attempt *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->relay = row->id;
	a->since = row->since;
	a->due = row->due;
	a->unfiltered = row->judge;
	a->values.known[TEMPLATE_REPLY] = row->reply;
	snprintf(a->id, sizeof a->id, "evt_%s_%" PRId64, spool, row->event.id);
	if (!copy_row(a, &row->event) || !unpack_kept(a->event.body, &a->unpacked, &a->values.body)) {
		attempt_free(a);
		return NULL;
	}
	set_values(a);
	a->message = (struct sink_message){.id = a->id, .attempt = row->attempts + 1, .at_most_once = row->reply.p != NULL,
		.values = &a->values, .event = &a->event};
	return a;
}

void attempt_free(struct attempt *a)
{
	buf_free(&a->copies);
	buf_free(&a->unpacked);
	buf_free(&a->text);
	buf_free(&a->body);
	buf_free(&a->answer);
	buf_free(&a->reply);
	free(a);
}

bool attempt_read_text(struct attempt *a, const struct conf *c, struct event *ev)
{
	const struct endpoint *e = conf_endpoint(c, a->event.endpoint.p ? a->event.endpoint.p : "");
	enum event_result result = EVENT_UNAVAILABLE;
	struct stored stored = {0};

	if (a->event.text_known) {
		a->values.known[TEMPLATE_TEXT] = a->event.text;
		return true;
	}
	if (stored_request(a->event.headers, a->event.body, &stored))
		result = event_read(&stored.request, e ? &e->scheme : scheme_find("connectsafely"), (struct slice){0}, ev);
	a->values.known[TEMPLATE_TEXT] = result != EVENT_UNAVAILABLE ? ev->field[FIELD_TEXT] : (struct slice){0};
	stored_free(&stored);
	return result != EVENT_UNAVAILABLE;
}
