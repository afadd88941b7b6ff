/* SPDX-License-Identifier: ISC */
/* The target of an http sink: its URL and secrets. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "sink/http_target.h"
#include "sink/http_options.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/io.h"
#include "core/writable.h"

enum { CA_FILE_MAX = 16 << 20 };

static bool append_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool say_no_memory(char *why, size_t n)
{
	snprintf(why, n, "memory is short");
	return false;
}

/* Parses the URL as libcurl will. */
static bool is_url(const char *url)
{
	CURLU *parts = curl_url();
	bool ok = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;

	curl_url_cleanup(parts);
	return ok;
}

static bool read_url(struct http_target *t, struct buf *secret, char *why, size_t n)
{
	const struct http_options *o = http_options(t->sink);

	if (o->url_file) {
		if (!io_read_secret(o->url_file, secret, why, n))
			return false;
		if (strncmp(buf_str(secret), "https://", 8) != 0 && strncmp(buf_str(secret), "http://", 7) != 0) {
			snprintf(why, n, "%s: it has to begin with https:// or http://", o->url_file);
			return false;
		}
	}
	if (o->url_file && (strpbrk(buf_str(secret), " \t") || strstr(buf_str(secret), "{{"))) {
		snprintf(why, n, "%s: a URL has no blanks, and is no template", o->url_file);
		return false;
	}
	t->url = strdup(o->url_file ? buf_str(secret) : o->url);
	if (!t->url)
		return say_no_memory(why, n);
	if (is_url(t->url))
		return true;
	snprintf(why, n, "%s: it can't be read as a URL", o->url_file ? o->url_file : "url");
	return false;
}

static bool read_authorization(struct http_target *t, struct buf *secret, char *why, size_t n)
{
	struct buf header = {0};
	bool ok;

	if (!http_options(t->sink)->authorization_file)
		return true;
	secret->len = 0;
	if (!io_read_secret(http_options(t->sink)->authorization_file, secret, why, n))
		return false;
	ok = (buf_printf(&header, "Authorization: %s", buf_str(secret)) && append_header(&t->headers, buf_str(&header))) || say_no_memory(why, n);
	if (header.data)
		explicit_bzero(header.data, header.cap);
	buf_free(&header);
	return ok;
}

static bool read_key(const char *file, struct key **key, struct buf *secret, char *why, size_t n)
{
	static const struct scheme standard_webhooks = {.algorithm = ALGORITHM_HMAC_SHA256, .key_text = KEY_TEXT_BASE64};
	const char *wrong;

	if (!io_read_secret(file, secret, why, n))
		return false;
	*key = scheme_key(&standard_webhooks, secret->data, secret->len, true, &wrong);
	if (!*key)
		snprintf(why, n, "%s: %s", file, wrong);
	return *key != NULL;
}

static bool read_keys(struct http_target *t, struct buf *secret, char *why, size_t n)
{
	const struct strlist *files = &http_options(t->sink)->secret_files;

	t->keys = calloc(files->n + 1, sizeof *t->keys);
	if (!t->keys)
		return say_no_memory(why, n);
	for (; t->n_keys < files->n; t->n_keys++)
		if (!read_key(files->item[t->n_keys], &t->keys[t->n_keys], secret, why, n))
			return false;
	return true;
}

/* True when there is at least one certificate, and no error: OpenSSL takes a file whole, or refuses it. */
static bool has_certificates(struct buf *pem)
{
	BIO *from = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	STACK_OF(X509_INFO) *all = from ? PEM_X509_INFO_read_bio(from, NULL, NULL, NULL) : NULL;
	bool found = false;

	for (int i = 0; all && !found && i < sk_X509_INFO_num(all); i++)
		found = sk_X509_INFO_value(all, i)->x509 != NULL;
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(from);
	ERR_clear_error();
	return found;
}

