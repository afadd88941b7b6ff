/* SPDX-License-Identifier: ISC */
/* hookspool completion: scripts that complete for bash, zsh and fish, from the tables of options; and the names that they ask for. */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/terminal.h"

/* What of the configuration the value names; NULL: nothing. */
static const char *names_of(const struct command_option *o)
{
	return o->kind == COMMAND_ENDPOINT ? "endpoints" : o->kind == COMMAND_SINK ? "sinks" : NULL;
}

/* The value's word at that place; NULL behind the last. */
static const char *word_at(const struct command_option *o, size_t i)
{
	switch (o->kind) {
	case COMMAND_WORD:
		return o->words[i];
	case COMMAND_SUBCOMMAND:
		return command_all[i] ? command_all[i]->name : NULL;
	case COMMAND_SCHEME:
		return scheme_name_at(i);
	default:
		return NULL;
	}
}

bool completion_is_possible(const struct command_option *o)
{
	return o->kind == COMMAND_FILE || names_of(o) || word_at(o, 0);
}

void completion_print_values(const struct completion_format *f, const struct command_option *o)
{
	const char *word;

	if (o->kind == COMMAND_FILE) {
		fputs(f->files, stdout);
	} else if (names_of(o)) {
		printf("%s%s%s", f->names, names_of(o), f->names_end);
	} else if (word_at(o, 0)) {
		fputs(f->words, stdout);
		for (size_t i = 0; (word = word_at(o, i)); i++)
			printf("%s%s%s", f->word, word, f->word_end);
		fputs(f->words_end, stdout);
	} else {
		fputs(f->none, stdout);
	}
}

/* A single quote in the text ends the quotes, stands escaped, and begins them anew. */
static void print_in_quotes(const char *text, size_t n, const char *special)
{
	for (const char *p = text; p < text + n; p++) {
		if (*p == '\'')
			fputs("'\\''", stdout);
		else if (strchr(special, *p))
			printf("\\%c", *p);
		else
			putchar(*p);
	}
}

void completion_print_quoted(const char *text, const char *special)
{
	print_in_quotes(text, strlen(text), special);
}

void completion_print_hint(const char *help, const char *special)
{
	size_t n = strcspn(help, ":;(");

	while (n > 0 && help[n - 1] == ' ')
		n--;
	print_in_quotes(help, n, special);
}

/* ---- the names in the configuration */

static void print_name_line(const char *name)
{
	terminal_print(stdout, slice_text(name), 0);
	putchar('\n');
}

static void print_endpoint_names(const struct conf *c)
{
	for (size_t i = 0; i < c->n_endpoints; i++)
		print_name_line(c->endpoints[i].path);
}

static void print_sink_names(const struct conf *c)
{
	for (size_t i = 0; i < c->n_sinks; i++)
		print_name_line(c->sinks[i].name);
}

static int print_names(const struct cli *cli, void (*print)(const struct conf *c))
{
	struct conf *c = cli_conf(cli, CONF_SECRETS_NONE);

	if (!c)
		return CLI_CONFIG;
	print(c);
	conf_free(c);
	return CLI_OK;
}

/* ---- the command */

static const char *const completion_words[] = {"bash", "zsh", "fish", "endpoints", "sinks", NULL};

struct completion_options {
	int what; /* in completion_words */
};

static int completion_run(const struct cli *cli, void *values)
{
	static void (*const scripts[])(void) = {completion_bash, completion_zsh, completion_fish};
	static void (*const names[])(const struct conf *c) = {print_endpoint_names, print_sink_names};
	enum { SCRIPTS = sizeof scripts / sizeof *scripts };
	int what = ((const struct completion_options *)values)->what;

	if (what >= SCRIPTS)
		return print_names(cli, names[what - SCRIPTS]);
	scripts[what]();
	return CLI_OK;
}

const struct command cli_completion = {
	.name = "completion",
	.purpose = "print a shell's completion of these words and their options",
	.usage = "bash | zsh | fish\nendpoints | sinks",
	.about = "Prints a script that completes subcommands, their options, and the options' values. make install puts the scripts where "
		"the shells look for them.\n"
		"\n"
		"The scripts run the second form: it prints the names that the configuration has, one a line.",
	.examples = "completion bash >/etc/bash_completion.d/hookspool\n"
		"completion zsh >/usr/local/share/zsh/site-functions/_hookspool\n"
		"completion fish >~/.config/fish/completions/hookspool.fish",
	.argument = {.kind = COMMAND_WORD, .offset = offsetof(struct completion_options, what), .argument = "shell", .words = completion_words},
	.size = sizeof(struct completion_options),
	.run = completion_run,
};
