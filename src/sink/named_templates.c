/* SPDX-License-Identifier: ISC */
/* Options that are a list of "NAME = TEMPLATE". */
#include "sink/named_templates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/option.h"

static size_t name_length(const char *text)
{
	return strcspn(text, " =");
}

/* Where the template begins; NULL: there is none. */
static const char *template_in(const char *text)
{
	text += name_length(text);
	text += strspn(text, " ");
	if (*text != '=')
		return NULL;
	text += 1 + strspn(text + 1, " ");
	return *text ? text : NULL;
}

static bool grow(struct named_templates *t)
{
	struct named_template *more = realloc(t->item, (t->n + 1) * sizeof *more);

	if (more)
		t->item = more;
	return more != NULL;
}

bool named_templates_add(struct named_templates *t, const char *text, named_templates_name *is_name, char *why, size_t n)
{
	const char *value = template_in(text);
	struct named_template one;

	snprintf(why, n, "write \"name = {{template}}\"");
	if (!value || !is_name(text, name_length(text)))
		return false;
	one = (struct named_template){strndup(text, name_length(text)), template_new(value, TEMPLATE_PLAIN, why, n)};
	if (one.name && one.value && grow(t)) {
		t->item[t->n++] = one;
		return true;
	}
	free(one.name);
	template_free(one.value);
	return false;
}

bool named_templates_check(const char *text, named_templates_name *is_name, struct buf *why)
{
	struct named_templates t = {0};
	char reason[256];
	bool ok = named_templates_add(&t, text, is_name, reason, sizeof reason);

	named_templates_free(&t);
	if (!ok)
		buf_printf(why, ": %s", reason);
	return ok;
}

bool named_templates_read(struct named_templates *t, cfg_t *sec, const char *option, named_templates_name *is_name)
{
	char why[256];

	for (unsigned i = 0; i < cfg_size(sec, option); i++)
		if (!named_templates_add(t, cfg_getnstr(sec, option, i), is_name, why, sizeof why))
			return false;
	return true;
}

static bool has_name_before(cfg_t *sec, const char *option, unsigned i)
{
	const char *text = cfg_getnstr(sec, option, i), *other;
	size_t n = name_length(text);

	while (i--) {
		other = cfg_getnstr(sec, option, i);
		if (name_length(other) == n && strncmp(other, text, n) == 0)
			return true;
	}
	return false;
}

bool named_templates_check_once(cfg_t *sec, const char *option)
{
	for (unsigned i = 1; i < cfg_size(sec, option); i++)
		if (has_name_before(sec, option, i))
			return option_refuse_value(sec, option, cfg_getnstr(sec, option, i), "that name is there twice");
	return true;
}

bool named_templates_have(const struct named_templates *t, enum template_known k)
{
	for (size_t i = 0; i < t->n; i++)
		if (template_has(t->item[i].value, k))
			return true;
	return false;
}

void named_templates_free(void *field)
{
	struct named_templates *t = field;

	for (size_t i = 0; i < t->n; i++) {
		free(t->item[i].name);
		template_free(t->item[i].value);
	}
	free(t->item);
	*t = (struct named_templates){0};
}