/* Checks the file before the first connection. libcurl reads it again for each. */
static bool check_ca(const struct http_options *o, char *why, size_t n)
{
	struct buf pem = {0};
	struct stat st;
	bool ok;

	if (!o->ca_file)
		return true;
	ok = io_read_regular(o->ca_file, CA_FILE_MAX, &pem, &st, why, n) && writable_mode(o->ca_file, &st, why, n) != WRITABLE_BY_ALL;
	if (ok && !(ok = has_certificates(&pem)))
		snprintf(why, n, "%s: no certificate in PEM, or one that can't be read", o->ca_file);
	buf_free(&pem);
	return ok;
}

bool http_target_init(struct http_target *t, const struct sink *sink, char *why, size_t n)
{
	const struct http_options *o = http_options(sink);
	struct buf secret = {0};
	bool ok;

	*t = (struct http_target){.sink = sink};
	ok = check_ca(o, why, n) && read_url(t, &secret, why, n) && read_authorization(t, &secret, why, n) && read_keys(t, &secret, why, n);
	for (size_t i = 0; ok && i < o->headers.n; i++)
		ok = append_header(&t->headers, o->headers.item[i]) || say_no_memory(why, n);
	/* otherwise libcurl sends "Expect: 100-continue" before bodies of 1 MiB or more, and waits */
	ok = ok && (append_header(&t->headers, "Expect:") || say_no_memory(why, n));
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	buf_free(&secret);
	return ok;
}

void http_target_free(struct http_target *t)
{
	free(t->url);
	curl_slist_free_all(t->headers);
	for (size_t i = 0; i < t->n_keys; i++)
		key_free(t->keys[i]);
	free(t->keys);
	*t = (struct http_target){0};
}

/* standardwebhooks.com, "Signature scheme": id.timestamp.body, base64 behind "v1,"; the signatures of several secrets behind a blank. */
static bool sign_message(const struct http_target *t, const struct sink_message *m, int64_t now, struct buf *out)
{
	unsigned char signature[KEY_SIGNATURE_MAX];
	char text[2 * KEY_SIGNATURE_MAX + 1];
	struct buf message = {0};
	bool ok = buf_printf(&message, "%s.%" PRId64 ".", m->id, now / 1000) && buf_add(&message, m->body.p, m->body.n) &&
		buf_printf(out, "webhook-signature:");

	for (size_t i = 0; ok && i < t->n_keys; i++) {
		ok = key_sign(t->keys[i], message.data, message.len, signature);
		encode(ENCODING_BASE64, signature, key_signature_size(t->keys[i]), text);
		ok = ok && buf_printf(out, " v1,%s", text);
	}
	buf_free(&message);
	return ok;
}

struct curl_slist *http_target_headers(const struct http_target *t, const struct sink_message *m, const char *more, int64_t now)
{
	struct curl_slist *list = NULL, *last;
	char line[128];
	struct buf text = {0};
	bool ok;

	ok = buf_printf(&text, "Content-Type: %s", m->type) && append_header(&list, buf_str(&text));
	snprintf(line, sizeof line, "webhook-id: %s", m->id);
	ok = ok && append_header(&list, line);
	if (ok && t->n_keys) {
		snprintf(line, sizeof line, "webhook-timestamp: %" PRId64, now / 1000);
		text.len = 0;
		ok = append_header(&list, line) && sign_message(t, m, now, &text) && append_header(&list, buf_str(&text));
	}
	for (; ok && more && *more; more += strlen(more) + 1)
		ok = append_header(&list, more);
	buf_free(&text);
	if (!ok) {
		curl_slist_free_all(list);
		return NULL;
	}
	for (last = list; last->next; last = last->next)
		;
	last->next = t->headers;
	return list;
}

void http_target_free_headers(const struct http_target *t, struct curl_slist *headers)
{
	struct curl_slist *own = headers;

	while (own && own->next != t->headers)
		own = own->next;
	if (own)
		own->next = NULL;
	curl_slist_free_all(headers);
}
