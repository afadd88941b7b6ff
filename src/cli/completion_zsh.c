/* SPDX-License-Identifier: ISC */
/* The script that completes for zsh: the specifications of _arguments for each subcommand. */
#include <stdio.h>

#include "cli/completion.h"

/* _arguments calls _hookspool_names with options for compadd before the word that stands here. */
static const char zsh_head[] =
	"#compdef hookspool\n"
	"# Completes hookspool(1) in zsh. Made by: hookspool completion zsh\n"
	"_hookspool_names() {\n"
	"  local -a names\n"
	"  names=(\"${(@f)$($hookspool_program completion ${@[-1]} 2>/dev/null)}\")\n"
	"  compadd \"${@[1,-2]}\" -a names\n"
	"}\n"
	"_hookspool() {\n"
	"  local curcontext=$curcontext state line\n"
	"  local -a hookspool_program subcommands\n"
	"  typeset -A opt_args\n"
	"  hookspool_program=($words[1])\n"
	"  subcommands=(\n";

static const char zsh_special[] = "[]:\\";

static const struct completion_format zsh_format = {
	.none = " ", .files = "_files", .names = "_hookspool_names ", .names_end = "", .words = "(", .words_end = ")", .word = "", .word_end = " ",
};

/* ":NAME:ACTION" of a value. */
static void print_action_zsh(const struct command_option *o)
{
	printf(":%s:", o->kind == COMMAND_HEADERS ? "header" : o->argument); /* that placeholder has a colon and quotes */
	completion_print_values(&zsh_format, o);
}

static void print_spec_zsh(void *ctx, const struct command_option *o)
{
	const char *repeats = o->kind == COMMAND_HEADERS ? "*" : "";

	(void)ctx;
	if (o->name && o->letter)
		printf(" '(-%c --%s)'{-%c,--%s%s}'", o->letter, o->name, o->letter, o->name, command_has_value(o) ? "=" : "");
	else if (o->name)
		printf(" '%s--%s%s", repeats, o->name, command_has_value(o) ? "=" : "");
	else
		printf(" '%s-%c%s", repeats, o->letter, command_has_value(o) ? "+" : "");
	putchar('[');
	completion_print_hint(o->help, zsh_special);
	putchar(']');
	if (command_has_value(o))
		print_action_zsh(o);
	putchar('\'');
}

static void print_command_zsh(const struct command *c)
{
	printf("    %s) _arguments", c->name);
	command_each(c, print_spec_zsh, NULL);
	if (c->argument.argument) {
		fputs(c->argument.kind == COMMAND_IDS || c->argument.kind == COMMAND_WORDS ? " '*" : " '1", stdout);
		print_action_zsh(&c->argument);
		putchar('\'');
	}
	fputs(" ;;\n", stdout);
}

void completion_zsh(void)
{
	fputs(zsh_head, stdout);
	for (size_t i = 0; command_all[i]; i++) {
		printf("    '%s:", command_all[i]->name);
		completion_print_quoted(command_all[i]->purpose, zsh_special);
		fputs("'\n", stdout);
	}
	fputs("  )\n  _arguments -C -A '-*'", stdout);
	command_each(&command_program, print_spec_zsh, NULL);
	fputs(" '1:subcommand:->subcommand' '*::argument:->argument' && return\n"
	      "  [[ -n $opt_args[-c] ]] && hookspool_program+=(-c ${(Q)~opt_args[-c]})\n"
	      "  [[ -n $opt_args[--config] ]] && hookspool_program+=(-c ${(Q)~opt_args[--config]})\n"
	      "  if [[ $state = subcommand ]]; then\n"
	      "    _describe -t subcommands subcommand subcommands\n"
	      "    return\n"
	      "  fi\n"
	      "  case $words[1] in\n", stdout);
	for (size_t i = 0; command_all[i]; i++)
		print_command_zsh(command_all[i]);
	fputs("  esac\n}\n"
	      "if [[ $funcstack[1] = _hookspool ]]; then _hookspool \"$@\"; else compdef _hookspool hookspool; fi\n", stdout);
}
