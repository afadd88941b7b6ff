/* SPDX-License-Identifier: ISC */
/* Options as data: one row an option. */
#include "conf/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/reader.h"

/* Of the load that is under way: libconfuse's callbacks have no context. */
static const struct option_section *sections;

/* The rows with free text, which each token of a file is compared with. */
enum { FREE_TEXTS = 32 };
static const char *free_texts[FREE_TEXTS];
static size_t n_free_texts;

enum { section_flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES };

static cfg_opt_t make_option(const struct option_row *row)
{
	const struct option_kind *kind = row->kind;
	cfg_opt_t opt = {.name = row->name, .type = kind->type, .flags = kind->list ? CFGF_LIST : CFGF_NONE, .validcb = reader_on_value};

	if (kind->type == CFGT_FUNC) {
		opt.func = reader_include;
		opt.validcb = NULL;
	} else if (kind->list) {
		opt.def.parsed = (char *)(uintptr_t)row->value; /* libconfuse copies it */
	} else if (kind->type == CFGT_INT) {
		opt.def.number = row->value ? strtol(row->value, NULL, 10) : 0;
	} else if (kind->type == CFGT_BOOL) {
		opt.def.boolean = row->value && strcmp(row->value, "true") == 0 ? cfg_true : cfg_false;
	} else {
		opt.def.string = row->value;
	}
	return opt;
}

static bool is_in_table(const cfg_opt_t *opts, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(opts[i].name, name) == 0)
			return true;
	return false;
}

/* The section's options, with room for `more` behind them, ended by libconfuse's mark. Types of sinks may share a name. */
static cfg_opt_t *make_options(const struct option_section *section, size_t more, size_t *n)
{
	const struct option_row *rows;
	size_t max = more + 1;
	cfg_opt_t *opts;

	for (size_t i = 0; (rows = section->rows(i)); i++)
		for (; rows->name; rows++)
			max++;
	opts = calloc(max, sizeof *opts);
	for (size_t i = *n = 0; opts && (rows = section->rows(i)); i++)
		for (; rows->name; rows++)
			if (!is_in_table(opts, *n, rows->name))
				opts[(*n)++] = make_option(rows);
	return opts;
}

static void find_free_texts(const struct option_section *all)
{
	const struct option_row *row;

	n_free_texts = 0;
	for (const struct option_section *s = all; s->rows; s++)
		for (size_t i = 0; (row = s->rows(i)); i++)
			for (; row->name; row++)
				if (row->free_text && n_free_texts < FREE_TEXTS)
					free_texts[n_free_texts++] = row->name;
}

cfg_opt_t *option_table(const struct option_section *all)
{
	size_t more = 0, n, ignored;
	cfg_opt_t *top;

	while (all[more + 1].rows)
		more++;
	sections = all;
	find_free_texts(all);
	top = make_options(all, more, &n);
	for (size_t i = 1; top && i <= more; i++) {
		top[n] = (cfg_opt_t){.name = all[i].name, .type = CFGT_SEC, .flags = section_flags,
			.subopts = make_options(&all[i], 0, &ignored), .validcb = reader_on_value};
		if (top[n++].subopts)
			continue;
		option_free_table(top);
		return NULL;
	}
	return top;
}

cfg_opt_t *option_table_unchecked(const struct option_section *all)
{
	size_t n_sections = 0, n;
	cfg_opt_t *top;

	while (all[n_sections].rows)
		n_sections++;
	top = calloc(n_sections + 1, sizeof *top);
	for (size_t i = 0; top && i < n_sections; i++) {
		cfg_opt_t *opts = make_options(&all[i], 0, &n);

		if (!opts) {
			option_free_table(top);
			return NULL;
		}
		for (size_t k = 0; k < n; k++)
			opts[k].validcb = NULL;
		top[i] = (cfg_opt_t){.name = all[i].name, .type = CFGT_SEC, .flags = section_flags, .subopts = opts};
	}
	return top;
}

void option_free_table(cfg_opt_t *table)
{
	for (cfg_opt_t *opt = table; opt && opt->name; opt++)
		free(opt->subopts);
	free(table);
}

/* The beginning of a message about an option: the section's name and title; nothing for the top level. */
static void add_section(const cfg_t *sec, struct buf *out)
{
	if (sec->title)
		buf_printf(out, "%s \"%s\": ", sec->name, sec->title);
}

static bool refuse_text(const struct option_row *row, cfg_t *sec, const char *value, const char *text, const char *why)
{
	struct buf b = {0};

	add_section(sec, &b);
	if (row->kind->hidden)
		buf_printf(&b, "%s%s", row->name, why);
	else if (row->kind->type == CFGT_INT)
		buf_printf(&b, "%s = %s%s", row->name, text, why);
	else
		buf_printf(&b, row->kind->list ? "%s: \"%s\"%s" : "%s = \"%s\"%s", row->name, text, why);
	if (sec->title) /* the parser is at the line of a value of the top level */
		reader_at(sec, row->name, value);
	cfg_error(sec, "%s", buf_str(&b));
	buf_free(&b);
	return false;
}

