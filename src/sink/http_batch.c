/* SPDX-License-Identifier: ISC */
/* Several events in one request of an http sink: its body, and its id. */
#include "sink/http_batch.h"
#include "sink/http_options.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/encode.h"
#include "core/json.h"
#include "spool/event_line.h"

static const struct sink_result no_memory = {.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"};
static const struct sink_result no_time = {.verdict = SINK_RETRY, .unsent = true,
	.error = "not sent: the requests before it took all of the timeout"};
static const struct sink_result no_json = {.verdict = SINK_REFUSED, .unsent = true,
	.error = "not sent: the sink's body is no JSON for this event, and a batch takes nothing else"};

void http_row_add(struct http_row *row, struct sink_message *m)
{
	m->driver = NULL;
	if (row->last)
		row->last->driver = m;
	else
		row->first = m;
	row->last = m;
}

struct sink_message *http_row_take(struct http_row *row)
{
	struct sink_message *m = row->first;

	row->first = m->driver;
	if (!row->first)
		row->last = NULL;
	return m;
}

void http_row_report(struct http_row *row, const struct sink_result *r, sink_done *done)
{
	while (row->first)
		done(http_row_take(row), r);
}

/* JSON has line breaks only between its tokens, where a blank means the same. */
static bool add_template(const struct sink_message *m, struct buf *out)
{
	size_t i = out->len;

	if (!buf_add(out, m->body.p, m->body.n))
		return false;
	for (; i < out->len; i++)
		if (out->data[i] == '\n' || out->data[i] == '\r')
			out->data[i] = ' ';
	return true;
}

/* Appends the event, and what stands between events. On false the body is as long as before. */
static bool add_event(struct http_batch *b, const struct sink *s, const struct sink_message *m)
{
	bool lines = http_options(s)->batch_format == HTTP_JSON_LINES;
	size_t before = b->body.len;
	bool ok = lines || buf_add(&b->body, b->n ? "," : "[", 1);

	if (s->body)
		ok = ok && add_template(m, &b->body) && buf_add(&b->body, "\n", 1);
	else
		ok = ok && event_line(m->event, m->endpoint_name, &b->body);
	if (!ok)
		b->body.len = before;
	else if (!lines)
		b->body.len--; /* the line feed */
	return ok;
}

/* A batch with the same events has the same id, so that a target knows a repeated one. */
static bool end_batch(struct http_batch *b, const struct sink *s, const struct buf *ids)
{
	bool lines = http_options(s)->batch_format == HTTP_JSON_LINES;
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (EVP_Digest(ids->data, ids->len, hash, NULL, EVP_sha256(), NULL) != 1 || (!lines && !buf_add(&b->body, "]", 1)))
		return false;
	memcpy(b->id, "batch_", 6);
	encode(ENCODING_HEX, hash, 16, b->id + 6);
	b->message.id = b->id;
	b->message.driver = b;
	b->message.type = lines ? "application/x-ndjson" : "application/json";
	b->message.body = (struct slice){b->body.data, b->body.len};
	return true;
}

/* Adds the events that fit. The ids are appended to `ids`, a line each. */
static void fill_batch(struct http_batch *b, struct http_row *row, const struct sink *s, unsigned most, struct buf *ids, sink_done *done)
{
	struct sink_message *m;
	size_t before, ids_before;

	while (b->n < most && (m = row->first)) {
		before = b->body.len;
		ids_before = ids->len;
		if (m->deadline <= clock_mono_us() + 1000) {
			done(http_row_take(row), &no_time);
		} else if (s->body && !json_is_valid(m->body)) {
			done(http_row_take(row), &no_json);
		} else if (!buf_printf(ids, "%s\n", m->id) || !add_event(b, s, m)) {
			ids->len = ids_before;
			done(http_row_take(row), &no_memory);
		} else if (b->n && b->body.len > HTTP_BATCH_BYTES) {
			b->body.len = before;
			ids->len = ids_before;
			return;
		} else {
			http_row_add(&b->events, http_row_take(row));
			if (!b->n++ || m->deadline < b->message.deadline)
				b->message.deadline = m->deadline;
		}
	}
}

struct http_batch *http_batch_take(struct http_row *row, const struct sink *s, unsigned most, sink_done *done)
{
	struct http_batch *b = row->first ? calloc(1, sizeof *b) : NULL;
	struct buf ids = {0};

	if (!b) {
		http_row_report(row, &no_memory, done);
		return NULL;
	}
	fill_batch(b, row, s, most, &ids, done);
	if (b->n && !end_batch(b, s, &ids))
		http_row_report(&b->events, &no_memory, done);
	buf_free(&ids);
	if (b->events.first)
		return b;
	http_batch_free(b);
	return NULL;
}

void http_batch_free(struct http_batch *b)
{
	buf_free(&b->body);
	free(b);
}
