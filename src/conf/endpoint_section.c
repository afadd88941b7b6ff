/* SPDX-License-Identifier: ISC */
/* The section of an endpoint: its options, its checks, and the endpoint that a section makes. */
#include "conf/endpoint_section.h"

#include <stdlib.h>
#include <string.h>

#include "conf/kind.h"
#include "conf/kind_answer.h"
#include "conf/reader.h"
#include "conf/scheme_section.h"
#include "conf/sink_list.h"
#include "core/utf8.h"

enum { NAME_MAX_BYTES = 100 };

/* ---- kinds of its own */

/* A name is printed on terminals and in logs. */
static bool is_display_name(const char *s)
{
	size_t n = strlen(s);
	uint32_t c;

	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_next(s + i, n - i, &c);
		if (!len || utf8_steers(c))
			return false;
	}
	return n > 0 && n <= NAME_MAX_BYTES;
}

static bool check_display_name(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (is_display_name(text))
		return true;
	buf_printf(why, ": write 1 to %d bytes of UTF-8 text without control characters", NAME_MAX_BYTES);
	return false;
}

static bool check_scheme_name(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct scheme s;

	(void)row;
	(void)sec;
	if (scheme_section_find(reader_tree(), text, &s))
		return true;
	buf_printf(why, " is unknown, or comes further down; `hookspool schemes` prints those that are built in");
	if (cfg_size(reader_tree(), "scheme")) {
		buf_printf(why, ", and above there are ");
		scheme_section_names(reader_tree(), why);
	}
	return false;
}

/* As the provider was given it: the provider signs it. */
static bool check_signed_url(const struct option_row *row, cfg_t *sec, const char *url, struct buf *why)
{
	(void)row;
	(void)sec;
	if ((strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) && !strpbrk(url, "?# "))
		return true;
	buf_printf(why, ": write it as \"https://example.com/webhook\", without a query");
	return false;
}

static const struct option_kind display_name_kind = {"text", CFGT_STR, .hidden = true, .check = check_display_name, .read = kind_read_text,
	.free = kind_free_text};
static const struct option_kind scheme_name_kind = {"scheme", CFGT_STR, .check = check_scheme_name, /* read by endpoint_section_make() */
	.word = scheme_section_word};
static const struct option_kind signed_url_kind = {"URL", CFGT_STR, .check = check_signed_url, .read = kind_read_text, .free = kind_free_text};

/* ---- the options */

#define AT(field) offsetof(struct endpoint, field)

