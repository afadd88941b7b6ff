/* SPDX-License-Identifier: ISC */
/* The options that choose events, for list, tail, export and replay. */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "conf/conf.h"
#include "hook/searching.h"
#include "hook/stored_text.h"
#include "spool/events.h"

struct filter {
	const struct conf *conf; /* has the schemes that rows are read by; set by filter_begin() */
	struct spool_filter spool;
	const char *sender; /* the sender's id, or a part of the name; NULL: any */
	const char *text;   /* a part of the message's text; NULL: any */
	bool either;        /* both are given, and one of them is enough */
	struct stored_text read;
	struct searching searching;
};

/* The rows of a command's table of options, for a struct whose member `filter` is a struct filter. */
#define FILTER_OPTIONS(type) \
	{.name = "endpoint", .kind = COMMAND_ENDPOINT, .offset = offsetof(type, filter.spool.endpoint), .argument = "PATH", \
		.help = "of this endpoint"}, \
	{.name = "event", .kind = COMMAND_TEXT, .offset = offsetof(type, filter.spool.event), .argument = "NAME", \
		.help = "with this event, such as message.received"}, \
	{.name = "account", .kind = COMMAND_TEXT, .offset = offsetof(type, filter.spool.account), .argument = "ID", \
		.help = "of this account"}, \
	{.name = "since", .kind = COMMAND_TIME, .offset = offsetof(type, filter.spool.since), .argument = "TIME", \
		.help = "received then or later: 2026-05-12, 2026-05-12T14:33:21Z, 2h, 2h ago"}, \
	{.name = "until", .kind = COMMAND_TIME, .offset = offsetof(type, filter.spool.until), .argument = "TIME", \
		.help = "received before then"}, \
	{.name = "sender", .kind = COMMAND_TEXT, .offset = offsetof(type, filter.sender), .argument = "TEXT", \
		.help = "from this id, or with TEXT in the sender's name"}, \
	{.name = "text", .kind = COMMAND_TEXT, .offset = offsetof(type, filter.text), .argument = "TEXT", \
		.help = "with TEXT in the message"}

/* A filter that all events pass, for the defaults of such a struct; filter_free() frees what matching allocates. */
#define FILTER_ALL {.spool = {.since = INT64_MIN, .until = INT64_MAX, .last = INT64_MAX}}
void filter_free(struct filter *f);

/* Sets the configuration, and finds in the index which events may match. Before the first row. */
void filter_begin(struct filter *f, const struct conf *conf, struct spool_db *db);

/* True when one of those options was given. */
bool filter_is_set(const struct filter *f);

/* The part of the filter that SQL can't do: parts of a text, ignoring case in any script. */
bool filter_match(struct filter *f, const struct spool_row *row);

/* The message's text in the row; p == NULL when it has none. Borrowed from f until the next call. */
struct slice filter_row_text(struct filter *f, const struct spool_row *row);

#endif
