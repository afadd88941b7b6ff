/* SPDX-License-Identifier: ISC */
/* The built-in signature schemes, of all groups of providers. */
#include "conf/scheme.h"

#include <string.h>

#include "conf/provider.h"

static const struct scheme *const groups[] = {
	provider_linkedin,
	provider_apps,
	provider_chat,
	provider_standard,
	NULL,
};

const struct scheme *scheme_at(size_t i)
{
	for (const struct scheme *const *group = groups; *group; group++)
		for (const struct scheme *s = *group; s->name; s++)
			if (i-- == 0)
				return s;
	return NULL;
}

const struct scheme *scheme_find(const char *name)
{
	const struct scheme *s;

	for (size_t i = 0; (s = scheme_at(i)); i++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}
