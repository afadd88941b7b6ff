/* SPDX-License-Identifier: ISC */
/* Fuzz target: the input is a form. */
#include "fuzz.h"

#include <ctype.h>
#include <string.h>

#include "hook/form.h"

static void check_params(const struct form *f, size_t size)
{
	const char *arena = f->arena.data, *end = arena + f->arena.len;
	size_t total = 0;

	assert(f->n <= f->cap);
	for (size_t i = 0; i < f->n; i++) {
		const struct slice both[] = {f->param[i].name, f->param[i].value};

		for (int k = 0; k < 2; k++) {
			assert(both[k].p >= arena && both[k].p + both[k].n <= end);
			assert(!memchr(both[k].p, '\0', both[k].n));
			total += both[k].n;
		}
	}
	assert(total <= size);
}

static void check_equal(const struct form *a, const struct form *b)
{
	assert(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		assert(form_compare(&a->param[i], &b->param[i]) == 0);
}

static void encode_slice(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		assert(isalnum((unsigned char)s.p[i]) ? buf_add(b, s.p + i, 1) : buf_printf(b, "%%%02X", (unsigned)(unsigned char)s.p[i]));
}

static void check_round_trip(const struct form *f)
{
	struct form again = {0};
	struct buf b = {0};

	for (size_t i = 0; i < f->n; i++) {
		assert(i == 0 || buf_add(&b, "&", 1));
		encode_slice(&b, f->param[i].name);
		assert(buf_add(&b, "=", 1));
		encode_slice(&b, f->param[i].value);
	}
	assert(form_parse(&again, b.data, b.len) == FORM_OK);
	check_equal(f, &again);
	form_free(&again);
	buf_free(&b);
}

/* The parameters the other way round, malformed ones too. */
static void reverse(const char *p, size_t n, struct buf *out)
{
	for (size_t end = n, i = n; i-- > 0;) {
		if (i > 0 && p[i - 1] != '&')
			continue;
		assert(buf_add(out, p + i, end - i) && buf_add(out, "&", 1));
		end = i - (i > 0);
	}
}

static void check_sorted(const struct form *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct slice first = form_value(f, "a");
		const struct form_param *p = &f->param[i];

		assert(i == 0 || form_compare(p - 1, p) <= 0);
		if (p->name.n == 1 && *p->name.p == 'a')
			assert(first.p && form_compare(&(struct form_param){p->name, first}, p) <= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct form f = {0}, backwards = {0};
	const char *p = (const char *)data;
	struct buf reversed = {0};
	enum form_result result = form_parse(&f, p, size);

	assert(result != FORM_NO_MEMORY);
	reverse(p, size, &reversed);
	assert(form_parse(&backwards, reversed.data, reversed.len) == result);
	if (result == FORM_OK) {
		check_params(&f, size);
		check_round_trip(&f);
		form_sort(&f);
		check_params(&f, size);
		check_sorted(&f);
		form_sort(&backwards);
		check_equal(&f, &backwards);
	}
	form_free(&f);
	form_free(&backwards);
	buf_free(&reversed);
	return 0;
}
