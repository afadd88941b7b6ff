/* Attempts over HTTP, many at once, by libcurl. */
#include "config.h"

#include "relay/http.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

enum { REDIRECTS_MAX = 5, ANSWER_MAX = 1 << 20, CONNECTIONS_KEPT = 256, RETRY_AFTER_MAX_S = 7 * 86400 };

/* One attempt; used again for the next. */
struct transfer {
	struct transfer *next; /* that is free */
	struct http *http;
	CURL *easy;
	const struct target *target;
	struct curl_slist *headers;
	void *job;
	char error[CURL_ERROR_SIZE];
	char answer[HTTP_ANSWER_KEPT];
	size_t answer_len, read;
	bool refused; /* the address is a private one */
};

struct http {
	CURLM *multi;
	http_done *done;
	struct transfer *free;
	struct transfer **all;
	size_t n, room;
	struct cidrs private;
};

/* RFC 6890 and its IANA registries: what is not a host of the internet's. */
static const char *const private_ranges[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/128", "::1/128", "64:ff9b:1::/48",
	"fc00::/7", "fe80::/10", "ff00::/8"};

enum { PRIVATE_RANGES = sizeof private_ranges / sizeof *private_ranges };

struct http *http_new(http_done *done)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->done = done;
	h->private.item = calloc(PRIVATE_RANGES, sizeof *h->private.item);
	h->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	if (!h->private.item || !h->multi) {
		http_free(h);
		return NULL;
	}
	while (h->private.n < PRIVATE_RANGES && cidr_parse(private_ranges[h->private.n], &h->private.item[h->private.n]))
		h->private.n++;
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
	t->refused = !t->target->sink->allow_private && (!*text || cidr_match(&t->http->private, text));
	return t->refused ? CURL_SOCKET_BAD : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Keeps the beginning; who sends more than is reasonable is not listened to any longer. */
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

static bool set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85.0 */
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) == CURLE_OK;
#endif
}

/* A proxy would be the address that is connected to, and answer for all others: there is none. */
static bool set_up(struct transfer *t, struct slice body)
{
	const struct sink *s = t->target->sink;
	CURL *easy = t->easy;

	curl_easy_reset(easy);
	return curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_URL, t->target->url) == CURLE_OK && set_protocols(easy) &&
		curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, s->method) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.p) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "hookspool/" PACKAGE_VERSION) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, s->follow_redirects ? 1L : 0L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)s->timeout) == CURLE_OK &&
		(!s->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, s->ca_file) == CURLE_OK) &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK;
}

bool http_start(struct http *h, const struct target *target, const char *type, const char *id, struct slice body, void *job)
{
	struct transfer *t = new_transfer(h);

	if (!t)
		return false;
	t->target = target;
	t->job = job;
	t->answer_len = t->read = 0;
	t->refused = false;
	*t->error = '\0';
	t->headers = target_headers(target, type, id, body, clock_now());
	if (t->headers && set_up(t, body) && curl_multi_add_handle(h->multi, t->easy) == CURLM_OK)
		return true;
	release(h, t);
	return false;
}

static void finish(struct http *h, struct transfer *t, CURLcode code)
{
	struct http_result r = {.answer = {t->answer, t->answer_len}};
	curl_off_t us = 0, after = 0;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	r.ms = us / 1000;
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && t->read > ANSWER_MAX))
		r.status = (int)status;
	else
		r.error = t->refused ? "a private address; allow-private permits it" : *t->error ? t->error : curl_easy_strerror(code);
	r.retry_after = (after < RETRY_AFTER_MAX_S ? after : RETRY_AFTER_MAX_S) * 1000;
	curl_multi_remove_handle(h->multi, t->easy);
	h->done(t->job, &r);
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
