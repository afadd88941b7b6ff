/* SPDX-License-Identifier: ISC */
/* The configuration's own signature schemes: the options of a scheme section, and the scheme that it makes. */
#include "conf/scheme_section.h"

#include <string.h>

#include "conf/kind.h"
#include "conf/reader.h"
#include "conf/scheme_source.h"
#include "core/units.h"

static const int64_t TOLERANCE_MAX_MS = 365 * KIND_DAY;

const char *const scheme_section_bodies[] = {"json", "form", "any", NULL};

static const char *const algorithms[] = {"none", "hmac-sha256", "hmac-sha1", "ed25519", "secret", "client-state", NULL};
static const char *const encodings[] = {"hex", "base64", NULL};
static const char *const key_texts[] = {"plain", "hex", "base64", NULL};
static const char *const timestamp_units[] = {"s", "ms", NULL};
static const char *const handshakes[] = {"none", "challenge", "hub", "challenge-code", "crc-token", "validation-token",
	"url-verification", "plain-token", "ping", NULL};

/* ---- kinds of its own. Strings borrow from the tree, as the built-in schemes' borrow from the program. */

static bool borrow_text(const struct option_row *row, cfg_t *sec, void *field)
{
	*(const char **)field = cfg_getstr(sec, row->name);
	return true;
}

static bool check_header_name(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (scheme_source_is_header(text))
		return true;
	buf_printf(why, ": a header's name has letters, digits and hyphens");
	return false;
}

static bool check_like(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (scheme_find(text))
		return true;
	buf_printf(why, ": there is no such built-in scheme");
	return false;
}

static bool check_separator(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (strcmp(text, ",") == 0 || strcmp(text, " ") == 0 || !*text)
		return true;
	buf_printf(why, ": write \",\", \" \", or \"\" for a value that is one signature");
	return false;
}

static bool read_separator(const struct option_row *row, cfg_t *sec, void *field)
{
	*(char *)field = *cfg_getstr(sec, row->name);
	return true;
}

static bool read_unit(const struct option_row *row, cfg_t *sec, void *field)
{
	*(bool *)field = kind_position(row->choices, cfg_getstr(sec, row->name)) == 1;
	return true;
}

/* 0.1 took any tolerance: a longer one still loads, as the longest, and check fails. */
static bool check_tolerance(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	int64_t ms;
	int end = sec->line;

	if (!units_duration(text, &ms)) {
		buf_printf(why, ": it is no time; write \"300s\", or \"0s\" for any");
		return false;
	}
	if (ms <= TOLERANCE_MAX_MS)
		return true;
	reader_fault(reader_at(sec, row->name, text), "scheme \"%s\": tolerance = \"%s\" is longer than 365d, which is taken; "
		"write a shorter time, or \"0s\" for any", cfg_title(sec), text);
	sec->line = end;
	return true;
}

static bool read_tolerance(const struct option_row *row, cfg_t *sec, void *field)
{
	int64_t *ms = field;

	units_duration(cfg_getstr(sec, row->name), ms);
	if (*ms > TOLERANCE_MAX_MS)
		*ms = TOLERANCE_MAX_MS;
	return true;
}

/* ---- the options */

static const struct option_kind like_kind = {"built-in scheme", CFGT_STR, .check = check_like, .word = scheme_section_word}; /* read by build_scheme() */
static const struct option_kind borrowed_kind = {"text", CFGT_STR, .read = borrow_text};
static const struct option_kind header_kind = {"name of a header", CFGT_STR, .check = check_header_name, .read = borrow_text};
static const struct option_kind separator_kind = {"text", CFGT_STR, .check = check_separator, .read = read_separator};
static const struct option_kind tolerance_kind = {"time", CFGT_STR, .check = check_tolerance, .read = read_tolerance};
static const struct option_kind unit_kind = {"choice", CFGT_STR, .check = kind_check_choice, .read = read_unit};

#define AT(field) offsetof(struct scheme, field)

