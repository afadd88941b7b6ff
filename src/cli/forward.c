/* SPDX-License-Identifier: ISC */
/* hookspool tail --forward: sends stored events to a developer's own URL, with their exact bytes. */
#include "config.h"

#include "cli/forward.h"

#include <strings.h>

#include "cli/cli.h"

bool forward_url_valid(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

#ifdef HAVE_CURL

#include <curl/curl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/terminal.h"

enum {
	TIMEOUT_MS = 15000, /* as long as ConnectSafely waits for an answer */
	POLL_MS = 200,      /* between two looks for new events */
	WAIT_FIRST_MS = 250, /* before the second attempt; doubled after each one */
	WAIT_LONGEST_MS = 5000,
};

struct forward {
	const struct forward_options *options;
	struct filter *filter;
	CURL *easy;
	struct curl_slist *headers;
	struct buf target; /* the URL, with the event's query */
	char error[CURL_ERROR_SIZE];
	int64_t last, refused; /* last: id of the last event that was answered; refused: number of events */
	bool failed; /* memory was short for an event; later ones must not overtake it */
};

static volatile sig_atomic_t forward_stopped;

static void stop_forwarding(int number)
{
	(void)number;
	forward_stopped = 1;
}

static void pause_ms(int64_t ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	if (!forward_stopped)
		nanosleep(&time, NULL);
}

/* Discards the answer's body. */
static size_t ignore_answer(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

/* libcurl calls this during a transfer; nonzero ends it. */
static int stop_transfer(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)ctx, (void)a, (void)b, (void)c, (void)d;
	return forward_stopped;
}

static bool prepare_transfers(struct forward *f)
{
	f->easy = curl_easy_init();
	return f->easy && curl_easy_setopt(f->easy, CURLOPT_USERAGENT, "hookspool-tail/" PACKAGE_VERSION) == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS) == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK && /* RFC 8996 */
		curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error) == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, ignore_answer) == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_XFERINFOFUNCTION, stop_transfer) == CURLE_OK;
}

static bool add_forward_header(struct forward *f, const char *line)
{
	struct curl_slist *longer = curl_slist_append(f->headers, line);

	if (longer)
		f->headers = longer;
	return longer != NULL;
}

/* Adds each line "Name: value" as a header, and ":query" to the URL. *bare: there is a query, and no Content-Type. */
static bool add_header_lines(struct forward *f, struct slice lines, bool *bare)
{
	static const char query[] = ":query: ", type[] = "content-type: ";
	const char *line = lines.p, *end = lines.n ? lines.p + lines.n : lines.p, *stop;
	struct buf header = {0};
	bool ok = true, typed = false;

	*bare = false;
	for (; ok && line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		header.len = 0;
		ok = buf_printf(&header, "%.*s", (int)(stop - line), line);
		typed = typed || (ok && strncasecmp(buf_str(&header), type, sizeof type - 1) == 0 && buf_str(&header)[sizeof type - 1]);
		if (ok && strncmp(buf_str(&header), query, sizeof query - 1) == 0) {
			ok = buf_printf(&f->target, "%c%s", strchr(f->options->url, '?') ? '&' : '?', buf_str(&header) + sizeof query - 1);
			*bare = true;
		} else if (ok && header.len) {
			ok = add_forward_header(f, buf_str(&header));
		}
	}
	*bare = *bare && !typed;
	buf_free(&header);
	return ok;
}

/* The spool does not keep the method. A delivery without a body or its type, whose query is signed, came by GET: Twilio's do. */
static bool set_method(struct forward *f, const struct spool_row *row, bool bare)
{
	if (bare && !row->body.n)
		return curl_easy_setopt(f->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return curl_easy_setopt(f->easy, CURLOPT_POST, 1L) == CURLE_OK &&
		/* never NULL: libcurl would read the body from standard input */
		curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, row->body.n ? row->body.p : "") == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)row->body.n) == CURLE_OK;
}

/* "Expect:" keeps libcurl from sending "Expect: 100-continue" before a large body; no provider does that. */
static bool set_event(struct forward *f, const struct spool_row *row)
{
	bool bare, mine;

	curl_slist_free_all(f->headers);
	f->headers = NULL;
	f->target.len = 0;
	return buf_printf(&f->target, "%s", f->options->url) && add_forward_header(f, "Expect:") && add_header_lines(f, row->headers, &bare) &&
		add_header_lines(f, f->options->headers, &mine) && set_method(f, row, bare) &&
		curl_easy_setopt(f->easy, CURLOPT_URL, buf_str(&f->target)) == CURLE_OK &&
		curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK;
}

