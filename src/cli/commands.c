/* SPDX-License-Identifier: ISC */
/* The list of all subcommands, and the options before them. */
#include "cli/cli.h"

const struct command *const command_all[] = {
	&cli_init, &cli_check, &cli_keygen, &cli_send, &cli_list, &cli_show, &cli_tail, &cli_stats, &cli_rejects, &cli_verify, &cli_identify, &cli_schemes, &cli_export, &cli_purge,
	&cli_erase, &cli_index, &cli_reload, &cli_backup, &cli_restore, &cli_migrate, &cli_move, &cli_relay, &cli_catch_up, &cli_deliveries, &cli_retry, &cli_replay, &cli_reply, &cli_drop, &cli_mcp,
	&cli_completion, &cli_help, NULL,
};

static const struct command_option program_options[] = {
	{.name = "config", .letter = 'c', .kind = COMMAND_FILE, .offset = offsetof(struct cli, conf_file), .argument = "FILE",
		.help = "the configuration"},
	{.name = "version", .offset = offsetof(struct cli, version), .help = "print the version"},
	{0},
};

const struct command command_program = {
	.name = "",
	.options = program_options,
	.argument = {.kind = COMMAND_SUBCOMMAND, .argument = "SUBCOMMAND"},
	.size = sizeof(struct cli),
};
