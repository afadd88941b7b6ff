/* SPDX-License-Identifier: ISC */
/* Fingerprints of a configuration, by which a running program and the files on the disk are compared. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/fingerprint.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/encode.h"
#include "core/io.h"

struct fingerprint *fingerprint_new(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1)
		return (struct fingerprint *)md;
	EVP_MD_CTX_free(md);
	return NULL;
}

void fingerprint_add(struct fingerprint *f, const void *p, size_t n)
{
	const uint64_t length = n;

	if (f && EVP_DigestUpdate((EVP_MD_CTX *)f, &length, sizeof length) == 1)
		EVP_DigestUpdate((EVP_MD_CTX *)f, p, n);
}

void fingerprint_end(struct fingerprint *f, char out[CONF_FINGERPRINT])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	*out = '\0';
	if (f && EVP_DigestFinal_ex((EVP_MD_CTX *)f, hash, NULL) == 1)
		encode(ENCODING_HEX, hash, KEY_SHA256_BYTES, out);
	EVP_MD_CTX_free((EVP_MD_CTX *)f);
}

int64_t fingerprint_secret(const char *text, size_t n)
{
	static const char message[] = "hookspool secret id";
	unsigned char h[KEY_SIGNATURE_MAX];
	struct key *key = key_new(KEY_HMAC_SHA256, text, n);
	int64_t id = 0;

	if (key && key_sign(key, message, sizeof message - 1, h))
		id = 1 + ((int64_t)h[0] << 24 | h[1] << 16 | h[2] << 8 | h[3]);
	key_free(key);
	return id;
}

static bool add_secrets(struct fingerprint *f, const struct secrets *s)
{
	bool all = true;

	for (size_t i = 0; i < s->n; i++) {
		all = all && s->item[i].id;
		fingerprint_add(f, &s->item[i].id, sizeof s->item[i].id);
	}
	fingerprint_add(f, "", 0);
	return all;
}

void fingerprint_endpoints(const struct conf *c, char out[CONF_FINGERPRINT])
{
	struct fingerprint *f = fingerprint_new();
	bool all = true;

	for (const struct endpoint *e = c->endpoints; e < c->endpoints + c->n_endpoints; e++)
		all = add_secrets(f, &e->secrets) && add_secrets(f, &e->authorizations) && add_secrets(f, &e->verify_tokens) && all;
	fingerprint_end(f, out);
	if (!all)
		*out = '\0';
}

static bool add_file(struct fingerprint *f, const char *path)
{
	char why[PATH_MAX + 256];
	struct buf text = {0};
	bool ok = !path || io_read_secret(path, &text, why, sizeof why);
	int64_t id = ok && path ? fingerprint_secret(text.data, text.len) : 0;

	fingerprint_add(f, &id, sizeof id);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_free(&text);
	return ok;
}

void fingerprint_sinks(const struct conf *c, char out[CONF_FINGERPRINT])
{
	struct fingerprint *f = fingerprint_new();
	bool all = true;

	for (const struct sink *s = c->sinks; s < c->sinks + c->n_sinks; s++) {
		fingerprint_add(f, s->name, strlen(s->name));
		all = add_file(f, s->url_file) && add_file(f, s->authorization_file) && add_file(f, s->secret_file) && all;
	}
	fingerprint_end(f, out);
	if (!all)
		*out = '\0';
}
