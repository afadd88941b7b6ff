/* SPDX-License-Identifier: ISC */
/* The HTTP client of a catch-up: when it asks, how often, and what an answer means. */
#include "catchup/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catchup/transfer.h"
#include "core/clock.h"
#include "core/paths.h"
#include "core/utf8.h"

enum {
	WAIT_MOST_MS = 65 * 1000, /* a longer wait ends the run: most allowances last a minute */
	TRIES = 3,                /* of one request, after failures and after refusals for its rate */
	BACKOFF_MS = 1000,        /* after the first failure, twice as long after the second */
	SAID_MAX = 120,           /* bytes of the API's own message that are repeated */
};

struct catchup_client {
	const struct catchup *conf;
	struct catchup_stop *stop;
	struct transfer *transfer;
	int64_t next_at; /* ms since the epoch */
	unsigned requests;
	bool failing; /* the last request had no answer: the next ones are tried once, until there is one */
	struct allowance_headers allowance; /* of the last answer */
	char error[512];
};

void catchup_answer_free(struct catchup_answer *a)
{
	buf_free(&a->body);
}

static bool check_transport(const struct catchup *c, char *why, size_t n)
{
	if (c->allow_private || strncmp(c->url, "https://", 8) == 0)
		return true;
	snprintf(why, n, "its url begins with http://, over which anyone reads the key; write https://, or allow-private = true for one's own network");
	return false;
}

struct catchup_client *catchup_client_new(const struct catchup *conf, struct catchup_stop *stop, int64_t not_before, char *why, size_t n)
{
	struct transfer *t = check_transport(conf, why, n) ? transfer_new(conf, stop, why, n) : NULL;
	struct catchup_client *c = t ? calloc(1, sizeof *c) : NULL;

	if (c) {
		*c = (struct catchup_client){.conf = conf, .stop = stop, .transfer = t, .next_at = not_before};
		return c;
	}
	if (t)
		snprintf(why, n, "memory is short");
	transfer_free(t);
	return NULL;
}

void catchup_client_free(struct catchup_client *c)
{
	if (c)
		transfer_free(c->transfer);
	free(c);
}

/* ---- a request */

/* Waits until the next request may go. False with the verdict set. */
static bool wait_for_turn(struct catchup_client *c, struct catchup_answer *a)
{
	int64_t wait = c->next_at - clock_now();
	char at[CLOCK_TEXT];

	a->verdict = CATCHUP_LATER;
	if (c->requests >= CATCHUP_REQUESTS_MAX || catchup_stop_is_set(c->stop))
		return false;
	if (wait > WAIT_MOST_MS) {
		if (!*c->error)
			snprintf(c->error, sizeof c->error, "the API's allowance is used up until %s", clock_format(c->next_at, at));
		return false;
	}
	return wait <= 0 || catchup_stop_wait(c->stop, wait);
}

/* Appends what the API itself says of an error, bounded. */
static void add_said(struct catchup_client *c, const struct catchup_answer *a)
{
	struct path paths[] = {{.text = "code", .lenient = true}, {.text = "message", .lenient = true}};
	struct buf arena = {0};
	const char *reason;
	size_t at = strlen(c->error);

	if (paths_find(a->body.data ? a->body.data : "", a->body.len, paths, 2, &arena, &reason) == PATHS_OK)
		for (int i = 0; i < 2; i++)
			if (paths[i].value.p && utf8_valid(paths[i].value.p, paths[i].value.n) && at < sizeof c->error &&
			    !transfer_has_key(c->transfer, paths[i].value))
				at += (size_t)snprintf(c->error + at, sizeof c->error - at, "%s%.*s", i ? ": " : " ",
					(int)utf8_fit(paths[i].value.p, paths[i].value.n, SAID_MAX), paths[i].value.p);
	buf_free(&arena);
}

/* What an answer means; sets the error for all but 2xx. */
static enum catchup_verdict judge_answer(struct catchup_client *c, const struct catchup_answer *a)
{
	bool spent = allowance_is_spent(&c->allowance, a->status);

