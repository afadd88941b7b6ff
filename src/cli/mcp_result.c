/* SPDX-License-Identifier: ISC */
/* What all results of hookspool mcp have: strangers' texts apart, cut, and without invisible characters. */
#include <stdio.h>

#include "cli/mcp.h"
#include "core/utf8.h"

void mcp_result_untrusted(struct json *j)
{
	json_object(j, "untrusted");
}

void mcp_result_trusted(struct json *j)
{
	json_object_end(j);
}

void mcp_result_text(struct json *j, const char *name, struct slice text, size_t max)
{
	char bytes[64];

	if (!text.p)
		return;
	json_text(j, name, (struct slice){text.p, text.n > max ? utf8_fit(text.p, text.n, max) : text.n});
	if (text.n <= max)
		return;
	snprintf(bytes, sizeof bytes, "%s_bytes", name);
	json_number(j, bytes, (int64_t)text.n);
}

bool mcp_result_full(const struct json *j)
{
	return json_size(j) > MCP_RESULT_MAX;
}

void mcp_result_more(struct json *j, const char *how)
{
	json_bool(j, "cut", true);
	json_string(j, "go_on", how);
}

/*
 * Characters without a glyph of their own, that json_finish() leaves: format characters, fillers, variation selectors and tags
 * (Unicode 15, Default_Ignorable_Code_Point). Blanks are not among them.
 */
static bool is_hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0xAD, 0xAD}, {0x34F, 0x34F}, {0x61C, 0x61C}, {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200F},
		{0x202A, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB},
		{0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

/* As JSON has it: two escapes above U+FFFF (RFC 8259 section 7). */
static bool add_escape(struct buf *out, uint32_t c)
{
	if (c < 0x10000)
		return buf_printf(out, "\\u%04x", (unsigned)c);
	return buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xD800 + ((c - 0x10000) >> 10)), (unsigned)(0xDC00 + ((c - 0x10000) & 0x3FF)));
}

bool mcp_result_visible(struct slice json, struct buf *out)
{
	size_t clean = 0; /* all before is added */
	uint32_t c;
	bool ok = true;

	for (size_t at = 0, len; ok && at < json.n; at += len) {
		len = utf8_next(json.p + at, json.n - at, &c);
		if (len < 2 || !is_hidden(c)) {
			len = len ? len : 1;
			continue;
		}
		ok = buf_add(out, json.p + clean, at - clean) && add_escape(out, c);
		clean = at + len;
	}
	return ok && buf_add(out, json.p + clean, json.n - clean);
}