static const struct option_row scheme_options[] = {
	{"like", &like_kind, NULL, 0, .help = "the built-in scheme that this one begins as"},
	{"algorithm", &kind_choice, NULL, AT(algorithm), .choices = algorithms, .help = "how a delivery is signed"},
	{"header", &header_kind, NULL, AT(header), .help = "the header with the signature"},
	{"separator", &separator_kind, NULL, AT(separator), .help = "what is between the elements of its value: \",\", \" \", or \"\" for one element"},
	{"prefix", &borrowed_kind, NULL, AT(prefix), .help = "the text before the signature in an element"},
	{"encoding", &kind_choice, NULL, AT(encoding), .choices = encodings, .help = "how the signature is written"},
	{"secret-encoding", &kind_choice, NULL, AT(key_text), .choices = key_texts, .help = "how the secret's text becomes a key"},
	{"signs", &borrowed_kind, NULL, AT(signs), .help = "the text that is signed, with {body}, {timestamp}, {id}, {method}, {url} and others in it"},
	{"timestamp-header", &header_kind, NULL, AT(timestamp_header), .help = "the header with the time that is signed"},
	{"timestamp-prefix", &borrowed_kind, NULL, AT(timestamp_prefix), .help = "or the text before it in an element of the signature's header"},
	{"timestamp-unit", &unit_kind, NULL, AT(timestamp_ms), .choices = timestamp_units, .help = "the unit of that time"},
	{"tolerance", &tolerance_kind, NULL, AT(tolerance), 0, 365 * KIND_DAY, .help = "how old or new that time may be; 0s: any"},
	{"id-header", &header_kind, NULL, AT(id_header), .help = "the header with the id that is signed"},
	{"handshake", &kind_choice, NULL, AT(handshake), .choices = handshakes, .help = "how the provider asks whether the endpoint is real"},
	{"bodies", &kind_choices, NULL, AT(bodies), .choices = scheme_section_bodies, .help = "the bodies to take"},
	{"event", &scheme_source_kind, NULL, AT(source[FIELD_EVENT]), .help = "where the event's type is"},
	{"dedupe-key", &scheme_source_kind, NULL, AT(source[FIELD_KEY]), .help = "where the key is that tells a duplicate"},
	{"account", &scheme_source_kind, NULL, AT(source[FIELD_ACCOUNT]), .help = "where the account is"},
	{"sender-id", &scheme_source_kind, NULL, AT(source[FIELD_SENDER_ID]), .help = "where the sender's id is"},
	{"sender-name", &scheme_source_kind, NULL, AT(source[FIELD_SENDER_NAME]), .help = "where the sender's name is"},
	{"conversation", &scheme_source_kind, NULL, AT(source[FIELD_CONVERSATION]), .help = "where the conversation's id is"},
	{"sent-at", &scheme_source_kind, NULL, AT(source[FIELD_SENT_AT]), .help = "where the time of sending is"},
	{"text", &scheme_source_kind, NULL, AT(source[FIELD_TEXT]), .help = "where the message's text is"},
	{"challenge", &scheme_source_kind, NULL, AT(source[FIELD_CHALLENGE]), .help = "where a handshake's challenge is"},
	{"client-state", &scheme_source_kind, NULL, AT(source[FIELD_CLIENT_STATE]), .help = "where the secret is, for the algorithm client-state"},
	{.name = NULL},
};

const struct option_row *scheme_section_rows(size_t i)
{
	return i == 0 ? scheme_options : NULL;
}

unsigned scheme_section_bodies_of(cfg_t *sec)
{
	unsigned bodies = 0;

	for (unsigned i = 0; i < cfg_size(sec, "bodies"); i++)
		bodies |= 1U << kind_position(scheme_section_bodies, cfg_getnstr(sec, "bodies", i));
	return bodies;
}

/* ---- a section as a whole */

static bool is_last_placeholder(const char *signs)
{
	struct slice literal;
	enum placeholder p;

	while (scheme_next(&signs, &p, &literal))
		;
	return !*signs;
}

static bool check_signs(cfg_t *sec, const struct scheme *s)
{
	bool timestamp = s->timestamp_header || s->timestamp_prefix;

	if (!s->header || !s->signs)
		return option_refuse(sec, "it needs a header and what it signs; add header = \"X-...\" and signs = \"{body}\"");
	if (!is_last_placeholder(s->signs))
		return option_refuse_value(sec, "signs", s->signs, "signs = \"%s\": in braces there are body, timestamp, id, method, url, "
			"decoded-url and form", s->signs);
	if (!scheme_signs(s, PLACEHOLDER_BODY) && !scheme_signs(s, PLACEHOLDER_FORM))
		return option_refuse_value(sec, "signs", s->signs, "signs = \"%s\": the body is not signed; add {body}", s->signs);
	if (timestamp != scheme_signs(s, PLACEHOLDER_TIMESTAMP))
		return option_refuse(sec, timestamp ? "it has a timestamp that isn't signed; add {timestamp} to signs"
			: "it signs a timestamp from nowhere; add timestamp-header or timestamp-prefix");
	if ((s->id_header != NULL) != scheme_signs(s, PLACEHOLDER_ID))
		return option_refuse(sec, s->id_header ? "it has an id that isn't signed; add {id} to signs"
			: "it signs an id from nowhere; add id-header");
	return !s->timestamp_prefix || s->separator ||
		option_refuse(sec, "it has a timestamp in the signature's header; add separator = \",\" between them");
}

