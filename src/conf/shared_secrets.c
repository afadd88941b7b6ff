/* SPDX-License-Identifier: ISC */
/* Secrets that stand in two endpoints: what a provider signs for one, the other takes as signed. */
#include "conf/shared_secrets.h"

#include <confuse.h>
#include <string.h>

/* Two texts can be one key: whsec_ with and without padding, or the same bytes in base64 and as they are. */
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

static const struct secret *find_shared(const struct endpoint *e, const struct endpoint *other)
{
	for (size_t i = 0; i < e->secrets.n; i++)
		for (size_t k = 0; k < other->secrets.n; k++)
			if (is_same(&e->secrets.item[i], &other->secrets.item[k]))
				return &e->secrets.item[i];
	return NULL;
}

static bool is_pair(const struct endpoint *e, const struct endpoint *other, struct shared_secret *out)
{
	*out = (struct shared_secret){e, other, find_shared(e, other)};
	return out->secret != NULL;
}

void shared_secrets_visit(const struct conf *c, shared_secret_visitor *visit, void *ctx)
{
	struct shared_secret s;

	for (size_t i = 0; i < c->n_endpoints; i++)
		for (size_t k = 0; k < i; k++)
			if (is_pair(&c->endpoints[i], &c->endpoints[k], &s))
				visit(ctx, &s);
}

/* The section's end, where a fault of it as a whole is said to be. */
static void add_place(const struct conf *c, const struct endpoint *e, struct buf *out)
{
	cfg_t *sec = cfg_getnsec(c->tree, "endpoint", (unsigned)(e - c->endpoints));

	if (sec && sec->filename)
		buf_printf(out, "%s:%d: ", sec->filename, sec->line);
}

static void refuse_pair(const struct conf *c, const struct shared_secret *s, conf_report *report, void *ctx)
{
	const struct endpoint *oracle = scheme_signs_for_strangers(&s->endpoint->scheme) ? s->endpoint : s->other;
	struct buf text = {0};

	add_place(c, s->endpoint, &text);
	buf_printf(&text, "endpoint \"%s\": its secret (%s) also stands in endpoint \"%s\"; the handshake of \"%s\" gives any stranger its HMAC "
		"of a text, so give each endpoint a secret of its own", s->endpoint->path, s->secret->source, s->other->path, oracle->path);
	report(ctx, LOG_LEVEL_ERROR, buf_str(&text));
	buf_free(&text);
}

/* One of the two has such a handshake, and the other verifies signatures without it. */
static bool is_dangerous(const struct scheme *a, const struct scheme *b)
{
	return scheme_signs_for_strangers(a) != scheme_signs_for_strangers(b) && scheme_has_key(a) && scheme_has_key(b);
}

bool shared_secrets_check(const struct conf *c, conf_report *report, void *ctx)
{
	struct shared_secret s;
	bool ok = true;

	for (size_t i = 0; i < c->n_endpoints; i++) {
		for (size_t k = 0; k < i; k++) {
			if (!is_dangerous(&c->endpoints[i].scheme, &c->endpoints[k].scheme) || !is_pair(&c->endpoints[i], &c->endpoints[k], &s))
				continue;
			refuse_pair(c, &s, report, ctx);
			ok = false;
		}
	}
	return ok;
}
