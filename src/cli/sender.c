/* SPDX-License-Identifier: ISC */
/* A small sender of deliveries, on libcurl's multi interface: one slot for each delivery that is under way. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"

#include "cli/sender.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/clock.h"

enum {
	ANSWER_KEEP = 4096,    /* bytes handed to the caller */
	ANSWER_MAX = 1 << 20,  /* stop reading an answer after 1 MiB */
	POLL_MS = 1000,
};

enum state { IDLE, FLYING, WAITING };

struct slot {
	enum state state;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	struct buf answer; /* its first ANSWER_KEEP bytes */
	size_t answer_len; /* of all of it, as far as it was read */
	char error[CURL_ERROR_SIZE];
	uint64_t delivery;
	unsigned attempt;
	int64_t due; /* clock_mono_us() of the next attempt, while WAITING */
};

struct run {
	const struct sender *sender;
	CURLM *multi;
	struct slot *slots;
	struct signed_scratch scratch;
	struct buf lines;
	uint64_t begun;
	unsigned flying, waiting;
};

int64_t sender_backoff(unsigned n)
{
	return n == 1 ? 10000 : 20000;
}

/* Keeps the beginning; stops the transfer after ANSWER_MAX. */
static size_t gather_answer(char *p, size_t size, size_t n, void *ctx)
{
	struct slot *slot = ctx;
	size_t room = ANSWER_KEEP - slot->answer.len;

	n *= size;
	if (!buf_add(&slot->answer, p, n < room ? n : room))
		return 0;
	slot->answer_len += n;
	return slot->answer_len > ANSWER_MAX ? 0 : n;
}

static bool add_request_header(struct slot *slot, const char *line)
{
	struct curl_slist *longer = curl_slist_append(slot->headers, line);

	if (longer)
		slot->headers = longer;
	return longer != NULL;
}

/* "Expect:" keeps libcurl from sending "Expect: 100-continue" before a large body; no provider does that. */
static bool make_request_headers(struct run *r, struct slot *slot)
{
	const struct sender *s = r->sender;
	struct sign sign = s->sign;
	struct buf *lines = &r->lines;
	char *line, *rest;
	bool ok;

	sign.body = (struct slice){slot->body.data, slot->body.len};
	sign.now = clock_now();
	curl_slist_free_all(slot->headers);
	slot->headers = NULL;
	lines->len = 0;
	ok = buf_printf(lines, "Content-Type: %s\nExpect:\n", sign.type) && sign_headers(&sign, &r->scratch, lines) &&
		(!s->authorization || buf_printf(lines, "Authorization: %s\n", s->authorization)) && buf_add(lines, "", 1);
	for (line = ok ? strtok_r(lines->data, "\n", &rest) : NULL; ok && line; line = strtok_r(NULL, "\n", &rest))
		ok = add_request_header(slot, line);
	return ok;
}

static bool prepare_transfer(struct slot *slot, const struct sender *s)
{
	slot->easy = curl_easy_init();
	return slot->easy && curl_easy_setopt(slot->easy, CURLOPT_URL, s->url) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_USERAGENT, "hookspool-send/" PACKAGE_VERSION) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK && /* RFC 8996 */
		curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, s->timeout) == CURLE_OK &&
		(!s->direct || curl_easy_setopt(slot->easy, CURLOPT_NOPROXY, "*") == CURLE_OK) &&
		curl_easy_setopt(slot->easy, CURLOPT_ERRORBUFFER, slot->error) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, gather_answer) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot) == CURLE_OK;
}

static bool start_attempt(struct run *r, struct slot *slot)
{
	slot->attempt++;
	slot->answer.len = slot->answer_len = 0;
	slot->error[0] = '\0';
	slot->state = FLYING;
	r->flying++;
	return curl_multi_add_handle(r->multi, slot->easy) == CURLM_OK;
}