	if (a->status >= 200 && a->status < 300)
		return CATCHUP_ANSWERED;
	if (spent)
		snprintf(c->error, sizeof c->error, "%ld: too many requests:", a->status);
	else if (a->status == 401 || a->status == 403)
		snprintf(c->error, sizeof c->error, "%ld: the API refuses the key in %s:", a->status, c->conf->key_file);
	else if (a->status == 404)
		snprintf(c->error, sizeof c->error, "404: the API does not know it:");
	else if (a->status >= 300 && a->status < 400)
		snprintf(c->error, sizeof c->error, "%ld: a redirect, which is not followed:", a->status);
	else
		snprintf(c->error, sizeof c->error, "%ld:", a->status);
	add_said(c, a);
	return spent ? CATCHUP_LATER : a->status == 404 ? CATCHUP_GONE : a->status >= 500 ? CATCHUP_FAILED : CATCHUP_REFUSED;
}

static enum catchup_verdict judge_transfer(struct catchup_client *c, enum transfer_result result, const struct catchup_answer *a)
{
	*c->error = '\0';
	switch (result) {
	case TRANSFER_ANSWERED:
		return judge_answer(c, a);
	case TRANSFER_PRIVATE:
		snprintf(c->error, sizeof c->error, "its url leads to a private address, which is refused; add allow-private = true");
		return CATCHUP_REFUSED;
	case TRANSFER_TOO_LARGE:
		snprintf(c->error, sizeof c->error, "an answer is larger than %d MiB", CATCHUP_ANSWER_MAX >> 20);
		return CATCHUP_REFUSED;
	case TRANSFER_STOPPED:
		return CATCHUP_LATER;
	case TRANSFER_FAILED:
		break;
	}
	snprintf(c->error, sizeof c->error, "no answer: %s", transfer_error(c->transfer));
	return CATCHUP_FAILED;
}

static void ask_once(struct catchup_client *c, const char *url, bool post, struct catchup_answer *a)
{
	enum transfer_result result;

	c->requests++;
	result = transfer_run(c->transfer, url, post, a, &c->allowance);
	c->next_at = clock_now() + allowance_wait(&c->allowance, a->status, &c->conf->rate, clock_now());
	a->verdict = judge_transfer(c, result, a);
}

/* A refusal for the rate is waited out, a failure is tried again a little later; each a few times. */
static void ask_patiently(struct catchup_client *c, const char *path, bool post, struct catchup_answer *a)
{
	int64_t backoff = BACKOFF_MS, earliest;
	struct buf url = {0};

	*c->error = '\0';
	a->verdict = CATCHUP_FAILED;
	if (!buf_printf(&url, "%s%s", c->conf->url, path)) {
		snprintf(c->error, sizeof c->error, "memory is short");
		return;
	}
	for (int i = 0; i < (c->failing ? 1 : TRIES) && wait_for_turn(c, a); i++) {
		ask_once(c, buf_str(&url), post, a);
		if (a->verdict != CATCHUP_FAILED && a->verdict != CATCHUP_LATER)
			break;
		earliest = clock_now() + backoff;
		c->next_at = a->verdict == CATCHUP_FAILED && c->next_at < earliest ? earliest : c->next_at;
		backoff *= 2;
	}
	c->failing = a->verdict == CATCHUP_FAILED;
	buf_free(&url);
}

void catchup_client_get(struct catchup_client *c, const char *path, struct catchup_answer *a)
{
	ask_patiently(c, path, false, a);
}

void catchup_client_post(struct catchup_client *c, const char *path, struct catchup_answer *a)
{
	ask_patiently(c, path, true, a);
}

const char *catchup_client_error(const struct catchup_client *c)
{
	return c->error;
}

unsigned catchup_client_requests(const struct catchup_client *c)
{
	return c->requests;
}

int64_t catchup_client_next(const struct catchup_client *c)
{
	return c->next_at;
}

bool catchup_client_escape(struct buf *out, struct slice text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	bool ok = true;

	for (size_t i = 0; ok && i < text.n; i++)
		ok = text.p[i] && strchr(plain, text.p[i]) ? buf_add(out, &text.p[i], 1) : buf_printf(out, "%%%02X", (unsigned char)text.p[i]);
	return ok;
}
