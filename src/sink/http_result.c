/* SPDX-License-Identifier: ISC */
/* The result of a request of an http sink: by the answer's status, or by the reason that there is none. */
#include "sink/http_result.h"
#include "sink/http_options.h"

#include <string.h>

/*
 * The status that decides; 0: there is none. A complete header counts, whatever ends the transfer after it: an incomplete or too long
 * body, the deadline, or a reset of the stream by a target that did not read the whole request (RFC 9113 section 8.1). 1xx is no
 * answer yet. A redirect that is followed counts only when all went well.
 */
static int final_status(const struct http_transfer *t, CURLcode code)
{
	bool on_the_way = code != CURLE_OK && http_options(t->target->sink)->follow_redirects && t->status < 400 && t->status >= 300;

	return t->status >= 200 && !on_the_way ? (int)t->status : 0;
}

static const char *error_of(const struct http_transfer *t, CURLcode code)
{
	if (t->refused)
		return "a private address; allow-private permits it";
	if (t->repeated)
		return t->kept ? "the target closed a connection that was kept, without an answer" : "the target wants the request once more";
	if (code == CURLE_WEIRD_SERVER_REPLY && t->speaks && *t->error)
		return t->error; /* libcurl names the wrong header */
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

/* Unauthorized, Forbidden, Proxy Authentication Required: the sink's credentials are wrong, not the event. */
static bool is_of_credentials(int status)
{
	return status == 401 || status == 403 || status == 407;
}

struct sink_result http_result(const struct http_transfer *t, CURLcode code)
{
	struct sink_result r = {.answer = {t->answer, t->answer_len}};
	curl_off_t us = 0, after = 0;

	curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	r.ms = us / 1000;
	r.status = final_status(t, code);
	if (!r.status)
		r.error = error_of(t, code);
	if (r.status >= 200 && r.status < 300)
		r.verdict = SINK_DELIVERED;
	else if (r.status == 0 || is_of_credentials(r.status) || (r.status < HTTP_STATUS_MAX && http_options(t->target->sink)->retry_on[r.status]))
		r.verdict = SINK_RETRY;
	else
		r.verdict = SINK_REFUSED;
	r.target_failed = r.verdict == SINK_RETRY;
	/* RFC 9110 section 15.6: a server's error says nothing of what it did before, but for 503, "unable to handle the request" */
	r.in_doubt = t->begun && (r.status == 0 || (r.status >= 500 && r.status != 503));
	r.retry_after = after < SINK_RETRY_AFTER_MAX_MS / 1000 ? after * 1000 : SINK_RETRY_AFTER_MAX_MS;
	return r;
}
