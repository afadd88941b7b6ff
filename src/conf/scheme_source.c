/* SPDX-License-Identifier: ISC */
/* The options that say where a scheme takes an event's fields from. */
#include "conf/scheme_source.h"

#include <ctype.h>
#include <string.h>

#include "core/paths.h"

/* RFC 9110 section 5.6.2, without the characters that no CGI variable can have. */
bool scheme_source_is_header(const char *name)
{
	const char *p = name;

	while (isalnum((unsigned char)*p) || *p == '-')
		p++;
	return p > name && *p == '\0';
}

static const char thing_prefix[] = "thing:";

static const struct {
	const char *prefix;
	enum source_kind kind;
	bool is_value; /* a signed string and a handshake's question may have it, too */
} source_kinds[] = {{"json:", SOURCE_JSON, true}, {thing_prefix, SOURCE_JSON, false}, {"number:", SOURCE_NUMBER, false}, {"member:", SOURCE_MEMBER, false},
	{"form:", SOURCE_FORM, true}, {"query:", SOURCE_QUERY, true}, {"header:", SOURCE_HEADER, true}, {"text:", SOURCE_TEXT, false},
	{"signature", SOURCE_SIGNATURE, false}, {"body", SOURCE_BODY, false}, {"none", SOURCE_NOTHING, false}};

enum { SOURCE_KINDS = sizeof source_kinds / sizeof *source_kinds };

static size_t source_kind_of(const char *text)
{
	size_t i = 0;

	while (i < SOURCE_KINDS && strncmp(text, source_kinds[i].prefix, strlen(source_kinds[i].prefix)) != 0)
		i++;
	return i;
}

const char *scheme_source_prefix(enum source_kind kind)
{
	for (size_t i = 0; i < SOURCE_KINDS; i++)
		if (source_kinds[i].kind == kind)
			return source_kinds[i].prefix;
	return "";
}

enum source_kind scheme_value_kind(struct slice source, struct slice *name)
{
	for (size_t i = 0; i < SOURCE_KINDS; i++) {
		size_t n = strlen(source_kinds[i].prefix);

		if (!source_kinds[i].is_value || source.n <= n || memcmp(source.p, source_kinds[i].prefix, n) != 0)
			continue;
		*name = (struct slice){source.p + n, source.n - n};
		return source_kinds[i].kind;
	}
	return SOURCE_NONE;
}

/* Takes "[EVENT] " from a text's beginning: the events that the source is for. *text moves on behind it. */
static struct slice take_condition(const char **text)
{
	const char *end = **text == '[' ? strstr(*text, "] ") : NULL;
	struct slice event = {0};

	if (end && end > *text + 1) {
		event = (struct slice){*text + 1, (size_t)(end - *text) - 1};
		*text = end + 2;
	}
	return event;
}

/* Reads one source. The dedupe key has some sources of its own. The event's name has no condition: others depend on it. */
static bool parse_source(const char *text, enum field field, struct source *out)
{
	struct slice event = take_condition(&text);
	size_t i = source_kind_of(text);
	bool key = field == FIELD_KEY;

	if (i == SOURCE_KINDS || (event.p && field == FIELD_EVENT))
		return false;
	*out = (struct source){source_kinds[i].kind, .name = text + strlen(source_kinds[i].prefix), .event = event, .thing = source_kinds[i].prefix == thing_prefix};
	switch (out->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
		return paths_valid(out->name, false) && (key || !out->thing);
	case SOURCE_MEMBER:
		return paths_valid(out->name, true);
	case SOURCE_HEADER:
		return scheme_source_is_header(out->name);
	case SOURCE_SIGNATURE:
	case SOURCE_BODY:
	case SOURCE_NOTHING:
		return *out->name == '\0' && key;
	default:
		return *out->name != '\0';
	}
}

bool scheme_source_parse(const char *text, struct source *out)
{
	return parse_source(text, FIELD_CHALLENGE, out);
}

static const char join[] = " + ";

/* Where the first source of a text ends: at a " + " with another source behind it, or at the text's end. */
static const char *source_end(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, join)) && source_kind_of(at + strlen(join)) == SOURCE_KINDS)
		at += strlen(join);
	return at ? at : text + strlen(text);
}

bool scheme_source_split(cfg_t *sec, const char *option)
{
	struct buf all = {0};
	unsigned n = 0, before = cfg_size(sec, option);
	const char *item;
	bool ok = true;

	for (unsigned i = 0; ok && i < before; i++) {
		const char *text = cfg_getnstr(sec, option, i), *end;

		for (bool more = true; ok && more; text = end, n++) {
			end = source_end(strncmp(text, join, strlen(join)) == 0 ? text + strlen(join) : text);
			more = *end != '\0';
			ok = buf_add(&all, text, (size_t)(end - text)) && buf_add(&all, "", 1);
		}
	}
	item = all.data;
	for (unsigned i = 0; ok && n > before && i < n; i++, item += strlen(item) + 1)
		ok = cfg_setnstr(sec, option, item, i) == CFG_SUCCESS;
	buf_free(&all);
	return ok;
}

static enum field field_of_row(const struct option_row *row)
{
	return (enum field)((row->offset - offsetof(struct scheme, source)) / sizeof ((struct scheme *)0)->source[0]);
}

/* Reads all sources of the option, and returns their number; *wrong is the first text that is none, or stands in a wrong place. */
static unsigned parse_sources(const struct option_row *row, cfg_t *sec, struct source source[SCHEME_SOURCES], const char **wrong)
{
	unsigned n = cfg_size(sec, row->name);

	*wrong = NULL;
	for (unsigned i = 0; i < n && i < SCHEME_SOURCES && !*wrong; i++) {
		const char *text = cfg_getnstr(sec, row->name, i), *one = text;

		if (i > 0 && strncmp(text, join, strlen(join)) == 0) {
			one += strlen(join);
			source[i - 1].more = true;
		}
		if (!parse_source(one, field_of_row(row), &source[i]) ||
		    (source[i].kind == SOURCE_NOTHING && (i + 1 < n || (i > 0 && source[i - 1].more))))
			*wrong = text;
	}
	return n;
}

static bool check_source(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct source source[SCHEME_SOURCES] = {0};
	const char *wrong;

	if (parse_sources(row, sec, source, &wrong) > SCHEME_SOURCES)
		buf_printf(why, ": there are more than %d sources for one field", SCHEME_SOURCES);
	else if (wrong == text)
		buf_printf(why, ": " SCHEME_SOURCE_FIX);
	else
		return true;
	return false;
}

static bool read_sources(const struct option_row *row, cfg_t *sec, void *field)
{
	const char *wrong;

	memset(field, 0, SCHEME_SOURCES * sizeof(struct source));
	parse_sources(row, sec, field, &wrong);
	return true;
}

const struct option_kind scheme_source_kind = {"list of sources", CFGT_STR, .list = true, .check = check_source, .read = read_sources};
