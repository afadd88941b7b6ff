/* SPDX-License-Identifier: ISC */
/* Options that are lists of conditions on the fields of a body. */
#include <stdlib.h>

#include "conf/kind.h"
#include "core/condition.h"

static bool check_condition(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct condition c;
	char reason[512];

	if (cfg_size(sec, row->name) > CONDITIONS_MAX) {
		buf_printf(why, ": there are more than %d conditions; remove some", CONDITIONS_MAX);
		return false;
	}
	if (!condition_read(text, &c, reason, sizeof reason)) {
		buf_printf(why, ": %s", reason);
		return false;
	}
	condition_clear(&c);
	return true;
}

static void free_conditions(void *field)
{
	struct conditions *all = field;

	while (all->n)
		condition_clear(&all->item[--all->n]);
	free(all->item);
	*all = (struct conditions){0};
}

static bool read_conditions(const struct option_row *row, cfg_t *sec, void *field)
{
	struct conditions *all = field;
	unsigned n = cfg_size(sec, row->name);
	char reason[512];

	free_conditions(all);
	all->item = calloc(n + 1, sizeof *all->item);
	while (all->item && all->n < n) {
		if (!condition_read(cfg_getnstr(sec, row->name, (unsigned)all->n), &all->item[all->n], reason, sizeof reason))
			return false;
		all->n++;
	}
	return all->item != NULL;
}

const struct option_kind kind_conditions = {"list of conditions", CFGT_STR, .list = true, .check = check_condition, .read = read_conditions,
	.free = free_conditions};
