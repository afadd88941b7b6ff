/* SPDX-License-Identifier: ISC */
/* Options that are templates of plain text: names of streams and the like. */
#include "conf/kind.h"
#include "core/template.h"

static bool check_template(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	char reason[256] = "it is empty";
	struct template *t = *text ? template_new(text, TEMPLATE_PLAIN, reason, sizeof reason) : NULL;

	(void)row;
	(void)sec;
	if (!t)
		buf_printf(why, ": %s", reason);
	template_free(t);
	return t != NULL;
}

static bool read_template(const struct option_row *row, cfg_t *sec, void *field)
{
	struct template **t = field;
	char reason[256];

	*t = template_new(cfg_getstr(sec, row->name), TEMPLATE_PLAIN, reason, sizeof reason);
	return *t != NULL;
}

static void free_template(void *field)
{
	struct template **t = field;

	template_free(*t);
	*t = NULL;
}

const struct option_kind kind_template = {"template", CFGT_STR, .check = check_template, .read = read_template, .free = free_template};
