/* SPDX-License-Identifier: ISC */
/* The script that completes for fish: one line an option. */
#include <stdio.h>

#include "cli/completion.h"

static const char fish_head[] =
	"# Completes hookspool(1) in fish. Made by: hookspool completion fish\n"
	"function __hookspool_subcommand\n"
	"    set -l words (commandline -opc)\n"
	"    set -e words[1]\n"
	"    while set -q words[1]\n"
	"        switch $words[1]\n"
	"            case -c --config\n"
	"                set -e words[1]\n"
	"            case '-*'\n"
	"            case '*'\n"
	"                echo $words[1]\n"
	"                return 0\n"
	"        end\n"
	"        set -e words[1]\n"
	"    end\n"
	"    return 1\n"
	"end\n"
	"function __hookspool_is\n"
	"    test \"$(__hookspool_subcommand)\" = $argv[1]\n"
	"end\n"
	"function __hookspool_names\n"
	"    set -l words (commandline -opc)\n"
	"    set -l conf\n"
	"    for i in (seq 2 (count $words))\n"
	"        if contains -- $words[$i] -c --config; and test $i -lt (count $words)\n"
	"            set conf -c $words[(math $i + 1)]\n"
	"        else if string match -q -- '--config=*' $words[$i]\n"
	"            set conf $words[$i]\n"
	"        end\n"
	"    end\n"
	"    $words[1] $conf completion $argv[1] 2>/dev/null\n"
	"end\n"
	"complete -c hookspool -f\n";

static const char fish_special[] = "\\";

static const struct completion_format fish_format = {
	.none = " -f", .files = " -F", .names = " -f -a '(__hookspool_names ", .names_end = ")'", .words = " -f -a '", .words_end = "'",
	.word = "", .word_end = " ",
};

/* ctx: the subcommand's name; empty: the options before it. */
static void print_option_fish(void *ctx, const struct command_option *o)
{
	const char *command = ctx;

	if (*command)
		printf("complete -c hookspool -n '__hookspool_is %s'", command);
	else
		fputs("complete -c hookspool -n 'not __hookspool_subcommand >/dev/null'", stdout);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->name)
		printf(" -l %s", o->name);
	fputs(" -d '", stdout);
	completion_print_hint(o->help, fish_special);
	putchar('\'');
	if (command_has_value(o)) {
		fputs(" -r", stdout);
		completion_print_values(&fish_format, o);
	}
	putchar('\n');
}

void completion_fish(void)
{
	fputs(fish_head, stdout);
	command_each(&command_program, print_option_fish, (void *)(uintptr_t)"");
	for (size_t i = 0; command_all[i]; i++) {
		printf("complete -c hookspool -n 'not __hookspool_subcommand >/dev/null' -a %s -d '", command_all[i]->name);
		completion_print_quoted(command_all[i]->purpose, fish_special);
		puts("'");
	}
	for (size_t i = 0; command_all[i]; i++) {
		const struct command *c = command_all[i];

		command_each(c, print_option_fish, (void *)(uintptr_t)c->name);
		if (!completion_is_possible(&c->argument))
			continue;
		printf("complete -c hookspool -n '__hookspool_is %s'", c->name);
		completion_print_values(&fish_format, &c->argument);
		putchar('\n');
	}
}
