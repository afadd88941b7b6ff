/* SPDX-License-Identifier: ISC */
/*
 * hookspool mcp: a server of the Model Context Protocol (modelcontextprotocol.io) on standard input and output.
 *
 *   mcp.c          the command and its lines
 *   mcp_rpc.c      JSON-RPC 2.0, the methods
 *   mcp_tools.c    the table of tools, as data, and their call
 *   mcp_args.c     arguments of a tool, by its table: the schema that is listed, and the check of what comes
 *   mcp_result.c   what all results have: strangers' texts apart, cut, and without invisible characters
 *   mcp_read.c mcp_state.c mcp_act.c   the tools
 *
 * The client may be a language model. What strangers wrote stands in objects named "untrusted" and nowhere else.
 */
#ifndef MCP_H
#define MCP_H

#include <stdbool.h>
#include <stdint.h>
#include <yajl/yajl_tree.h>

#include "conf/conf.h"
#include "core/json.h"
#include "spool/db.h"

enum {
	MCP_ARGS_MAX = 10,           /* of one tool */
	MCP_IDS_MAX = 100,           /* in one list */
	MCP_RESULT_MAX = 128 * 1024, /* bytes; a result with more items is cut, and says so */
	MCP_TEXT_MAX = 2000,         /* bytes of a text in a list */
};

enum mcp_allow { MCP_READ, MCP_REPLAY, MCP_RETRY, MCP_REPLY, MCP_ALLOW_COUNT };

/* A server; the tools use its configuration and its spool. */
struct mcp {
	struct conf *conf;
	struct spool_db *db;
	bool allowed[MCP_ALLOW_COUNT];
};

/* ---- messages */

/* What a client has agreed with the server. */
struct mcp_server {
	struct mcp mcp;
	bool batches;
};

/* Appends the answer to a line, which a NUL follows; nothing where it has none. */
void mcp_rpc_take(struct mcp_server *s, struct slice line, struct buf *out);

/* Appends the answer to a line that is not read as JSON. */
void mcp_rpc_refuse(const char *why, struct buf *out);

/* ---- arguments */

enum mcp_kind { MCP_STRING, MCP_TIME, MCP_INTEGER, MCP_BOOLEAN, MCP_IDS };

/* An argument. A tool's list ends with one without a name. All text is static. */
struct mcp_arg {
	const char *name;
	enum mcp_kind kind;
	const char *help;
	bool required;
	int64_t min, max, normal;      /* of MCP_INTEGER; normal: where it is not given */
	const char *const *words;      /* the only texts; ends with NULL. NULL: any text */
};

struct mcp_value {
	bool given;
	const char *text;
	int64_t number; /* of MCP_TIME: ms since the epoch */
	bool flag;
	int64_t id[MCP_IDS_MAX];
	size_t n_ids;
};

struct mcp_args {
	const struct mcp_arg *table;
	struct mcp_value value[MCP_ARGS_MAX];
};

/* Writes the member "inputSchema" of a tool (JSON Schema). */
void mcp_args_schema(struct json *j, const struct mcp_arg *table);

/* Reads the arguments, NULL for none. False with the reason and the fix in why. */
bool mcp_args_read(struct mcp_args *a, const struct mcp_arg *table, yajl_val given, struct buf *why);

/* The argument of that name, which the table has. */
const struct mcp_value *mcp_args_get(const struct mcp_args *a, const char *name);

/* ---- results */

/* Begins and ends the object "untrusted" of an item. */
void mcp_result_untrusted(struct json *j);
void mcp_result_trusted(struct json *j);

/* A member with at most max bytes of the text; NAME_bytes tells its length where it is longer. Nothing where p is NULL. */
void mcp_result_text(struct json *j, const char *name, struct slice text, size_t max);

/* True when no further item fits into the result. */
bool mcp_result_full(const struct json *j);

/* Says that the result was cut, and how to go on. */
void mcp_result_more(struct json *j, const char *how);

/* Appends the JSON text with the escapes of characters that cannot be seen: they could hide words from people. False when memory is short. */
bool mcp_result_visible(struct slice json, struct buf *out);

/* ---- tools */

/*
 * Runs a tool: writes members of the result's object, which is open. False with the reason and the fix in why, one sentence: the result
 * is an error then.
 */
typedef bool mcp_run(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why);

struct mcp_tool {
	const char *name, *title, *help;
	enum mcp_allow needs;
	bool destructive, idempotent, open_world; /* hints of those that change something */
	const struct mcp_arg *args;
	mcp_run *run;
};

/* Writes the member "tools", with those that are allowed. */
void mcp_tools_list(const struct mcp *m, struct json *j);

/* Writes the result of the call. False: there is no such tool. */
bool mcp_tools_call(struct mcp *m, const char *name, yajl_val arguments, struct json *j);

mcp_run mcp_list_events, mcp_search, mcp_show_event;
mcp_run mcp_list_deliveries, mcp_list_refused, mcp_explain_signature, mcp_stats;
mcp_run mcp_replay, mcp_retry, mcp_reply;

#endif
