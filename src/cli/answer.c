/* What a receiver answered: hookspool's own words in it, and a form that is safe on a terminal. */
#include "cli/answer.h"

#include <stdbool.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/utf8.h"

enum member { OTHER, STATUS, ID };

struct reading {
	struct answer *out;
	int depth;
	enum member member; /* whose value comes next, at depth 1 */
};

static int on_open(void *ctx)
{
	struct reading *r = ctx;

	r->depth++;
	r->member = OTHER;
	return 1;
}

static int on_close(void *ctx)
{
	struct reading *r = ctx;

	r->depth--;
	r->member = OTHER;
	return 1;
}

static int on_key(void *ctx, const unsigned char *key, size_t n)
{
	struct reading *r = ctx;

	r->member = OTHER;
	if (r->depth == 1 && n == 6 && memcmp(key, "status", 6) == 0)
		r->member = STATUS;
	else if (r->depth == 1 && n == 2 && memcmp(key, "id", 2) == 0)
		r->member = ID;
	return 1;
}

/* Outcome codes are lower-case words; any other text is somebody else's. */
static int on_string(void *ctx, const unsigned char *text, size_t n)
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

static int on_integer(void *ctx, long long n)
{
	struct reading *r = ctx;

	if (r->member == ID && n > 0)
		r->out->id = n;
	return 1;
}

void answer_parse(struct slice body, struct answer *out)
{
	static const yajl_callbacks callbacks = {
		.yajl_integer = on_integer,
		.yajl_string = on_string,
		.yajl_start_map = on_open,
		.yajl_map_key = on_key,
		.yajl_end_map = on_close,
		.yajl_start_array = on_open,
		.yajl_end_array = on_close,
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

/* How many bytes the character at s has, or 0 when it isn't UTF-8. */
static size_t char_length(const char *s, size_t n)
{
	unsigned char c = (unsigned char)*s;
	size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

	return len <= n && utf8_valid(s, len) ? len : 0;
}

/* C1 controls, U+2028/9, and the marks, embeddings and isolates that reorder what stands beside them. */
static bool hidden(const char *s, size_t n)
{
	unsigned char last = (unsigned char)s[n - 1];

	if (n == 2)
		return (s[0] == '\xC2' && last < 0xA0) || memcmp(s, "\xD8\x9C", 2) == 0;
	if (n == 3 && memcmp(s, "\xE2\x80", 2) == 0)
		return last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE);
	return n == 3 && memcmp(s, "\xE2\x81", 2) == 0 && last >= 0xA6 && last <= 0xA9;
}

void answer_print(FILE *to, struct slice body, size_t max)
{
	bool blank = false; /* one is due before the next character */
	size_t n, i, printed = 0;

	for (i = 0; i < body.n && i < max; i += n ? n : 1) {
		n = char_length(body.p + i, body.n - i);
		if (n == 1 && memchr(" \t\r\n", body.p[i], 4)) {
			blank = printed > 0;
			continue;
		}
		if (blank)
			fputc(' ', to);
		blank = false;
		if (n == 0 || (n == 1 && (body.p[i] < 0x20 || body.p[i] == 0x7F)) || (n > 1 && hidden(body.p + i, n)))
			fputc('?', to);
		else
			fwrite(body.p + i, 1, n, to);
		printed++;
	}
	if (i < body.n)
		fputs("…", to);
}
