/* SPDX-License-Identifier: ISC */
/* Sinks of the type "exec": the options of a program that is run for each event. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/kind.h"
#include "conf/reader.h"
#include "sink/exec_options.h"
#include "sink/type.h"

static bool check_argument(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (!strstr(text, "{{hookspool."))
		return true;
	buf_printf(why, ": arguments are no templates; the program has such values in its environment, as HOOKSPOOL_TEXT");
	return false;
}

/* A program that is named with a slash, but not from the root, starts at the directory of the section's file. */
static bool read_command(const struct option_row *row, cfg_t *sec, void *field)
{
	struct strlist *command = field;
	char path[PATH_MAX], *program;

	if (!kind_read_list(row, sec, field))
		return false;
	if (!strchr(command->item[0], '/'))
		return true;
	program = strdup(reader_path(sec->filename, command->item[0], path, sizeof path));
	if (!program)
		return false;
	free(command->item[0]);
	command->item[0] = program;
	return true;
}

/* POSIX.1-2017 XBD 3.235: letters, digits and _, and no digit first. */
static bool is_variable_name(const char *name)
{
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || name[n] == '_')
		n++;
	return n > 0 && !name[n] && !isdigit((unsigned char)*name);
}

static bool check_variable(const struct option_row *row, cfg_t *sec, const char *name, struct buf *why)
{
	(void)row;
	(void)sec;
	if (!is_variable_name(name))
		buf_printf(why, ": write the names of variables of the relay, such as \"HTTPS_PROXY\", without a value");
	else if (strncmp(name, "HOOKSPOOL_", 10) == 0)
		buf_printf(why, ": variables that begin with HOOKSPOOL_ tell of the event; remove it");
	else
		return true;
	return false;
}

static const struct option_kind command_kind = {"list of texts", CFGT_STR, .list = true, .check = check_argument, .read = read_command,
	.free = kind_free_list};
static const struct option_kind variables_kind = {"list of variables", CFGT_STR, .list = true, .check = check_variable,
	.read = kind_read_list, .free = kind_free_list};

#define AT(field) offsetof(struct exec_options, field)

static const struct option_row exec_rows[] = {
	{"command", &command_kind, NULL, AT(command), .help = "the program and its arguments", .free_text = true},
	{"environment", &variables_kind, NULL, AT(environment), .help = "more variables of the relay's environment that the program gets"},
	{.name = NULL},
};

static bool check_exec(cfg_t *sec)
{
	return (cfg_size(sec, "command") > 0 && *cfg_getnstr(sec, "command", 0)) ||
		option_refuse_value(sec, "command", NULL, "it needs a command = {\"/path/of/a/program\", \"its first argument\"}");
}

static bool has_text(cfg_t *sec, const char *option, const char *text)
{
	for (unsigned i = 0; i < cfg_size(sec, option); i++)
		if (strcmp(cfg_getnstr(sec, option, i), text) == 0)
			return true;
	return false;
}

/* A program is given texts of strangers, and must not be able to sign as their provider. */
static bool check_environment(cfg_t *tree, cfg_t *sec)
{
	for (unsigned i = 0; i < cfg_size(sec, "environment"); i++) {
		const char *name = cfg_getnstr(sec, "environment", i);

		for (unsigned k = 0; k < cfg_size(tree, "endpoint"); k++) {
			cfg_t *endpoint = cfg_getnsec(tree, "endpoint", k);

			if (has_text(endpoint, "secret-env", name) || has_text(endpoint, "authorization-env", name) ||
			    has_text(endpoint, "verify-token-env", name))
				return option_refuse_value(sec, "environment", name, "environment: %s is a secret of endpoint \"%s\"; remove it",
					name, cfg_title(endpoint));
		}
	}
	return true;
}

static const char *exec_target(const struct sink *s, const char **how)
{
	*how = "run";
	return exec_options(s)->command.item[0];
}

static const struct strlist *exec_command(const struct sink *s)
{
	return &exec_options(s)->command;
}

const struct sink_type type_exec = {
	.name = "exec",
	.help = "runs a program",
	.batch_max = 64,
	.fields = true,
	.unpacks = true,
	.answers = true,
	.has_body = true,
	.rows = exec_rows,
	.size = sizeof(struct exec_options),
	.check = check_exec,
	.check_links = check_environment,
	.target = exec_target,
	.command = exec_command,
};
