/* SPDX-License-Identifier: ISC */
/* The configuration's own signature schemes: from a section of libconfuse's tree to a row of the table. */
#include "conf/schema_scheme.h"

#include <ctype.h>
#include <string.h>

#include "conf/schema.h"
#include "core/paths.h"
#include "core/units.h"

static const int64_t TOLERANCE_MAX_MS = 365 * INT64_C(86400000);

const char *const schema_bodies[] = {"json", "form", "any", NULL};

static const char *const algorithms[] = {"none", "hmac-sha256", "hmac-sha1", "ed25519", "secret", "client-state", NULL};
static const char *const encodings[] = {"hex", "base64", NULL};
static const char *const key_texts[] = {"plain", "hex", "base64", NULL};
static const char *const units[] = {"s", "ms", NULL};
static const char *const handshakes[] = {"none", "challenge", "hub", "challenge-code", "crc-token", "validation-token",
	"url-verification", "plain-token", "ping", NULL};

/* The options that say where a field is taken from. */
static const char *const fields[FIELD_COUNT] = {
	[FIELD_EVENT] = "event",
	[FIELD_KEY] = "dedupe-key",
	[FIELD_ACCOUNT] = "account",
	[FIELD_SENDER_ID] = "sender-id",
	[FIELD_SENDER_NAME] = "sender-name",
	[FIELD_CONVERSATION] = "conversation",
	[FIELD_SENT_AT] = "sent-at",
	[FIELD_TEXT] = "text",
	[FIELD_CHALLENGE] = "challenge",
	[FIELD_CLIENT_STATE] = "client-state",
};

const cfg_opt_t schema_scheme_options[] = {
	CFG_STR("like", NULL, CFGF_NONE),
	CFG_STR("algorithm", NULL, CFGF_NONE),
	CFG_STR("header", NULL, CFGF_NONE),
	CFG_STR("separator", NULL, CFGF_NONE),
	CFG_STR("prefix", NULL, CFGF_NONE),
	CFG_STR("encoding", NULL, CFGF_NONE),
	CFG_STR("secret-encoding", NULL, CFGF_NONE),
	CFG_STR("signs", NULL, CFGF_NONE),
	CFG_STR("timestamp-header", NULL, CFGF_NONE),
	CFG_STR("timestamp-prefix", NULL, CFGF_NONE),
	CFG_STR("timestamp-unit", NULL, CFGF_NONE),
	CFG_STR("tolerance", NULL, CFGF_NONE),
	CFG_STR("id-header", NULL, CFGF_NONE),
	CFG_STR("handshake", NULL, CFGF_NONE),
	CFG_STR_LIST("bodies", NULL, CFGF_NONE),
	CFG_STR_LIST("event", NULL, CFGF_NONE),
	CFG_STR_LIST("dedupe-key", NULL, CFGF_NONE),
	CFG_STR_LIST("account", NULL, CFGF_NONE),
	CFG_STR_LIST("sender-id", NULL, CFGF_NONE),
	CFG_STR_LIST("sender-name", NULL, CFGF_NONE),
	CFG_STR_LIST("conversation", NULL, CFGF_NONE),
	CFG_STR_LIST("sent-at", NULL, CFGF_NONE),
	CFG_STR_LIST("text", NULL, CFGF_NONE),
	CFG_STR_LIST("challenge", NULL, CFGF_NONE),
	CFG_STR_LIST("client-state", NULL, CFGF_NONE),
	CFG_END(),
};

/* A section being turned into a scheme; cfg == NULL: it was checked before. */
struct build {
	cfg_t *cfg, *sec;
	struct scheme *s;
};

static bool wrong(const struct build *b, const char *option, const char *value, const char *fix)
{
	if (b->cfg)
		cfg_error(schema_at(b->sec, option, value), "scheme \"%s\": %s = \"%s\": %s", cfg_title(b->sec), option, value, fix);
	return false;
}

static bool lacks(const struct build *b, const char *what)
{
	if (b->cfg)
		cfg_error(b->cfg, "scheme \"%s\" %s", cfg_title(b->sec), what);
	return false;
}