static const struct option_row endpoint_options[] = {
	{"scheme", &scheme_name_kind, "connectsafely", AT(scheme), .help = "how deliveries are signed"},
	{"secret-file", &secret_file_kind, NULL, AT(secrets), .help = "files with a signing secret; two while it is changed"},
	{"secret-env", &secret_env_kind, NULL, AT(secrets), .help = "environment variables with a signing secret"},
	{"authorization-file", &secret_file_kind, NULL, AT(authorizations), .help = "files with the whole value of the Authorization header"},
	{"authorization-env", &secret_env_kind, NULL, AT(authorizations), .help = "environment variables with that value"},
	{"verify-token-file", &secret_file_kind, NULL, AT(verify_tokens), .help = "files with the verify token that Meta asks with"},
	{"verify-token-env", &secret_env_kind, NULL, AT(verify_tokens), .help = "environment variables with that token"},
	{"name", &display_name_kind, NULL, AT(name), .help = "a name for people, in the log and in listings", .free_text = true},
	{"url", &signed_url_kind, NULL, AT(url), .help = "the URL as the provider was given it, where the scheme signs it"},
	{"replay-window", &kind_age, NULL, AT(replay_window), 1, KIND_YEARS,
		.help = "how long the same bytes under another id that nothing signs are a duplicate"},
	{"bodies", &kind_choices, NULL, AT(scheme.bodies), .choices = scheme_section_bodies, .help = "the bodies to take; without it, those of the scheme"},
	{"events", &kind_list, NULL, AT(events), .help = "store only events of these types; empty: all"},
	{"accounts", &kind_list, NULL, AT(accounts), .help = "store only events of these accounts; empty: all"},
	{"allow", &kind_ranges, NULL, AT(allow), .help = "take deliveries only from these addresses; empty: from all"},
	{"client-certificate", &kind_list, NULL, AT(certificates), .help = "take deliveries only with these client certificates; empty: none is needed"},
	{"rate", &kind_rate, NULL, AT(rate), .help = "the most deliveries from one address, as \"60/m\""},
	{"rate-burst", &kind_burst, NULL, AT(rate.burst), 1, RATE_MAX, .help = "how many deliveries of the rate may come at once"},
	{"answer-status", &kind_status, "200", AT(answer_status), .help = "the status of the answer to an accepted delivery"},
	{"answer-type", &kind_text, NULL, AT(answer_type), .help = "the media type of answer-body"},
	{"answer-body", &kind_text, NULL, AT(answer_body), .help = "the body of the answer to an accepted delivery", .free_text = true},
	{"max-body", &kind_size, NULL, AT(max_body), 1, KIND_SIZE_MAX, .help = "the largest body of this endpoint"},
	{"keep", &kind_keep, NULL, AT(keep), 0, KIND_YEARS, .help = "how long events of this endpoint are kept"},
	{"expect", &kind_age, NULL, AT(expect), KIND_SECOND, KIND_YEARS, .help = "an event is expected this often; a longer silence is trouble"},
	{"relay", &sink_list_kind, NULL, AT(relay), .help = "the sinks that events are sent to, after the answer"},
	{"store", &sink_list_kind, NULL, AT(store), .help = "the sinks that must have acknowledged an event before the answer"},
	{"store-wait", &kind_time, "4s", AT(store_wait), 1, 10 * KIND_SECOND, .fix = "\"4s\"", .help = "the longest time that the answer waits for them"},
	{"store-required", &kind_bool, "false", AT(store_required), .help = "answer 503 when they have not acknowledged by then"},
	{.name = NULL},
};

const struct option_row *endpoint_section_rows(size_t i)
{
	return i == 0 ? endpoint_options : NULL;
}

/* ---- checks */

/* The signing secrets alone. */
static const struct option_row secret_rows[] = {
	{.name = "secret-file", .kind = &secret_file_kind}, {.name = "secret-env", .kind = &secret_env_kind}, {.name = NULL}};

/* The texts of the secrets as keys of the scheme. */
static bool check_secret_keys(cfg_t *sec, const struct scheme *s)
{
	struct secrets secrets = {0};
	const char *why = "";
	bool ok = true;

	if (!scheme_has_key(s) || !reader_checks_secrets())
		return true;
	ok = option_read(secret_rows, sec, &secrets) || option_refuse(sec, "a secret has changed while it was read; try again");
	for (size_t i = 0; ok && i < secrets.n; i++) {
		struct key *key = scheme_key(s, secrets.item[i].text, secrets.item[i].len, false, &why);

		ok = key || option_refuse(sec, "%s is no secret of scheme \"%s\": %s", secrets.item[i].source, s->name, why);
		key_free(key);
	}
	option_free(secret_rows, &secrets);
	return ok;
}

/* What the section needs for its scheme. */
static bool check_needs(cfg_t *sec, const struct scheme *s)
{
	bool secret = cfg_size(sec, "secret-file") + cfg_size(sec, "secret-env") > 0, none = s->algorithm == ALGORITHM_NONE;
	unsigned bodies = s->bodies;

	if (!secret && !none)
		return option_refuse(sec, "it has no secret; add secret-file = {\"FILE\"}, or scheme = \"none\" to take anything from anyone");
	if (!cfg_getstr(sec, "url") && scheme_needs_url(s))
		return option_refuse(sec, "scheme = \"%s\" signs the URL; add url = \"https://...\", as the provider was given it", s->name);
	if (scheme_has_token(s) && cfg_size(sec, "verify-token-file") + cfg_size(sec, "verify-token-env") == 0)
		return option_refuse(sec, "scheme = \"%s\" asks with a verify token; add verify-token-file = {\"FILE\"}", s->name);
	if (cfg_size(sec, "bodies"))
		bodies = scheme_section_bodies_of(sec);
	if (scheme_signs_for_strangers(s) && bodies != CONTENT_JSON)
		return option_refuse_value(sec, "bodies", NULL, "the handshake of scheme = \"%s\" gives any stranger the HMAC of a text, "
			"which would be the signature of a body that is not JSON; write bodies = {\"json\"}", s->name);
	if (s->algorithm == ALGORITHM_SHA256 && bodies & (CONTENT_ANY | CONTENT_MULTIPART))
		return option_refuse_value(sec, "bodies", NULL, "a stranger can lengthen what scheme = \"%s\" signs, so that it is no JSON and no form; "
			"take \"any\" and \"multipart\" out of bodies", s->name);
	return !secret || !none || option_refuse(sec, "it has a secret that scheme = \"%s\" would not use; remove one of them", s->name);
}

