/* SPDX-License-Identifier: ISC */
/* One request of a catch-up: libcurl's easy interface, and libcurl's callbacks. */
#define _GNU_SOURCE /* explicit_bzero, memmem */
#include "config.h"

#include "catchup/transfer.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_CURL

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "core/descriptor.h"
#include "core/io.h"
#include "sink/private_address.h"

enum {
	CONNECT_MS = 10 * 1000,
	REQUEST_MS = 60 * 1000, /* an API may ask LinkedIn before it answers */
};

static const char authorization[] = "Authorization: Bearer ";

struct transfer {
	const struct catchup *conf;
	struct catchup_stop *stop;
	CURL *easy;
	struct curl_slist *headers;
	struct cidrs forbidden;
	struct catchup_answer *answer; /* of the request that is under way, as the next one */
	struct allowance_headers *allowance;
	bool private, too_large;
	char error[CURL_ERROR_SIZE];
};

/* ---- libcurl's callbacks */

/* Checks the address that libcurl connects to. */
static curl_socket_t open_api_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = ctx;

	(void)purpose;
	t->private = !t->conf->allow_private && private_socket(&t->forbidden, &address->addr);
	return t->private ? CURL_SOCKET_BAD : descriptor_socket(address->family, address->socktype, address->protocol);
}

static void take_link(struct catchup_answer *a, struct slice line)
{
	static const char name[] = "Link:";

	if (line.n < sizeof name || strncasecmp(line.p, name, sizeof name - 1) != 0)
		return;
	line.n -= sizeof name - 1;
	*a->link = '\0';
	if (line.n < sizeof a->link)
		snprintf(a->link, sizeof a->link, "%.*s", (int)line.n, line.p + sizeof name - 1);
}

/* The first line of each answer, also of one behind a 1xx, forgets what an earlier header said. */
static size_t on_api_header(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	struct slice line = {p, size * n};

	if (line.n > 5 && memcmp(p, "HTTP/", 5) == 0) {
		*t->allowance = allowance_none;
		*t->answer->link = '\0';
	}
	allowance_take(t->allowance, line);
	take_link(t->answer, line);
	return size * n;
}

static size_t on_api_body(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	t->too_large = t->answer->body.len + size * n > CATCHUP_ANSWER_MAX;
	return !t->too_large && buf_add(&t->answer->body, p, size * n) ? size * n : 0;
}

static int on_api_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return catchup_stop_is_set(((struct transfer *)ctx)->stop);
}

/* ---- opening */

static bool set_api_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85.0 */
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) == CURLE_OK;
#endif
}

/* As in sink/http_transfer.c: no proxy, whose address would be the one that is checked, and TLS 1.2 or newer (RFC 8996). */
static bool set_api_options(struct transfer *t)
{
	CURL *easy = t->easy;

#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87.0: a name that is still being resolved does not hold up the end */
	if (curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK)
		return false;
#endif
	return set_api_protocols(easy) && curl_easy_setopt(easy, CURLOPT_USERAGENT, "hookspool/" PACKAGE_VERSION) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK && /* an id that is ".." leads to no other path */
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)REQUEST_MS) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		(!t->conf->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, t->conf->ca_file) == CURLE_OK) &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_api_socket) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_api_header) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_api_body) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_api_progress) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_XFERINFODATA, t) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK;
}

/* The header with the key. The copies here are wiped at once, and libcurl's list when the transfer is freed. */
static bool read_api_key(struct transfer *t, char *why, size_t n)
{
	struct buf key = {0}, header = {0};
	struct curl_slist *list;
	bool ok = io_read_secret(t->conf->key_file, &key, why, n);

	if (ok) {
		list = buf_printf(&header, "%s%s", authorization, buf_str(&key)) ? curl_slist_append(t->headers, buf_str(&header)) : NULL;
		t->headers = list ? list : t->headers;
		ok = list || snprintf(why, n, "memory is short") < 0;
	}
	if (key.data)
		explicit_bzero(key.data, key.cap);
	if (header.data)
		explicit_bzero(header.data, header.cap);
	buf_free(&key);
	buf_free(&header);
	return ok;
}

struct transfer *transfer_new(const struct catchup *conf, struct catchup_stop *stop, char *why, size_t n)
{
	struct transfer *t = calloc(1, sizeof *t);

	snprintf(why, n, "memory is short");
	if (!t)
		return NULL;
	t->conf = conf;
	t->stop = stop;
	t->forbidden = private_addresses();
	t->easy = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
	if (t->easy && t->forbidden.item && read_api_key(t, why, n) && set_api_options(t))
		return t;
	transfer_free(t);
	return NULL;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->easy);
	for (struct curl_slist *h = t->headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	free(t->forbidden.item);
	free(t);
}

/* ---- a request */

static enum transfer_result result_of_code(struct transfer *t, CURLcode code)
{
	if (code == CURLE_OK)
		return TRANSFER_ANSWERED;
	if (code == CURLE_ABORTED_BY_CALLBACK && catchup_stop_is_set(t->stop))
		return TRANSFER_STOPPED;
	if (!*t->error)
		snprintf(t->error, sizeof t->error, "%s", curl_easy_strerror(code));
	return t->private ? TRANSFER_PRIVATE : t->too_large ? TRANSFER_TOO_LARGE : TRANSFER_FAILED;
}

enum transfer_result transfer_run(struct transfer *t, const char *url, bool post, struct catchup_answer *a, struct allowance_headers *h)
{
	curl_off_t retry_after = 0;
	CURLcode code = curl_easy_setopt(t->easy, CURLOPT_URL, url);

	a->body.len = 0;
	a->status = 0;
	*a->link = '\0';
	*h = allowance_none;
	t->answer = a;
	t->allowance = h;
	t->private = t->too_large = false;
	*t->error = '\0';
	if (code == CURLE_OK)
		code = post ? curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, "") : curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
	if (code == CURLE_OK)
		code = curl_easy_perform(t->easy);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a->status);
	if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0)
		h->retry_after = retry_after;
	return result_of_code(t, code);
}

bool transfer_has_key(const struct transfer *t, struct slice text)
{
	const char *key = t->headers->data + sizeof authorization - 1;

	return memmem(text.p, text.n, key, strlen(key)) != NULL;
}

const char *transfer_error(const struct transfer *t)
{
	return t->error;
}

#else

struct transfer *transfer_new(const struct catchup *conf, struct catchup_stop *stop, char *why, size_t n)
{
	(void)conf;
	(void)stop;
	snprintf(why, n, "this build is without libcurl; install it (Debian: libcurl4-openssl-dev), then configure and build again");
	return NULL;
}

void transfer_free(struct transfer *t)
{
	(void)t;
}

enum transfer_result transfer_run(struct transfer *t, const char *url, bool post, struct catchup_answer *a, struct allowance_headers *h)
{
	(void)t;
	(void)url;
	(void)post;
	(void)a;
	(void)h;
	return TRANSFER_FAILED;
}

bool transfer_has_key(const struct transfer *t, struct slice text)
{
	(void)t;
	(void)text;
	return true;
}

const char *transfer_error(const struct transfer *t)
{
	(void)t;
	return "";
}

#endif