/* RFC 9110 sections 15.5.9 and 15.6, RFC 6585 section 4: the same request may pass later. */
static bool passes_later(long status)
{
	return status == 0 || status == 408 || status == 429 || status >= 500;
}

/* One attempt: the HTTP status, or 0 with the reason in f->error. */
static long post(struct forward *f, int64_t *us)
{
	curl_off_t time = 0;
	long status = 0;
	CURLcode result;

	f->error[0] = '\0';
	result = curl_easy_perform(f->easy);
	curl_easy_getinfo(f->easy, CURLINFO_TOTAL_TIME_T, &time);
	*us = time;
	if (result == CURLE_OK && curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		return status;
	if (!f->error[0])
		snprintf(f->error, sizeof f->error, "%s", curl_easy_strerror(result));
	return 0;
}

static void print_wait(const struct forward *f, const struct spool_row *row, long status)
{
	if (status)
		cli_error("event %" PRId64 ": the target answered %ld; the event is sent again until the target takes it", row->id, status);
	else
		cli_error("event %" PRId64 ": %s; the event is sent again until the target answers", row->id, f->error);
}

static void print_forwarded(const struct spool_row *row, long status, int64_t us, bool json)
{
	struct json j;

	if (json) {
		json_begin(&j);
		json_number(&j, "id", row->id);
		json_text(&j, "event", row->event);
		json_number(&j, "status", status);
		json_number(&j, "ms", us / 1000);
		json_end(&j);
	} else {
		printf("%6" PRId64 "  ", row->id);
		terminal_cell(stdout, row->event, 18);
		printf("  %ld after %.1f ms%s\n", status, (double)us / 1000, status / 100 == 2 ? "" : ", refused");
	}
	fflush(stdout);
}

/* Sends one event until the target takes or refuses it. False when it was stopped before that, or memory is short. */
static bool send_event(struct forward *f, const struct spool_row *row)
{
	int64_t us, wait = WAIT_FIRST_MS;
	long status;

	if (!set_event(f, row)) {
		cli_error("event %" PRId64 ": memory is short", row->id);
		f->failed = true;
		return false;
	}
	while (!forward_stopped) {
		status = post(f, &us);
		if (!passes_later(status)) {
			print_forwarded(row, status, us, f->options->json);
			f->last = row->id;
			f->refused += status / 100 != 2;
			return !ferror(stdout);
		}
		if (!forward_stopped && wait == WAIT_FIRST_MS)
			print_wait(f, row, status);
		pause_ms(wait);
		wait = 2 * wait < WAIT_LONGEST_MS ? 2 * wait : WAIT_LONGEST_MS;
	}
	return false;
}

static bool send_found(struct forward *f, struct spool_events_iter *it)
{
	struct spool_row row;
	bool go_on = true;

	while (go_on && !forward_stopped && spool_events_next(it, &row))
		go_on = !filter_match(f->filter, &row) || send_event(f, &row);
	return spool_events_end(it);
}

/* Reads the newest id first, then sends the events up to it. Later events are for the next pass. */
static bool send_all(struct forward *f, struct spool_db *db)
{
	struct spool_filter *filter = &f->filter->spool;
	bool ok;

	while ((ok = spool_db_in_place(db) && spool_events_newest(db, &filter->last) && send_found(f, spool_events_find(db, filter))) &&
	       !forward_stopped && !f->failed && !ferror(stdout) && !f->options->once) {
		filter->after = filter->last;
		pause_ms(POLL_MS);
	}
	return ok;
}

int forward_run(const struct forward_options *o, struct filter *filter, struct spool_db *db)
{
	const struct sigaction action = {.sa_handler = stop_forwarding};
	struct forward f = {.options = o, .filter = filter};
	bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && prepare_transfers(&f), ok = ready;

	if (ok) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		ok = send_all(&f, db);
	}
	if (!ok)
		cli_error("%s", ready ? spool_db_error(db) : "memory is short, or libcurl can't be set up");
	if (f.last)
		cli_error("the last event sent was %" PRId64 "; tail --forward URL --after %" PRId64 " goes on behind it", f.last, f.last);
	curl_easy_cleanup(f.easy);
	curl_slist_free_all(f.headers);
	buf_free(&f.target);
	curl_global_cleanup();
	return !ok || f.failed ? CLI_TEMPFAIL : f.refused ? CLI_NO : CLI_OK;
}

#else

int forward_run(const struct forward_options *o, struct filter *filter, struct spool_db *db)
{
	(void)o;
	(void)filter;
	(void)db;
	cli_error("tail --forward: built without libcurl; install it (Debian: libcurl4-openssl-dev), then configure and build again");
	return CLI_UNAVAILABLE;
}

#endif
