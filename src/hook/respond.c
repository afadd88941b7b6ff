/* SPDX-License-Identifier: ISC */
/* The answer to a delivery. */
#include "hook/respond.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"

/* RFC 9110 section 15.3; those that answer-status may be. */
static const char *phrase(unsigned status)
{
	return status == 201 ? "Created" : status == 202 ? "Accepted" : status == 204 ? "No Content" : "OK";
}

/* The receiver's own body: a status for programs and a message for people, with a NUL. printf(3) takes longer. */
static bool print_status(const struct delivery *d, struct buf *json)
{
	const struct outcome_info *info = outcome_info(d->outcome);
	bool ok = buf_add_text(json, "{\"status\":\"") && buf_add_text(json, info->code);

	if (info->message)
		ok = ok && buf_add_text(json, "\",\"message\":\"") && buf_add_text(json, info->message) && buf_add_text(json, "\"");
	else if (d->id)
		ok = ok && buf_add_text(json, "\",\"id\":") && buf_add_number(json, d->id);
	else
		ok = ok && buf_add_text(json, "\"");
	return ok && buf_add(json, "}\n", sizeof "}\n");
}

/* An answer that was chosen; type == NULL: the body is empty. */
struct answer {
	unsigned status;
	const char *type, *body;
	const char *headers; /* lines of its own; NULL: none */
};

static bool print_line(struct buf *out, const char *name, const char *value)
{
	return buf_add_text(out, name) && buf_add_text(out, value) && buf_add_text(out, "\r\n");
}

/* A 204 has no Content-Length (RFC 9110 section 8.6). */
static bool print_answer(struct buf *out, const struct answer *a, const char *reason, const char *header)
{
	bool has_body = a->status != 204;
	bool ok = buf_add_text(out, "Status: ") && buf_add_number(out, a->status) && print_line(out, " ", reason);

	if (has_body && a->type)
		ok = ok && print_line(out, "Content-Type: ", a->type);
	if (has_body)
		ok = ok && buf_add_text(out, "Content-Length: ") && buf_add_number(out, (int64_t)strlen(a->body)) && print_line(out, "", "");
	if (a->headers)
		ok = ok && buf_add_text(out, a->headers);
	return ok && print_line(out, "Cache-Control: no-store", "") && print_line(out, header, "") && (!has_body || buf_add_text(out, a->body));
}

/* The answer to an accepted delivery: the endpoint's, else the scheme's where the provider shows or needs it, else the receiver's own. */
static struct answer accepted(const struct delivery *d, const char *json)
{
	const struct endpoint *e = d->endpoint;
	const struct scheme_answer *s = &e->scheme.answer;
	struct answer own = {.status = e->answer_status, .type = "application/json", .body = json};

	if (!e->answer_given && s->status && (d->event.form.n || !s->to_forms))
		return s->body ? (struct answer){.status = s->status, .type = s->type, .body = s->body}
			: (struct answer){.status = s->status, .type = own.type, .body = json};
	if (e->answer_status == 204)
		return (struct answer){.status = 204, .body = ""};
	if (e->answer_body)
		own = (struct answer){.status = e->answer_status, .type = e->answer_type ? e->answer_type : "text/plain", .body = e->answer_body};
	return own;
}

/* The scheme's answer is an empty one, to each delivery: its provider takes no other, and no refusal with a body. Xero's documentation has that. */
static bool wants_no_body(const struct endpoint *e)
{
	const struct scheme_answer *s = &e->scheme.answer;

	return !e->answer_given && s->status == 200 && s->body && !*s->body && !s->to_forms;
}

bool respond(struct delivery *d, struct buf *out)
{
	const struct outcome_info *info = outcome_info(d->outcome);
	struct answer a = {.status = (unsigned)info->status, .type = "application/json"};
	const char *header = info->header;
	struct buf json = {0};
	char retry[64];
	size_t before = out->len;
	bool ok = print_status(d, &json);

	a.body = ok ? json.data : "";
	if (d->outcome == OUTCOME_CHALLENGE)
		a = (struct answer){d->challenge.status, d->challenge.type, buf_str(&d->challenge.body), buf_str(&d->challenge.headers)};
	else if (d->endpoint && info->status == 200)
		a = accepted(d, a.body);
	else if (d->endpoint && wants_no_body(d->endpoint))
		a = (struct answer){.status = a.status, .body = ""};
	if (d->retry_after)
		snprintf(retry, sizeof retry, "Retry-After: %lld\r\n", (long long)(d->retry_after + 999) / 1000);
	if (d->outcome == OUTCOME_METHOD && d->endpoint && scheme_takes_get(&d->endpoint->scheme))
		header = "Allow: GET, POST\r\n";
	d->answered = clock_mono_us();
	ok = ok && print_answer(out, &a, info->status == 200 ? phrase(a.status) : info->phrase, d->retry_after ? retry : header);
	buf_free(&json);
	if (!ok)
		out->len = before;
	return ok;
}
