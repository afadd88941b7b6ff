/* SPDX-License-Identifier: ISC */
/* The configuration's own signature schemes: the options of a scheme section, and the scheme that it makes. */
#include "conf/scheme_section.h"

#include <string.h>

#include "conf/handshake_section.h"
#include "conf/kind.h"
#include "conf/kind_answer.h"
#include "conf/reader.h"
#include "conf/scheme_proof.h"
#include "conf/scheme_source.h"
#include "core/units.h"

static const int64_t TOLERANCE_MAX_MS = 365 * KIND_DAY;

const char *const scheme_section_bodies[] = {"json", "form", "any", "multipart", "text", NULL};

static const char *const encodings[] = {"hex", "base64", NULL};
static const char *const key_texts[] = {"plain", "hex", "base64", NULL};
static const char *const timestamp_units[] = {"s", "ms", "date", NULL};
static const char *const answers_to[] = {"all", "forms", NULL};

/* ---- kinds of its own. Strings borrow from the tree, as the built-in schemes' borrow from the program. */

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
	if (!*text || (strchr(", ;", *text) && !text[1]))
		return true;
	buf_printf(why, ": write \",\", \";\", \" \", or \"\" for a value that is one signature");
	return false;
}

static bool read_separator(const struct option_row *row, cfg_t *sec, void *field)
{
	*(char *)field = *cfg_getstr(sec, row->name);
	return true;
}

/* The names are looked up again when the scheme is built. */
static bool check_handshake_name(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct handshake scratch[2 * SCHEME_HANDSHAKES];
	const char *word;
	size_t n = 0, all = 0;

	if (strcmp(text, "none") != 0 && !handshake_section_add(reader_tree(), text, scratch, SCHEME_HANDSHAKES, &n)) {
		buf_printf(why, " is no handshake, or comes further down; there are");
		for (size_t i = 0; (word = handshake_section_word(i)); i++)
			buf_printf(why, "%s %s", i ? "," : "", word);
		return false;
	}
	for (unsigned i = 0; i < cfg_size(sec, row->name) && all <= SCHEME_HANDSHAKES; i++)
		handshake_section_add(reader_tree(), cfg_getnstr(sec, row->name, i), scratch, 2 * SCHEME_HANDSHAKES, &all);
	if (all > SCHEME_HANDSHAKES)
		buf_printf(why, ": there are more than %d handshakes; ping and url-verification are two each", SCHEME_HANDSHAKES);
	return all <= SCHEME_HANDSHAKES;
}

