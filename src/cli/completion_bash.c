/* SPDX-License-Identifier: ISC */
/* The script that completes for bash: one case a subcommand. */
#include <stdio.h>

#include "cli/completion.h"

/*
 * bash splits --option=value at the "=". compgen -W is not used: it would run what a name of the configuration has in $(...).
 * Each completion is quoted, but for files, which bash quotes itself.
 */
static const char bash_head[] =
	"# Completes hookspool(1) in bash. Made by: hookspool completion bash\n"
	"_hookspool_add() {\n"
	"  local word\n"
	"  for word; do\n"
	"    if [[ $word == \"$cur\"* ]]; then\n"
	"      printf -v word %q \"$word\"\n"
	"      COMPREPLY+=(\"$word\")\n"
	"    fi\n"
	"  done\n"
	"}\n"
	"_hookspool_names() {\n"
	"  local -a names\n"
	"  mapfile -t names < <(\"${COMP_WORDS[0]}\" \"${conf[@]}\" completion \"$1\" 2>/dev/null)\n"
	"  _hookspool_add \"${names[@]}\"\n"
	"}\n"
	"_hookspool_files() {\n"
	"  compopt -o filenames 2>/dev/null\n"
	"  mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"}\n"
	"_hookspool() {\n"
	"  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} sub='' i\n"
	"  local -a conf=()\n"
	"  COMPREPLY=()\n"
	"  if [[ $cur == '=' ]]; then\n"
	"    cur=\n"
	"  elif [[ $prev == '=' ]]; then\n"
	"    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	"  fi\n"
	"  for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"    case ${COMP_WORDS[i]} in\n"
	"      -c|--config)\n"
	"        ((i++))\n"
	"        [[ ${COMP_WORDS[i]} == '=' ]] && ((i++))\n"
	"        conf=(-c \"${COMP_WORDS[i]}\") ;;\n"
	"      -*) ;;\n"
	"      *) sub=${COMP_WORDS[i]}; break ;;\n"
	"    esac\n"
	"  done\n"
	"  case $sub in\n";

static const struct completion_format bash_format = {
	.none = ":", .files = "_hookspool_files", .names = "_hookspool_names ", .names_end = "", .words = "_hookspool_add", .words_end = "",
	.word = " '", .word_end = "'",
};

static void print_case_bash(void *ctx, const struct command_option *o)
{
	(void)ctx;
	if (!command_has_value(o))
		return;
	fputs("        ", stdout);
	if (o->letter)
		printf("-%c%s", o->letter, o->name ? "|" : "");
	if (o->name)
		printf("--%s", o->name);
	fputs(") ", stdout);
	completion_print_values(&bash_format, o);
	fputs(" ;;\n", stdout);
}

static void print_option_bash(void *ctx, const struct command_option *o)
{
	(void)ctx;
	if (o->name)
		printf(" --%s", o->name);
	else
		printf(" -%c", o->letter);
}

static void print_command_bash(const struct command *c)
{
	printf("    %s)\n      case $prev in\n", *c->name ? c->name : "''");
	command_each(c, print_case_bash, NULL);
	fputs("        *) if [[ $cur == -* ]]; then\n            _hookspool_add", stdout);
	command_each(c, print_option_bash, NULL);
	fputs("\n          else\n            ", stdout);
	completion_print_values(&bash_format, &c->argument);
	fputs("\n          fi ;;\n      esac ;;\n", stdout);
}

void completion_bash(void)
{
	fputs(bash_head, stdout);
	print_command_bash(&command_program);
	for (size_t i = 0; command_all[i]; i++)
		print_command_bash(command_all[i]);
	fputs("  esac\n}\ncomplete -F _hookspool hookspool\n", stdout);
}