/* Takes the next delivery into a free slot. */
static bool start_delivery(struct run *r, struct slot *slot)
{
	const struct sender *s = r->sender;

	slot->delivery = r->begun++;
	slot->attempt = 0;
	slot->body.len = 0;
	if ((!slot->easy && !prepare_transfer(slot, s)) || !s->body(s->ctx, slot->delivery, &slot->body) || !make_request_headers(r, slot))
		return false;
	/* never NULL: libcurl would read the body from standard input */
	return curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, buf_str(&slot->body)) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->body.len) == CURLE_OK &&
		curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) == CURLE_OK && start_attempt(r, slot);
}

/* Starts what is due and fills the free slots. *wait becomes the ms until the next one is due. */
static bool start_due(struct run *r, int *wait)
{
	int64_t now = clock_mono_us(), left;
	struct slot *slot;

	*wait = POLL_MS;
	for (slot = r->slots; slot < r->slots + r->sender->concurrency; slot++) {
		if (slot->state == IDLE && r->begun < r->sender->deliveries) {
			if (!start_delivery(r, slot))
				return false;
		} else if (slot->state == WAITING && slot->due <= now) {
			r->waiting--;
			if (!start_attempt(r, slot))
				return false;
		} else if (slot->state == WAITING) {
			left = (slot->due - now) / 1000 + 1;
			if (left < *wait)
				*wait = (int)left;
		}
	}
	return true;
}

static void finish_attempt(struct run *r, struct slot *slot, CURLcode result)
{
	struct attempt a = {.delivery = slot->delivery, .number = slot->attempt};
	curl_off_t us = 0;
	long status = 0;

	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &us);
	curl_multi_remove_handle(r->multi, slot->easy);
	if (result == CURLE_WRITE_ERROR && slot->answer_len > ANSWER_MAX)
		result = CURLE_OK;
	a.status = (int)status;
	a.us = us;
	a.answer = (struct slice){slot->answer.data, slot->answer.len};
	a.accepted = result == CURLE_OK && status >= 200 && status < 300;
	if (result != CURLE_OK) {
		a.kind = curl_easy_strerror(result);
		a.error = slot->error[0] ? slot->error : a.kind;
	}
	slot->state = IDLE;
	r->flying--;
	if (!a.accepted && slot->attempt < r->sender->attempts) {
		a.retry_in = sender_backoff(slot->attempt);
		slot->due = clock_mono_us() + a.retry_in * 1000;
		slot->state = WAITING;
		r->waiting++;
	}
	r->sender->heard(r->sender->ctx, &a);
}

static void finish_done(struct run *r)
{
	struct slot *slot;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(r->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		finish_attempt(r, slot, message->data.result);
	}
}

static bool run_transfers(struct run *r)
{
	int wait, running;

	while (r->begun < r->sender->deliveries || r->flying || r->waiting) {
		if (!start_due(r, &wait) || curl_multi_perform(r->multi, &running) != CURLM_OK)
			return false;
		if ((unsigned)running < r->flying)
			finish_done(r);
		else if (curl_multi_poll(r->multi, NULL, 0, wait, NULL) != CURLM_OK)
			return false;
	}
	return true;
}

static void free_slot(struct run *r, struct slot *slot)
{
	if (slot->easy && slot->state == FLYING)
		curl_multi_remove_handle(r->multi, slot->easy);
	curl_easy_cleanup(slot->easy);
	curl_slist_free_all(slot->headers);
	buf_free(&slot->body);
	buf_free(&slot->answer);
}

bool sender_run(const struct sender *s)
{
	struct run r = {.sender = s};
	bool ok = false;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		cli_error("libcurl can't be set up");
		return false;
	}
	r.multi = curl_multi_init();
	r.slots = calloc(s->concurrency, sizeof *r.slots);
	if (r.multi && r.slots) {
		curl_multi_setopt(r.multi, CURLMOPT_MAXCONNECTS, (long)s->concurrency);
		ok = run_transfers(&r);
		for (unsigned i = 0; i < s->concurrency; i++)
			free_slot(&r, &r.slots[i]);
	}
	if (!ok)
		cli_error("the deliveries could not go on; memory is short, or libcurl failed");
	free(r.slots);
	signed_free(&r.scratch);
	if (r.lines.data)
		explicit_bzero(r.lines.data, r.lines.cap);
	buf_free(&r.lines);
	curl_multi_cleanup(r.multi);
	curl_global_cleanup();
	return ok;
}