bool endpoint_section_check(cfg_t *sec)
{
	const char *title = cfg_title(sec);
	struct scheme s;

	if (!reader_check_title(sec, *title == '/' && !strchr(title, '?'), "the title is the URL's path; write it as \"/webhook/linkedin\"") ||
	    !option_check(endpoint_options, sec))
		return false;
	scheme_section_find(reader_tree(), cfg_getstr(sec, "scheme"), &s);
	if (cfg_size(sec, "store") > ENDPOINT_STORES)
		return option_refuse_value(sec, "store", NULL, "store names %u sinks; name %d at most", cfg_size(sec, "store"), ENDPOINT_STORES);
	if (!check_needs(sec, &s) || !check_secret_keys(sec, &s) || !kind_check_answer(sec))
		return false;
	if (cfg_size(sec, "accounts") && s.source[FIELD_ACCOUNT][0].kind == SOURCE_NONE)
		reader_warn(sec, "endpoint \"%s\": accounts leaves out every delivery, as scheme = \"%s\" reads no account; "
			"add account = {\"json:...\"} to the scheme", title, s.name);
	if (s.algorithm == ALGORITHM_NONE)
		reader_warn(sec, "endpoint \"%s\": scheme = \"none\" checks no signature; anyone who knows the URL can store events", title);
	return true;
}

bool endpoint_section_check_links(cfg_t *tree)
{
	for (unsigned i = 0; i < cfg_size(tree, "endpoint"); i++) {
		cfg_t *sec = cfg_getnsec(tree, "endpoint", i);

		if (!sink_list_check(tree, sec, "relay", NULL) || !sink_list_check(tree, sec, "store", "relay"))
			return false;
	}
	return true;
}

/* ---- the endpoint */

/* False where a secret is no key, unless that is allowed. */
static bool make_keys(struct endpoint *e)
{
	const char *why;

	for (size_t i = 0; scheme_has_key(&e->scheme) && i < e->secrets.n; i++) {
		struct secret *s = &e->secrets.item[i];

		if (!s->len)
			continue; /* it could not be read, and an empty key would be one */
		s->key = scheme_key(&e->scheme, s->text, s->len, false, &why);
		s->other_key = scheme_other_key(&e->scheme, s->text, s->len, &why);
		if ((!s->key || (!s->other_key && e->scheme.other_algorithm)) && reader_secrets() != CONF_SECRETS_THERE)
			return false;
	}
	return true;
}

bool endpoint_section_make(cfg_t *tree, cfg_t *sec, const struct sink *sinks, size_t n_sinks, struct endpoint *e)
{
	*e = (struct endpoint){.path = strdup(cfg_title(sec)), .keep = -1};
	e->answer_given = option_is_given(sec, "answer-status") || cfg_getstr(sec, "answer-body");
	e->relay = sink_list_find(sec, "relay", sinks, n_sinks, &e->n_relay);
	e->store = sink_list_find(sec, "store", sinks, n_sinks, &e->n_store);
	return e->path && e->relay && e->store && scheme_section_find(tree, cfg_getstr(sec, "scheme"), &e->scheme) &&
		option_read(endpoint_options, sec, e) && make_keys(e);
}

void endpoint_section_free(struct endpoint *e)
{
	option_free(endpoint_options, e);
	free(e->path);
	free(e->relay);
	free(e->store);
}
