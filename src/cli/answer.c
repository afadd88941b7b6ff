/* SPDX-License-Identifier: ISC */
/* The status and the event's id in a receiver's answer. */
#include "cli/answer.h"

#include <stdbool.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum member { OTHER, STATUS, ID };

struct reading {
	struct answer *out;
	int depth;
	enum member member; /* whose value comes next, at depth 1 */
};

static int enter_value(void *ctx)
{
	struct reading *r = ctx;

	r->depth++;
	r->member = OTHER;
	return 1;
}

static int leave_value(void *ctx)
{
	struct reading *r = ctx;

	r->depth--;
	r->member = OTHER;
	return 1;
}

static int read_member(void *ctx, const unsigned char *key, size_t n)
{
	struct reading *r = ctx;

	r->member = OTHER;
	if (r->depth == 1 && n == 6 && memcmp(key, "status", 6) == 0)
		r->member = STATUS;
	else if (r->depth == 1 && n == 2 && memcmp(key, "id", 2) == 0)
		r->member = ID;
	return 1;
}

/* Outcome codes are lower-case words. Any other text comes from another program. */
static int read_answer_status(void *ctx, const unsigned char *text, size_t n)
{
	struct reading *r = ctx;

	if (r->member == STATUS && n < sizeof r->out->status) {
		memcpy(r->out->status, text, n);
		r->out->status[n] = '\0';
		if (strspn(r->out->status, "abcdefghijklmnopqrstuvwxyz_") != n)
			r->out->status[0] = '\0';
	}
	return 1;
}

static int read_id(void *ctx, long long n)
{
	struct reading *r = ctx;

	if (r->member == ID && n > 0)
		r->out->id = n;
	return 1;
}

void answer_parse(struct slice body, struct answer *out)
{
	static const yajl_callbacks callbacks = {
		.yajl_integer = read_id,
		.yajl_string = read_answer_status,
		.yajl_start_map = enter_value,
		.yajl_map_key = read_member,
		.yajl_end_map = leave_value,
		.yajl_start_array = enter_value,
		.yajl_end_array = leave_value,
	};
	struct reading r = {.out = out};
	yajl_handle y = yajl_alloc(&callbacks, NULL, &r);
	bool ok;

	*out = (struct answer){0};
	ok = y && yajl_parse(y, (const unsigned char *)body.p, body.n) == yajl_status_ok &&
		yajl_complete_parse(y) == yajl_status_ok;
	if (!ok)
		*out = (struct answer){0};
	if (y)
		yajl_free(y);
}
