/* SPDX-License-Identifier: ISC */
/* Attempts over HTTP, many at once, by libcurl. */
#include "config.h"

#include "sink/http.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "sink/private_address.h"

enum { REDIRECTS_MAX = 5, ANSWER_MAX = 1 << 20, CONNECTIONS_KEPT = 256 };

/* One attempt; used again for the next. */
struct transfer {
	struct transfer *next; /* that is free */
	struct http *http;
	CURL *easy;
	struct target *target;
	struct curl_slist *headers;
	void *attempt;
	char error[CURL_ERROR_SIZE];
	char answer[HTTP_ANSWER_KEPT];
	size_t answer_len, read;
	long status;  /* of the last answer whose header was complete; 0: none */
	bool refused; /* the address is a private one */
	bool begun;   /* the request may have been sent */
	bool answered; /* it was, by a redirect perhaps */
	bool speaks;   /* an answer began as HTTP's do */
	bool kept;     /* over a connection of an attempt before this one */
	bool repeated; /* libcurl wanted to send it once more */
};

struct http {
	CURLM *multi;
	sending_done *done;
	struct transfer *free;
	struct transfer **all;
	size_t n, room;
	struct cidrs private;
};

struct http *http_new(sending_done *done)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->done = done;
	h->private = private_addresses();
	h->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	if (!h->private.item || !h->multi) {
		http_free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++) {
		if (h->all[i]->headers) {
			curl_multi_remove_handle(h->multi, h->all[i]->easy);
			target_free_headers(h->all[i]->target, h->all[i]->headers);
		}
		curl_easy_cleanup(h->all[i]->easy);
		free(h->all[i]);
	}
	free(h->all);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	free(h->private.item);
	free(h);
}

static bool may_reach(const struct transfer *t, const char *address)
{
	return t->target->sink->allow_private || (*address && !cidr_match(&t->http->private, address));
}

/* The address that is connected to, and not the name's: that may be another one a moment later. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = ctx;
	char text[INET6_ADDRSTRLEN] = "";

	(void)purpose;
	if (address->family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)&address->addr)->sin_addr, text, sizeof text);
	else if (address->family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)&address->addr)->sin6_addr, text, sizeof text);
	t->refused = !may_reach(t, text);
	return t->refused ? CURL_SOCKET_BAD : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80.0 */
/*
 * Just before each request. The connection may be one that another sink has opened, which may reach more. And where a
 * connection ends without an answer, libcurl sends the request again, over each connection it has, five times: an attempt is
 * one request, but for the next one of a redirect.
 */
static int before_request(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *t = ctx;
	long opened = 1;

	(void)local;
	(void)remote_port;
	(void)local_port;
	t->refused = !may_reach(t, remote);
	t->repeated = t->begun && !t->answered;
	if (t->refused || t->repeated)
		return CURL_PREREQFUNC_ABORT;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &opened);
	t->kept = !t->begun && opened == 0;
	t->begun = true;
	t->answered = false;
	return CURL_PREREQFUNC_OK;
}

static bool set_before_request(struct transfer *t)
{
	return curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
		curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t) == CURLE_OK &&
		curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, t->target->fresh ? 1L : 0L) == CURLE_OK;
}
#else
/* Without that callback no connection is used twice: no sink shares one, nothing is sent again, and what was sent is not known. */
static bool set_before_request(struct transfer *t)
{
	t->begun = true;
	return curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
}
#endif

/* Every header, 1xx and redirects too, ends with an empty line; trailers do as well, and change nothing. */
static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	t->speaks = t->speaks || (size * n > 5 && memcmp(p, "HTTP/", 5) == 0);
	if (size * n > 0 && (*p == '\r' || *p == '\n')) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
		t->answered = t->status >= 200;
	}
	return size * n;
}

/* Keeps the beginning. An answer that is longer than is reasonable ends the transfer. */
static size_t on_answer(char *p, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t room = sizeof t->answer - t->answer_len, kept = size * n < room ? size * n : room;

	memcpy(t->answer + t->answer_len, p, kept);
	t->answer_len += kept;
	t->read += size * n;
	return t->read > ANSWER_MAX ? 0 : size * n;
}

static struct transfer *new_transfer(struct http *h)
{
	struct transfer *t = h->free, **more;

	if (t) {
		h->free = t->next;
		return t;
	}
	if (h->n == h->room) {
		more = realloc(h->all, (h->room * 2 + 16) * sizeof(struct transfer *));
		if (!more)
			return NULL;
		h->all = more;
		h->room = h->room * 2 + 16;
	}
	t = calloc(1, sizeof *t);
	if (t)
		t->easy = curl_easy_init();
	if (!t || !t->easy) {
		free(t);
		return NULL;
	}
	t->http = h;
	h->all[h->n++] = t;
	return t;
}

static void release(struct http *h, struct transfer *t)
{
	target_free_headers(t->target, t->headers);
	t->headers = NULL;
	t->next = h->free;
	h->free = t;
}

/* No redirect takes away what protects the event on its way. */
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
 * A name that is being resolved when an attempt's time is up is left to its thread, which ends by itself. libcurl would wait for
 * it, and everything else with it.
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

