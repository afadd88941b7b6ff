/* SPDX-License-Identifier: ISC */
/* What is sent of an event: the sink's template with the event's values, or the event's own bytes. */
#include "relay/message.h"

#include <stdio.h>
#include <string.h>

#include "conf/sink_type.h"
#include "hook/stored.h"

/* The text stays valid while the message is on its way. */
static bool keep_text(struct attempt *a, const struct conf *c, struct event *ev)
{
	struct slice *text = &a->values.known[TEMPLATE_TEXT];

	if (!attempt_read_text(a, c, ev))
		return false;
	if (!text->p || a->event.text_known)
		return true;
	a->text.len = 0;
	if (!buf_add(&a->text, text->p, text->n) || !buf_add(&a->text, "", 1))
		return false;
	text->p = a->text.data;
	return true;
}

/*
 * The event's own bytes and Content-Type, as they were kept with it. A delivery by GET has no body, and its parameters in the query,
 * such as Twilio's: they are sent as the form that a POST of the same provider has.
 */
static bool use_own_body(struct attempt *a, const struct sink *s)
{
	struct stored stored = {0};
	bool ok = stored_request(a->event.headers, (struct slice){0}, &stored);
	const char *type = ok ? stored.request.content_type : "";

	a->message.body = s->type->unpacks ? a->values.body : a->event.body;
	if (ok && !a->event.body.n && !*type && *stored.request.query) {
		ok = buf_add(&a->body, stored.request.query, strlen(stored.request.query));
		a->message.body = (struct slice){a->body.data, a->body.len};
		type = "application/x-www-form-urlencoded";
	}
	snprintf(a->type, sizeof a->type, "%s", *type ? type : "application/octet-stream");
	stored_free(&stored);
	return ok;
}

static bool print_template(struct attempt *a, const struct sink *s)
{
	if (!template_print(s->body, &a->values, &a->body))
		return false;
	snprintf(a->type, sizeof a->type, "%s", s->content_type);
	a->message.body = (struct slice){a->body.data, a->body.len};
	return true;
}

bool message_make(struct attempt *a, const struct sink *s, const struct conf *c, struct event *ev, int64_t deadline)
{
	const struct endpoint *e = a->event.endpoint.p ? conf_endpoint(c, a->event.endpoint.p) : NULL;

	a->message.endpoint_name = e && e->name ? slice_text(e->name) : (struct slice){0};
	a->message.deadline = deadline;
	a->message.type = a->type;
	a->body.len = 0;
	if (s->needs_text && !keep_text(a, c, ev))
		return false;
	return s->type->whole_event || (s->body ? print_template(a, s) : use_own_body(a, s));
}
