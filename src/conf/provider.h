/* SPDX-License-Identifier: ISC */
/*
 * The tables of built-in schemes: one row a provider, in a file for each group of providers. A new provider is a row; a new group
 * is a file and a line in scheme.c.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include "conf/handshake_rows.h"
#include "conf/scheme.h"

/* Each ends with a row without a name. */
extern const struct scheme provider_linkedin[];
extern const struct scheme provider_apps[];
extern const struct scheme provider_chat[];
extern const struct scheme provider_standard[];

/* ---- how rows write their sources */

enum { MINUTES_5 = 300 * 1000 }; /* what Stripe, Slack, Standard Webhooks and HubSpot ask for; ms */

#define JSON(path) {SOURCE_JSON, .name = path}
#define JSON_OF(events, path) {SOURCE_JSON, .name = path, .event = events}
#define NUMBER(path) {SOURCE_NUMBER, .name = path}
#define MEMBER(path) {SOURCE_MEMBER, .name = path}
#define HEADER(field) {SOURCE_HEADER, .name = field}
#define FORM(field) {SOURCE_FORM, .name = field}
#define TEXT(text) {SOURCE_TEXT, .name = text}
#define SIGNATURE {SOURCE_SIGNATURE, .name = NULL}
#define BODY {SOURCE_BODY, .name = NULL}
#define NOTHING {SOURCE_NOTHING, .name = NULL}
#define NOTHING_OF(events) {SOURCE_NOTHING, .name = NULL, .event = events}
/* The id of a message or another thing, which can have several events: the key has the event's name and the account, too. */
#define THING(path) {SOURCE_JSON, .name = path, .thing = true}
#define THING_OF(events, path) {SOURCE_JSON, .name = path, .event = events, .thing = true}
/* Joined with the source behind it */
#define JSON_AND(path) {SOURCE_JSON, .name = path, .more = true}
#define HEADER_AND(field) {SOURCE_HEADER, .name = field, .more = true}
#define TEXT_AND(text) {SOURCE_TEXT, .name = text, .more = true}
#define THING_AND(path) {SOURCE_JSON, .name = path, .thing = true, .more = true}
/* An event that can happen again to the same thing: the key has its bytes, too. */
#define THING_AGAIN(path) {SOURCE_JSON, .name = path, .thing = true, .more = true}, BODY
#define THING_AGAIN_OF(events, path) {SOURCE_JSON, .name = path, .event = events, .thing = true, .more = true}, BODY

/* "What's in the payload" */
#define CONNECTSAFELY_FIELDS \
	[FIELD_ACCOUNT] = {JSON("data.account_id")}, [FIELD_SENDER_ID] = {JSON("data.sender.id")}, \
	[FIELD_SENDER_NAME] = {JSON("data.sender.name")}, [FIELD_CONVERSATION] = {JSON("data.conversation_id")}, \
	[FIELD_SENT_AT] = {JSON("data.timestamp")}, [FIELD_TEXT] = {JSON("data.body")}
#define CONNECTSAFELY_EVENT [FIELD_EVENT] = {JSON("event")}, [FIELD_KEY] = {THING("data.message_urn"), THING("data.id")}

/*
 * docs.gitlab.com, "Webhook events". The header names the event, and a JSON body has "object_kind" in another spelling.
 * `hooks` is "* Hook" where other providers have the same scheme.
 */
#define GITLAB_ACCOUNT(hooks) JSON_OF(hooks, "project.path_with_namespace"), JSON_OF(hooks, "path_with_namespace")
#define GITLAB_SENDER_ID(hooks) JSON_OF(hooks, "user.id"), JSON_OF(hooks, "user_id")
#define GITLAB_SENDER_NAME(hooks) JSON_OF(hooks, "user.username"), JSON_OF(hooks, "user_username")
#define GITLAB_CONVERSATION(hooks) JSON_OF(hooks, "object_attributes.discussion_id")
#define GITLAB_SENT_AT(hooks) JSON_OF(hooks, "object_attributes.created_at"), JSON_OF(hooks, "created_at")
#define GITLAB_TEXT(hooks) JSON_OF(hooks, "object_attributes.note")

#endif