static bool check_handshake(cfg_t *sec, const struct scheme *s)
{
	if ((s->handshake == HANDSHAKE_CHALLENGE_CODE || s->handshake == HANDSHAKE_CRC_TOKEN || s->handshake == HANDSHAKE_PLAIN_TOKEN) &&
	    s->algorithm != ALGORITHM_HMAC_SHA256)
		return option_refuse(sec, "it has a handshake that is answered with an HMAC; it needs algorithm = \"hmac-sha256\"");
	for (int i = 0; s->handshake == HANDSHAKE_PLAIN_TOKEN && i < SCHEME_SOURCES && s->source[FIELD_CHALLENGE][i].kind; i++)
		if (!scheme_signs_source(s, &s->source[FIELD_CHALLENGE][i]))
			return option_refuse(sec, "it answers with the HMAC of a text that nothing signs; take the challenge from the body");
	return true;
}

/* The signature is a dedupe key only where the header's value is one signature. A key that `like` gave is not refused. */
static bool check_key_sources(cfg_t *sec, const struct scheme *s)
{
	for (int i = 0; cfg_size(sec, "dedupe-key") && i < SCHEME_SOURCES; i++)
		if (s->source[FIELD_KEY][i].kind == SOURCE_SIGNATURE && (s->separator || !scheme_has_key(s)))
			return option_refuse_value(sec, "dedupe-key", NULL, "dedupe-key: \"signature\": " SCHEME_SOURCE_FIX);
	return true;
}

static bool build_scheme(cfg_t *sec, struct scheme *s)
{
	const char *like = cfg_getstr(sec, "like");
	const struct scheme *base = like ? scheme_find(like) : NULL;

	*s = base ? *base : (struct scheme){
		.algorithm = ALGORITHM_HMAC_SHA256,
		.prefix = "",
		.signs = "{body}",
		.bodies = CONTENT_JSON,
		.source = {[FIELD_EVENT] = {{SOURCE_JSON, .name = "event"}, {SOURCE_JSON, .name = "type"}, {SOURCE_TEXT, .name = "event"}},
			[FIELD_KEY] = {{.kind = SOURCE_BODY}}},
	};
	s->name = cfg_title(sec);
	s->like = base ? base->name : NULL;
	if (cfg_getstr(sec, "header") || cfg_getstr(sec, "timestamp-header") || cfg_getstr(sec, "id-header"))
		s->other_headers = (struct proof_headers){0};
	if (cfg_getstr(sec, "algorithm"))
		s->other_algorithm = ALGORITHM_NONE;
	return option_read(scheme_options, sec, s);
}

bool scheme_section_check(cfg_t *sec)
{
	struct scheme s;

	for (const struct option_row *row = scheme_options; row->name; row++)
		if (row->kind == &scheme_source_kind && !scheme_source_split(sec, row->name))
			return false;
	if (!reader_check_title(sec, !scheme_find(cfg_title(sec)), "it is built in; give yours another name, and say what it is like") ||
	    !option_check(scheme_options, sec) || !build_scheme(sec, &s))
		return false;
	if (s.algorithm == ALGORITHM_SECRET && !s.header)
		return option_refuse(sec, "it names no header; add header = \"X-...\", where the secret is");
	if (s.algorithm == ALGORITHM_CLIENT_STATE && s.source[FIELD_CLIENT_STATE][0].kind == SOURCE_NONE)
		return option_refuse(sec, "it does not say where the secret is; add client-state = {\"json:...\"}");
	return check_key_sources(sec, &s) && check_handshake(sec, &s) && (!scheme_has_key(&s) || check_signs(sec, &s));
}

bool scheme_section_find(cfg_t *tree, const char *name, struct scheme *out)
{
	const struct scheme *built_in = scheme_find(name);
	cfg_t *sec = built_in ? NULL : cfg_gettsec(tree, "scheme", name);

	if (built_in)
		*out = *built_in;
	return built_in || (sec && build_scheme(sec, out));
}

const char *scheme_section_word(size_t i)
{
	return scheme_at(i) ? scheme_at(i)->name : NULL;
}

void scheme_section_names(cfg_t *tree, struct buf *out)
{
	for (size_t i = 0; scheme_at(i); i++)
		buf_printf(out, "%s%s", i ? ", " : "", scheme_at(i)->name);
	for (unsigned i = 0; i < cfg_size(tree, "scheme"); i++)
		buf_printf(out, ", %s", cfg_title(cfg_getnsec(tree, "scheme", i)));
}
