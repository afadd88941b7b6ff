/* SPDX-License-Identifier: ISC */
/* Forms: application/x-www-form-urlencoded (WHATWG URL Standard, section 5.1), in bodies and queries. */
#include "hook/form.h"

#include <stdlib.h>
#include <string.h>

#include "core/encode.h"

enum { FEW = 256 }; /* room that is kept for the next form */

/* Makes room for one more parameter. Room for many is given back before the next form. */
static bool reserve_param(struct form *f)
{
	struct form_param *param;
	size_t cap = f->cap ? 2 * f->cap : FEW;

	if (f->n < f->cap)
		return true;
	param = realloc(f->param, cap * sizeof *param);
	if (!param)
		return false;
	f->param = param;
	f->cap = cap;
	return true;
}

static void give_back(struct form *f)
{
	if (f->cap <= FEW)
		return;
	free(f->param);
	f->param = NULL;
	f->cap = 0;
}

/* Appends what n bytes stand for; the arena has room. */
static bool add_decoded(struct buf *arena, const char *p, size_t n, struct slice *out)
{
	size_t len;
	unsigned char c;

	out->p = arena->data + arena->len;
	for (const char *end = p + n; p < end; p++) {
		c = *p == '+' ? ' ' : (unsigned char)*p;
		if (c == '%') {
			if (end - p < 3 || !decode(ENCODING_HEX, p + 1, 2, &c, 1, &len))
				return false;
			p += 2;
		}
		if (c == '\0')
			return false;
		arena->data[arena->len++] = (char)c;
	}
	out->n = (size_t)(arena->data + arena->len - out->p);
	return true;
}

bool form_begin(struct form *f, size_t bytes)
{
	f->n = 0;
	f->arena.len = 0;
	give_back(f);
	return buf_reserve(&f->arena, bytes + 1);
}

static struct slice add_copy(struct buf *arena, struct slice s)
{
	struct slice copy = {arena->data + arena->len, s.n};

	buf_add(arena, s.p, s.n);
	return copy;
}

bool form_add(struct form *f, struct slice name, struct slice value)
{
	if (!reserve_param(f))
		return false;
	f->param[f->n].name = add_copy(&f->arena, name);
	f->param[f->n++].value = add_copy(&f->arena, value);
	return true;
}

enum form_result form_parse(struct form *f, const char *p, size_t n)
{
	const char *end = n ? p + n : p, *stop, *equals; /* p may be NULL */
	struct form_param *param;

	if (!form_begin(f, n)) /* decoding never makes it longer */
		return FORM_NO_MEMORY;
	for (; p < end; p = stop + 1) {
		stop = memchr(p, '&', (size_t)(end - p));
		if (!stop)
			stop = end;
		if (stop == p)
			continue;
		if (!reserve_param(f))
			return FORM_NO_MEMORY;
		equals = memchr(p, '=', (size_t)(stop - p));
		if (!equals)
			equals = stop;
		param = &f->param[f->n++];
		if (!add_decoded(&f->arena, p, (size_t)(equals - p), &param->name) ||
		    !add_decoded(&f->arena, equals == stop ? stop : equals + 1, (size_t)(stop - equals) - (equals != stop), &param->value))
			return FORM_MALFORMED;
	}
	return FORM_OK;
}

struct slice form_value(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) { /* without parameters, f->param is NULL */
		const struct form_param *p = &f->param[i];

		if (p->name.n == strlen(name) && memcmp(p->name.p, name, p->name.n) == 0)
			return p->value;
	}
	return (struct slice){0};
}

static int compare_slices(struct slice a, struct slice b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

struct slice form_only_value(const struct form *f, const char *name)
{
	struct slice value = form_value(f, name);
	size_t n = strlen(name);

	for (size_t i = 0; value.p && i < f->n; i++)
		if (f->param[i].name.n == n && memcmp(f->param[i].name.p, name, n) == 0 &&
		    (f->param[i].value.n != value.n || memcmp(f->param[i].value.p, value.p, value.n) != 0))
			return (struct slice){0};
	return value;
}

int form_compare(const struct form_param *a, const struct form_param *b)
{
	int order = compare_slices(a->name, b->name);

	return order ? order : compare_slices(a->value, b->value);
}

static int compare_params(const void *a, const void *b)
{
	return form_compare(a, b);
}

void form_sort(struct form *f)
{
	if (f->n == 0)
		return;
	qsort(f->param, f->n, sizeof *f->param, compare_params);
}

void form_free(struct form *f)
{
	buf_free(&f->arena);
	free(f->param);
	*f = (struct form){0};
}
