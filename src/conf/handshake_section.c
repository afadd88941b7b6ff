/* SPDX-License-Identifier: ISC */
/* The configuration's own handshakes: the options of a handshake section, and those that a scheme names. */
#include "conf/handshake_section.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "conf/kind.h"
#include "conf/kind_answer.h"
#include "conf/reader.h"
#include "conf/scheme_source.h"

static const char *const handshake_methods[] = {"POST", "GET", "HEAD", "OPTIONS", NULL}; /* enum handshake_method */
static const char *const answer_types[] = {"text/plain", "application/json", NULL};

/* ---- kinds of its own */

/* The place of a question; NOWHERE for a text that is none. */
static enum handshake_place question_place(const char *text)
{
	struct slice name;

	switch (scheme_value_kind(slice_text(text), &name)) {
	case SOURCE_JSON:
		return HANDSHAKE_IN_CHALLENGE;
	case SOURCE_FORM:
		return HANDSHAKE_IN_FORM;
	case SOURCE_HEADER:
		return HANDSHAKE_IN_HEADER;
	case SOURCE_QUERY:
		return HANDSHAKE_IN_QUERY;
	default:
		return HANDSHAKE_NOWHERE;
	}
}

static bool check_question(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct source source;

	(void)row;
	(void)sec;
	if (question_place(text) != HANDSHAKE_NOWHERE && scheme_source_parse(text, &source))
		return true;
	buf_printf(why, ": write \"json:PATH\", \"form:NAME\", \"header:NAME\" or \"query:NAME\"");
	return false;
}

static bool check_token(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (question_place(text) == HANDSHAKE_IN_QUERY)
		return true;
	buf_printf(why, ": write \"query:NAME\"");
	return false;
}

static bool read_token_name(const struct option_row *row, cfg_t *sec, void *field)
{
	*(const char **)field = cfg_getstr(sec, row->name) + strlen("query:");
	return true;
}

/* The first "{word}" that is no placeholder; p == NULL: there is none. JSON's own braces hold no bare word. */
static struct slice unknown_placeholder(const char *text)
{
	enum handshake_part part;
	struct slice literal;

	while (handshake_next(&text, &part, &literal)) {
		for (size_t at = 0, n; part == HANDSHAKE_LITERAL && at < literal.n; at++) {
			if (literal.p[at] != '{')
				continue;
			for (n = 1; at + n < literal.n && (isalnum((unsigned char)literal.p[at + n]) || literal.p[at + n] == '-'); n++)
				;
			if (n > 1 && at + n < literal.n && literal.p[at + n] == '}')
				return (struct slice){literal.p + at, n + 1};
		}
	}
	return (struct slice){0};
}

static bool check_placeholders(const char *text, struct buf *why)
{
	struct slice unknown = unknown_placeholder(text);

	if (unknown.p)
		buf_printf(why, ": %.*s is no placeholder; there are {challenge}, {hmac-hex} and {hmac-base64}", (int)unknown.n, unknown.p);
	return !unknown.p;
}

static bool check_answer_body(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	return check_placeholders(text, why);
}

static bool begins_name(const char *header, const char *name, size_t n)
{
	return strncasecmp(header, name, n) == 0;
}

/* True for a name with one of these words in it: a header of a handshake, and of no web server, browser or cache. */
static bool is_handshake_header(const char *name, size_t n)
{
	static const char *const words[] = {"hook", "challenge", "verification"};

	for (size_t at = 0; at < n; at++)
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (n - at >= strlen(words[i]) && begins_name(name + at, words[i], strlen(words[i])))
				return true;
	return false;
}

/*
 * A stranger's text in a header of any name could steer the web server (X-Accel-Redirect), a browser or a cache. So the answer has the
 * question's own header where that is one of handshakes, those of CloudEvents (HTTP 1.1 Web Hooks, section 4.2), and Allow.
 */
