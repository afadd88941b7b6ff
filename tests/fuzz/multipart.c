/* SPDX-License-Identifier: ISC */
/* Fuzz target: the input is a body of multipart/form-data. */
#include "fuzz.h"

#include <string.h>

#include "hook/multipart.h"

static bool stands_in(struct slice s, const char *data, size_t size)
{
	for (size_t i = 0; i + s.n <= size; i++)
		if (memcmp(data + i, s.p, s.n) == 0)
			return true;
	return false;
}

static void check_fields(const struct form *f, const char *data, size_t size)
{
	const char *arena = f->arena.data, *end = arena + f->arena.len;

	assert(f->n <= MULTIPART_PARTS && f->arena.len <= size);
	for (size_t i = 0; i < f->n; i++) {
		const struct slice both[] = {f->param[i].name, f->param[i].value};

		assert(both[0].n > 0 && !memchr(both[0].p, '"', both[0].n) && !memchr(both[0].p, '\n', both[0].n));
		for (int k = 0; k < 2; k++) {
			assert(both[k].p >= arena && both[k].p + both[k].n <= end);
			assert(both[k].n == 0 || !memchr(both[k].p, '\0', both[k].n));
			assert(size > 2000 || stands_in(both[k], data, size));
		}
	}
}

static void add(struct buf *b, const char *text)
{
	assert(buf_add(b, text, strlen(text)));
}

/* A line of digits that no field has. */
static void find_boundary(const struct form *f, char boundary[40])
{
	unsigned long n = 0;
	bool found;

	do {
		char *p = boundary;

		found = false;
		*p++ = '-';
		*p++ = '-';
		for (unsigned long rest = n++;; rest /= 10) {
			*p++ = (char)('0' + rest % 10);
			if (rest < 10)
				break;
		}
		*p = '\0';
		for (size_t i = 0; i < f->n; i++)
			found |= stands_in(slice_text(boundary), f->param[i].value.p, f->param[i].value.n);
	} while (found);
}

static void check_round_trip(const struct form *f)
{
	struct form again = {0};
	struct buf b = {0};
	char boundary[40];

	if (f->n == 0)
		return;
	find_boundary(f, boundary);
	for (size_t i = 0; i < f->n; i++) {
		add(&b, boundary);
		add(&b, "\r\nContent-Disposition: form-data; name=\"");
		assert(buf_add(&b, f->param[i].name.p, f->param[i].name.n));
		add(&b, "\"\r\n\r\n");
		assert(f->param[i].value.n == 0 || buf_add(&b, f->param[i].value.p, f->param[i].value.n));
		add(&b, "\r\n");
	}
	add(&b, boundary);
	add(&b, "--\r\n");
	assert(multipart_parse(&again, (struct slice){b.data, b.len}) == FORM_OK && again.n == f->n);
	for (size_t i = 0; i < f->n; i++)
		assert(form_compare(&f->param[i], &again.param[i]) == 0);
	form_free(&again);
	buf_free(&b);
}

/* A body that lacks its end is no body. */
static void check_cut(const char *data, size_t size)
{
	size_t n = size >= 2 && memcmp(data + size - 2, "\r\n", 2) == 0 ? size - 2 : size;
	struct form f = {0};

	assert(multipart_parse(&f, (struct slice){data, n}) == FORM_OK);
	assert(multipart_parse(&f, (struct slice){data, n - 1}) == FORM_MALFORMED);
	assert(multipart_parse(&f, (struct slice){data, n / 2}) == FORM_MALFORMED);
	form_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct form f = {0};
	enum form_result result = multipart_parse(&f, (struct slice){p, size});

	assert(result != FORM_NO_MEMORY);
	assert(result != FORM_OK || multipart_begins((struct slice){p, size}));
	if (result == FORM_OK) {
		check_fields(&f, p, size);
		check_round_trip(&f);
		check_cut(p, size);
	}
	form_free(&f);
	return 0;
}
