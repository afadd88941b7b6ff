/* SPDX-License-Identifier: ISC */
/* The headers that are kept of a refused delivery, and a request rebuilt from kept headers and body. */
#include "hook/stored.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hook/form.h"

enum { HEADERS_MAX = 32 * 1024 };

/* The variable is a header that has the scheme's secret or token. */
static bool has_secret(const char *variable, const struct scheme *s)
{
	for (int i = 0; i < SCHEME_PLACES && s->place[i].kind; i++)
		if (s->place[i].kind == SOURCE_HEADER && request_header_value(variable, s->place[i].name))
			return true;
	return s->header && request_header_value(variable, s->header);
}

static bool is_secret(const char *variable, const struct scheme *s)
{
	return request_header_value(variable, "Authorization") || request_header_value(variable, "Proxy-Authorization") ||
		request_header_value(variable, "Cookie") ||
		(scheme_bears_secret(s) && has_secret(variable, s));
}

static bool hides_any(const struct scheme *s)
{
	for (int i = 0; i < SCHEME_PLACES && s->place[i].kind; i++)
		if (s->place[i].kind == SOURCE_QUERY)
			return true;
	return false;
}

/* The next parameter of a query, as it stands there; *query moves on behind it. False at the end. */
static bool next_parameter(const char **query, struct slice *parameter)
{
	size_t n = strcspn(*query, "&");

	if (!**query)
		return false;
	*parameter = (struct slice){*query, n};
	*query += n + ((*query)[n] == '&');
	return true;
}

/* The parameter's value is a secret of the scheme. True also for one whose name cannot be read. */
static bool is_hidden_parameter(const struct scheme *s, struct slice parameter, struct form *scratch)
{
	return form_parse(scratch, parameter.p, parameter.n) != FORM_OK || (scratch->n && scheme_hides_parameter(s, scratch->param[0].name));
}

bool stored_query(const struct request *r, const struct scheme *s, struct buf *out)
{
	const char *rest = r->query;
	struct slice parameter;
	struct form scratch = {0};
	bool ok = buf_add_text(out, ":query: ");

	if (!hides_any(s))
		return ok && buf_add_text(out, rest) && buf_add(out, "\n", 1);
	for (bool first = true; ok && next_parameter(&rest, &parameter); first = false) {
		const char *equals = memchr(parameter.p, '=', parameter.n);

		ok = first || buf_add(out, "&", 1);
		if (ok && !is_hidden_parameter(s, parameter, &scratch))
			ok = buf_add(out, parameter.p, parameter.n);
		else if (ok)
			ok = buf_add(out, parameter.p, equals ? (size_t)(equals - parameter.p) : 0) && buf_add_text(out, "=-");
	}
	form_free(&scratch);
	return ok && buf_add(out, "\n", 1);
}

static bool contains_part(const char *text, struct slice part)
{
	for (; part.n && (text = strchr(text, *part.p)); text++)
		if (strncmp(text, part.p, part.n) == 0)
			return true;
	return false;
}

/* The header repeats a secret of the query, as a web server's X-Original-URL does, or a Referer. */
static bool repeats_secret(const char *value, const struct request *r, const struct scheme *s)
{
	const char *rest = r->query, *equals;
	struct slice parameter;
	struct form scratch = {0};
	bool found = false;

	while (!found && next_parameter(&rest, &parameter)) {
		if (!is_hidden_parameter(s, parameter, &scratch))
			continue;
		equals = memchr(parameter.p, '=', parameter.n);
		found = equals && contains_part(value, (struct slice){equals + 1, parameter.n - (size_t)(equals + 1 - parameter.p)});
		found |= scratch.n && contains_part(value, scratch.param[0].value);
	}
	form_free(&scratch);
	return found;
}

bool stored_headers(const struct request *r, const struct scheme *s, struct buf *out)
{
	static const char prefix[] = "HTTP_", type[] = "HTTP_CONTENT_TYPE=";
	const char *name, *value;
	bool ok = true, hides = hides_any(s);
	size_t at;

	for (char *const *var = r->envp; ok && *var; var++) {
		name = *var + sizeof prefix - 1;
		if (strncmp(*var, prefix, sizeof prefix - 1) != 0 || !(value = strchr(name, '=')) || strchr(value, '\n') ||
		    strncmp(*var, type, sizeof type - 1) == 0 || is_secret(*var, s) || (hides && repeats_secret(value + 1, r, s)))
			continue;
		at = out->len;
		ok = buf_printf(out, "%.*s: %s\n", (int)(value - name), name, value + 1);
		for (; ok && out->data[at] != ':'; at++)
			if (out->data[at] == '_')
				out->data[at] = '-';
	}
	if (ok && *r->query && scheme_needs_query(s))
		ok = stored_query(r, s, out);
	return ok && buf_printf(out, "Content-Type: %s\n", r->content_type) && out->len <= HEADERS_MAX;
}

/* Appends a header as its CGI variable (RFC 3875 section 4.1.18), with a NUL. */
static bool add_header_variable(struct buf *b, struct slice name, struct slice value)
{
	static const char content_type[] = "content-type", query[] = ":query";
	size_t at;

	if (name.n == sizeof query - 1 && memcmp(name.p, query, name.n) == 0)
		return buf_printf(b, "QUERY_STRING=%.*s", (int)value.n, value.p) && buf_add(b, "", 1);
	if (!(name.n == sizeof content_type - 1 && strncasecmp(name.p, content_type, name.n) == 0) && !buf_add(b, "HTTP_", 5))
		return false;
	at = b->len;
	if (!buf_add(b, name.p, name.n))
		return false;
	for (; at < b->len; at++)
		b->data[at] = b->data[at] == '-' ? '_' : (char)toupper((unsigned char)b->data[at]);
	return buf_add(b, "=", 1) && buf_add(b, value.p, value.n) && buf_add(b, "", 1);
}

static bool add_lines(struct buf *b, struct slice headers, size_t *count)
{
	const char *line = headers.p, *end = headers.n ? headers.p + headers.n : headers.p, *stop, *colon, *value;

	for (; line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		colon = memchr(line + 1, ':', (size_t)(stop - line) - (stop > line));
		if (!colon)
			continue;
		for (value = colon + 1; value < stop && *value == ' '; value++)
			;
		if (!add_header_variable(b, (struct slice){line, (size_t)(colon - line)},
			(struct slice){value, (size_t)(stop - value) - (stop > value && stop[-1] == '\r')}))
			return false;
		++*count;
	}
	return true;
}

bool stored_request(struct slice headers, struct slice body, struct stored *out)
{
	static const char method[] = "REQUEST_METHOD=POST";
	size_t n = 1, i = 0;

	stored_free(out);
	if (!buf_add(&out->text, method, sizeof method) || !add_lines(&out->text, headers, &n))
		return false;
	out->envp = calloc(n + 1, sizeof *out->envp);
	if (!out->envp)
		return false;
	for (char *p = out->text.data; i < n; p += strlen(p) + 1)
		out->envp[i++] = p;
	request_init(&out->request, out->envp, NULL, NULL);
	out->request.body = (struct buf){.data = (char *)(uintptr_t)body.p, .len = body.n};
	return true;
}

void stored_free(struct stored *s)
{
	free(s->envp);
	buf_free(&s->text);
	*s = (struct stored){0};
}