static bool is_allowed_header(cfg_t *sec, const char *header)
{
	const char *question = cfg_getstr(sec, "question"), *colon = strchr(header, ':');
	size_t n = colon ? (size_t)(colon - header) : 0;

	if (n == strlen("Allow") && begins_name(header, "Allow", n))
		return !strchr(header, '{');
	if (begins_name(header, "WebHook-", strlen("WebHook-")))
		return true;
	return question && question_place(question) == HANDSHAKE_IN_HEADER && strlen(question) == strlen("header:") + n &&
		begins_name(header, question + strlen("header:"), n) && is_handshake_header(header, n);
}

static bool is_header_line(const char *header)
{
	const char *p = header;

	while (isalnum((unsigned char)*p) || *p == '-')
		p++;
	if (p == header || p[0] != ':' || p[1] != ' ' || !p[2])
		return false;
	while (*p >= ' ' && *p < 0x7F)
		p++;
	return *p == '\0';
}

static bool check_answer_headers(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	if (!is_header_line(text))
		buf_printf(why, ": write \"Name: value\"");
	else if (cfg_size(sec, row->name) > HANDSHAKE_HEADERS)
		buf_printf(why, ": there are more than %d headers", HANDSHAKE_HEADERS);
	else if (!is_allowed_header(sec, text))
		buf_printf(why, ": an answer may have the header that the question is in, where its name has Hook, Challenge or Verification in it, "
			"WebHook-... and a fixed Allow");
	else
		return check_placeholders(text, why);
	return false;
}

static bool read_answer_headers(const struct option_row *row, cfg_t *sec, void *field)
{
	const char **header = field;

	for (unsigned i = 0; i < cfg_size(sec, row->name) && i < HANDSHAKE_HEADERS; i++)
		header[i] = cfg_getnstr(sec, row->name, i);
	return true;
}

static const struct option_kind question_kind = {"place", CFGT_STR, .check = check_question, .read = kind_read_borrowed};
static const struct option_kind token_kind = {"place in the query", CFGT_STR, .check = check_token, .read = read_token_name};
static const struct option_kind answer_type_kind = {"choice", CFGT_STR, .check = kind_check_choice, .read = kind_read_borrowed};
static const struct option_kind answer_body_kind = {"text", CFGT_STR, .check = check_answer_body, .read = kind_read_borrowed};
static const struct option_kind answer_headers_kind = {"list of headers", CFGT_STR, .list = true, .check = check_answer_headers, .read = read_answer_headers};

/* ---- the options */

#define AT(field) offsetof(struct handshake, field)

static const struct option_row handshake_options[] = {
	{"method", &kind_choice, "POST", AT(method), .choices = handshake_methods, .help = "the method of the request that asks"},
	{"event", &kind_borrowed, NULL, AT(event), .help = "only a delivery of this event asks; without it, each that has the question"},
	{"question", &question_kind, NULL, AT(question), .help = "where the question is; without it, the answer is always the same"},
	{"signed", &kind_bool, "true", AT(is_signed), .help = "a POST that asks is signed; false: an unsigned one is answered, too"},
	{"verify-token", &token_kind, NULL, AT(token), .help = "where the endpoint's verify token is"},
	{"keep", &kind_bool, "false", AT(keep), .help = "keep the question for `hookspool rejects`: it is a secret that the administrator needs"},
	{"answer-status", &kind_status, "200", AT(status), .help = "the status of the answer: 200 or 204"},
	{"answer-type", &answer_type_kind, "text/plain", AT(type), .choices = answer_types, .help = "the media type of answer-body"},
	{"answer-body", &answer_body_kind, NULL, AT(body), .help = "the body of the answer, with {challenge}, {hmac-hex} or {hmac-base64} in it"},
	{"answer-headers", &answer_headers_kind, NULL, AT(headers), .help = "headers of the answer, at most 4"},
	{.name = NULL},
};

const struct option_row *handshake_section_rows(size_t i)
{
	return i == 0 ? handshake_options : NULL;
}