/* A proxy would be the address that is connected to, and answer for all others: there is none. */
static bool set_up(struct transfer *t, const struct http_message *m)
{
	const struct sink *s = t->target->sink;
	CURL *easy = t->easy;

	curl_easy_reset(easy);
	return curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_URL, t->target->url) == CURLE_OK && set_protocols(easy, t->target->url) &&
		curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, s->method) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, m->body.p ? m->body.p : "") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)m->body.n) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "hookspool/" PACKAGE_VERSION) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		set_no_wait(easy) && curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, s->follow_redirects ? 1L : 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)s->timeout) == CURLE_OK &&
		(!s->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, s->ca_file) == CURLE_OK) &&
		/* RFC 8996: earlier versions must not be used; OpenSSL's own floor is the system's choice */
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		(!t->target->http1 || curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK) &&
		set_before_request(t) && (!m->at_most_once || curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK) &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK;
}

bool http_start(struct http *h, struct target *target, const struct http_message *m, void *attempt)
{
	struct transfer *t = new_transfer(h);

	if (!t)
		return false;
	t->target = target;
	t->attempt = attempt;
	t->answer_len = t->read = 0;
	t->status = 0;
	t->refused = t->begun = t->answered = t->speaks = t->kept = t->repeated = false;
	*t->error = '\0';
	t->headers = target_headers(target, m->type, m->id, m->headers, m->body, clock_now());
	if (t->headers && set_up(t, m) && curl_multi_add_handle(h->multi, t->easy) == CURLM_OK)
		return true;
	release(h, t);
	return false;
}

void http_refuse(struct http *h, void *attempt, const char *error)
{
	h->done(attempt, &(struct attempt_result){.unsent = true, .error = error});
}

/*
 * The status that decides; 0: there is none. The header's status counts, whatever ended the transfer after it: a body that was cut
 * off or too long, a time-out, or a reset of the stream by a target that didn't read the whole request (RFC 9113 section 8.1).
 * 1xx is no answer yet, and a redirect that was to be followed says nothing unless that went well.
 */
static int final_status(const struct transfer *t, CURLcode code)
{
	bool on_the_way = code != CURLE_OK && t->target->sink->follow_redirects && t->status < 400 && t->status >= 300;

	return t->status >= 200 && !on_the_way ? (int)t->status : 0;
}

static const char *error_of(const struct transfer *t, CURLcode code)
{
	if (t->refused)
		return "a private address; allow-private permits it";
	if (t->repeated)
		return t->kept ? "the target closed a connection that was kept, without an answer" : "the target wants the request once more";
	if (code == CURLE_WEIRD_SERVER_REPLY && t->speaks && *t->error)
		return t->error; /* it says which header is wrong */
	if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) /* the former is HTTP/0.9's as well */
		return !t->answered ? "something answered, but not in HTTP; is it the right port?"
			: strncmp(t->target->url, "https:", 6) == 0 ? "a redirect from https to another protocol"
			: "a redirect to a protocol other than http and https";
	if (code == CURLE_SSL_CONNECT_ERROR && strstr(t->error, "wrong version number"))
		return "something answered, but not in TLS; is it the right port, or http:// and not https://?";
	if (code == CURLE_GOT_NOTHING)
		return "the target closed the connection without an answer";
	if (code == CURLE_OK) /* for libcurl the status line is enough */
		return "the answer ended before its header did";
	return *t->error ? t->error : curl_easy_strerror(code);
}

/* Unauthorized, Forbidden, Proxy Authentication Required: these tell of the sink's credentials, and nothing of the event. */
static bool is_of_the_sink(int status)
{
	return status == 401 || status == 403 || status == 407;
}

/*
 * Where a kept connection ended without an answer, the others to the target may have ended too: the next attempts open new ones,
 * until one has an answer. Over a new connection, what is to be sent again is what HTTP/2 refuses (RFC 9113 section 9.2.2).
 */
static void learn(struct transfer *t, int status)
{
	t->target->fresh = status == 0 && (t->repeated || t->kept);
	t->target->http1 = t->target->http1 || (t->repeated && !t->kept);
}

static void finish(struct http *h, struct transfer *t, CURLcode code)
{
	struct attempt_result r = {.answer = {t->answer, t->answer_len}};
	curl_off_t us = 0, after = 0;

	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	r.ms = us / 1000;
	r.status = final_status(t, code);
	learn(t, r.status);
	if (!r.status)
		r.error = error_of(t, code);
	r.done = r.status >= 200 && r.status < 300;
	r.again = !r.done && (r.status == 0 || is_of_the_sink(r.status) ||
		(r.status < SINK_STATUS_MAX && t->target->sink->retry_on[r.status]));
	/* RFC 9110 section 15.6: a server's error says nothing of what it did before, but for 503, "unable to handle the request" */
	r.in_doubt = t->begun && (r.status == 0 || (r.status >= 500 && r.status != 503));
	r.retry_after = after < HTTP_RETRY_AFTER_MAX_MS / 1000 ? after * 1000 : HTTP_RETRY_AFTER_MAX_MS;
	curl_multi_remove_handle(h->multi, t->easy);
	h->done(t->attempt, &r);
	release(h, t);
}

void http_wait(struct http *h, struct pollfd *fds, unsigned n, int64_t ms)
{
	struct curl_waitfd extra[4];
	struct transfer *t;
	int running, left;
	CURLMsg *message;
	CURLcode code;

	for (unsigned i = 0; i < n; i++)
		extra[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = CURL_WAIT_POLLIN};
	curl_multi_poll(h->multi, extra, n, (int)ms, NULL);
	for (unsigned i = 0; i < n; i++)
		fds[i].revents = extra[i].revents;
	curl_multi_perform(h->multi, &running);
	while ((message = curl_multi_info_read(h->multi, &left))) {
		code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(h, t, code);
	}
}
