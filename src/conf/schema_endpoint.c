/* SPDX-License-Identifier: ISC */
/* The checks of an endpoint's options. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/schema_endpoint.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/schema_scheme.h"
#include "core/io.h"
#include "core/rate.h"
#include "core/units.h"
#include "core/utf8.h"

enum { ANSWER_MAX = 1024, TYPE_MAX = 100, NAME_MAX_BYTES = 100, STORE_WAIT_MAX_MS = 10000 };

/* A name is printed on terminals and in logs. */
static bool is_name(const char *s)
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

int schema_check_name(cfg_t *cfg, cfg_opt_t *opt)
{
	if (is_name(cfg_opt_getstr(opt)))
		return 0;
	cfg_error(cfg, "name: write 1 to %d bytes of UTF-8 text without control characters", NAME_MAX_BYTES);
	return -1;
}

int schema_check_scheme(cfg_t *cfg, cfg_opt_t *opt)
{
	struct buf names = {0};
	struct scheme s;

	if (schema_scheme_find(schema_tree(), cfg_opt_getstr(opt), &s))
		return 0;
	schema_scheme_names(schema_tree(), &names);
	cfg_error(cfg, "scheme = \"%s\" is unknown, or comes further down; there are %s", cfg_opt_getstr(opt), buf_str(&names));
	buf_free(&names);
	return -1;
}

int schema_check_bodies(cfg_t *cfg, cfg_opt_t *opt)
{
	for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
		if (schema_choice(schema_bodies, cfg_opt_getnstr(opt, i)) < 0) {
			cfg_error(cfg, "bodies: \"%s\" is unknown; write \"json\", \"form\" or \"any\"", cfg_opt_getnstr(opt, i));
			return -1;
		}
	}
	return 0;
}

/* As it was given to the provider: what it signs must come out the same. */
int schema_check_url(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *url = cfg_opt_getstr(opt);

	if ((strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) && !strpbrk(url, "?# "))
		return 0;
	cfg_error(cfg, "url = \"%s\": write it as \"https://example.com/webhook\", without a query", url);
	return -1;
}

int schema_check_allow(cfg_t *cfg, cfg_opt_t *opt)
{
	struct cidr range;

	for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
		if (!cidr_parse(cfg_opt_getnstr(opt, i), &range)) {
			cfg_error(cfg, "allow: \"%s\" is no address range; write \"192.0.2.0/24\" or \"2001:db8::/32\", no bits set behind the prefix",
				cfg_opt_getnstr(opt, i));
			return -1;
		}
	}
	return 0;
}

int schema_check_rate(cfg_t *cfg, cfg_opt_t *opt)
{
	struct rate rate;

	if (rate_parse(cfg_opt_getstr(opt), &rate))
		return 0;
	cfg_error(cfg, "rate = \"%s\": write it as \"60/m\": so many deliveries a second (s), minute (m) or hour (h)", cfg_opt_getstr(opt));
	return -1;
}

int schema_check_secret_file(cfg_t *cfg, cfg_opt_t *opt)
{
	char path[PATH_MAX], why[PATH_MAX + 128];
	struct buf secret = {0};
	bool ok = true;

	if (!schema_checks_secrets())
		return 0;
	for (unsigned i = 0; ok && i < cfg_opt_size(opt); i++) {
		if (!*cfg_opt_getnstr(opt, i)) {
			cfg_error(cfg, "%s: an empty name; is an environment variable in it empty?", opt->name);
			return -1;
		}
		schema_path(cfg->filename, cfg_opt_getnstr(opt, i), path, sizeof path);
		ok = io_read_secret(path, &secret, why, sizeof why);
	}
	if (!ok)
		cfg_error(cfg, "%s: %s", opt->name, why);
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	buf_free(&secret);
	return ok ? 0 : -1;
}

int schema_check_secret_env(cfg_t *cfg, cfg_opt_t *opt)
{
	char why[512];
	struct buf secret = {0};
	bool ok = true;

	if (!schema_checks_secrets())
		return 0;
	for (unsigned i = 0; ok && i < cfg_opt_size(opt); i++)
		ok = io_read_secret_env(cfg_opt_getnstr(opt, i), &secret, why, sizeof why);
	if (!ok)
		cfg_error(cfg, "%s: %s", opt->name, why);
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	buf_free(&secret);
	return ok ? 0 : -1;
}

static bool check_key(cfg_t *cfg, const struct scheme *s, const char *source, const char *text, size_t n)
{
	const char *why = "";
	struct key *key = scheme_key(s, text, n, false, &why);

	if (!key)
		cfg_error(cfg, "%s is no secret of scheme \"%s\": %s", source, s->name, why);
	key_free(key);
	return key != NULL;
}

/* The secrets' texts as keys of the scheme; that they can be read was checked before. */
static bool check_keys(cfg_t *cfg, cfg_t *sec, const struct scheme *s)
{
	char path[PATH_MAX], why[PATH_MAX + 128];
	struct buf secret = {0};
	const char *name;
	bool ok = true;

	if (!scheme_has_key(s) || !schema_checks_secrets())
		return true;
	for (unsigned i = 0; ok && i < cfg_size(sec, "secret-file"); i++) {
		schema_path(sec->filename, cfg_getnstr(sec, "secret-file", i), path, sizeof path);
		ok = io_read_secret(path, &secret, why, sizeof why) && check_key(cfg, s, path, secret.data, secret.len);
	}
	for (unsigned i = 0; ok && i < cfg_size(sec, "secret-env"); i++) {
		name = cfg_getnstr(sec, "secret-env", i);
		ok = io_read_secret_env(name, &secret, why, sizeof why) && check_key(cfg, s, name, secret.data, secret.len);
	}
	if (secret.data)
		explicit_bzero(secret.data, secret.cap);
	buf_free(&secret);
	return ok;
}

