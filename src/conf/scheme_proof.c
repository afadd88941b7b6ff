/* SPDX-License-Identifier: ISC */
/* The options that say how a delivery proves its sender: the places of signature and time, the signed string, the claims of a token. */
#include "conf/scheme_proof.h"

#include <string.h>

#include "conf/reader.h"
#include "conf/scheme_source.h"
#include "core/paths.h"

enum { SIGNED_VALUES = 24 };

const char *const scheme_proof_algorithms[] = {"none", "hmac-sha256", "hmac-sha1", "ed25519", "secret", "client-state", "hmac-sha384", "hmac-sha512",
	"sha256", "rsa-sha256", "ecdsa-p256-sha256", "jwt-hs256", "jwt-rs256", "jwt-es256", NULL};

/* ---- places of signature and time */

static const char claim_prefix[] = "claim:";

static bool is_name_of(enum source_kind kind, const char *name)
{
	switch (kind) {
	case SOURCE_HEADER:
		return scheme_source_is_header(name);
	case SOURCE_JSON:
	case SOURCE_CLAIM:
		return paths_valid(name, false);
	default:
		return *name != '\0';
	}
}

/* Reads "header:NAME" and the like; with `time`, also "claim:NAME". */
static bool parse_place(const char *text, bool time, struct source *out)
{
	struct slice name = {0};

	*out = (struct source){.kind = scheme_value_kind(slice_text(text), &name)};
	out->name = name.p;
	if (time && strncmp(text, claim_prefix, sizeof claim_prefix - 1) == 0)
		*out = (struct source){SOURCE_CLAIM, .name = text + sizeof claim_prefix - 1};
	return out->kind != SOURCE_NONE && is_name_of(out->kind, out->name);
}

static bool check_proof_place(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct source place;

	if (cfg_size(sec, row->name) > SCHEME_PLACES)
		buf_printf(why, ": there are more than %d places", SCHEME_PLACES);
	else if (!parse_place(text, false, &place))
		buf_printf(why, ": write \"header:NAME\", \"query:NAME\", \"json:PATH\" or \"form:NAME\"");
	else
		return true;
	return false;
}

static bool read_places(const struct option_row *row, cfg_t *sec, void *field)
{
	struct source *place = field;

	memset(field, 0, SCHEME_PLACES * sizeof *place);
	for (unsigned i = 0; i < cfg_size(sec, row->name) && i < SCHEME_PLACES; i++)
		parse_place(cfg_getnstr(sec, row->name, i), false, &place[i]);
	return true;
}

static bool check_time_place(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct source place;

	(void)row;
	(void)sec;
	if (parse_place(text, true, &place))
		return true;
	buf_printf(why, ": write \"header:NAME\", \"query:NAME\", \"json:PATH\", \"form:NAME\", or for a token \"claim:NAME\"");
	return false;
}

static bool read_time_place(const struct option_row *row, cfg_t *sec, void *field)
{
	parse_place(cfg_getstr(sec, row->name), true, field);
	return true;
}

/* ---- claims */

/* In a claim's text only these are replaced: what the receiver knows without the token. */
static bool is_claim_text(const char *text)
{
	struct slice literal;
	enum placeholder p;

	while (scheme_next(&text, &p, &literal))
		if (p != PLACEHOLDER_COUNT && p != PLACEHOLDER_URL && p != PLACEHOLDER_METHOD && p != PLACEHOLDER_BODY_SHA256)
			return false;
	return *text == '\0';
}

static bool check_claim(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	const char *equals = strchr(text, '=');
	struct buf name = {0};
	bool right = buf_add(&name, text, equals ? (size_t)(equals - text) : strlen(text)) && paths_valid(buf_str(&name), false) &&
		name.len <= SCHEME_CLAIM_NAME && (!equals || (equals[1] && is_claim_text(equals + 1)));

	buf_free(&name);
	if (cfg_size(sec, row->name) > SCHEME_CLAIMS)
		buf_printf(why, ": there are more than %d claims", SCHEME_CLAIMS);
	else if (!right)
		buf_printf(why, ": write \"NAME\", or \"NAME=TEXT\" with {url}, {method} and {body-sha256} in the text");
	else
		return true;
	return false;
}

static bool read_claims(const struct option_row *row, cfg_t *sec, void *field)
{
	const char **claim = field;

	memset(field, 0, SCHEME_CLAIMS * sizeof *claim);
	for (unsigned i = 0; i < cfg_size(sec, row->name) && i < SCHEME_CLAIMS; i++)
		claim[i] = cfg_getnstr(sec, row->name, i);
	return true;
}

const struct option_kind scheme_proof_places_kind = {"list of places", CFGT_STR, .list = true, .check = check_proof_place, .read = read_places};
const struct option_kind scheme_proof_time_kind = {"place", CFGT_STR, .check = check_time_place, .read = read_time_place};
const struct option_kind scheme_proof_claims_kind = {"list of claims", CFGT_STR, .list = true, .check = check_claim, .read = read_claims};

/* ---- the scheme */

