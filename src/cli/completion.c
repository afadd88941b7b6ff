/* SPDX-License-Identifier: ISC */
/* hookspool completion: what bash, zsh and fish need to complete subcommands and options. */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char usage[] =
	"Usage: hookspool completion bash | zsh | fish\n"
	"\n"
	"Prints a script that completes subcommands, and the options that their --help names.\n"
	"\n"
	"  bash   hookspool completion bash >/etc/bash_completion.d/hookspool\n"
	"  zsh    hookspool completion zsh >/usr/local/share/zsh/site-functions/_hookspool\n"
	"  fish   hookspool completion fish >~/.config/fish/completions/hookspool.fish\n";

/* The options come from --help when they are asked for, so that they are always the program's own; @ is the subcommands. */
static const struct {
	const char *shell, *script;
} scripts[] = {
	{"bash",
		"_hookspool() {\n"
		"  local word=${COMP_WORDS[COMP_CWORD]} sub= i\n"
		"  for ((i = 1; i < COMP_CWORD; i++)); do\n"
		"    case ${COMP_WORDS[i]} in\n"
		"      -c|--config) ((i++)) ;;\n"
		"      -*) ;;\n"
		"      *) sub=${COMP_WORDS[i]}; break ;;\n"
		"    esac\n"
		"  done\n"
		"  if [[ -z $sub || $sub = help ]]; then\n"
		"    COMPREPLY=($(compgen -W '@' -- \"$word\"))\n"
		"  elif [[ $sub = completion ]]; then\n"
		"    COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\"))\n"
		"  elif [[ $word = -* ]]; then\n"
		"    COMPREPLY=($(compgen -W \"$(hookspool help \"$sub\" 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u)\" -- \"$word\"))\n"
		"  else\n"
		"    COMPREPLY=($(compgen -f -- \"$word\"))\n"
		"  fi\n"
		"}\n"
		"complete -F _hookspool hookspool\n"},
	{"zsh",
		"#compdef hookspool\n"
		"_hookspool() {\n"
		"  if (( CURRENT == 2 )) || [[ $words[2] = help ]]; then\n"
		"    compadd -- @\n"
		"  elif [[ $words[2] = completion ]]; then\n"
		"    compadd -- bash zsh fish\n"
		"  elif [[ $words[CURRENT] = -* ]]; then\n"
		"    compadd -- $(hookspool help $words[2] 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u)\n"
		"  else\n"
		"    _files\n"
		"  fi\n"
		"}\n"
		"if [[ $funcstack[1] = _hookspool ]]; then _hookspool; else compdef _hookspool hookspool; fi\n"},
	{"fish",
		"complete -c hookspool -n __fish_use_subcommand -f -a '@'\n"
		"complete -c hookspool -n '__fish_seen_subcommand_from help' -f -a '@'\n"
		"complete -c hookspool -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n"
		"complete -c hookspool -n 'not __fish_use_subcommand' -a '(hookspool help (commandline -opc)[2] 2>/dev/null"
		" | string match -rag -- \"(--[a-z][a-z-]+)\" | sort -u)'\n"},
};

static void print_script(const char *script, const char *const *subcommands)
{
	for (; *script; script++) {
		if (*script != '@') {
			putchar(*script);
			continue;
		}
		for (const char *const *name = subcommands; *name; name++)
			printf("%s%s", name == subcommands ? "" : " ", *name);
	}
}

int completion_run(const char *const *subcommands, int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return CLI_OK;
	}
	for (size_t i = 0; argc == 2 && i < sizeof scripts / sizeof *scripts; i++) {
		if (strcmp(argv[1], scripts[i].shell) == 0) {
			print_script(scripts[i].script, subcommands);
			return CLI_OK;
		}
	}
	return cli_usage("completion", "for which shell? bash, zsh or fish");
}