/* Sets *out to the position of the option's word, when there is one. */
static bool set_choice(const struct build *b, const char *option, const char *const *words, int *out)
{
	const char *value = cfg_getstr(b->sec, option);
	struct buf fix = {0};
	int i = value ? schema_choice(words, value) : *out;

	if (i >= 0) {
		*out = i;
		return true;
	}
	buf_printf(&fix, "write");
	for (; *words; words++)
		buf_printf(&fix, " \"%s\"%s", *words, !words[1] ? "" : !words[2] ? " or" : ",");
	wrong(b, option, value, buf_str(&fix));
	buf_free(&fix);
	return false;
}

static void set_text(const struct build *b, const char *option, const char **out)
{
	if (cfg_getstr(b->sec, option))
		*out = cfg_getstr(b->sec, option);
}

/* RFC 9110 section 5.6.2, less what could not stand in a CGI variable's name. */
static bool is_header(const char *name)
{
	const char *p = name;

	while (isalnum((unsigned char)*p) || *p == '-')
		p++;
	return p > name && *p == '\0';
}

static bool set_header(const struct build *b, const char *option, const char **out)
{
	set_text(b, option, out);
	return !*out || is_header(*out) || wrong(b, option, *out, "a header's name has letters, digits and hyphens");
}

static bool set_separator(const struct build *b)
{
	const char *value = cfg_getstr(b->sec, "separator");

	if (value && strcmp(value, ",") != 0 && strcmp(value, " ") != 0 && *value)
		return wrong(b, "separator", value, "write \",\", \" \", or \"\" for a value that is one signature");
	if (value)
		b->s->separator = *value;
	return true;
}

static bool set_tolerance(const struct build *b)
{
	const char *value = cfg_getstr(b->sec, "tolerance");

	if (value && !units_duration(value, &b->s->tolerance))
		return wrong(b, "tolerance", value, "it is no time; write \"300s\", or \"0s\" for any");
	if (!value || b->s->tolerance <= TOLERANCE_MAX_MS)
		return true;
	b->s->tolerance = TOLERANCE_MAX_MS; /* 0.1 took any: it goes on receiving, and check fails */
	if (b->cfg)
		schema_fault(schema_at(b->sec, "tolerance", value), "scheme \"%s\": tolerance = \"%s\" is longer than 365d, which is taken; "
			"write a shorter time, or \"0s\" for any", cfg_title(b->sec), value);
	return true;
}

static const struct {
	const char *prefix;
	enum source_kind kind;
} kinds[] = {{"json:", SOURCE_JSON}, {"number:", SOURCE_NUMBER}, {"member:", SOURCE_MEMBER}, {"form:", SOURCE_FORM},
	{"header:", SOURCE_HEADER}, {"text:", SOURCE_TEXT}, {"signature", SOURCE_SIGNATURE}, {"body", SOURCE_BODY}, {"none", SOURCE_NOTHING}};

enum { KINDS = sizeof kinds / sizeof *kinds };

static size_t kind_of(const char *text)
{
	size_t i = 0;

	while (i < KINDS && strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) != 0)
		i++;
	return i;
}

static bool parse_source(const struct scheme *s, enum field f, const char *text, struct source *out)
{
	size_t i = kind_of(text);

	if (i == KINDS)
		return false;
	*out = (struct source){kinds[i].kind, .name = text + strlen(kinds[i].prefix)};
	switch (out->kind) {
	case SOURCE_JSON:
	case SOURCE_NUMBER:
		return paths_valid(out->name, false);
	case SOURCE_MEMBER:
		return paths_valid(out->name, true);
	case SOURCE_HEADER:
		return is_header(out->name);
	case SOURCE_SIGNATURE:
		return *out->name == '\0' && f == FIELD_KEY && s->separator == '\0' && scheme_has_key(s);
	case SOURCE_BODY:
	case SOURCE_NOTHING:
		return *out->name == '\0' && f == FIELD_KEY;
	default:
		return *out->name != '\0';
	}
}

static const char join[] = " + ";

/* Where the first source of a text ends: at a " + " with another source behind it, or at the text's end. */
static const char *source_end(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, join)) && kind_of(at + strlen(join)) == KINDS)
		at += strlen(join);
	return at ? at : text + strlen(text);
}

