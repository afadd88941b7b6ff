/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a flag byte, then two lines, a token's header and its claims, which are signed right; the body is behind them. With
 * FLAG_RAW all is the token itself. What is accepted is read again by yajl's tree, and must have the algorithm and the claims.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "core/encode.h"
#include "hook/jwt.h"
#include "hook/stored.h"

enum { FLAG_RAW = 1, FLAG_BODY_HASH = 2, FLAG_OTHER_KEY = 4, FLAG_QUERY = 8, NODE_MAX = 512 };

static const int64_t now = 1700000000000;

static struct secret secret;
static struct endpoint e;

static void set_up(int flags)
{
	static char url[] = "https://a.example/w", text[] = "secret", source[] = "fuzz";

	if (!secret.key)
		secret = (struct secret){.source = source, .text = text, .len = sizeof text - 1, .key = key_new(KEY_HMAC_SHA256, "secret", 6)};
	assert(secret.key);
	e = (struct endpoint){.url = url, .secrets = {&secret, 1}, .scheme = {.name = "fuzz", .algorithm = ALGORITHM_JWT_HS256, .prefix = "",
		.bodies = CONTENT_JSON, .tolerance = 1000, .claim = {"exp", "aud={url}", flags & FLAG_BODY_HASH ? "h={body-sha256}" : NULL}}};
	if (flags & FLAG_QUERY)
		e.scheme.place[0] = (struct source){SOURCE_QUERY, .name = "t"};
	else
		e.scheme.header = "T";
	e.scheme.reads_values = flags & FLAG_QUERY;
}

static void add(struct buf *b, const void *p, size_t n)
{
	assert(n == 0 || buf_add(b, p, n));
}

static void add_part(struct buf *b, const void *p, size_t n)
{
	assert(buf_reserve(b, encode_size(ENCODING_BASE64URL, n) + 1));
	encode(ENCODING_BASE64URL, p, n, b->data + b->len);
	b->len += encode_size(ENCODING_BASE64URL, n);
}

static void sign(struct buf *b, size_t from, bool wrong)
{
	struct key *other = wrong ? key_new(KEY_HMAC_SHA256, "other", 5) : NULL;
	unsigned char mac[KEY_SIGNATURE_MAX];

	assert(key_sign(wrong ? other : secret.key, b->data + from, b->len - from, mac) == 32);
	add(b, ".", 1);
	add_part(b, mac, 32);
	key_free(other);
}

/* The first line, without its end; *rest moves behind it. */
static struct slice take_line(struct slice *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct slice line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

	*rest = end ? (struct slice){end + 1, rest->n - line.n - 1} : (struct slice){rest->p + rest->n, 0};
	return line;
}

/* The tree of a part of the token; NULL: it is none that yajl's tree takes. */
static yajl_val read_again(const struct verify *v, bool claims)
{
	struct buf text = {0};
	yajl_val node;

	assert(jwt_show(v, claims, &text));
	node = yajl_tree_parse(buf_str(&text), NULL, 0);
	buf_free(&text);
	return node;
}

static yajl_val get(yajl_val node, const char *name)
{
	const char *path[] = {name, NULL};

	return yajl_tree_get(node, path, yajl_t_any);
}

static bool has_text(yajl_val node, const char *text)
{
	const char *string = YAJL_GET_STRING(node);

	if (string)
		return strcmp(string, text) == 0;
	for (size_t i = 0; YAJL_IS_ARRAY(node) && i < YAJL_GET_ARRAY(node)->len; i++)
		if (has_text(YAJL_GET_ARRAY(node)->values[i], text))
			return true;
	return false;
}

static void check_accepted(const struct verify *v, int flags)
{
	yajl_val header = read_again(v, false), claims = read_again(v, true);
	unsigned char mac[KEY_SIGNATURE_MAX];

	assert(v->secret == 1 && !(flags & FLAG_OTHER_KEY && !(flags & FLAG_RAW)));
	assert(v->n_signatures == 1 && v->signature[0].n == 32);
	assert(key_sign(secret.key, v->message.p, v->message.n, mac) == 32 && memcmp(mac, v->signature[0].p, 32) == 0);
	if (header) /* the tree takes no deep text, and some others not */
		assert(has_text(get(header, "alg"), "HS256") && !get(header, "crit"));
	if (claims && YAJL_IS_OBJECT(claims)) {
		assert(YAJL_IS_NUMBER(get(claims, "exp")) && has_text(get(claims, "aud"), e.url));
		assert(YAJL_GET_DOUBLE(get(claims, "exp")) * 1000 + 1000 > (double)now - 1000);
		assert(!(flags & FLAG_BODY_HASH) || get(claims, "h"));
	}
	yajl_tree_free(header);
	yajl_tree_free(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = {(const char *)data + 1, size - 1}, header, claims;
	struct buf lines = {0};
	struct stored stored = {0};
	struct verify v = {0};
	enum verify_result result;
	size_t from;
	int flags;

	if (size == 0 || memchr(data + 1, '\0', size - 1))
		return 0;
	flags = data[0];
	set_up(flags);
	assert(buf_printf(&lines, flags & FLAG_QUERY ? ":query: t=" : "T: "));
	from = lines.len;
	header = take_line(&rest);
	if (flags & FLAG_RAW) {
		add(&lines, header.p, header.n);
	} else {
		claims = take_line(&rest);
		add_part(&lines, header.p, header.n);
		add(&lines, ".", 1);
		add_part(&lines, claims.p, claims.n);
		sign(&lines, from, flags & FLAG_OTHER_KEY);
	}
	add(&lines, "\n", 1);
	assert(stored_request((struct slice){lines.data, lines.len}, rest, &stored));
	for (int i = 0; i < 2; i++) { /* the same memory again */
		result = verify_delivery(&stored.request, &e, now, &v);
		assert(result == VERIFY_OK || (result == VERIFY_WRONG && v.reason && *v.reason));
		if (result == VERIFY_OK)
			check_accepted(&v, flags);
	}
	verify_free(&v);
	stored_free(&stored);
	buf_free(&lines);
	return 0;
}
