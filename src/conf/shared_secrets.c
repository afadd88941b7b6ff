/* SPDX-License-Identifier: ISC */
/* Secrets that two endpoints have: a delivery that is signed for one is taken as signed by the other. */
#include "conf/shared_secrets.h"

#include <string.h>

/* Two texts can make one key: whsec_ with and without padding, or the same bytes in base64 and plain. */
static bool is_same_key(const struct key *a, const struct key *b)
{
	static const char probe[] = "hookspool shared secret";
	unsigned char of_a[KEY_SIGNATURE_MAX], of_b[KEY_SIGNATURE_MAX];

	return a && b && key_signature_size(a) == key_signature_size(b) && key_sign(a, probe, sizeof probe - 1, of_a) &&
		key_sign(b, probe, sizeof probe - 1, of_b) && memcmp(of_a, of_b, key_signature_size(a)) == 0;
}

static bool is_same(const struct secret *a, const struct secret *b)
{
	if (a->len == b->len && memcmp(a->text, b->text, a->len) == 0)
		return true;
	return is_same_key(a->key, b->key) || is_same_key(a->other_key, b->key) || is_same_key(a->key, b->other_key);
}

bool shared_secrets_has(const struct endpoint *e, const struct secret *secret)
{
	for (size_t i = 0; i < e->secrets.n; i++)
		if (is_same(&e->secrets.item[i], secret))
			return true;
	return false;
}

/* A secret of the first one that the other has, too. */
static const struct secret *find_shared(const struct endpoint *e, const struct endpoint *other)
{
	for (size_t i = 0; i < e->secrets.n; i++)
		if (shared_secrets_has(other, &e->secrets.item[i]))
			return &e->secrets.item[i];
	return NULL;
}

/* The section's end, the line of an error about a section as a whole. */
static void add_place(const cfg_t *sec, struct buf *out)
{
	if (sec && sec->filename)
		buf_printf(out, "%s:%d: ", sec->filename, sec->line);
}

static void refuse_pair(const cfg_t *sec, const struct endpoint *e, const struct endpoint *other, const struct secret *secret, conf_report *report,
	void *ctx)
{
	const struct endpoint *oracle = scheme_signs_for_strangers(&e->scheme) ? e : other;
	struct buf text = {0};

	add_place(sec, &text);
	buf_printf(&text, "endpoint \"%s\": its secret (%s) also stands in endpoint \"%s\"; the handshake of \"%s\" gives any stranger its HMAC "
		"of a text, so give each endpoint a secret of its own", e->path, secret->source, other->path, oracle->path);
	report(ctx, LOG_LEVEL_ERROR, buf_str(&text));
	buf_free(&text);
}

/* One of the two has such a handshake, and the other verifies signatures without it. */
static bool is_dangerous(const struct scheme *a, const struct scheme *b)
{
	return scheme_signs_for_strangers(a) != scheme_signs_for_strangers(b) && scheme_has_key(a) && scheme_has_key(b);
}

bool shared_secrets_check(cfg_t *tree, const struct endpoint *all, size_t n, conf_report *report, void *ctx)
{
	const struct secret *secret;
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			/* few pairs are dangerous, and the comparison of keys costs an HMAC each */
			if (!is_dangerous(&all[i].scheme, &all[k].scheme) || !(secret = find_shared(&all[i], &all[k])))
				continue;
			refuse_pair(cfg_getnsec(tree, "endpoint", (unsigned)i), &all[i], &all[k], secret, report, ctx);
			ok = false;
		}
	}
	return ok;
}
