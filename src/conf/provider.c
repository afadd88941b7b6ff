/* SPDX-License-Identifier: ISC */
/* The built-in schemes: found by name, and read from their texts. */
#include "conf/provider.h"

#include <confuse.h>
#include <stdlib.h>
#include <string.h>

#include "conf/handshake_section.h"
#include "conf/option.h"
#include "conf/scheme_section.h"

/* A scheme that was read. Its strings borrow from the tree, which stays for the whole program. */
struct provider_read {
	cfg_t *tree;
	struct scheme scheme;
	bool is_begun, is_read;
};

static struct provider_read **provider_cache; /* at the place of each in provider_all; NULL: not asked for */

static size_t provider_count(void)
{
	static size_t n;

	while (provider_all[n].name)
		n++;
	return n;
}

/* The place in provider_all, or its end. */
static size_t provider_place(const char *name)
{
	size_t from = 0, to = provider_count(), middle;
	int order;

	while (from < to) {
		middle = (from + to) / 2;
		order = strcmp(name, provider_all[middle].name);
		if (order == 0)
			return middle;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return provider_count();
}

/*
 * Reads a text by the configuration's own table and parser; the configuration may be in the middle of a section. The values are not
 * checked: tests/e2e/test_schemes.py has each text checked as a configuration. False when memory is short.
 */
static bool read_provider(const struct provider *p, struct provider_read *read)
{
	static const struct option_section sections[] = {{"handshake", NULL, handshake_section_rows, NULL},
		{"scheme", NULL, scheme_section_rows, NULL}, {NULL, NULL, NULL, NULL}};
	cfg_opt_t *table = option_table_unchecked(sections);
	cfg_t *sec;

	read->tree = table ? cfg_init(table, CFGF_NONE) : NULL;
	option_free_table(table);
	sec = read->tree && cfg_parse_buf(read->tree, p->text) == CFG_SUCCESS ? cfg_gettsec(read->tree, "scheme", p->name) : NULL;
	if (sec && scheme_section_make(read->tree, sec, &read->scheme))
		return true;
	cfg_free(read->tree);
	return false;
}

/* The i-th of provider_all. NULL when memory is short, and for a scheme that is like itself. */
static const struct scheme *provider_scheme(size_t i)
{
	struct provider_read *read;

	if (!provider_cache)
		provider_cache = calloc(provider_count(), sizeof(struct provider_read *));
	if (!provider_cache)
		return NULL;
	if (!provider_cache[i])
		provider_cache[i] = calloc(1, sizeof *read);
	read = provider_cache[i];
	if (!read)
		return NULL;
	if (!read->is_begun) {
		read->is_begun = true;
		read->is_read = read_provider(&provider_all[i], read);
		read->is_begun = read->is_read; /* else once more the next time */
	}
	return read->is_read ? &read->scheme : NULL;
}

const struct scheme *scheme_find(const char *name)
{
	size_t i;

	if (strcmp(name, provider_connectsafely.name) == 0)
		return &provider_connectsafely;
	i = provider_place(name);
	return provider_all[i].name ? provider_scheme(i) : NULL;
}

const struct scheme *scheme_at(size_t i)
{
	const char *name = scheme_name_at(i);

	return name ? scheme_find(name) : NULL;
}

const char *scheme_name_at(size_t i)
{
	return i < provider_count() ? provider_all[i].name : NULL;
}

const struct provider *provider_find(const char *name)
{
	size_t i = provider_place(name);

	return provider_all[i].name ? &provider_all[i] : NULL;
}