static bool is_text(const char *s, size_t max)
{
	size_t n = strlen(s);

	while (*s >= ' ' && *s < 0x7F)
		s++;
	return *s == '\0' && n > 0 && n <= max;
}

/* What is answered when all is well: fixed text, and nothing that could break the head of the answer. */
static bool check_answer(cfg_t *sec)
{
	const char *type = cfg_getstr(sec, "answer-type"), *text = cfg_getstr(sec, "answer-body"), *title = cfg_title(sec);
	long status = cfg_getint(sec, "answer-status");

	if (status != 200 && status != 201 && status != 202 && status != 204)
		cfg_error(schema_at(sec, "answer-status", NULL), "endpoint \"%s\": answer-status = %ld; write 200, 201, 202 or 204", title, status);
	else if (text && strlen(text) > ANSWER_MAX)
		cfg_error(schema_at(sec, "answer-body", text), "endpoint \"%s\": answer-body is longer than %d bytes", title, ANSWER_MAX);
	else if (status == 204 && text)
		cfg_error(schema_at(sec, "answer-body", text), "endpoint \"%s\": an answer with status 204 has no body; remove answer-body", title);
	else if (type && (!text || !is_text(type, TYPE_MAX)))
		cfg_error(schema_at(sec, "answer-type", type), "endpoint \"%s\": answer-type is the media type of an answer-body, such as \"text/plain\"", title);
	else
		return true;
	return false;
}

static bool check_store(cfg_t *sec)
{
	const char *wait = cfg_getstr(sec, "store-wait");
	int64_t ms;

	if (cfg_size(sec, "store") > CONF_STORES) {
		cfg_error(schema_at(sec, "store", NULL), "endpoint \"%s\": store names %u sinks; name %d at most", cfg_title(sec),
			cfg_size(sec, "store"), CONF_STORES);
		return false;
	}
	if (units_duration(wait, &ms) && ms >= 1 && ms <= STORE_WAIT_MAX_MS)
		return true;
	cfg_error(schema_at(sec, "store-wait", wait), "endpoint \"%s\": store-wait = \"%s\" is not a time; write \"4s\"; 1ms to 10s",
		cfg_title(sec), wait);
	return false;
}

/* An endpoint as a whole; the line is that of its closing brace. */
int schema_check_endpoint(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *title = cfg_title(sec);
	bool secret = cfg_size(sec, "secret-file") + cfg_size(sec, "secret-env") > 0, none;
	struct scheme s;

	schema_scheme_find(schema_tree(), cfg_getstr(sec, "scheme"), &s);
	none = s.algorithm == ALGORITHM_NONE;
	if (!schema_check_title(sec, *title == '/' && !strchr(title, '?'), "the title is the URL's path; write it as \"/webhook/linkedin\""))
		return -1;
	if (!secret && !none) {
		cfg_error(cfg, "endpoint \"%s\" has no secret; add secret-file = {\"FILE\"}, "
			"or scheme = \"none\" to take anything from anyone", title);
		return -1;
	}
	if (!cfg_getstr(sec, "url") && scheme_signs_url(&s)) {
		cfg_error(cfg, "endpoint \"%s\": scheme = \"%s\" signs the URL; add url = \"https://...\", as the provider was given it",
			title, s.name);
		return -1;
	}
	if (s.handshake == HANDSHAKE_HUB && cfg_size(sec, "verify-token-file") + cfg_size(sec, "verify-token-env") == 0) {
		cfg_error(cfg, "endpoint \"%s\": scheme = \"%s\" asks with a verify token; add verify-token-file = {\"FILE\"}", title, s.name);
		return -1;
	}
	if (scheme_signs_for_strangers(&s) && (cfg_size(sec, "bodies") ? schema_bodies_of(sec) : s.bodies) != CONTENT_JSON) {
		cfg_error(schema_at(sec, "bodies", NULL), "endpoint \"%s\": the handshake of scheme = \"%s\" gives any stranger the HMAC of a text, "
			"which would be the signature of a body that is not JSON; write bodies = {\"json\"}", title, s.name);
		return -1;
	}
	if (!check_keys(cfg, sec, &s) || !check_answer(sec))
		return -1;
	if ((cfg_getopt(sec, "rate-burst")->flags & CFGF_MODIFIED) &&
	    (cfg_getint(sec, "rate-burst") < 1 || cfg_getint(sec, "rate-burst") > RATE_MAX || !cfg_getstr(sec, "rate"))) {
		cfg_error(schema_at(sec, "rate-burst", NULL), "endpoint \"%s\": rate-burst goes with a rate, and is 1 to %d", title, RATE_MAX);
		return -1;
	}
	if (!check_store(sec))
		return -1;
	if (secret && none) {
		cfg_error(cfg, "endpoint \"%s\" has a secret that scheme = \"%s\" would not use; remove one of them", title, s.name);
		return -1;
	}
	if (cfg_size(sec, "accounts") && s.source[FIELD_ACCOUNT][0].kind == SOURCE_NONE)
		schema_warn(cfg, "endpoint \"%s\": accounts leaves out every delivery, as scheme = \"%s\" reads no account; "
			"add account = {\"json:...\"} to the scheme", title, s.name);
	if (none)
		schema_warn(cfg, "endpoint \"%s\": scheme = \"none\" checks no signature; anyone who knows the URL can store events", title);
	return 0;
}
