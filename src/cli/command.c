/* SPDX-License-Identifier: ISC */
/* Reads the command line of a subcommand by its table of options. */
#include "cli/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/suggest.h"
#include "core/clock.h"
#include "core/units.h"

enum {
	COMMANDS_MAX = 32,
	OPTIONS_MAX = 32, /* of a command */
	LONG = 256, /* getopt_long() returns this and the option's place in the table */
};

static const struct command_option help_option = {.name = "help", .letter = 'h', .help = "print this help"};

bool command_has_value(const struct command_option *o)
{
	return o->kind != COMMAND_FLAG;
}

void command_each(const struct command *c, void (*visit)(void *ctx, const struct command_option *o), void *ctx)
{
	for (const struct command_option *o = c->options; o && (o->name || o->letter); o++)
		visit(ctx, o);
	visit(ctx, &help_option);
}

const struct command *command_find(const char *name)
{
	const char *names[COMMANDS_MAX] = {NULL}, *nearest;

	for (size_t i = 0; command_all[i] && i < COMMANDS_MAX - 1; i++) {
		if (strcmp(command_all[i]->name, name) == 0)
			return command_all[i];
		names[i] = command_all[i]->name;
	}
	nearest = suggest(name, names);
	fprintf(stderr, "hookspool: there is no subcommand %s", name);
	if (nearest)
		fprintf(stderr, "; did you mean %s?", nearest);
	fputs("\nTry: hookspool help\n", stderr);
	return NULL;
}

/* ---- values */

bool command_read_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	int64_t v = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || v > (INT64_MAX - (*p - '0')) / 10)
			return false;
		v = 10 * v + (*p - '0');
	}
	*out = v;
	return *text && v >= min && v <= max;
}

static bool read_word(const char *text, const char *const *words, int *out)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* Stores a value where the option says. False: it is wrong. */
static bool take_value(const struct command_option *o, void *values, const char *text)
{
	void *at = (char *)values + o->offset;
	int64_t max = o->max ? o->max : INT64_MAX, *number = at;

	switch (o->kind) {
	case COMMAND_FLAG:
		return *(bool *)at = true;
	case COMMAND_NUMBER:
		return command_read_number(text, o->min, max, number);
	case COMMAND_DURATION:
		return units_duration(text, number) && *number >= o->min && *number <= max;
	case COMMAND_AGE:
		return units_age(text, number);
	case COMMAND_TIME:
		return clock_parse(text, clock_now(), number);
	case COMMAND_WORD:
		return read_word(text, o->words, at);
	case COMMAND_HEADERS:
		return strchr(text, ':') && !strpbrk(text, "\r\n") && buf_printf(at, "%s\n", text);
	default:
		*(const char **)at = text;
		return true;
	}
}