void scheme_proof_begin(cfg_t *sec, struct scheme *s)
{
	if (cfg_size(sec, "signature"))
		s->header = NULL;
	if (cfg_getstr(sec, "header") || cfg_size(sec, "signature"))
		memset(s->place, 0, sizeof s->place);
	if (cfg_getstr(sec, "timestamp"))
		s->timestamp_header = s->timestamp_prefix = NULL;
	else if (cfg_getstr(sec, "timestamp-header") || cfg_getstr(sec, "timestamp-prefix"))
		s->time = (struct source){0};
	if (cfg_getstr(sec, "header") || cfg_size(sec, "signature") || cfg_getstr(sec, "timestamp") || cfg_getstr(sec, "timestamp-header") ||
	    cfg_getstr(sec, "id-header"))
		s->other_headers = (struct proof_headers){0};
	if (cfg_getstr(sec, "algorithm"))
		s->other_algorithm = ALGORITHM_NONE;
}

/* The signed string reads a value of the delivery. */
static bool signs_values(const char *signs)
{
	struct slice literal;
	enum placeholder p;

	while (scheme_next(&signs, &p, &literal))
		if (p == PLACEHOLDER_VALUE || p == PLACEHOLDER_IF)
			return true;
	return false;
}

void scheme_proof_end(struct scheme *s)
{
	if (s->place[0].kind == SOURCE_HEADER && s->place[1].kind == SOURCE_NONE) {
		s->header = s->place[0].name;
		s->place[0] = (struct source){0};
	}
	if (s->time.kind == SOURCE_HEADER) {
		s->timestamp_header = s->time.name;
		s->time = (struct source){0};
	}
	if (scheme_is_jwt(s))
		s->signs = NULL; /* a token signs itself */
	s->reads_values = s->place[0].kind || s->time.kind == SOURCE_QUERY || (s->time.kind && scheme_signs(s, PLACEHOLDER_TIMESTAMP)) || (s->signs && signs_values(s->signs));
}

/* ---- checks */

/* A header that is signed is the id-header: it is kept with the event, so that the event can be verified again. */
static bool is_signed_kind(enum source_kind kind)
{
	return kind == SOURCE_JSON || kind == SOURCE_FORM || kind == SOURCE_QUERY;
}

static bool is_right_value(struct slice source)
{
	struct slice name = {0};
	enum source_kind kind = scheme_value_kind(source, &name);
	struct buf copy = {0};
	bool right = is_signed_kind(kind) && buf_add(&copy, name.p, name.n) && is_name_of(kind, buf_str(&copy));

	buf_free(&copy);
	return right;
}

/* NULL, or what is wrong with the text that is signed. */
static const char *find_mistake(const char *signs)
{
	unsigned n = 0, open = 0;
	struct slice literal;
	enum placeholder p;

	while (scheme_next(&signs, &p, &literal)) {
		if (p == PLACEHOLDER_IF || p == PLACEHOLDER_END) {
			if (open == (p == PLACEHOLDER_IF))
				return "an {if json:...} goes up to the next {end}, and has no other in it";
			open = p == PLACEHOLDER_IF;
		} else if (open && p != PLACEHOLDER_COUNT && p != PLACEHOLDER_VALUE) {
			return "between {if json:...} and {end} there are text and values alone";
		}
		if (p != PLACEHOLDER_IF && p != PLACEHOLDER_VALUE)
			continue;
		n++;
		if (!is_right_value(literal))
			return "a value is {json:PATH}, {form:NAME} or {query:NAME}";
	}
	if (*signs)
		return "in braces there are body, timestamp, id, method, url, decoded-url, form, body-sha256, body-crc32, json:PATH, form:NAME, "
			"query:NAME, and if with such a value up to {end}";
	if (open)
		return "the {end} of an {if json:...} is missing";
	return n > SIGNED_VALUES ? "there are more than 24 values" : NULL;
}

static bool signs_something(const char *signs)
{
	return strstr(signs, "{body") || strstr(signs, "{form") || strstr(signs, "{json:");
}

static bool check_signed_string(cfg_t *sec, const struct scheme *s)
{
	const char *mistake = s->signs ? find_mistake(s->signs) : NULL;

	if ((!s->header && !s->place[0].kind) || !s->signs)
		return option_refuse(sec, "it needs a header and what it signs; add header = \"X-...\" and signs = \"{body}\"");
	if (mistake)
		return option_refuse_value(sec, "signs", s->signs, "signs = \"%s\": %s", s->signs, mistake);
	if (!signs_something(s->signs))
		return option_refuse_value(sec, "signs", s->signs, "signs = \"%s\": the body is not signed; add {body}", s->signs);
	if ((s->id_header != NULL) != scheme_signs(s, PLACEHOLDER_ID))
		return option_refuse(sec, s->id_header ? "it has an id that isn't signed; add {id} to signs"
			: "it signs an id from nowhere; add id-header");
	return true;
}

