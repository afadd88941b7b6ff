/* SPDX-License-Identifier: ISC */
/* The headers of an HTTP request that depend on the event: those that were stored with it, and the sink's templates. */
#include "sink/http_headers.h"
#include "sink/http_options.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_name(struct slice name, const char *other)
{
	return name.n == strlen(other) && strncasecmp(name.p, other, name.n) == 0;
}

/* RFC 9110 section 5.5: a value has no control characters but the tab. */
static bool is_value(struct slice value)
{
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7F)
			return false;
	return value.n <= HTTP_HEADERS_VALUE_MAX;
}

/* True for headers of the connection (RFC 9110 section 7.6.1), of the two hosts, of the body, and the relay's own. */
static bool is_not_the_events(struct slice name)
{
	static const char *const names[] = {"Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "TE", "Trailer",
		"Connection", "Keep-Alive", "Upgrade", "Expect", "Host", "Authorization", "Proxy-Authorization", "Proxy-Connection", "Cookie",
		"User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Real-Ip", "webhook-id", "webhook-timestamp", "webhook-signature"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is_name(name, names[i]))
			return true;
	return false;
}

static bool is_the_sinks(const struct http_options *o, struct slice name)
{
	for (size_t i = 0; i < o->headers.n; i++)
		if (strncasecmp(o->headers.item[i], name.p, name.n) == 0 && o->headers.item[i][name.n] == ':')
			return true;
	for (size_t i = 0; i < o->n_templates; i++)
		if (is_name(name, o->templates[i].name))
			return true;
	return false;
}

static bool goes_along(const struct sink *s, struct slice name, struct slice value)
{
	if (name.n == 0 || *name.p == ':' || value.n == 0 || !is_value(value))
		return false;
	if (is_name(name, "Content-Encoding"))
		return !s->body;
	return http_options(s)->pass_headers && !is_not_the_events(name) && !is_the_sinks(http_options(s), name);
}

static bool add_line_to(struct buf *out, struct slice name, struct slice value)
{
	return buf_add(out, name.p, name.n) && buf_add(out, ": ", 2) && buf_add(out, value.p, value.n) && buf_add(out, "", 1);
}

/* As they were stored: lines "Name: value\n", see stored_headers(). */
static bool pass_on(const struct sink_message *m, const struct sink *s, struct buf *out)
{
	const char *line = m->event->headers.p, *end = line ? line + m->event->headers.n : NULL, *stop, *colon;
	struct slice name, value;
	bool ok = true;

	for (; ok && line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		colon = memchr(line, ':', (size_t)(stop - line));
		if (!colon)
			continue;
		name = (struct slice){line, (size_t)(colon - line)};
		for (value.p = colon + 1; value.p < stop && *value.p == ' '; value.p++)
			;
		value.n = (size_t)(stop - value.p);
		ok = !goes_along(s, name, value) || add_line_to(out, name, value);
	}
	return ok;
}

/* The filter header folds long lines as mails have it; HTTP has one line (RFC 9110 section 5.5, obs-fold). */
static void unfold(struct buf *text)
{
	size_t to = 0;

	for (size_t from = 0; from < text->len; from++)
		if (text->data[from] != '\n' || from + 1 == text->len || text->data[from + 1] != ' ')
			text->data[to++] = text->data[from];
	text->len = to;
}

static enum http_headers_result print_sink_header(const struct sink_message *m, const struct http_template *t, struct buf *text, struct buf *out, char *why, size_t n)
{
	struct slice value;

	text->len = 0;
	if (!template_print(t->value, m->values, text))
		return HTTP_HEADERS_NO_MEMORY;
	unfold(text);
	value = (struct slice){text->data, text->len};
	if (!is_value(value)) {
		snprintf(why, n, "not sent: the value of the header %s %s", t->name,
			value.n > HTTP_HEADERS_VALUE_MAX ? "is longer than 8 KiB; truncate shortens it"
			: "has a line break or another control character in it; {{x | header}} takes them out");
		return HTTP_HEADERS_REFUSED;
	}
	return value.n == 0 || add_line_to(out, slice_text(t->name), value) ? HTTP_HEADERS_OK : HTTP_HEADERS_NO_MEMORY;
}

enum http_headers_result http_headers_make(const struct sink_message *m, const struct sink *s, struct buf *out, char *why, size_t n)
{
	const struct http_options *o = http_options(s);
	enum http_headers_result result = pass_on(m, s, out) ? HTTP_HEADERS_OK : HTTP_HEADERS_NO_MEMORY;
	struct buf text = {0};

	for (size_t i = 0; result == HTTP_HEADERS_OK && i < o->n_templates; i++)
		result = print_sink_header(m, &o->templates[i], &text, out, why, n);
	buf_free(&text);
	if (result == HTTP_HEADERS_OK && !buf_add(out, "", 1))
		result = HTTP_HEADERS_NO_MEMORY;
	return result;
}
