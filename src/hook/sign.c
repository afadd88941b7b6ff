/* SPDX-License-Identifier: ISC */
/* The other side of verify.h: the headers that a provider would send. */
#include "hook/sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "hook/request.h"

enum { ID_BYTES = 12 };

struct texts {
	char id[32], timestamp[32];
};

static bool make_texts(const struct sign *in, struct texts *t)
{
	unsigned char hash[KEY_SHA256_BYTES];

	if (!EVP_Digest(in->body.p, in->body.n, hash, NULL, EVP_sha256(), NULL))
		return false;
	strcpy(t->id, "msg_");
	encode(ENCODING_HEX, hash, ID_BYTES, t->id + strlen(t->id));
	if (in->scheme->timestamp_unit == TIMESTAMP_DATE)
		clock_format(in->now, t->timestamp);
	else
		snprintf(t->timestamp, sizeof t->timestamp, "%" PRId64, in->scheme->timestamp_unit == TIMESTAMP_MS ? in->now : in->now / 1000);
	return true;
}

static bool add_encoded(enum encoding e, const void *bytes, size_t n, struct buf *out)
{
	size_t size = encode_size(e, n);

	if (!buf_reserve(out, size + 1))
		return false;
	encode(e, bytes, n, out->data + out->len);
	out->len += size;
	return true;
}

static bool add_secret(const struct sign *in, struct buf *out)
{
	const struct scheme *s = in->scheme;

	return buf_printf(out, "%s: %s", s->header, s->prefix) &&
		(s->encoding == ENCODING_BASE64 ? add_encoded(ENCODING_BASE64, in->secret->text, in->secret->len, out)
			: buf_add(out, in->secret->text, in->secret->len)) && buf_add(out, "\n", 1);
}

static bool add_signature(const struct sign *in, const struct texts *t, struct signed_scratch *scratch, struct buf *out)
{
	const struct scheme *s = in->scheme;
	struct signed_parts parts = {
		.body = in->body,
		.timestamp = {t->timestamp, strlen(t->timestamp)},
		.id = {t->id, strlen(t->id)},
		.method = {"POST", 4},
		.url = in->url,
		.query = in->query,
	};
	unsigned char signature[KEY_SIGNATURE_MAX];
	struct slice message;
	size_t n = 0;

	if (signed_string(s, &parts, scratch, &message) != SIGNED_OK || !(n = key_sign(in->secret->key, message.p, message.n, signature)))
		return false;
	return buf_printf(out, "%s: ", s->header) &&
		(!s->timestamp_prefix || buf_printf(out, "%s%s%c", s->timestamp_prefix, t->timestamp, s->separator)) &&
		buf_printf(out, "%s", s->prefix) && add_encoded(s->encoding, signature, n, out) &&
		buf_add(out, "\n", 1);
}

/* The first source of the field, where that is a header that isn't there already. */
static bool add_source(const struct sign *in, enum field f, const char *value, struct buf *out)
{
	const struct source *source = &in->scheme->source[f][0];
	const char *id = in->scheme->id_header;

	if (source->kind != SOURCE_HEADER || (id && strcasecmp(id, source->name) == 0))
		return true;
	return buf_printf(out, "%s: %s\n", source->name, value);
}

bool sign_is_possible(const struct scheme *s)
{
	return !s->reads_values && !s->time.kind && !scheme_is_jwt(s);
}

bool sign_headers(const struct sign *in, struct signed_scratch *scratch, struct buf *out)
{
	const struct scheme *s = in->scheme;
	struct texts t;

	if (!make_texts(in, &t))
		return false;
	if (in->secret && s->algorithm == ALGORITHM_SECRET && !add_secret(in, out))
		return false;
	if (in->secret && scheme_has_key(s) && !add_signature(in, &t, scratch, out))
		return false;
	return (!s->timestamp_header || buf_printf(out, "%s: %s\n", s->timestamp_header, t.timestamp)) &&
		(!s->id_header || buf_printf(out, "%s: %s\n", s->id_header, t.id)) &&
		add_source(in, FIELD_EVENT, in->event, out) && add_source(in, FIELD_KEY, t.id, out);
}
