/* SPDX-License-Identifier: ISC */
/* One request of an http sink: libcurl's options for it, and libcurl's callbacks. */
#include "config.h"

#include "sink/http_transfer.h"
#include "sink/http_options.h"
#include "sink/private_address.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/descriptor.h"

enum { REDIRECTS_MAX = 5, ANSWER_MAX = 1 << 20 };

void http_transfer_free(struct http_transfer *t)
{
	http_transfer_end(t);
	curl_easy_cleanup(t->easy);
	free(t);
}

void http_transfer_end(struct http_transfer *t)
{
	http_target_free_headers(t->target, t->headers);
	t->headers = NULL;
	t->message = NULL;
}

/* ---- callbacks */

/* Checks the address that libcurl connects to. */
static curl_socket_t open_connection(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_transfer *t = ctx;

	(void)purpose;
	t->refused = !http_options(t->target->sink)->allow_private && private_socket(t->forbidden, &address->addr);
	return t->refused ? CURL_SOCKET_BAD : descriptor_socket(address->family, address->socktype, address->protocol);
}

#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80.0 */
/*
 * Just before each request. Where a connection ends without an answer, libcurl sends the request again over each connection it has,
 * up to five times. An attempt is one request, and those of redirects.
 */
static int before_request(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct http_transfer *t = ctx;
	long opened = 1;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	t->repeated = t->begun && !t->answered;
	if (t->repeated)
		return CURL_PREREQFUNC_ABORT;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &opened);
	t->kept = !t->begun && opened == 0;
	t->begun = true;
	t->answered = false;
	return CURL_PREREQFUNC_OK;
}

static bool set_before_request(struct http_transfer *t)
{
	return curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
		curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t) == CURLE_OK;
}

enum { KEEPS_CONNECTIONS = true };
#else
static bool set_before_request(struct http_transfer *t)
{
	(void)t;
	return true;
}

/* Without that callback it is not known what was sent, and no connection is used twice, so that nothing is sent again. */
enum { KEEPS_CONNECTIONS = false };
#endif

/* An empty line ends each header, those of 1xx and redirects too. It also ends trailers, which change nothing. */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;

	t->speaks = t->speaks || (size * n > 5 && memcmp(p, "HTTP/", 5) == 0);
	if (size * n > 0 && (*p == '\r' || *p == '\n')) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
		t->answered = t->status >= 200;
	}
	return size * n;
}

/* Keeps the beginning of the answer. More than ANSWER_MAX bytes end the transfer. */
static size_t on_answer(char *p, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t room = sizeof t->answer - t->answer_len, kept = size * n < room ? size * n : room;

	memcpy(t->answer + t->answer_len, p, kept);
	t->answer_len += kept;
	t->read += size * n;
	return t->read > ANSWER_MAX ? 0 : size * n;
}

/* ---- the request */

/* No redirect leads from https to http. */
static bool set_protocols(CURL *easy, const char *url)
{
	bool tls = strncmp(url, "https:", 6) == 0;

#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85.0 */
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https") == CURLE_OK;
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, tls ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS) == CURLE_OK;
#endif
}

/*
 * At the deadline, a name may still be resolved in a thread of libcurl's. libcurl leaves that thread alone, and does not wait for
 * its end: the whole relay would wait.
 */
static bool set_no_wait(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87.0 */
	return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#else
	(void)easy;
	return true;
#endif
}

/* What no request changes. No proxy: its address would be the one that is checked, and it would connect to any other. */
static bool set_constant_options(struct http_transfer *t)
{
	const struct sink *s = t->target->sink;
	const struct http_options *o = http_options(s);
	CURL *easy = t->easy;

	return curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_URL, t->target->url) == CURLE_OK && set_protocols(easy, t->target->url) &&
		curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, o->method) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "hookspool/" PACKAGE_VERSION) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		set_no_wait(easy) && curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, o->follow_redirects ? 1L : 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)s->timeout) == CURLE_OK &&
		(!o->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file) == CURLE_OK) &&
		/* RFC 8996: earlier versions must not be used, whatever the system's OpenSSL allows */
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK && set_before_request(t) &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_connection) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK;
}

static bool set_request_options(const struct http_transfer *t)
{
	const struct sink_message *m = t->message;
	bool fresh = !KEEPS_CONNECTIONS || t->target->fresh || m->at_most_once;
	CURL *easy = t->easy;

	return curl_easy_setopt(easy, CURLOPT_POSTFIELDS, m->body.p ? m->body.p : "") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)m->body.n) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L) == CURLE_OK &&
		(!t->target->http1 || curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK);
}

bool http_transfer_prepare(struct http_transfer *t, struct sink_message *m, const char *more)
{
	t->message = m;
	t->answer_len = t->read = 0;
	t->status = 0;
	t->begun = !KEEPS_CONNECTIONS;
	t->refused = t->answered = t->speaks = t->kept = t->repeated = false;
	*t->error = '\0';
	t->headers = http_target_headers(t->target, m, more, clock_now());
	return t->headers && set_request_options(t);
}

struct http_transfer *http_transfer_new(struct http_target *target, const struct cidrs *forbidden)
{
	struct http_transfer *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->target = target;
	t->forbidden = forbidden;
	t->easy = curl_easy_init();
	if (t->easy && set_constant_options(t))
		return t;
	http_transfer_free(t);
	return NULL;
}

bool http_transfer_set_deadline(struct http_transfer *t, int64_t deadline)
{
	int64_t ms = (deadline - clock_mono_us()) / 1000;

	return curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)(ms > 0 ? ms : 1)) == CURLE_OK;
}
