/* SPDX-License-Identifier: ISC */
/*
 * Forms as multipart/form-data, read strictly.
 *
 * The reader goes through these states, each of which moves `at` on, or ends with MALFORMED:
 *
 *   boundary -> header line ... -> empty line -> content -> CRLF "--" boundary -> CRLF, and the next header line
 *                                                                              -> "--", and the end
 */
#include "hook/multipart.h"

#include <string.h>
#include <strings.h>

struct multipart {
	const char *at, *end;
	struct slice boundary; /* with the "--" */
	/* of the part that is read */
	struct slice name, content;
	bool is_named, is_file;
};

static bool is_boundary_mark(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("'()+_,-./:=?", c));
}

/* The first line; p == NULL: it is no boundary. */
static struct slice first_boundary(struct slice body)
{
	size_t n = 2;

	if (body.n < 2 || memcmp(body.p, "--", 2) != 0)
		return (struct slice){0};
	while (n < body.n && n < 2 + MULTIPART_BOUNDARY_MAX && is_boundary_mark(body.p[n]))
		n++;
	return n > 2 && body.n - n >= 2 && memcmp(body.p + n, "\r\n", 2) == 0 ? (struct slice){body.p, n} : (struct slice){0};
}

bool multipart_begins(struct slice body)
{
	return first_boundary(body).p != NULL;
}

/* Moves on behind the text. False, and nothing moves, where another one stands there. */
static bool take_part_text(struct multipart *m, const char *text, size_t n)
{
	if ((size_t)(m->end - m->at) < n || memcmp(m->at, text, n) != 0)
		return false;
	m->at += n;
	return true;
}

/* The next line of a header, without its CRLF. False where it has no end, or a control character. */
static bool take_part_line(struct multipart *m, struct slice *line)
{
	const char *p = m->at;

	while (p < m->end && ((unsigned char)*p >= ' ' || *p == '\t') && *p != 0x7F)
		p++;
	*line = (struct slice){m->at, (size_t)(p - m->at)};
	m->at = p;
	return take_part_text(m, "\r\n", 2);
}

static bool is_part_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_part_blanks(struct slice *s)
{
	for (; s->n && is_part_blank(*s->p); s->n--)
		s->p++;
}

static bool is_token_mark(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Moves on behind a token (RFC 9110 section 5.6.2), which may be empty. */
static struct slice take_token(struct slice *s)
{
	struct slice token = {s->p, 0};

	while (token.n < s->n && is_token_mark(s->p[token.n]))
		token.n++;
	s->p += token.n;
	s->n -= token.n;
	return token;
}

/* Moves on behind a quoted text; a backslash takes the mark behind it along. *out is what stands between the quotes. */
static bool take_quoted(struct slice *s, struct slice *out)
{
	size_t n = 1;

	while (n < s->n && s->p[n] != '"')
		n += s->p[n] == '\\' && n + 1 < s->n ? 2 : 1;
	if (n >= s->n)
		return false;
	*out = (struct slice){s->p + 1, n - 1};
	s->p += n + 1;
	s->n -= n + 1;
	return true;
}

static bool is_same_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* One parameter of a Content-Disposition. A name has no backslash: readers differ on what it stands for. */
static bool take_parameter(struct multipart *m, struct slice *rest)
{
	struct slice key, value;

	skip_part_blanks(rest);
	key = take_token(rest);
	if (!key.n || !rest->n || *rest->p != '=')
		return false;
	*rest = (struct slice){rest->p + 1, rest->n - 1};
	if (rest->n && *rest->p == '"') {
		if (!take_quoted(rest, &value))
			return false;
	} else if (!(value = take_token(rest)).n) {
		return false;
	}
	skip_part_blanks(rest);
	if (is_same_word(key, "filename") || is_same_word(key, "filename*"))
		m->is_file = true;
	if (!is_same_word(key, "name"))
		return !is_same_word(key, "name*");
	if (m->is_named || !value.n || memchr(value.p, '\\', value.n))
		return false;
	m->is_named = true;
	m->name = value;
	return true;
}

/* RFC 7578 section 4.2 */
static bool read_disposition(struct multipart *m, struct slice rest)
{
	skip_part_blanks(&rest);
	if (m->is_named || !is_same_word(take_token(&rest), "form-data"))
		return false;
	skip_part_blanks(&rest);
	while (rest.n) {
		if (*rest.p != ';')
			return false;
		rest = (struct slice){rest.p + 1, rest.n - 1};
		if (!take_parameter(m, &rest))
			return false;
	}
	return m->is_named;
}

/* RFC 7578 section 4.7: nothing is encoded. */
static bool is_plain_encoding(struct slice value)
{
	skip_part_blanks(&value);
	while (value.n && is_part_blank(value.p[value.n - 1]))
		value.n--;
	return is_same_word(value, "binary") || is_same_word(value, "8bit") || is_same_word(value, "7bit");
}

static bool read_header_line(struct multipart *m, struct slice line)
{
	struct slice name = take_token(&line), value;

	if (!name.n || !line.n || *line.p != ':')
		return false;
	value = (struct slice){line.p + 1, line.n - 1};
	if (is_same_word(name, "Content-Disposition"))
		return read_disposition(m, value);
	return !is_same_word(name, "Content-Transfer-Encoding") || is_plain_encoding(value);
}

static bool read_header(struct multipart *m)
{
	const char *begin = m->at;
	struct slice line;

	m->is_named = m->is_file = false;
	for (;;) {
		if (!take_part_line(m, &line) || m->at - begin > MULTIPART_HEADER)
			return false;
		if (!line.n)
			return m->is_named;
		if (!read_header_line(m, line))
			return false;
	}
}

/* The content up to the next boundary. */
static bool read_part_content(struct multipart *m)
{
	const char *begin = m->at, *p = begin, *stop;
	size_t n = m->boundary.n;

	for (; (stop = memchr(p, '\r', (size_t)(m->end - p))); p = stop + 1) {
		if ((size_t)(m->end - stop) < 2 + n || stop[1] != '\n' || memcmp(stop + 2, m->boundary.p, n) != 0)
			continue;
		m->content = (struct slice){begin, (size_t)(stop - begin)};
		m->at = stop + 2 + n;
		return true;
	}
	return false;
}

/* Behind the last boundary there may be the end of its line, and nothing else. */
static bool is_at_end(struct multipart *m)
{
	take_part_text(m, "\r\n", 2);
	return m->at == m->end;
}

enum form_result multipart_parse(struct form *f, struct slice body)
{
	struct multipart m = {.at = body.p, .end = body.n ? body.p + body.n : body.p, .boundary = first_boundary(body)};

	if (!form_begin(f, body.n))
		return FORM_NO_MEMORY;
	if (!m.boundary.p)
		return FORM_MALFORMED;
	m.at += m.boundary.n;
	for (int i = 0; i < MULTIPART_PARTS; i++) {
		if (!take_part_text(&m, "\r\n", 2) || !read_header(&m) || !read_part_content(&m))
			return FORM_MALFORMED;
		if (!m.is_file && memchr(m.content.p, '\0', m.content.n))
			return FORM_MALFORMED;
		if (!m.is_file && !form_add(f, m.name, m.content))
			return FORM_NO_MEMORY;
		if (take_part_text(&m, "--", 2))
			return is_at_end(&m) ? FORM_OK : FORM_MALFORMED;
	}
	return FORM_MALFORMED;
}