/*
 * Gives each source of "a + b" an item of its own in the tree, so that each name is a string there: "a" and " + b". An option that was
 * split before stays as it is.
 */
static bool split_sources(cfg_t *sec, const char *option)
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

static bool set_sources(const struct build *b, enum field f)
{
	const char *text;
	struct source *source = b->s->source[f];
	unsigned n = cfg_size(b->sec, fields[f]);

	if (n > SCHEME_SOURCES)
		return lacks(b, "has more than 12 sources for one field");
	if (n > 0)
		memset(source, 0, sizeof b->s->source[f]);
	for (unsigned i = 0; i < n; i++) {
		text = cfg_getnstr(b->sec, fields[f], i);
		if (i > 0 && strncmp(text, join, strlen(join)) == 0) {
			text += strlen(join);
			source[i - 1].more = true;
		}
		if (!parse_source(b->s, f, text, &source[i]) || (source[i].kind == SOURCE_NOTHING && (i + 1 < n || (i > 0 && source[i - 1].more))))
			return wrong(b, fields[f], cfg_getnstr(b->sec, fields[f], i), "write \"json:PATH\", \"header:NAME\", \"form:NAME\", "
				"\"text:TEXT\", \"number:PATH\", \"member:PATH\", or some of them with \" + \" between; for the dedupe-key also "
				"\"body\", \"none\" as the last, or \"signature\" where the header's value is one signature");
	}
	return true;
}

unsigned schema_bodies_of(cfg_t *sec)
{
	unsigned bodies = 0;

	for (unsigned i = 0; i < cfg_size(sec, "bodies"); i++)
		bodies |= 1U << schema_choice(schema_bodies, cfg_getnstr(sec, "bodies", i));
	return bodies;
}

static bool set_all(const struct build *b)
{
	struct scheme *s = b->s;
	int algorithm = (int)s->algorithm, encoding = (int)s->encoding, key_text = (int)s->key_text;
	int unit = s->timestamp_ms, handshake = (int)s->handshake;

	if (!set_choice(b, "algorithm", algorithms, &algorithm) || !set_choice(b, "encoding", encodings, &encoding) ||
	    !set_choice(b, "secret-encoding", key_texts, &key_text) || !set_choice(b, "timestamp-unit", units, &unit) ||
	    !set_choice(b, "handshake", handshakes, &handshake))
		return false;
	s->algorithm = (enum algorithm)algorithm;
	s->encoding = (enum encoding)encoding;
	s->key_text = (enum key_text)key_text;
	s->timestamp_ms = unit == 1;
	s->handshake = (enum handshake)handshake;
	set_text(b, "prefix", &s->prefix);
	set_text(b, "signs", &s->signs);
	set_text(b, "timestamp-prefix", &s->timestamp_prefix);
	if (!set_header(b, "header", &s->header) || !set_header(b, "timestamp-header", &s->timestamp_header) ||
	    !set_header(b, "id-header", &s->id_header) || !set_separator(b) || !set_tolerance(b))
		return false;
	if (cfg_getstr(b->sec, "header") || cfg_getstr(b->sec, "timestamp-header") || cfg_getstr(b->sec, "id-header"))
		s->other_headers = (struct proof_headers){0};
	if (cfg_getstr(b->sec, "algorithm"))
		s->other_algorithm = ALGORITHM_NONE;
	if (cfg_size(b->sec, "bodies"))
		s->bodies = schema_bodies_of(b->sec);
	for (int f = 0; f < FIELD_COUNT; f++)
		if (!set_sources(b, (enum field)f))
			return false;
	return true;
}

static bool check_signs(const struct build *b)
{
	const char *rest = b->s->signs;
	struct slice literal;
	enum placeholder p;

	while (scheme_next(&rest, &p, &literal))
		;
	return !*rest || wrong(b, "signs", b->s->signs, "in braces there are body, timestamp, id, method, url, decoded-url and form");
}

