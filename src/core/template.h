/* SPDX-License-Identifier: ISC */
/*
 * Templates: the text that a relay sends, with values of the event in it.
 *
 *   {{data.sender.name}}             a value of the JSON body, by its path (paths.h), escaped for where it stands
 *   {{{data.body}}}                  the same, as it is
 *   {{hookspool.id}}                 what is known of the event; see template_known
 *   {{{raw}}}                        the body, byte for byte
 *   {{x | default "nobody"}}         when there is no value
 *   {{x | truncate 3000}}            at most so many characters, the last of them "…"
 *   {{x | html}} {{x | mrkdwn}}      escaped for HTML, or for Slack's mrkdwn, before it is for where it stands
 *   {{x | markdown}}                 with a backslash before all punctuation, so that Markdown shows it as it is
 *   {{x | header}}                   one line of a mail's head
 *   {{#if x}}...{{else}}...{{/if}}   when x has a value other than "", 0 and false, or is a list or object with something in it
 *
 * A value is a string, a number or true or false; null, what is missing, and lists and objects are no value, which
 * prints as nothing.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum { TEMPLATE_VALUES_MAX = 40 }; /* different values of the body in one template */

struct template;

/* How values are escaped for where they stand. */
enum template_escape {
	TEMPLATE_PLAIN,
	TEMPLATE_JSON, /* inside of a JSON string: RFC 8259 section 7 */
	TEMPLATE_URL,  /* percent-encoded, for forms and URLs: RFC 3986 section 2.1 */
};

/* What is known of an event apart from its body: "hookspool." and these. */
enum template_known {
	TEMPLATE_ID,
	TEMPLATE_ENDPOINT,
	TEMPLATE_EVENT,
	TEMPLATE_ACCOUNT,
	TEMPLATE_SENDER_ID,
	TEMPLATE_SENDER_NAME,
	TEMPLATE_CONVERSATION,
	TEMPLATE_TEXT,
	TEMPLATE_SENT_AT,
	TEMPLATE_RECEIVED_AT,
	TEMPLATE_REPLY, /* to the event, when that is what is sent */
	TEMPLATE_KNOWN_COUNT
};

/* The name of one, without the "hookspool.". */
const char *template_known_name(enum template_known k);

/*
 * The template that is this text, freed by the caller; the text need not outlive it. NULL with the reason in why: it
 * names the place by its line and column in the text.
 */
struct template *template_new(const char *text, enum template_escape escape, char *why, size_t why_size);
void template_free(struct template *t);

/* True when that value stands in it. */
bool template_has(const struct template *t, enum template_known k);

/* An event's values; a slice with p == NULL is none. */
struct template_values {
	struct slice body;
	struct slice known[TEMPLATE_KNOWN_COUNT];
};

/*
 * Appends the template with the event's values in it. A body that isn't JSON has no values but {{raw}}. False when
 * memory is short.
 */
bool template_print(const struct template *t, const struct template_values *values, struct buf *out);

#endif
