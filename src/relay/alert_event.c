/* SPDX-License-Identifier: ISC */
/* The event that tells of an alert: its name, its JSON, and a text for people. */
#include "relay/alert_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/kind.h"
#include "core/clock.h"
#include "core/json.h"

enum { MANY = 1000 /* spool_alert_dead() counts no further */ };

/* What the subject is. */
static const char *const subjects[ALERT_KINDS] = {
	[ALERT_DEAD] = "sink", [ALERT_SILENT] = "endpoint", [ALERT_DOWN] = "sink", [ALERT_LOW] = "spool", [ALERT_SECRET] = "endpoint",
};

/* A secret's subject has its id behind the endpoint, which tells people nothing. */
static struct slice subject_of(const struct alert_sight *s)
{
	const char *end = s->kind == ALERT_SECRET ? strrchr(s->subject, ' ') : NULL;

	return (struct slice){s->subject, end ? (size_t)(end - s->subject) : strlen(s->subject)};
}

static bool say_raised(struct buf *out, const struct alert_sight *s, const struct alert_state *state)
{
	char at[CLOCK_TEXT], since[CLOCK_TEXT];

	clock_format(s->at, at);
	clock_format(state->since, since);
	switch (s->kind) {
	case ALERT_DEAD:
		return buf_printf(out, "%s%" PRId64 " deliver%s dead, the last one since %s; hookspool deliveries --sink %s --state dead shows why",
			s->n >= MANY ? "at least " : "", s->n, s->n == 1 ? "y is" : "ies are", at, s->subject);
	case ALERT_SILENT:
		if (!buf_printf(out, s->at ? "no delivery since %s; one is expected every " : "no delivery yet; one is expected every ", at))
			return false;
		kind_print_time(out, s->bound);
		return true;
	case ALERT_DOWN:
		return buf_printf(out, "down since %s, with %" PRId64 " failed attempts in a row; hookspool deliveries --sink %s shows the errors",
			since, s->n, s->subject);
	case ALERT_LOW:
		return buf_printf(out, "%" PRId64 " MiB are free on its disk, and min-free asks for %" PRId64 " MiB; make room, or purge events",
			s->n >> 20, s->bound >> 20);
	case ALERT_SECRET:
		return buf_printf(out, s->at ? "a secret last matched %s, and another one since: it can be removed; hookspool check names it"
			: "two secrets have been in use for a week; have the provider sign with the new one alone", at);
	case ALERT_KINDS:
		break;
	}
	return false;
}

static bool say_resolved(struct buf *out, const struct alert_sight *s)
{
	char at[CLOCK_TEXT];

	if (s->gone)
		return buf_printf(out, "over: the configuration has changed");
	switch (s->kind) {
	case ALERT_DEAD:
		return s->n ? buf_printf(out, "no further delivery has died for an hour; dead letters are left, at least %" PRId64, s->n)
			: buf_printf(out, "no dead letters are left");
	case ALERT_SILENT:
		return buf_printf(out, "a delivery came at %s", clock_format(s->at, at));
	case ALERT_DOWN:
		return buf_printf(out, "up again: an attempt succeeded");
	case ALERT_LOW:
		return buf_printf(out, "%" PRId64 " MiB are free again on its disk", s->n >> 20);
	case ALERT_SECRET:
		return buf_printf(out, "over: one secret is in use");
	case ALERT_KINDS:
		break;
	}
	return false;
}

static void add_time(struct json *j, const char *name, int64_t ms)
{
	if (ms)
		json_time(j, name, ms);
	else
		json_text(j, name, (struct slice){0});
}

static void add_details(struct json *j, const struct alert_sight *s)
{
	switch (s->kind) {
	case ALERT_DEAD:
		json_number(j, "dead", s->n);
		add_time(j, "last_at", s->at);
		break;
	case ALERT_SILENT:
		json_number(j, "expect_seconds", s->bound / 1000);
		add_time(j, "last_at", s->at);
		break;
	case ALERT_DOWN:
		json_number(j, "failures", s->n);
		break;
	case ALERT_LOW:
		json_number(j, "free_bytes", s->n);
		json_number(j, "min_free_bytes", s->bound);
		break;
	case ALERT_SECRET:
		add_time(j, "last_at", s->at);
		break;
	case ALERT_KINDS:
		break;
	}
}

bool alert_event_make(struct alert_event *e, const struct alert_sight *s, const struct alert_state *state, bool resolved, int64_t now)
{
	struct slice subject = subject_of(s);
	struct json j;

	*e = (struct alert_event){0};
	snprintf(e->name, sizeof e->name, "hookspool.%s%s", alert_names[s->kind], resolved ? ".resolved" : "");
	if (!buf_printf(&e->text, "%s %.*s: ", subjects[s->kind], (int)subject.n, subject.p) ||
	    !(resolved ? say_resolved(&e->text, s) : say_raised(&e->text, s, state)))
		return false;
	json_begin(&j);
	json_string(&j, "event", e->name);
	json_string(&j, "object", "event");
	json_object(&j, "data");
	json_text(&j, subjects[s->kind], subject);
	json_string(&j, "body", buf_str(&e->text));
	json_time(&j, "timestamp", now);
	json_time(&j, "since", state->since);
	json_time(&j, "raised_at", state->raised_at);
	add_details(&j, s);
	json_object(&j, "sender");
	json_string(&j, "id", "hookspool");
	json_string(&j, "name", "hookspool");
	json_object_end(&j);
	json_object_end(&j);
	return json_finish(&j, &e->body);
}

void alert_event_free(struct alert_event *e)
{
	buf_free(&e->text);
	buf_free(&e->body);
}
