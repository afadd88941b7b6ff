/* SPDX-License-Identifier: ISC */
/* The key of an event, which is unique for each endpoint: the sender's id, and a scope. */
#include "spool/key.h"

#include <openssl/evp.h>
#include <string.h>

#include "core/encode.h"

bool spool_key_digest(struct slice bytes, unsigned char digest[SPOOL_KEY_DIGEST])
{
	return EVP_Digest(bytes.p ? bytes.p : "", bytes.n, digest, NULL, EVP_sha256(), NULL) == 1;
}

/* Cuts a part off the key's end, as hook/field.c adds it: after a space, with spaces and percent signs escaped. */
static bool cut_part(struct slice *key, struct slice part)
{
	size_t at = key->n;

	for (size_t i = part.n; i-- > 0;) {
		const char *text = part.p[i] == ' ' ? "%20" : part.p[i] == '%' ? "%25" : NULL;
		size_t n = text ? 3 : 1;

		if (at < n || memcmp(key->p + at - n, text ? text : part.p + i, n) != 0)
			return false;
		at -= n;
	}
	if (at < 1 || key->p[at - 1] != ' ')
		return false;
	key->n = at - 1;
	return true;
}

/* The length of the id in the event's key, without the event's name and the account where they are the last parts. */
static size_t id_length(const struct spool_event *ev, bool *by_name)
{
	struct slice id = ev->key, plain = ev->plain_id;

	if (!plain.n || !cut_part(&id, ev->account) || !cut_part(&id, ev->event) || id.n < plain.n || memcmp(id.p, plain.p, plain.n) != 0)
		return ev->key.n;
	*by_name = id.n == plain.n;
	return plain.n;
}

struct slice spool_key_bytes(const struct spool_event *ev)
{
	return ev->identity == SPOOL_IDENTITY_UNSIGNED && ev->bytes.p ? ev->bytes : ev->body;
}

/* Adds the digest of the bytes. */
static bool add_digest(const struct spool_event *ev, struct buf *b, struct spool_key *k)
{
	char hex[2 * SPOOL_KEY_DIGEST + 1];

	if (!spool_key_digest(spool_key_bytes(ev), k->digest))
		return false;
	encode(ENCODING_HEX, (const char *)k->digest, sizeof k->digest, hex);
	b->len = 0;
	if (!buf_add(b, ev->key.p, ev->key.n) || !buf_printf(b, " sha256:%.*s", (int)sizeof hex - 1, hex))
		return false;
	k->whole = (struct slice){b->data, b->len};
	return true;
}

bool spool_key_make(const struct spool_event *ev, struct buf *b, struct spool_key *k)
{
	size_t n;

	*k = (struct spool_key){0};
	if (ev->identity == SPOOL_IDENTITY_NONE || !ev->key.p)
		return true;
	k->whole = ev->key;
	if (ev->identity == SPOOL_IDENTITY_UNSIGNED && !add_digest(ev, b, k))
		return false;
	n = id_length(ev, &k->by_name);
	k->id = (struct slice){k->whole.p, n};
	k->scope = (struct slice){k->whole.p + n, k->whole.n - n};
	return true;
}

static void add_hex(struct spool_key_legacy *keys, struct slice bytes, char *hex)
{
	encode(ENCODING_HEX, bytes.p, bytes.n, hex);
	keys->by_bytes[keys->n] = true;
	keys->key[keys->n++] = slice_text(hex);
}

bool spool_key_list_legacy(const struct spool_event *ev, struct spool_key_legacy *keys)
{
	unsigned char digest[SPOOL_KEY_DIGEST];

	*keys = (struct spool_key_legacy){0};
	if (ev->identity == SPOOL_IDENTITY_BODY)
		return true;
	if (ev->plain_id.p)
		keys->key[keys->n++] = ev->plain_id;
	if (ev->identity != SPOOL_IDENTITY_SIGNED)
		return true;
	if (!spool_key_digest(ev->body, digest))
		return false;
	add_hex(keys, (struct slice){(const char *)digest, sizeof digest}, keys->body);
	if (ev->signature.p)
		add_hex(keys, ev->signature, keys->signature);
	return true;
}