/* ---- a section as a whole */

static bool build_handshake(cfg_t *sec, struct handshake *h)
{
	*h = (struct handshake){.name = cfg_title(sec)};
	if (!option_read(handshake_options, sec, h))
		return false;
	h->place = h->question ? question_place(h->question) : HANDSHAKE_NOWHERE;
	if (!h->body)
		h->type = NULL;
	return true;
}

static bool check_question_place(cfg_t *sec, const struct handshake *h)
{
	bool post = h->method == HANDSHAKE_POST, in_body = h->place == HANDSHAKE_IN_CHALLENGE || h->place == HANDSHAKE_IN_FORM;

	if (!post && in_body)
		return option_refuse_value(sec, "question", NULL, "a %s has no body; write question = \"query:NAME\" or \"header:NAME\"", handshake_methods[h->method]);
	if (!post && option_is_given(sec, "signed"))
		return option_refuse_value(sec, "signed", NULL, "only a POST is signed; remove signed");
	if (post && h->place == HANDSHAKE_IN_QUERY && h->is_signed)
		return option_refuse(sec, "a question in the query is answered before any signature is looked for; add signed = false");
	if (post && h->place == HANDSHAKE_NOWHERE && (!h->event || !h->is_signed))
		return option_refuse(sec, "it would answer every delivery; add question = \"json:PATH\"%s", h->is_signed ? " or event = \"NAME\"" : "");
	if (h->event && (!post || (!in_body && !h->is_signed)))
		return option_refuse_value(sec, "event", NULL, "the event stands in the body, which is not looked at here; remove event");
	return true;
}

static bool check_whole(cfg_t *sec, const struct handshake *h)
{
	if (!check_question_place(sec, h) || !kind_check_answer(sec))
		return false;
	if (h->status != 200 && h->status != 204)
		return option_refuse_value(sec, "answer-status", NULL, "the answer to a handshake is 200 or 204");
	if (h->place == HANDSHAKE_NOWHERE && (h->keep || handshake_echoes(h)))
		return option_refuse(sec, "it has no question; add question = \"json:PATH\", \"header:NAME\" or \"query:NAME\"");
	return !h->token || h->place == HANDSHAKE_IN_QUERY ||
		option_refuse_value(sec, "verify-token", NULL, "a verify token goes with question = \"query:NAME\"");
}

static bool is_built_in_name(const char *name)
{
	const struct handshake *row;

	for (size_t i = 0; (row = handshake_built_in(i)); i++)
		if (strcmp(row->name, name) == 0)
			return true;
	return strcmp(name, "none") == 0;
}

bool handshake_section_check(cfg_t *sec)
{
	struct handshake h;

	return reader_check_title(sec, !is_built_in_name(cfg_title(sec)), "it is built in; give yours another name") && option_check(handshake_options, sec) &&
		build_handshake(sec, &h) && check_whole(sec, &h);
}

bool handshake_section_add(cfg_t *tree, const char *name, struct handshake *out, size_t max, size_t *n)
{
	cfg_t *sec = cfg_size(tree, "handshake") ? cfg_gettsec(tree, "handshake", name) : NULL;
	const struct handshake *row;
	size_t before = *n;

	if (sec)
		return *n < max && build_handshake(sec, &out[(*n)++]);
	for (size_t i = 0; (row = handshake_built_in(i)); i++) {
		if (strcmp(row->name, name) != 0)
			continue;
		if (*n == max)
			return false;
		out[(*n)++] = *row;
	}
	return *n > before;
}

const char *handshake_section_word(size_t i)
{
	const struct handshake *row;
	const char *last = "";

	for (size_t k = 0; (row = handshake_built_in(k)); k++) {
		if (strcmp(row->name, last) == 0)
			continue;
		last = row->name;
		if (i-- == 0)
			return last;
	}
	return i == 0 ? "none" : NULL;
}