static bool read_unit(const struct option_row *row, cfg_t *sec, void *field)
{
	*(bool *)field = kind_position(row->choices, cfg_getstr(sec, row->name)) == 1; /* the second of two choices */
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
static const struct option_kind header_kind = {"name of a header", CFGT_STR, .check = check_header_name, .read = kind_read_borrowed};
static const struct option_kind separator_kind = {"text", CFGT_STR, .check = check_separator, .read = read_separator};
static const struct option_kind tolerance_kind = {"time", CFGT_STR, .check = check_tolerance, .read = read_tolerance};
static const struct option_kind answer_to_kind = {"choice", CFGT_STR, .check = kind_check_choice, .read = read_unit};

static const struct option_kind handshake_kind = {"list of handshakes", CFGT_STR, .list = true, .check = check_handshake_name,
	.word = handshake_section_word}; /* read by build_scheme() */

#define AT(field) offsetof(struct scheme, field)

static const struct option_row scheme_options[] = {
	{"like", &like_kind, NULL, 0, .help = "the built-in scheme that this one begins as"},
	{"algorithm", &kind_choice, NULL, AT(algorithm), .choices = scheme_proof_algorithms, .help = "how a delivery is signed"},
	{"header", &header_kind, NULL, AT(header), .help = "the header with the signature"},
	{"signature", &scheme_proof_places_kind, NULL, AT(place), .help = "or the places of the signature: headers, a parameter, or a value of the body"},
	{"separator", &separator_kind, NULL, AT(separator), .help = "what is between the elements of its value: \",\", \";\", \" \", or \"\" for one element"},
	{"prefix", &kind_borrowed, NULL, AT(prefix), .help = "the text before the signature in an element"},
	{"prefix-optional", &kind_bool, NULL, AT(prefix_optional), .help = "whether that text may be missing"},
	{"encoding", &kind_choice, NULL, AT(encoding), .choices = encodings, .help = "how the signature is written"},
	{"secret-encoding", &kind_choice, NULL, AT(key_text), .choices = key_texts, .help = "how the secret's text becomes a key"},
	{"signs", &kind_borrowed, NULL, AT(signs), .help = "the text that is signed, with {body}, {timestamp}, {id}, {method}, {url} and others in it"},
	{"timestamp-header", &header_kind, NULL, AT(timestamp_header), .help = "the header with the time that is signed"},
	{"timestamp-prefix", &kind_borrowed, NULL, AT(timestamp_prefix), .help = "or the text before it in an element of the signature's header"},
	{"timestamp", &scheme_proof_time_kind, NULL, AT(time), .help = "or its place: a parameter, a value of the body, or a token's claim"},
	{"timestamp-unit", &kind_choice, NULL, AT(timestamp_unit), .choices = timestamp_units, .help = "how that time is written"},
	{"tolerance", &tolerance_kind, NULL, AT(tolerance), 0, 365 * KIND_DAY, .help = "how old or new that time may be; 0s: any"},
	{"id-header", &header_kind, NULL, AT(id_header), .help = "the header with the id that is signed"},
	{"claims", &scheme_proof_claims_kind, NULL, AT(claim), .help = "what a token must have: names, or NAME=TEXT"},
	{"other-header", &header_kind, NULL, AT(other_headers.signature), .help = "another name that the header with the signature may have"},
	{"other-timestamp-header", &header_kind, NULL, AT(other_headers.timestamp), .help = "the same for timestamp-header"},
	{"other-id-header", &header_kind, NULL, AT(other_headers.id), .help = "the same for id-header"},
	{"other-algorithm", &kind_choice, NULL, AT(other_algorithm), .choices = scheme_proof_algorithms,
		.help = "the algorithm of signatures that have its length, with the same secret"},
	{"any-port", &kind_bool, NULL, AT(any_port), .help = "the provider signs the URL with its port or without"},
	{"takes-get", &kind_bool, NULL, AT(takes_get), .help = "a delivery may be a GET, whose parameters are in the signed URL"},
	{"handshake", &handshake_kind, NULL, AT(handshakes), .help = "how the provider asks whether the endpoint is real; at most 4"},
	{"answer-status", &kind_status, NULL, AT(answer.status), .help = "the status of the answer, where the endpoint says none"},
	{"answer-type", &kind_borrowed, NULL, AT(answer.type), .help = "the media type of answer-body"},
	{"answer-body", &kind_borrowed, NULL, AT(answer.body), .help = "the body of the answer, where the endpoint says none; \"\": it is empty", .free_text = true},
	{"answer-to", &answer_to_kind, NULL, AT(answer.to_forms), .choices = answers_to, .help = "the deliveries that get it"},
	{"bodies", &kind_choices, NULL, AT(bodies), .choices = scheme_section_bodies, .help = "the bodies to take"},
	{"json-field", &kind_borrowed, NULL, AT(json_field), .help = "the field of a form that is JSON, payload if nothing is said; \"\": none"},
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

/* A text that nothing signs, and that the answer would have the HMAC of. */
static bool signs_unsigned(const struct scheme *s, const struct handshake *h)
{
	bool is_unsigned = h->place == HANDSHAKE_IN_HEADER;

	for (int i = 0; h->place == HANDSHAKE_IN_CHALLENGE && i < SCHEME_SOURCES && s->source[FIELD_CHALLENGE][i].kind; i++)
		is_unsigned |= !scheme_signs_source(s, &s->source[FIELD_CHALLENGE][i]);
	return is_unsigned && !handshake_is_open(h);
}

static bool check_handshakes(cfg_t *sec, const struct scheme *s)
{
	int everywhere = 0;

	for (int i = 0; i < SCHEME_HANDSHAKES && s->handshakes[i].name; i++) {
		const struct handshake *h = &s->handshakes[i];

		everywhere += h->place == HANDSHAKE_IN_CHALLENGE && h->question && !h->event;
		if (handshake_has_hmac(h) && s->algorithm != ALGORITHM_HMAC_SHA256)
			return option_refuse(sec, "it has a handshake that is answered with an HMAC; it needs algorithm = \"hmac-sha256\"");
		if (handshake_has_hmac(h) && signs_unsigned(s, h))
			return option_refuse(sec, "it answers with the HMAC of a text that nothing signs; take the challenge from the body");
	}
	return everywhere < 2 || option_refuse(sec, "two handshakes have their question in the body of any event; add event = \"NAME\" to one");
}

/* A parameter that is the secret would be kept as the field's value. */
static bool check_hidden_sources(cfg_t *sec, const struct scheme *s)
{
	for (int f = 0; f < FIELD_COUNT; f++)
		for (const struct source *source = s->source[f]; source < s->source[f] + SCHEME_SOURCES && source->kind; source++)
			if (source->kind == SOURCE_QUERY && scheme_hides_parameter(s, slice_text(source->name)))
				return option_refuse(sec, "\"query:%s\" is the signature or the secret, which is never kept; take the field from another place", source->name);
	return true;
}

/* The signature is a dedupe key only where the header's value is one signature. A key that `like` gave is not refused. */
static bool check_key_sources(cfg_t *sec, const struct scheme *s)
{
	for (int i = 0; cfg_size(sec, "dedupe-key") && i < SCHEME_SOURCES; i++)
		if (s->source[FIELD_KEY][i].kind == SOURCE_SIGNATURE && (s->separator || !scheme_signature_size(s->algorithm) || scheme_is_jwt(s)))
			return option_refuse_value(sec, "dedupe-key", NULL, "dedupe-key: \"signature\": " SCHEME_SOURCE_FIX);
	return true;
}

/* The question of a handshake comes before what the scheme says of its challenge. */
static void add_question(struct scheme *s, const struct handshake *h)
{
	struct source *challenge = s->source[FIELD_CHALLENGE], question;

	if (h->place != HANDSHAKE_IN_CHALLENGE || !h->question || !scheme_source_parse(h->question, &question))
		return;
	question.event = h->event ? slice_text(h->event) : (struct slice){0};
	memmove(challenge + 1, challenge, (SCHEME_SOURCES - 1) * sizeof *challenge);
	challenge[0] = question;
}

static bool build_handshakes(cfg_t *tree, cfg_t *sec, struct scheme *s)
{
	size_t n = 0;

	if (!cfg_size(sec, "handshake"))
		return true;
	memset(s->handshakes, 0, sizeof s->handshakes);
	for (unsigned i = 0; i < cfg_size(sec, "handshake"); i++) {
		const char *name = cfg_getnstr(sec, "handshake", i);

		if (strcmp(name, "none") != 0 && !handshake_section_add(tree, name, s->handshakes, SCHEME_HANDSHAKES, &n))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		add_question(s, &s->handshakes[i]);
	return true;
}

/* A 204 has no body, and an empty body no type. */
static void build_answer(cfg_t *sec, struct scheme_answer *answer)
{
	bool body = cfg_getstr(sec, "answer-body");

	if (body && !option_is_given(sec, "answer-status"))
		answer->status = 200;
	if (answer->status == 204)
		answer->body = "";
	if (answer->body && !*answer->body)
		answer->type = NULL;
	else if (body && !option_is_given(sec, "answer-type"))
		answer->type = "text/plain";
}

static bool build_scheme(cfg_t *tree, cfg_t *sec, struct scheme *s)
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
	scheme_proof_begin(sec, s);
	if (!option_read(scheme_options, sec, s) || !build_handshakes(tree, sec, s))
		return false;
	build_answer(sec, &s->answer);
	scheme_proof_end(s);
	return true;
}

static bool split_sources(cfg_t *sec)
{
	for (const struct option_row *row = scheme_options; row->name; row++)
		if (row->kind == &scheme_source_kind && !scheme_source_split(sec, row->name))
			return false;
	return true;
}

/* An endpoint before the section was checked with the built-in scheme of that name, and would have this one. */
static bool check_order(cfg_t *sec)
{
	cfg_t *tree = reader_tree(), *endpoint;

	for (unsigned i = 0; i < cfg_size(tree, "endpoint"); i++) {
		endpoint = cfg_getnsec(tree, "endpoint", i);
		if (strcmp(cfg_getstr(endpoint, "scheme"), cfg_title(sec)) == 0)
			return option_refuse(sec, "endpoint \"%s\" above has the built-in scheme of this name; write this section before that one",
				cfg_title(endpoint));
	}
	return true;
}

bool scheme_section_check(cfg_t *sec)
{
	struct scheme s;

	if (!split_sources(sec) || !reader_check_title(sec, true, "") || !check_order(sec) || !option_check(scheme_options, sec) ||
	    !build_scheme(reader_tree(), sec, &s))
		return false;
	if (s.algorithm == ALGORITHM_CLIENT_STATE && s.source[FIELD_CLIENT_STATE][0].kind == SOURCE_NONE)
		return option_refuse(sec, "it does not say where the secret is; add client-state = {\"json:...\"}");
	return check_key_sources(sec, &s) && check_hidden_sources(sec, &s) && check_handshakes(sec, &s) && kind_check_answer(sec) && scheme_proof_check(sec, &s);
}

bool scheme_section_make(cfg_t *tree, cfg_t *sec, struct scheme *out)
{
	return split_sources(sec) && build_scheme(tree, sec, out);
}

bool scheme_section_find(cfg_t *tree, const char *name, struct scheme *out)
{
	cfg_t *sec = cfg_size(tree, "scheme") ? cfg_gettsec(tree, "scheme", name) : NULL;
	const struct scheme *built_in = sec ? NULL : scheme_find(name);

	if (built_in)
		*out = *built_in;
	return built_in || (sec && build_scheme(tree, sec, out));
}

const char *scheme_section_word(size_t i)
{
	return scheme_name_at(i);
}

void scheme_section_names(cfg_t *tree, struct buf *out)
{
	for (unsigned i = 0; i < cfg_size(tree, "scheme"); i++)
		buf_printf(out, "%s%s", i ? ", " : "", cfg_title(cfg_getnsec(tree, "scheme", i)));
}
