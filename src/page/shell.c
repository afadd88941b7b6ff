/* SPDX-License-Identifier: ISC */
/* Commands for a shell: a stored delivery as curl sends it, signed anew with a secret that the reader puts in. */
#include "page/shell.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/encode.h"

enum { LINE = 76 }; /* characters of base64 in a line */

/* Quotes for sh: each quote ends the text, stands alone, and begins it again. */
static bool add_shell_quoted(struct buf *out, struct slice s)
{
	bool ok = buf_add(out, "'", 1);

	for (size_t i = 0; ok && i < s.n; i++)
		ok = s.p[i] == '\'' ? buf_add_text(out, "'\\''") : buf_add(out, s.p + i, 1);
	return ok && buf_add(out, "'", 1);
}

static bool add_body(struct buf *out, struct slice body)
{
	size_t n = encode_size(ENCODING_BASE64, body.n);
	char *text = malloc(n + 1);
	bool ok = text && buf_add_text(out, "body=$(mktemp)\nbase64 -d >\"$body\" <<'END'\n");

	if (text)
		encode(ENCODING_BASE64, body.p, body.n, text);
	for (size_t at = 0; ok && at < n; at += LINE)
		ok = buf_add(out, text + at, n - at < LINE ? n - at : LINE) && buf_add(out, "\n", 1);
	free(text);
	return ok && buf_add_text(out, "END\n");
}

static bool is_header_name(struct slice name, const char *other)
{
	return other && strlen(other) == name.n && strncasecmp(other, name.p, name.n) == 0;
}

/* A line "Name: value"; *rest moves on behind it. False at the end. */
static bool next_line(struct slice *rest, struct slice *name, struct slice *value)
{
	const char *stop, *colon;
	struct slice line;

	while (rest->n) {
		stop = memchr(rest->p, '\n', rest->n);
		line = (struct slice){rest->p, stop ? (size_t)(stop - rest->p) : rest->n};
		*rest = (struct slice){rest->p + line.n + (stop != NULL), rest->n - line.n - (stop != NULL)};
		colon = line.n > 1 ? memchr(line.p + 1, ':', line.n - 1) : NULL;
		if (!colon)
			continue;
		*name = (struct slice){line.p, (size_t)(colon - line.p)};
		*value = (struct slice){colon + 1, line.n - name->n - 1};
		while (value->n && *value->p == ' ')
			*value = (struct slice){value->p + 1, value->n - 1};
		return true;
	}
	return false;
}

static struct slice find_header(struct slice headers, const char *wanted)
{
	struct slice name, value;

	while (wanted && next_line(&headers, &name, &value))
		if (is_header_name(name, wanted))
			return value;
	return (struct slice){0};
}

/* The key, as openssl takes it: in hexadecimal. */
static const char *key_line(const struct scheme *s)
{
	switch (s->key_text) {
	case KEY_TEXT_HEX:
		return "key=$SECRET\n";
	case KEY_TEXT_BASE64:
		return "key=$(printf %s \"${SECRET#whsec_}\" | base64 -d | od -An -vtx1 | tr -d ' \\n')\n";
	default:
		return "key=$(printf %s \"$SECRET\" | od -An -vtx1 | tr -d ' \\n')\n";
	}
}

/* The command that prints a part of the signed string; NULL: a shell has none for it. */
static const char *part_command(enum placeholder p)
{
	switch (p) {
	case PLACEHOLDER_BODY:
		return "cat \"$body\"; ";
	case PLACEHOLDER_TIMESTAMP:
		return "printf %s \"$time\"; ";
	case PLACEHOLDER_ID:
		return "printf %s \"$id\"; ";
	case PLACEHOLDER_METHOD:
		return "printf POST; ";
	case PLACEHOLDER_URL:
		return "printf %s \"$url\"; ";
	default:
		return NULL;
	}
}

static bool can_sign(const struct scheme *s)
{
	const char *text = s->signs;
	enum placeholder p;
	struct slice literal;

	if (s->place[0].kind || s->time.kind || s->timestamp_unit == TIMESTAMP_DATE)
		return false;
	if (s->algorithm == ALGORITHM_NONE || s->algorithm == ALGORITHM_SECRET)
		return true;
	if (s->algorithm != ALGORITHM_HMAC_SHA256 && s->algorithm != ALGORITHM_HMAC_SHA1)
		return false;
	while (scheme_next(&text, &p, &literal))
		if (p != PLACEHOLDER_COUNT && !part_command(p))
			return false;
	return true;
}

