/* SPDX-License-Identifier: ISC */
/* hookspool help: the list of subcommands, and the help of one. */
#include "cli/help.h"

#include <string.h>

#include "cli/cli.h"

enum { WIDTH = 88, SPACE = 3 /* between an option and its help */ };

/* Prints text in lines of at most WIDTH columns. `column`: where the line stands; further lines begin at `indent`. */
static void print_wrapped(const char *text, size_t column, size_t indent)
{
	for (size_t n; *text; text += n) {
		if (*text == '\n') {
			printf("\n%*s", text[1] && text[1] != '\n' ? (int)indent : 0, "");
			column = indent;
			n = 1;
			continue;
		}
		n = strcspn(text, " \n");
		if (column > indent && column + 1 + n > WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent && n) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)n, text);
		column += n;
		n += text[n] == ' ';
	}
	putchar('\n');
}

/* Writes "  -f, --follow" or "  --sink NAME"; returns its length. */
static size_t format_option(const struct command_option *o, char *out, size_t size)
{
	const char *value = command_has_value(o) ? o->argument : "", *space = *value ? " " : "";
	bool both = o->name && o->letter && strcmp(o->name, "help") != 0;
	int n;

	if (both)
		n = snprintf(out, size, "  -%c, --%s%s%s", o->letter, o->name, space, value);
	else if (o->name)
		n = snprintf(out, size, "  --%s%s%s", o->name, space, value);
	else
		n = snprintf(out, size, "  -%c%s%s", o->letter, space, value);
	return (size_t)n;
}

static void measure_option(void *ctx, const struct command_option *o)
{
	size_t *widest = ctx, n = format_option(o, NULL, 0);

	if (n > *widest)
		*widest = n;
}

static void print_option(void *ctx, const struct command_option *o)
{
	const size_t *widest = ctx;
	size_t column = *widest + SPACE;
	char left[64];

	format_option(o, left, sizeof left);
	printf("%-*s", (int)column, left);
	print_wrapped(o->help, column, column);
}

/* Prints each line of the text behind "hookspool", and the name where there is one. */
static void print_lines(const char *text, const char *first, const char *next, const char *name)
{
	const char *space = *name ? " " : "", *before = first;
	size_t n;

	do {
		n = strcspn(text, "\n");
		printf("%shookspool%s%s%s%.*s\n", before, space, name, n ? " " : "", (int)n, text);
		before = next;
		text += n + (text[n] == '\n');
	} while (*text);
}

void command_help(const struct command *c)
{
	size_t widest = 0;

	print_lines(c->usage, "Usage: ", "       ", c->name);
	putchar('\n');
	print_wrapped(c->about, 0, 0);
	putchar('\n');
	command_each(c, measure_option, &widest);
	command_each(c, print_option, &widest);
	if (c->more) {
		putchar('\n');
		print_wrapped(c->more, 0, 0);
	}
	if (c->examples) {
		fputs("\nExamples:\n", stdout);
		print_lines(c->examples, "  ", "  ", "");
	}
}

void help_list(FILE *to)
{
	fputs("usage: hookspool [-c FILE] SUBCOMMAND [OPTION]...\n\n", to);
	for (size_t i = 0; command_all[i]; i++)
		fprintf(to, "  %-10s  %s\n", command_all[i]->name, command_all[i]->purpose);
	fputs("\n  -c FILE   the configuration; else $HOOKSPOOL_CONF, hookspool.conf beside this program,\n"
	      "            or the installed one\n"
	      "\n\"hookspool SUBCOMMAND --help\" prints more; see hookspool(1).\n", to);
}

struct help {
	const char *subcommand; /* NULL: all */
};

static int help_run(const struct cli *cli, void *values)
{
	const struct help *h = values;
	const struct command *c = h->subcommand ? command_find(h->subcommand) : &cli_help;

	(void)cli;
	if (!c)
		return CLI_USAGE;
	if (c == &cli_help)
		help_list(stdout);
	else
		command_help(c);
	return CLI_OK;
}

const struct command cli_help = {
	.name = "help",
	.purpose = "print the list of subcommands, or the help of one",
	.usage = "[SUBCOMMAND]",
	.about = "Prints the list of subcommands, or the help of one.",
	.argument = {.kind = COMMAND_SUBCOMMAND, .offset = offsetof(struct help, subcommand), .argument = "SUBCOMMAND"},
	.argument_optional = true,
	.size = sizeof(struct help),
	.run = help_run,
};
