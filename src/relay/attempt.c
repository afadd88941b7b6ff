/* SPDX-License-Identifier: ISC */
/* An attempt: one event on its way to one sink, and what is sent of it. */
#include "relay/attempt.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/unpack.h"
#include "core/utf8.h"
#include "hook/stored.h"
#include "sink/type.h"

/* Linux takes no string of more than 128 KiB (execve(2), MAX_ARG_STRLEN), nor more than 2 MiB of all as a rule. */
enum { VARIABLE_MAX = 32 * 1024 };

static struct slice whole(const struct buf *b)
{
	return (struct slice){b->data, b->len};
}

/* The values that a template has beside the body's; they borrow from the attempt. */
static bool set_values(struct attempt *j, const struct spool_relay_row *row)
{
	const struct spool_row *e = &row->event;
	const struct slice known[TEMPLATE_KNOWN_COUNT] = {
		[TEMPLATE_ENDPOINT] = e->endpoint,
		[TEMPLATE_EVENT] = e->event,
		[TEMPLATE_ACCOUNT] = e->account,
		[TEMPLATE_SENDER_ID] = e->sender_id,
		[TEMPLATE_SENDER_NAME] = e->sender_name,
		[TEMPLATE_CONVERSATION] = e->conversation,
		[TEMPLATE_SENT_AT] = e->sent_at,
		[TEMPLATE_REPLY] = row->reply,
	};
	size_t sum = 1;

	for (int i = 0; i < TEMPLATE_KNOWN_COUNT; i++)
		sum += known[i].n;
	if (!buf_reserve(&j->known, sum)) /* so that none moves when the next is added */
		return false;
	for (int i = 0; i < TEMPLATE_KNOWN_COUNT; i++) {
		if (!known[i].p)
			continue;
		j->values.known[i] = (struct slice){j->known.data + j->known.len, known[i].n};
		buf_add(&j->known, known[i].p, known[i].n);
	}
	j->values.known[TEMPLATE_ID] = slice_text(j->id);
	j->values.known[TEMPLATE_RECEIVED_AT] = slice_text(clock_format(e->received_at, j->received));
	return true;
}

struct attempt *attempt_new(const struct spool_relay_row *row, const char *spool)
{
	const struct spool_row *e = &row->event;
	struct attempt *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->relay = row->id;
	j->event = e->id;
	j->since = row->since;
	j->due = row->due;
	j->number = row->attempts + 1;
	j->judge = row->judge;
	j->at_most_once = row->reply.p != NULL;
	snprintf(j->id, sizeof j->id, "evt_%s_%" PRId64, spool, e->id);
	if (!buf_add(&j->endpoint, e->endpoint.p, e->endpoint.n) || !buf_add(&j->headers, e->headers.p, e->headers.n) ||
	    !buf_add(&j->body, e->body.p, e->body.n) || !set_values(j, row)) {
		attempt_free(j);
		return NULL;
	}
	if (!unpack_kept(whole(&j->body), &j->plain, &j->values.body)) {
		attempt_free(j);
		return NULL;
	}
	return j;
}

void attempt_free(struct attempt *j)
{
	buf_free(&j->endpoint);
	buf_free(&j->headers);
	buf_free(&j->body);
	buf_free(&j->plain);
	buf_free(&j->message);
	buf_free(&j->known);
	buf_free(&j->answer);
	buf_free(&j->reply);
	free(j);
}

bool attempt_read_text(struct attempt *j, const struct conf *c, struct event *ev)
{
	const struct endpoint *e = conf_endpoint(c, buf_str(&j->endpoint));
	enum event_result result = EVENT_UNAVAILABLE;
	struct stored stored = {0};

	if (stored_request(whole(&j->headers), whole(&j->body), &stored))
		result = event_read(&stored.request, e ? &e->scheme : scheme_find("connectsafely"), (struct slice){0}, ev);
	j->values.known[TEMPLATE_TEXT] = result != EVENT_UNAVAILABLE ? ev->field[FIELD_TEXT] : (struct slice){0};
	stored_free(&stored);
	return result != EVENT_UNAVAILABLE;
}

/*
 * The event's own bytes and Content-Type, as they were kept with it. A delivery by GET has no body, and its parameters in the query,
 * such as Twilio's: they are sent as the form that a POST of the same provider has. False when memory is short.
 */
static bool own_message(struct attempt *j, struct attempt_message *out)
{
	struct stored stored = {0};
	bool ok = stored_request(whole(&j->headers), (struct slice){0}, &stored);
	const char *type = ok ? stored.request.content_type : "";

	if (ok && !j->body.len && !*type && *stored.request.query) {
		j->message.len = 0;
		ok = buf_add(&j->message, stored.request.query, strlen(stored.request.query));
		out->body = whole(&j->message);
		type = "application/x-www-form-urlencoded";
	}
	snprintf(out->type, sizeof out->type, "%s", *type ? type : "application/octet-stream");
	stored_free(&stored);
	return ok;
}

bool attempt_message(struct attempt *j, const struct sink *s, struct attempt_message *out)
{
	/* an HTTP target gets the bytes as they came, with their Content-Encoding; a program knows of no headers */
	out->body = s->type->unpacks ? j->values.body : whole(&j->body);
	if (!s->body)
		return own_message(j, out);
	j->message.len = 0;
	if (!template_print(s->body, &j->values, &j->message))
		return false;
	snprintf(out->type, sizeof out->type, "%s", s->content_type);
	out->body = whole(&j->message);
	return true;
}

/* Without the bytes that no variable can hold. */
static bool add_value(struct buf *out, struct slice v)
{
	size_t n = utf8_fit(v.p, v.n, VARIABLE_MAX);
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = !v.p[i] || buf_add(out, &v.p[i], 1);
	return ok && buf_add(out, "", 1);
}

size_t attempt_environment(const struct attempt *j, const struct sink *s, const struct attempt_message *m, struct buf *out)
{
	bool ok = buf_printf(out, "HOOKSPOOL_SINK=%s", s->name) && buf_add(out, "", 1) &&
		buf_printf(out, "HOOKSPOOL_ATTEMPT=%d", j->number) && buf_add(out, "", 1) &&
		buf_printf(out, "HOOKSPOOL_CONTENT_TYPE=%s", m->type) && buf_add(out, "", 1);
	size_t count = 3, at;

	for (int i = 0; ok && i < TEMPLATE_KNOWN_COUNT; i++) {
		if (i == TEMPLATE_REPLY)
			continue;
		at = out->len;
		ok = buf_printf(out, "HOOKSPOOL_%s=", template_known_name((enum template_known)i));
		for (; ok && out->data[at] != '='; at++)
			out->data[at] = (char)toupper((unsigned char)out->data[at]);
		ok = ok && add_value(out, j->values.known[i]);
		count++;
	}
	return ok ? count : 0;
}
