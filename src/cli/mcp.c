/* SPDX-License-Identifier: ISC */
/* hookspool mcp: the command, and the lines of its input and output. */
#include "cli/mcp.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "conf/confine.h"

enum { LINE_MAX_BYTES = 1 << 20 };

struct mcp_input {
	struct mcp_server server;
	struct buf in;  /* what was read and not answered yet */
	bool skipping;  /* the rest of a line that is too long */
};

/* ---- lines */

static bool write_answer(struct buf *out)
{
	bool ok = !out->len || (buf_add(out, "\n", 1) && fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0);

	out->len = 0;
	return ok;
}

static bool is_blank_line(struct slice line)
{
	return strspn(line.p, " \t\r") >= line.n;
}

/* Answers the lines that are whole, and removes them. False when the client does not read any more. */
static bool take_lines(struct mcp_input *s)
{
	struct buf out = {0};
	char *from = s->in.data, *end = s->in.data + s->in.len, *lf;
	bool ok = true;

	for (; ok && from < end && (lf = memchr(from, '\n', (size_t)(end - from))); from = lf + 1) {
		*lf = '\0';
		if (!s->skipping && !is_blank_line((struct slice){from, (size_t)(lf - from)}))
			mcp_rpc_take(&s->server, (struct slice){from, (size_t)(lf - from)}, &out);
		s->skipping = false;
		ok = write_answer(&out);
	}
	s->in.len = (size_t)(end - from);
	memmove(s->in.data, from, s->in.len);
	if (s->in.len > LINE_MAX_BYTES) {
		if (!s->skipping)
			mcp_rpc_refuse("the line is longer than 1 MiB", &out);
		s->skipping = true;
		s->in.len = 0;
		ok = ok && write_answer(&out);
	}
	buf_free(&out);
	return ok;
}

static void serve_lines(struct mcp_input *s)
{
	ssize_t n = 1;

	signal(SIGPIPE, SIG_IGN);
	while (n > 0 && buf_reserve(&s->in, 64 * 1024 + 1)) {
		n = read(STDIN_FILENO, s->in.data + s->in.len, 64 * 1024);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0) {
			s->in.len += (size_t)n;
			if (!take_lines(s))
				break;
		}
	}
	buf_free(&s->in);
}

/* ---- the command */

struct mcp_options {
	const char *allow;
};

static bool take_allowed(struct mcp *m, const char *list)
{
	static const char *const names[MCP_ALLOW_COUNT] = {[MCP_READ] = "", [MCP_REPLAY] = "replay", [MCP_RETRY] = "retry", [MCP_REPLY] = "reply"};
	bool found = true;

	m->allowed[MCP_READ] = true;
	while (found && list) {
		size_t n = strcspn(list, ",");

		found = false;
		for (int i = MCP_REPLAY; i < MCP_ALLOW_COUNT; i++) {
			if (strlen(names[i]) == n && memcmp(names[i], list, n) == 0)
				found = m->allowed[i] = true;
		}
		list = list[n] ? list + n + 1 : NULL;
	}
	return found;
}

static int mcp_command(const struct cli *cli, void *values)
{
	const struct mcp_options *o = values;
	struct mcp_input s = {0};
	int status;

	if (!take_allowed(&s.server.mcp, o->allow))
		return cli_usage("mcp", "--allow takes replay, retry and reply, with commas between them");
	status = cli_open(cli, CONF_SECRETS_THERE, &s.server.mcp.conf, &s.server.mcp.db);
	if (status != CLI_OK)
		return status;
	confine(s.server.mcp.conf, NULL); /* it parses what strangers wrote, and needs no network and no programs */
	serve_lines(&s);
	return cli_close(s.server.mcp.conf, s.server.mcp.db, true, NULL);
}

static const struct command_option mcp_options[] = {
	{.name = "allow", .kind = COMMAND_TEXT, .offset = offsetof(struct mcp_options, allow), .argument = "LIST",
		.help = "add the tools replay, retry and reply, or some of them"},
	{0},
};

const struct command cli_mcp = {
	.name = "mcp",
	.purpose = "let an AI agent look at events, by the Model Context Protocol",
	.usage = "[--allow LIST]",
	.about = "Serves the Model Context Protocol on standard input and output: tools that list, search and show events, deliveries and "
		"refused deliveries, explain signatures, and count. What strangers wrote stands apart in objects named \"untrusted\", without "
		"invisible characters. No tool tells a secret, and none changes anything without --allow. Ends with its input.",
	.examples = "mcp\nmcp --allow replay,reply",
	.options = mcp_options,
	.size = sizeof(struct mcp_options),
	.run = mcp_command,
};