/* What doesn't go together. */
static bool check_whole(const struct build *b)
{
	const struct scheme *s = b->s;
	bool timestamp = s->timestamp_header || s->timestamp_prefix;

	if (s->algorithm == ALGORITHM_SECRET && !s->header)
		return lacks(b, "names no header; add header = \"X-...\", where the secret is");
	if (s->algorithm == ALGORITHM_CLIENT_STATE && s->source[FIELD_CLIENT_STATE][0].kind == SOURCE_NONE)
		return lacks(b, "does not say where the secret is; add client-state = {\"json:...\"}");
	if ((s->handshake == HANDSHAKE_CHALLENGE_CODE || s->handshake == HANDSHAKE_CRC_TOKEN || s->handshake == HANDSHAKE_PLAIN_TOKEN) &&
	    s->algorithm != ALGORITHM_HMAC_SHA256)
		return lacks(b, "has a handshake that is answered with an HMAC; it needs algorithm = \"hmac-sha256\"");
	for (int i = 0; s->handshake == HANDSHAKE_PLAIN_TOKEN && i < SCHEME_SOURCES && s->source[FIELD_CHALLENGE][i].kind; i++)
		if (!scheme_signs_source(s, &s->source[FIELD_CHALLENGE][i]))
			return lacks(b, "answers with the HMAC of a text that nothing signs; take the challenge from the body");
	if (!scheme_has_key(s))
		return true;
	if (!s->header || !s->signs)
		return lacks(b, "needs a header and what it signs; add header = \"X-...\" and signs = \"{body}\"");
	if (!check_signs(b))
		return false;
	if (!scheme_signs(s, PLACEHOLDER_BODY) && !scheme_signs(s, PLACEHOLDER_FORM))
		return wrong(b, "signs", s->signs, "the body is not signed; add {body}");
	if (timestamp != scheme_signs(s, PLACEHOLDER_TIMESTAMP))
		return lacks(b, timestamp ? "has a timestamp that isn't signed; add {timestamp} to signs"
			: "signs a timestamp from nowhere; add timestamp-header or timestamp-prefix");
	if ((s->id_header != NULL) != scheme_signs(s, PLACEHOLDER_ID))
		return lacks(b, s->id_header ? "has an id that isn't signed; add {id} to signs" : "signs an id from nowhere; add id-header");
	if (s->timestamp_prefix && !s->separator)
		return lacks(b, "has a timestamp in the signature's header; add separator = \",\" between them");
	return true;
}

static bool build(const struct build *b)
{
	const char *like = cfg_getstr(b->sec, "like");
	const struct scheme *base = like ? scheme_find(like) : NULL;

	if (like && !base)
		return wrong(b, "like", like, "there is no such built-in scheme");
	*b->s = base ? *base : (struct scheme){
		.algorithm = ALGORITHM_HMAC_SHA256,
		.prefix = "",
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {[FIELD_EVENT] = {{SOURCE_JSON, .name = "event"}, {SOURCE_JSON, .name = "type"}, {SOURCE_TEXT, .name = "event"}},
			[FIELD_KEY] = {{.kind = SOURCE_BODY}}},
	};
	b->s->name = cfg_title(b->sec);
	b->s->like = base ? base->name : NULL;
	return set_all(b) && check_whole(b);
}

int schema_scheme_check(cfg_t *cfg, cfg_opt_t *opt)
{
	struct scheme s;
	struct build b = {cfg, cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1), &s};

	for (int f = 0; f < FIELD_COUNT; f++)
		if (!split_sources(b.sec, fields[f]))
			return -1;
	return schema_check_title(b.sec, !scheme_find(cfg_title(b.sec)), "it is built in; give yours another name, and say what it is like") &&
		build(&b) ? 0 : -1;
}

bool schema_scheme_find(cfg_t *tree, const char *name, struct scheme *out)
{
	const struct scheme *built_in = scheme_find(name);
	struct build b = {NULL, cfg_gettsec(tree, "scheme", name), out};

	if (built_in)
		*out = *built_in;
	return built_in || (b.sec && build(&b));
}

void schema_scheme_names(cfg_t *tree, struct buf *out)
{
	for (size_t i = 0; scheme_at(i); i++)
		buf_printf(out, "%s%s", i ? ", " : "", scheme_at(i)->name);
	for (unsigned i = 0; i < cfg_size(tree, "scheme"); i++)
		buf_printf(out, ", %s", cfg_title(cfg_getnsec(tree, "scheme", i)));
}