static bool check_time(cfg_t *sec, const struct scheme *s)
{
	bool timestamp = s->timestamp_header || s->timestamp_prefix || s->time.kind, is_signed = scheme_signs(s, PLACEHOLDER_TIMESTAMP);

	if (is_signed && !timestamp)
		return option_refuse(sec, "it signs a timestamp from nowhere; add timestamp-header, timestamp-prefix or timestamp");
	if (s->time.kind == SOURCE_CLAIM)
		return option_refuse(sec, "it has its time in a claim, and no token; write timestamp = \"json:...\" or the like");
	if (timestamp && !is_signed && !(s->time.kind && scheme_signs_source(s, &s->time)))
		return option_refuse(sec, "it has a timestamp that isn't signed; add {timestamp} to signs");
	return !s->timestamp_prefix || s->separator ||
		option_refuse(sec, "it has a timestamp in the signature's header; add separator = \",\" between them");
}

/* A signature or a secret in the query: the URL that is signed would have it in it. */
static bool check_places(cfg_t *sec, const struct scheme *s)
{
	for (int i = 0; i < SCHEME_PLACES && s->place[i].kind; i++) {
		if (s->algorithm == ALGORITHM_SECRET && s->place[i].kind != SOURCE_HEADER && s->place[i].kind != SOURCE_QUERY)
			return option_refuse(sec, "it has its secret in the body; write algorithm = \"client-state\" and client-state = {\"json:...\"}");
		if (s->place[i].kind == SOURCE_QUERY && scheme_needs_url(s))
			return option_refuse(sec, "it signs the URL, and has the signature in it; take {url} out of signs and claims");
	}
	return true;
}

static bool check_token_scheme(cfg_t *sec, const struct scheme *s)
{
	static const char *const fixed[] = {"encoding", "timestamp-unit", "other-algorithm", "any-port"};

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (option_is_given(sec, fixed[i]))
			return option_refuse_value(sec, fixed[i], NULL, "a token says by itself how it is written: RFC 7519; remove %s", fixed[i]);
	if (!s->header && !s->place[0].kind)
		return option_refuse(sec, "it does not say where the token is; add header = \"Authorization\"");
	if (cfg_getstr(sec, "signs"))
		return option_refuse_value(sec, "signs", NULL, "a token signs itself; remove signs, and name what it must have in claims");
	if (s->separator)
		return option_refuse(sec, "it has a list of signatures, and a token is one; remove separator");
	if (s->id_header)
		return option_refuse(sec, "it has an id that isn't signed: a token signs no header; remove id-header");
	return (!s->timestamp_header && !s->timestamp_prefix && (!s->time.kind || s->time.kind == SOURCE_CLAIM)) ||
		option_refuse(sec, "it has a time outside of its token; write timestamp = \"claim:iat\", or nothing");
}

/*
 * Options that promise a signature beside an algorithm that has none. 0.1 took them: they still load, and check fails. A secret may be
 * in base64.
 */
static void report_unused(cfg_t *sec, const struct scheme *s)
{
	static const char *const signing[] = {"signs", "timestamp-header", "timestamp-prefix", "timestamp", "id-header"};
	int end = sec->line;

	for (size_t i = 0; !scheme_has_key(s) && i < sizeof signing / sizeof *signing; i++)
		if (option_is_given(sec, signing[i]))
			reader_fault(reader_at(sec, signing[i], NULL), "scheme \"%s\": algorithm = \"%s\" signs nothing, so %s does nothing; remove it, or choose "
				"another algorithm", cfg_title(sec), scheme_proof_algorithms[s->algorithm], signing[i]);
	sec->line = end;
}

bool scheme_proof_check(cfg_t *sec, const struct scheme *s)
{
	report_unused(sec, s);
	if (cfg_getstr(sec, "header") && cfg_size(sec, "signature"))
		return option_refuse_value(sec, "signature", NULL, "signature and header both say where the signature is; remove one of them");
	if (cfg_getstr(sec, "timestamp") && (cfg_getstr(sec, "timestamp-header") || cfg_getstr(sec, "timestamp-prefix")))
		return option_refuse_value(sec, "timestamp", NULL, "timestamp and timestamp-header or timestamp-prefix say where the time is; remove one of them");
	if (s->algorithm == ALGORITHM_SECRET && !s->header && !s->place[0].kind)
		return option_refuse(sec, "it names no header; add header = \"X-...\", where the secret is");
	if (!check_places(sec, s))
		return false;
	if (scheme_is_jwt(s))
		return check_token_scheme(sec, s);
	if (cfg_size(sec, "claims"))
		return option_refuse_value(sec, "claims", NULL, "claims are those of a token; write algorithm = \"jwt-hs256\", \"jwt-rs256\" or \"jwt-es256\"");
	if (s->algorithm == ALGORITHM_SHA256 && s->bodies & (CONTENT_ANY | CONTENT_MULTIPART))
		return option_refuse(sec, "a stranger can lengthen what is signed by algorithm = \"sha256\", so that it is no JSON and no form; "
			"take \"any\" and \"multipart\" out of bodies");
	return !scheme_has_key(s) || (check_signed_string(sec, s) && check_time(sec, s));
}
