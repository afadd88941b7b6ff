/* SPDX-License-Identifier: ISC */
/* The filters of templates, and how values are escaped for where they stand. */
#include "core/template_filter.h"

#include <ctype.h>
#include <string.h>

#include "core/encode.h"
#include "core/utf8.h"

/* ---- filters */

struct replacement {
	char c;
	const char *with;
};

static bool replace_characters(struct slice in, const struct replacement *list, struct buf *out)
{
	const struct replacement *r;
	bool ok = true;

	for (size_t i = 0; ok && i < in.n; i++) {
		for (r = list; r->c && r->c != in.p[i]; r++)
			;
		ok = r->c ? buf_add(out, r->with, strlen(r->with)) : buf_add(out, &in.p[i], 1);
	}
	return ok;
}

/* Control characters become blanks, encoded ones too: none begins a new line. */
static char visible(char c)
{
	return (unsigned char)c < ' ' || c == 0x7F ? ' ' : c;
}

/*
 * RFC 2047 section 2: an encoded word has at most 75 characters, and none ends inside of a character; 45 bytes are 60 of
 * base64. ASCII text that does not look like an encoded word stays as it is.
 */
static bool encode_header(struct slice v, struct buf *out)
{
	enum { WORD_BYTES = 45 };
	char bytes[WORD_BYTES], word[WORD_BYTES / 3 * 4 + 1];
	bool plain = true, ok = true;
	size_t n;

	for (size_t i = 0; i < v.n; i++)
		plain = plain && (unsigned char)v.p[i] < 0x80 && !(v.p[i] == '=' && i + 1 < v.n && v.p[i + 1] == '?');
	for (bool first = true; ok && v.n > 0; first = false) {
		n = utf8_fit(v.p, v.n, WORD_BYTES);
		for (size_t i = 0; i < n; i++)
			bytes[i] = visible(v.p[i]);
		encode(ENCODING_BASE64, bytes, n, word);
		ok = plain ? buf_add(out, bytes, n) : buf_printf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\n ", word);
		v.p += n;
		v.n -= n;
	}
	return ok;
}

/* CommonMark section 2.4: a backslash takes any ASCII punctuation literally; so no link, mention, list or emphasis begins. */
static bool escape_markdown(struct slice v, struct buf *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < v.n; i++)
		ok = (!ispunct((unsigned char)v.p[i]) || (unsigned char)v.p[i] >= 0x80 || buf_add(out, "\\", 1)) && buf_add(out, &v.p[i], 1);
	return ok;
}

bool template_filter(const struct template_filter *f, struct slice *v, struct buf *out)
{
	/* docs.slack.dev, "Formatting text for app surfaces": these three, and nothing else */
	static const struct replacement mrkdwn[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {0, NULL}};
	static const struct replacement html[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}};
	size_t n;
	bool ok;

	out->len = 0;
	switch (f->kind) {
	case FILTER_DEFAULT:
		if (v->n == 0)
			*v = f->text;
		return true;
	case FILTER_TRUNCATE:
		if (utf8_cut(v->p, v->n, f->characters) == v->n)
			return true;
		n = utf8_cut(v->p, v->n, f->characters - 1);
		ok = buf_add(out, v->p, n) && buf_add(out, "\xE2\x80\xA6", 3);
		break;
	case FILTER_HEADER:
		ok = encode_header(*v, out);
		break;
	case FILTER_MARKDOWN:
		ok = escape_markdown(*v, out);
		break;
	default:
		ok = replace_characters(*v, f->kind == FILTER_HTML ? html : mrkdwn, out);
		break;
	}
	*v = (struct slice){out->data, out->len};
	return ok;
}

/* ---- escapes */

static bool escape_json(struct slice v, struct buf *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c == '"' || c == '\\')
			ok = buf_add(out, "\\", 1) && buf_add(out, &v.p[i], 1);
		else if (c == '\n')
			ok = buf_add(out, "\\n", 2);
		else
			ok = c < 0x20 ? buf_printf(out, "\\u%04x", c) : buf_add(out, &v.p[i], 1);
	}
	return ok;
}

static bool escape_url(struct slice v, struct buf *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		ok = isalnum(c) || (c && strchr("-._~", c)) ? buf_add(out, &v.p[i], 1) : buf_printf(out, "%%%02X", c);
	}
	return ok;
}

bool template_filter_escape(enum template_escape escape, struct slice v, struct buf *scratch, struct buf *out)
{
	switch (escape) {
	case TEMPLATE_JSON:
		if (utf8_valid(v.p, v.n))
			return escape_json(v, out);
		scratch->len = 0;
		return utf8_replace_invalid(v, scratch) && escape_json((struct slice){scratch->data, scratch->len}, out);
	case TEMPLATE_URL:
		return escape_url(v, out);
	case TEMPLATE_PLAIN:
		break;
	}
	return buf_add(out, v.p, v.n);
}