/* Appends "a, b or c". */
static void add_words(struct buf *out, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

/* Appends what is wrong with a value of that kind. */
static void add_wrong_value(struct buf *out, const struct command_option *o)
{
	if (o->wrong) {
		buf_printf(out, "%s", o->wrong);
		return;
	}
	switch (o->kind) {
	case COMMAND_NUMBER:
		buf_printf(out, "is no number");
		if (o->max)
			buf_printf(out, " from %lld to %lld", (long long)o->min, (long long)o->max);
		return;
	case COMMAND_AGE:
		buf_printf(out, "is no age with a unit; write 90d, 12h or 30m");
		return;
	case COMMAND_TIME:
		buf_printf(out, "is no time");
		return;
	case COMMAND_HEADERS:
		buf_printf(out, "is no header; write 'NAME: VALUE'");
		return;
	case COMMAND_WORD:
		buf_printf(out, "is none; write ");
		add_words(out, o->words);
		return;
	default:
		buf_printf(out, "is no such value, or out of range");
	}
}

/* ---- the command line */

static int usage_status(const struct command *c)
{
	return c->usage_status ? c->usage_status : CLI_USAGE;
}

static int wrong_value(const struct command *c, const struct command_option *o, const char *text)
{
	struct buf why = {0};

	if (o->name)
		buf_printf(&why, "--%s: ", o->name);
	else if (o->letter)
		buf_printf(&why, "-%c: ", o->letter);
	buf_printf(&why, "\"%s\" ", text);
	add_wrong_value(&why, o);
	cli_usage(c->name, "%s", buf_str(&why));
	buf_free(&why);
	return usage_status(c);
}

/* The tables of getopt_long(): a long option without a letter is LONG and its place. */
struct tables {
	struct option options[OPTIONS_MAX];
	const struct command_option *rows[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 3];
	size_t n, n_options;
};

static void add_option(void *ctx, const struct command_option *o)
{
	struct tables *t = ctx;
	size_t end = strlen(t->letters);

	if (o->letter)
		snprintf(t->letters + end, sizeof t->letters - end, "%c%s", o->letter, command_has_value(o) ? ":" : "");
	if (o->name)
		t->options[t->n_options++] = (struct option){o->name, command_has_value(o) ? required_argument : no_argument, NULL, LONG + (int)t->n};
	t->rows[t->n++] = o;
}

static const struct command_option *find_row(const struct tables *t, int c)
{
	for (size_t i = 0; i < t->n; i++)
		if (c == LONG + (int)i || c == t->rows[i]->letter)
			return t->rows[i];
	return NULL;
}

int command_take_options(const struct command *c, void *values, int argc, char **argv, bool *help)
{
	struct tables t = {0};
	const struct command_option *o;
	int found;

	snprintf(t.letters, sizeof t.letters, "%s", *c->name ? ":" : "+:"); /* "+": stop at the first word that is no option */
	command_each(c, add_option, &t);
	optind = 0;
	opterr = 0;
	while ((found = getopt_long(argc, argv, t.letters, t.options, NULL)) != -1) {
		o = find_row(&t, found);
		if (!o) {
			cli_usage(c->name, found == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
			return usage_status(c);
		}
		if (o == &help_option) {
			*help = true;
			return CLI_OK;
		}
		if (!take_value(o, values, optarg))
			return wrong_value(c, o, optarg);
	}
	return CLI_OK;
}

static int take_arguments(const struct command *c, void *values, char **args)
{
	const struct command_option *a = &c->argument;
	int64_t id;

	if (a->kind == COMMAND_WORDS) {
		*(char ***)(void *)((char *)values + a->offset) = args;
		return CLI_OK;
	}
	if (a->kind == COMMAND_IDS) {
		*(char ***)(void *)((char *)values + a->offset) = args;
		for (; *args; args++)
			if (!command_read_number(*args, 1, INT64_MAX, &id))
				return wrong_value(c, a, *args);
		return CLI_OK;
	}
	if (!a->argument && *args)
		cli_usage(c->name, "it takes no %s", *args);
	else if (!*args && a->argument && !c->argument_optional)
		cli_usage(c->name, "the %s is missing", a->argument);
	else if (*args && args[1])
		cli_usage(c->name, "one %s at a time", a->argument);
	else
		return !*args || take_value(a, values, *args) ? CLI_OK : wrong_value(c, a, *args);
	return usage_status(c);
}

static void free_value(void *values, const struct command_option *o)
{
	if (o->kind == COMMAND_HEADERS)
		buf_free((struct buf *)(void *)((char *)values + o->offset));
}

int command_run(const struct command *c, const struct cli *cli, int argc, char **argv)
{
	void *values = calloc(1, c->size + 1);
	bool help = false;
	int status;

	if (!values) {
		cli_error("memory is short");
		return CLI_TEMPFAIL;
	}
	if (c->defaults)
		memcpy(values, c->defaults, c->size);
	status = command_take_options(c, values, argc, argv, &help);
	if (status == CLI_OK && help)
		command_help(c);
	else if (status == CLI_OK)
		status = take_arguments(c, values, argv + optind);
	if (status == CLI_OK && !help)
		status = c->run(cli, values);
	command_each(c, free_value, values);
	free(values);
	return status;
}
