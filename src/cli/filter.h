/* SPDX-License-Identifier: ISC */
/* The options that choose events, the same for list, tail and export. */
#ifndef FILTER_H
#define FILTER_H

#include <getopt.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "hook/event.h"
#include "hook/stored.h"
#include "spool/events.h"

struct filter {
	const struct conf *conf; /* says by which scheme a row is read; to be set before the first row */
	struct spool_filter spool;
	const char *sender; /* the sender's id, or a part of the name; NULL: any */
	const char *text;   /* a part of the message's text; NULL: any */
	struct event event; /* the last row's, where that had to be parsed */
	struct stored stored;
};

/* For the table of getopt_long(); val from FILTER_ENDPOINT on. */
enum { FILTER_ENDPOINT = 512, FILTER_EVENT, FILTER_ACCOUNT, FILTER_SINCE, FILTER_UNTIL, FILTER_SENDER, FILTER_TEXT };
#define FILTER_OPTIONS \
	{"endpoint", required_argument, NULL, FILTER_ENDPOINT}, {"event", required_argument, NULL, FILTER_EVENT}, \
	{"account", required_argument, NULL, FILTER_ACCOUNT}, {"since", required_argument, NULL, FILTER_SINCE}, \
	{"until", required_argument, NULL, FILTER_UNTIL}, {"sender", required_argument, NULL, FILTER_SENDER}, \
	{"text", required_argument, NULL, FILTER_TEXT}
#define FILTER_HELP \
	"  --endpoint PATH    of this endpoint\n" \
	"  --event NAME       with this event, such as message.received\n" \
	"  --account ID       of this account\n" \
	"  --since TIME       received then or later: 2026-05-12, 2026-05-12T14:33:21Z, 2h, 2h ago\n" \
	"  --until TIME       received before then\n" \
	"  --sender TEXT      from this id, or with TEXT in the sender's name\n" \
	"  --text TEXT        with TEXT in the message\n"

/* A filter that lets everything through; filter_free() when done. */
void filter_init(struct filter *f);
void filter_free(struct filter *f);

/* Takes one of those options. False when its value can't be read; other options are left alone, and true. */
bool filter_option(struct filter *f, int option, const char *value);

/* The rest of the filter, which SQL can't do: parts of a text, letters of either case in any script. */
bool filter_match(struct filter *f, const struct spool_row *row);

/* The message's text in the row; p == NULL when it has none. Borrowed from f until the next call. */
struct slice filter_row_text(struct filter *f, const struct spool_row *row);

#endif
