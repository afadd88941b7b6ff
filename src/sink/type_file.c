/* SPDX-License-Identifier: ISC */
/* Sinks of the type "file": the options of a file of JSON lines. */
#include "conf/kind.h"
#include "sink/file.h"
#include "sink/type.h"

enum { FILE_BATCH_MAX = 1000, FILE_IN_FLIGHT = 1024, KEEP_MAX = 10000 };

#define AT(field) offsetof(struct file_options, field)

static const struct option_row file_rows[] = {
	{"path", &kind_path, NULL, AT(path), .help = "the file that lines are appended to; it is made when it is missing"},
	{"mode", &kind_mode, "0640", AT(mode), .help = "the file mode of a new file"},
	{"rotate-size", &kind_size, NULL, AT(rotate_size), 1, KIND_SIZE_MAX, .help = "begin a new file when this one is larger; without it, at no size"},
	{"rotate-every", &kind_age, NULL, AT(rotate_every), 1, 365 * KIND_DAY, .help = "begin a new file after this time; without it, never"},
	{"rotate-keep", &kind_count, NULL, AT(rotate_keep), 1, KEEP_MAX, .help = "how many old files are kept; without it, all"},
	{.name = NULL},
};

static bool check_file_sink(cfg_t *sec)
{
	return (cfg_getstr(sec, "path") && *cfg_getstr(sec, "path")) ||
		option_refuse_value(sec, "path", NULL, "it needs a path = \"/var/lib/hookspool-relay/events.jsonl\"");
}

static const char *file_target(const struct sink *s, const char **how)
{
	*how = "append to";
	return ((const struct file_options *)s->options)->path;
}

const struct sink_type type_file = {
	.name = "file",
	.help = "appends events to a file, as JSON lines",
	.batch_max = FILE_BATCH_MAX,
	.in_flight = FILE_IN_FLIGHT,
	.whole_event = true,
	.rows = file_rows,
	.size = sizeof(struct file_options),
	.check = check_file_sink,
	.target = file_target,
};
