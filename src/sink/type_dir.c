/* SPDX-License-Identifier: ISC */
/* Sinks of the type "dir": the options of a directory with a file for each event. */
#include "conf/kind.h"
#include "sink/dir.h"
#include "sink/type.h"

enum { DIR_BATCH_MAX = 100, DIR_IN_FLIGHT = 100 };

#define AT(field) offsetof(struct dir_options, field)

static const struct option_row dir_rows[] = {
	{"path", &kind_path, NULL, AT(path), .help = "the directory that gets a file for each event"},
	{"mode", &kind_mode, "0640", AT(mode), .help = "the file mode of those files"},
	{.name = NULL},
};

static bool check_dir_sink(cfg_t *sec)
{
	return (cfg_getstr(sec, "path") && *cfg_getstr(sec, "path")) ||
		option_refuse_value(sec, "path", NULL, "it needs a path = \"/var/lib/hookspool-relay/events\"");
}

static const char *dir_target(const struct sink *s, const char **how)
{
	*how = "write to";
	return ((const struct dir_options *)s->options)->path;
}

const struct sink_type type_dir = {
	.name = "dir",
	.help = "writes each event to a file of its own",
	.batch_max = DIR_BATCH_MAX,
	.in_flight = DIR_IN_FLIGHT,
	.unpacks = true,
	.rows = dir_rows,
	.size = sizeof(struct dir_options),
	.check = check_dir_sink,
	.target = dir_target,
};
