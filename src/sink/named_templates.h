/* SPDX-License-Identifier: ISC */
/* Options that are a list of "NAME = TEMPLATE": the columns of a table, the fields of an entry. */
#ifndef NAMED_TEMPLATES_H
#define NAMED_TEMPLATES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/template.h"

typedef struct cfg_t cfg_t; /* libconfuse's; drivers don't need its header */

struct named_template {
	char *name;
	struct template *value;
};

/* Zero-initialised is valid and empty. */
struct named_templates {
	struct named_template *item;
	size_t n;
};

/* Whether these bytes are a name that the option takes. */
typedef bool named_templates_name(const char *p, size_t n);

/* Reads one text and adds what it says. False with the reason in why: it is wrong, or memory is short. */
bool named_templates_add(struct named_templates *t, const char *text, named_templates_name *is_name, char *why, size_t n);

/* The check of an option's kind: false with what is wrong appended to why. */
bool named_templates_check(const char *text, named_templates_name *is_name, struct buf *why);

/* Reads all values of the option. False when memory is short. */
bool named_templates_read(struct named_templates *t, cfg_t *sec, const char *option, named_templates_name *is_name);

/* Reports a name that the option has twice. False then. */
bool named_templates_check_once(cfg_t *sec, const char *option);

/* True when any of them has that value. */
bool named_templates_have(const struct named_templates *t, enum template_known k);

/* Takes a struct named_templates, as the kinds of options want it. */
void named_templates_free(void *field);

#endif
