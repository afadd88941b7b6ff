/* SPDX-License-Identifier: ISC */
/* Sinks of the type "null": the options of a sink that sends nothing. */
#include "conf/kind.h"
#include "sink/null.h"
#include "sink/type.h"

enum { NULL_BATCH_MAX = 64 };

#define AT(field) offsetof(struct null_options, field)

static const char *const outcomes[] = {
	[NULL_DELIVERED] = "delivered",
	[NULL_RETRY] = "retry",
	[NULL_REFUSED] = "refused",
	[NULL_DOUBT] = "doubt",
	[NULL_DOWN] = "down",
	NULL,
};

static const struct option_row null_rows[] = {
	{"result", &kind_choice, "delivered", AT(outcome), .choices = outcomes, .help = "how attempts end"},
	{"every", &kind_count, "1", AT(every), 1, 1000000, .help = "only each so many-th attempt ends so, the others are delivered"},
	{"delay", &kind_time, NULL, AT(delay), 1, 10 * KIND_MINUTE, .fix = "\"500ms\"", .help = "how long an attempt takes"},
	{.name = NULL},
};

const struct sink_type type_null = {
	.name = "null",
	.help = "sends nothing, and ends attempts as it is told to: for tests",
	.batch_max = NULL_BATCH_MAX,
	.rows = null_rows,
	.size = sizeof(struct null_options),
};
