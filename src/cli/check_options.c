/* SPDX-License-Identifier: ISC */
/* hookspool check --options: every option of the configuration, from the table that the configuration is read by. */
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "conf/kind.h"

enum { WORDS_MAX = 1000 };

/* The default as the file would have it: a list's texts in quotes. */
static void add_default(struct buf *out, const struct option_row *row)
{
	const char *p = row->value;

	if (!row->kind->list) {
		buf_printf(out, row->kind->type == CFGT_STR ? "\"%s\"" : "%s", p);
		return;
	}
	buf_printf(out, "{");
	for (p++; *p != '}'; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ",}");

		buf_printf(out, "%s\"%.*s\"", p == row->value + 1 ? "" : ", ", (int)n, p);
		p += n;
	}
	buf_printf(out, "}");
}

static void print_option_row(const struct option_row *row)
{
	struct buf line = {0}, bounds = {0};
	const char *word;

	kind_print_bounds(&bounds, row);
	buf_printf(&line, "  %s%s%s: %s", terminal_colour(TERMINAL_GREEN), row->name, terminal_colour(TERMINAL_PLAIN), row->kind->name);
	for (size_t i = 0; (word = option_word(row, i)); i++)
		buf_printf(&line, "%s\"%s\"", i == 0 ? ": " : ", ", word);
	if (bounds.len)
		buf_printf(&line, ", %s", buf_str(&bounds));
	if (row->value) {
		buf_printf(&line, "; default ");
		add_default(&line, row);
	}
	printf("%s\n      %s\n", buf_str(&line), row->help);
	buf_free(&line);
	buf_free(&bounds);
}

static void print_heading(const struct conf_options *group)
{
	if (group->type)
		printf("\n%s, type = \"%s\": %s\n", group->section, group->type, group->help);
	else if (group->section)
		printf("\n%s: %s\n", group->section, group->help);
	else
		printf("outside of sections: %s\n", group->help);
}

static void print_options(void)
{
	const char *section = "";
	struct conf_options group;

	for (size_t i = 0; conf_options(i, &group); i++) {
		if (group.section != section || group.type)
			print_heading(&group);
		section = group.section;
		for (const struct option_row *row = group.rows; row->name; row++)
			print_option_row(row);
	}
}

static struct slice slice_or_none(const char *text)
{
	return text ? slice_text(text) : (struct slice){0};
}

static void add_row_json(struct json *j, const struct conf_options *group, const struct option_row *row)
{
	const char *words[WORDS_MAX + 1] = {NULL};
	struct buf text = {0};

	for (size_t i = 0; i < WORDS_MAX && (words[i] = option_word(row, i)); i++)
		;
	json_item(j);
	json_text(j, "section", slice_or_none(group->section));
	json_text(j, "type", slice_or_none(group->type));
	json_string(j, "name", row->name);
	json_string(j, "kind", row->kind->name);
	if (row->value)
		add_default(&text, row);
	json_text(j, "default", row->value ? (struct slice){buf_str(&text), text.len} : (struct slice){0});
	text.len = 0;
	kind_print_bounds(&text, row);
	json_text(j, "bounds", text.len ? (struct slice){buf_str(&text), text.len} : (struct slice){0});
	json_strings(j, "choices", words);
	json_string(j, "help", row->help);
	json_item_end(j);
	buf_free(&text);
}

void check_print_options(bool as_json)
{
	struct conf_options group;
	struct json j;

	if (!as_json) {
		print_options();
		return;
	}
	json_begin(&j);
	json_list(&j, "options");
	for (size_t i = 0; conf_options(i, &group); i++)
		for (const struct option_row *row = group.rows; row->name; row++)
			add_row_json(&j, &group, row);
	json_list_end(&j);
	json_end(&j);
}
