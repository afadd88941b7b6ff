/* SPDX-License-Identifier: ISC */
/* Arguments of a tool, by its table: the schema that is listed, and the check of what comes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mcp.h"
#include "core/clock.h"

/* ---- the schema */

static void add_type(struct json *j, const struct mcp_arg *a)
{
	static const char *const types[] = {[MCP_STRING] = "string", [MCP_TIME] = "string", [MCP_INTEGER] = "integer", [MCP_BOOLEAN] = "boolean",
		[MCP_IDS] = "array"};

	json_string(j, "type", types[a->kind]);
	json_string(j, "description", a->help);
	if (a->words)
		json_strings(j, "enum", a->words);
	if (a->kind == MCP_INTEGER) {
		json_number(j, "minimum", a->min);
		if (a->max)
			json_number(j, "maximum", a->max);
		if (a->normal)
			json_number(j, "default", a->normal);
	}
	if (a->kind == MCP_IDS) {
		json_object(j, "items");
		json_string(j, "type", "integer");
		json_number(j, "minimum", 1);
		json_object_end(j);
		json_number(j, "minItems", 1);
		json_number(j, "maxItems", MCP_IDS_MAX);
	}
}

void mcp_args_schema(struct json *j, const struct mcp_arg *table)
{
	const char *required[MCP_ARGS_MAX + 1] = {NULL};
	size_t n = 0;

	json_object(j, "inputSchema");
	json_string(j, "type", "object");
	json_object(j, "properties");
	for (const struct mcp_arg *a = table; a->name; a++) {
		json_object(j, a->name);
		add_type(j, a);
		json_object_end(j);
		if (a->required)
			required[n++] = a->name;
	}
	json_object_end(j);
	if (n)
		json_strings(j, "required", required);
	json_bool(j, "additionalProperties", false);
	json_object_end(j);
}

/* ---- the check */

static bool refuse_word(const struct mcp_arg *a, struct buf *why)
{
	buf_printf(why, "%s must be one of:", a->name);
	for (const char *const *word = a->words; *word; word++)
		buf_printf(why, " %s", *word);
	return false;
}

static bool take_string(const struct mcp_arg *a, yajl_val given, struct mcp_value *out, struct buf *why)
{
	bool found = !a->words;

	if (!YAJL_IS_STRING(given))
		return buf_printf(why, "%s must be a string", a->name) && false;
	out->text = YAJL_GET_STRING(given);
	for (const char *const *word = a->words; !found && *word; word++)
		found = strcmp(*word, out->text) == 0;
	if (!found)
		return refuse_word(a, why);
	if (a->kind == MCP_TIME && !clock_parse(out->text, clock_now(), &out->number))
		return buf_printf(why, "%s must be a time, such as \"2026-05-12T14:33:21Z\", \"2026-05-12\" or an age such as \"2h\"", a->name) && false;
	return true;
}

static bool take_integer(const struct mcp_arg *a, yajl_val given, int64_t *out, struct buf *why)
{
	int64_t max = a->max ? a->max : INT64_MAX, min = a->kind == MCP_IDS ? 1 : a->min;

	if (YAJL_IS_INTEGER(given)) {
		*out = YAJL_GET_INTEGER(given);
		if (*out >= min && *out <= max)
			return true;
	}
	if (a->kind == MCP_IDS)
		buf_printf(why, "%s must be a list of ids, which are numbers from 1", a->name);
	else if (a->max)
		buf_printf(why, "%s must be a number from %" PRId64 " to %" PRId64, a->name, a->min, a->max);
	else
		buf_printf(why, "%s must be a number from %" PRId64, a->name, a->min);
	return false;
}

static bool take_ids(const struct mcp_arg *a, yajl_val given, struct mcp_value *out, struct buf *why)
{
	bool ok = true;

	if (!YAJL_IS_ARRAY(given) || !YAJL_GET_ARRAY(given)->len || YAJL_GET_ARRAY(given)->len > MCP_IDS_MAX)
		return buf_printf(why, "%s must be a list of 1 to %d ids", a->name, MCP_IDS_MAX) && false;
	for (size_t i = 0; ok && i < YAJL_GET_ARRAY(given)->len; i++)
		ok = take_integer(a, YAJL_GET_ARRAY(given)->values[i], &out->id[out->n_ids++], why);
	return ok;
}

static bool take_argument(const struct mcp_arg *a, yajl_val given, struct mcp_value *out, struct buf *why)
{
	out->given = true;
	switch (a->kind) {
	case MCP_STRING:
	case MCP_TIME:
		return take_string(a, given, out, why);
	case MCP_INTEGER:
		return take_integer(a, given, &out->number, why);
	case MCP_IDS:
		return take_ids(a, given, out, why);
	case MCP_BOOLEAN:
		break;
	}
	out->flag = YAJL_IS_TRUE(given);
	return YAJL_IS_TRUE(given) || YAJL_IS_FALSE(given) || (buf_printf(why, "%s must be true or false", a->name) && false);
}

static bool refuse_name(const struct mcp_arg *table, struct buf *why)
{
	buf_printf(why, "there is an argument that this tool does not have; it has:");
	for (const struct mcp_arg *a = table; a->name; a++)
		buf_printf(why, " %s", a->name);
	return false;
}

/* null is as if it were not given: some clients fill in all arguments. */
static bool take_all(struct mcp_args *a, yajl_val given, struct buf *why)
{
	const struct mcp_arg *row;
	bool seen[MCP_ARGS_MAX] = {false}, ok = true;

	for (size_t i = 0; ok && i < YAJL_GET_OBJECT(given)->len; i++) {
		for (row = a->table; row->name && strcmp(row->name, YAJL_GET_OBJECT(given)->keys[i]) != 0; row++)
			;
		if (!row->name)
			return refuse_name(a->table, why);
		if (seen[row - a->table])
			return buf_printf(why, "%s is there twice", row->name) && false;
		seen[row - a->table] = true;
		if (!YAJL_IS_NULL(YAJL_GET_OBJECT(given)->values[i]))
			ok = take_argument(row, YAJL_GET_OBJECT(given)->values[i], &a->value[row - a->table], why);
	}
	return ok;
}

bool mcp_args_read(struct mcp_args *a, const struct mcp_arg *table, yajl_val given, struct buf *why)
{
	*a = (struct mcp_args){.table = table};
	for (const struct mcp_arg *row = table; row->name; row++)
		a->value[row - table].number = row->normal;
	if (given && !YAJL_IS_OBJECT(given))
		return buf_printf(why, "arguments must be an object") && false;
	if (given && !take_all(a, given, why))
		return false;
	for (const struct mcp_arg *row = table; row->name; row++)
		if (row->required && !a->value[row - table].given)
			return buf_printf(why, "%s is missing: %s", row->name, row->help) && false;
	return true;
}

const struct mcp_value *mcp_args_get(const struct mcp_args *a, const char *name)
{
	const struct mcp_arg *row = a->table;

	while (strcmp(row->name, name) != 0)
		row++;
	return &a->value[row - a->table];
}