/* The i-th value as text; NULL where the option has none. A number is written to number. */
static const char *text_of(const struct option_row *row, cfg_t *sec, unsigned i, char number[32])
{
	long v;

	if (row->kind->type != CFGT_INT)
		return i < cfg_size(sec, row->name) ? cfg_getnstr(sec, row->name, i) : NULL;
	v = cfg_getnint(sec, row->name, i);
	snprintf(number, 32, "%ld", v);
	return !row->value && !option_is_given(sec, row->name) ? NULL : number;
}

static bool check_one(const struct option_row *row, cfg_t *sec, unsigned i)
{
	char number[32];
	const char *text = text_of(row, sec, i, number);
	struct buf why = {0};
	bool ok = !text || row->kind->check(row, sec, text, &why);

	if (!ok)
		refuse_text(row, sec, text == number ? NULL : text, text, buf_str(&why));
	buf_free(&why);
	return ok;
}

bool option_check(const struct option_row *row, cfg_t *sec)
{
	for (; row->name; row++)
		for (unsigned i = 0; row->kind->check && i < cfg_size(sec, row->name); i++)
			if (!check_one(row, sec, i))
				return false;
	return true;
}

static const struct option_row *find_row_in(const struct option_section *section, const char *name)
{
	const struct option_row *row;

	for (size_t i = 0; (row = section->rows(i)); i++)
		for (; row->name; row++)
			if (strcmp(row->name, name) == 0)
				return row;
	return NULL;
}

bool option_check_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct option_row *row;

	if (opt->type == CFGT_SEC) {
		for (const struct option_section *s = sections + 1; s->rows; s++)
			if (strcmp(s->name, opt->name) == 0)
				return s->check(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));
		return false;
	}
	if (cfg->title)
		return true; /* a section is checked as a whole */
	row = find_row_in(sections, opt->name);
	return row && (!row->kind->check || check_one(row, cfg, cfg_opt_size(opt) - 1));
}

bool option_is_free_text(struct slice name)
{
	for (size_t i = 0; i < n_free_texts; i++)
		if (strlen(free_texts[i]) == name.n && memcmp(free_texts[i], name.p, name.n) == 0)
			return true;
	return false;
}

static bool has_value(const struct option_row *row, cfg_t *sec)
{
	switch (row->kind->type) {
	case CFGT_STR:
		return row->kind->list ? cfg_size(sec, row->name) > 0 : cfg_getstr(sec, row->name) != NULL;
	case CFGT_INT:
	case CFGT_BOOL:
		return row->value || option_is_given(sec, row->name);
	default:
		return false;
	}
}

/* libconfuse goes on without an option's default when memory is short. */
static bool lacks_default(const struct option_row *row, cfg_t *sec)
{
	if (!row->kind->read || !row->value || option_is_given(sec, row->name))
		return false;
	return cfg_size(sec, row->name) == 0 || (row->kind->type == CFGT_STR && !cfg_getstr(sec, row->name));
}

bool option_read(const struct option_row *row, cfg_t *sec, void *base)
{
	for (; row->name; row++) {
		if (lacks_default(row, sec))
			return false;
		if (row->kind->read && has_value(row, sec) && !row->kind->read(row, sec, (char *)base + row->offset))
			return false;
	}
	return true;
}

void option_free(const struct option_row *row, void *base)
{
	for (; row->name; row++)
		if (row->kind->free)
			row->kind->free((char *)base + row->offset);
}

const char *option_word(const struct option_row *row, size_t i)
{
	if (row->kind->word)
		return row->kind->word(i);
	for (size_t k = 0; row->choices && row->choices[k]; k++)
		if (k == i)
			return row->choices[k];
	return NULL;
}

bool option_is_given(cfg_t *sec, const char *name)
{
	return cfg_getopt(sec, name)->flags & CFGF_MODIFIED;
}

__attribute__((format(printf, 3, 0))) static void refuse_at(cfg_t *sec, const cfg_t *title_of, const char *fmt, va_list ap)
{
	struct buf b = {0};

	add_section(title_of, &b);
	buf_vprintf(&b, fmt, ap);
	cfg_error(sec, "%s", buf_str(&b));
	buf_free(&b);
}

bool option_refuse(cfg_t *sec, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse_at(sec, sec, fmt, ap);
	va_end(ap);
	return false;
}

bool option_refuse_value(cfg_t *sec, const char *name, const char *value, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	refuse_at(reader_at(sec, name, value), sec, fmt, ap);
	va_end(ap);
	return false;
}