static bool add_signing(struct buf *out, const struct scheme *s, struct slice headers)
{
	const char *text = s->signs;
	enum placeholder p;
	struct slice literal, id = find_header(headers, s->id_header);
	bool ok = buf_add_text(out, key_line(s)) && buf_printf(out, "time=$(date +%%s)%s\n", s->timestamp_unit == TIMESTAMP_MS ? "000" : "") &&
		(!s->id_header || (buf_add_text(out, "id=") && add_shell_quoted(out, id.n ? id : slice_text("msg_1")) && buf_add(out, "\n", 1))) &&
		buf_add_text(out, "signature=$({ ");

	while (ok && scheme_next(&text, &p, &literal))
		ok = p != PLACEHOLDER_COUNT ? buf_add_text(out, part_command(p))
			: buf_add_text(out, "printf %s ") && add_shell_quoted(out, literal) && buf_add_text(out, "; ");
	return ok && buf_printf(out, "} | openssl dgst -%s -mac HMAC -macopt hexkey:\"$key\" -binary | %s)\n",
		s->algorithm == ALGORITHM_HMAC_SHA1 ? "sha1" : "sha256",
		s->encoding == ENCODING_BASE64 ? "base64 -w0" : "od -An -vtx1 | tr -d ' \\n'");
}

/* A header of the script's own variables. */
static bool add_made_header(struct buf *out, const char *name, const char *value)
{
	return !name || buf_printf(out, " \\\n  -H \"%s: %s\"", name, value);
}

static bool add_proof(struct buf *out, const struct scheme *s)
{
	if (s->algorithm == ALGORITHM_NONE || !s->header)
		return true;
	if (s->algorithm == ALGORITHM_SECRET)
		return buf_printf(out, " \\\n  -H \"%s: %s$%s\"", s->header, s->prefix,
			s->encoding == ENCODING_BASE64 ? "(printf %s \"$SECRET\" | base64 -w0)" : "SECRET");
	return buf_printf(out, " \\\n  -H \"%s: ", s->header) &&
		(!s->timestamp_prefix || buf_printf(out, "%s$time%c", s->timestamp_prefix, s->separator)) &&
		buf_printf(out, "%s$signature\"", s->prefix) && add_made_header(out, s->timestamp_header, "$time") &&
		add_made_header(out, s->id_header, "$id");
}

/* The headers as they came, but for those that the script makes. */
static bool add_stored(struct buf *out, const struct scheme *s, struct slice headers)
{
	struct slice name, value;
	bool ok = true;

	while (ok && next_line(&headers, &name, &value)) {
		if (*name.p == ':' || is_header_name(name, "content-length") || is_header_name(name, "host") || is_header_name(name, "expect") ||
		    is_header_name(name, "transfer-encoding") || is_header_name(name, "connection") || is_header_name(name, s->header) || is_header_name(name, s->timestamp_header) ||
		    (scheme_has_key(s) && is_header_name(name, s->id_header)) || is_header_name(name, s->other_headers.signature) ||
		    is_header_name(name, s->other_headers.timestamp) || is_header_name(name, s->other_headers.id))
			continue;
		ok = buf_add_text(out, " \\\n  -H ") && add_shell_quoted(out, (struct slice){name.p, (size_t)(value.p - name.p) + value.n});
	}
	return ok;
}

bool shell_curl(const struct shell_delivery *d, struct buf *out, bool *possible)
{
	const struct scheme *s = &d->endpoint->scheme;
	struct slice query = find_header(d->headers, ":query");
	struct buf url = {0};
	bool ok;

	*possible = can_sign(s) && !memchr(d->headers.p ? d->headers.p : "", '\0', d->headers.n);
	if (!*possible)
		return true;
	ok = d->endpoint->url ? buf_add_text(&url, d->endpoint->url) : buf_printf(&url, "https://%s%s", d->host, d->endpoint->path);
	if (ok && query.n)
		ok = buf_add(&url, "?", 1) && buf_add(&url, query.p, query.n);
	ok = ok && add_body(out, d->body) && buf_add_text(out, "url=") && add_shell_quoted(out, (struct slice){url.data, url.len}) && buf_add(out, "\n", 1);
	if (ok && s->algorithm != ALGORITHM_NONE)
		ok = buf_add_text(out, "SECRET='put the secret here'\n") && (s->algorithm == ALGORITHM_SECRET || add_signing(out, s, d->headers));
	ok = ok && buf_add_text(out, "curl -sS -X POST --data-binary @\"$body\"") && add_stored(out, s, d->headers) && add_proof(out, s) &&
		(d->endpoint->authorizations.n == 0 || buf_add_text(out, " \\\n  -H \"Authorization: $AUTHORIZATION\"")) &&
		buf_add_text(out, " \\\n  \"$url\"\nrm \"$body\"\n");
	buf_free(&url);
	return ok;
}
