/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: lines of a client of hookspool mcp. Tools that change something are allowed, but for the one that sends answers.
 *
 * An answer is one line of JSON with a bounded length, and has no character that cannot be seen.
 */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "fuzz.h"
#include "home.h"

#include <string.h>

#include "cli/mcp.h"
#include "core/paths.h"
#include "core/utf8.h"

enum { ANSWER_MAX = 2 * MCP_RESULT_MAX + 64 * 1024 /* an escape may double a text, and one item may be the last that fits */ };

static struct mcp_server server = {.mcp.allowed = {[MCP_READ] = true, [MCP_REPLAY] = true, [MCP_RETRY] = true}};

static void set_up(void)
{
	if (server.mcp.conf)
		return;
	server.mcp.conf = home_make("", CONF_SECRETS_THERE);
	server.mcp.db = spool_db_new();
	assert(server.mcp.db && spool_db_open(server.mcp.db, server.mcp.conf->spool, server.mcp.conf->journal, SPOOL_MANAGE));
}

static void check_line(const struct buf *out, bool batch)
{
	struct buf arena = {0};
	const char *reason;
	uint32_t c;

	assert(out->len <= (batch ? 50 : 1) * (size_t)ANSWER_MAX && !memchr(out->data, '\n', out->len));
	assert(paths_find(out->data, out->len, NULL, 0, &arena, &reason) == PATHS_OK);
	for (size_t i = 0, n; i < out->len; i += n) {
		n = utf8_next(out->data + i, out->len - i, &c);
		assert(n && !utf8_steers(c));
	}
	buf_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = {0};
	char *text, *line, *end;

	if (size > 64 * 1024)
		return 0;
	set_up();
	server.batches = false;
	text = calloc(size + 1, 1);
	assert(text);
	if (size)
		memcpy(text, data, size);
	for (line = text; line < text + size; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + size - line));
		end = end ? end : text + size;
		*end = '\0';
		out.len = 0;
		mcp_rpc_take(&server, (struct slice){line, (size_t)(end - line)}, &out);
		if (out.len)
			check_line(&out, server.batches);
	}
	buf_free(&out);
	free(text);
	return 0;
}
