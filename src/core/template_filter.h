/* SPDX-License-Identifier: ISC */
/* The filters of templates, and how values are escaped for where they stand. */
#ifndef TEMPLATE_FILTER_H
#define TEMPLATE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/template.h"

enum template_filter_kind { FILTER_DEFAULT, FILTER_TRUNCATE, FILTER_HTML, FILTER_MRKDWN, FILTER_MARKDOWN, FILTER_HEADER };

struct template_filter {
	enum template_filter_kind kind;
	struct slice text; /* of default */
	size_t characters; /* of truncate */
};

/* Filters the value *v; the new one is in out, or borrows from where the old one did. False when memory is short. */
bool template_filter(const struct template_filter *f, struct slice *v, struct buf *out);

/* Appends the value, escaped. scratch is room for it; v is not in there. False when memory is short. */
bool template_filter_escape(enum template_escape escape, struct slice v, struct buf *scratch, struct buf *out);

#endif
