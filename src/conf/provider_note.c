/* SPDX-License-Identifier: ISC */
/* The comments of a provider's file: lines "# key: text", and lines "#   more" below them. */
#include "conf/provider.h"

#include <string.h>

const char *const provider_keys[PROVIDER_NOTES] = {
	[PROVIDER_TITLE] = "title",
	[PROVIDER_DOCS] = "docs",
	[PROVIDER_ENTER] = "enter",
	[PROVIDER_ID] = "id",
	[PROVIDER_UNSIGNED] = "unsigned",
	[PROVIDER_CHECKED] = "checked",
	[PROVIDER_NOTE] = "note",
	[PROVIDER_EVENTS] = "events",
};

static const char *next_comment_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

static bool is_continued(const char *line)
{
	return strncmp(line, "#  ", 3) == 0;
}

/* The text on the line of that key; NULL: there is none. */
static const char *note_line(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (; *text == '#'; text = next_comment_line(text))
		if (strncmp(text, "# ", 2) == 0 && strncmp(text + 2, key, n) == 0 && strncmp(text + 2 + n, ": ", 2) == 0)
			return text + n + 4;
	return NULL;
}

bool provider_add_note(const struct provider *p, enum provider_note note, struct buf *out)
{
	const char *line = note_line(p->text, provider_keys[note]);
	bool ok = true;

	if (!line)
		return true;
	ok = buf_add(out, line, strcspn(line, "\n"));
	while (ok && is_continued(line = next_comment_line(line))) {
		line += strspn(line, "# ");
		ok = buf_add(out, " ", 1) && buf_add(out, line, strcspn(line, "\n"));
	}
	return ok;
}

const char *provider_block(const struct provider *p)
{
	const char *text = p->text;

	while (*text == '#' || *text == '\n')
		text = next_comment_line(text);
	return text;
}
