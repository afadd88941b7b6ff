/* SPDX-License-Identifier: ISC */
/* hookspool verify: checks a signature, and explains why it is wrong. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/given.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "hook/explain.h"
#include "hook/jwt.h"
#include "hook/stored.h"
#include "hook/verify.h"
#include "spool/events.h"
#include "spool/rejects.h"

enum { BODY_MAX = 64 << 20, SHOWN_MAX = 2000 };

struct verify_options {
	const char *file, *endpoint, *scheme, *url;
	struct given given;
	int64_t at;        /* 0: not given */
	int64_t id;        /* of an event; 0: none */
	int64_t reject;    /* of a rejected delivery; 0: none */
	bool explain;
};

/* The endpoint to verify by, as the options change it. */
struct verifier {
	struct endpoint e;
	struct secret given; /* of --secret-file */
	struct buf text, source;
};

static void verifier_free(struct verifier *j)
{
	key_free(j->given.key);
	key_free(j->given.other_key);
	if (j->text.data)
		explicit_bzero(j->text.data, j->text.cap);
	buf_free(&j->text);
	buf_free(&j->source);
}

static int take_given_secret(struct verifier *j, const struct verify_options *o)
{
	if (!buf_add(&j->text, o->given.secret.data, o->given.secret.len) || !buf_printf(&j->source, "file %s", o->given.secret_file))
		return CLI_TEMPFAIL;
	j->given.source = (char *)(uintptr_t)buf_str(&j->source);
	j->given.text = (char *)(uintptr_t)buf_str(&j->text);
	j->given.len = j->text.len;
	j->e.secrets = (struct secrets){&j->given, 1};
	return CLI_OK;
}

/* Makes the keys for another scheme or another secret than the configuration's. */
static int take_key(struct verifier *j)
{
	const char *why = "";

	if (!scheme_has_key(&j->e.scheme))
		return CLI_OK;
	if (j->e.secrets.n == 0)
		return cli_usage("verify", "scheme \"%s\" needs a secret; add --secret-file", j->e.scheme.name);
	if (j->e.secrets.item != &j->given) {
		j->given = j->e.secrets.item[0];
		j->e.secrets = (struct secrets){&j->given, 1};
	}
	j->given.key = scheme_key(&j->e.scheme, j->given.text, j->given.len, false, &why);
	j->given.other_key = scheme_other_key(&j->e.scheme, j->given.text, j->given.len, &why);
	return j->given.key ? CLI_OK
		: cli_usage("verify", "%s is no secret of scheme \"%s\": %s", j->given.source, j->e.scheme.name, why);
}

static int verifier_init(struct verifier *j, const struct verify_options *o, const struct conf *conf, const char *path)
{
	const struct endpoint *e = path ? conf_endpoint(conf, path) : conf->n_endpoints == 1 ? conf->endpoints : NULL;
	int status = CLI_OK;

	if (!e && path)
		return cli_usage("verify", "no endpoint is called %s", path);
	if (!e && !(o->scheme && o->given.secret_file))
		return cli_usage("verify", "the configuration has %zu endpoints; choose one with --endpoint", conf->n_endpoints);
	if (e)
		j->e = *e;
	if (o->scheme && !conf_scheme(conf, o->scheme, &j->e.scheme))
		return cli_usage("verify", "--scheme: there is no scheme \"%s\"", o->scheme);
	if (o->url)
		j->e.url = (char *)(uintptr_t)o->url;
	if (!j->e.url && scheme_needs_url(&j->e.scheme))
		return cli_usage("verify", "scheme \"%s\" signs the URL; add --url", j->e.scheme.name);
	if (o->given.secret_file)
		status = take_given_secret(j, o);
	return status == CLI_OK && (o->scheme || o->given.secret_file) ? take_key(j) : status;
}

static void print_quoted(const char *name, struct slice s)
{
	struct slice shown = {s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};

	printf("%-13s \"", name);
	for (size_t i = 0; i < shown.n; i++) {
		unsigned char c = (unsigned char)shown.p[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c == '\n')
			fputs("\\n", stdout);
		else if (c == '\r')
			fputs("\\r", stdout);
		else if (c == '\t')
			fputs("\\t", stdout);
		else if (c < 0x20 || c >= 0x7F)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	printf("\"%s\n", shown.n < s.n ? "..." : "");
}

static void print_encoded(const char *name, enum encoding e, const void *bytes, size_t n, const char *source)
{
	char out[2 * KEY_SIGNATURE_MAX + 1];

	encode(e, bytes, n, out);
	printf("%-13s %s%s%s\n", name, out, *source ? "  " : "", source);
}

/* The header and the claims of a token, and what the scheme wants of them. */
static void print_token(const struct scheme *s, const struct verify *v)
{
	struct buf text = {0};

	for (int claims = 0; claims < 2; claims++) {
		text.len = 0;
		if (jwt_show(v, claims, &text))
			print_quoted(claims ? "claims" : "token", (struct slice){text.data, text.len});
	}
	printf("%-13s alg=%s\n", "wants", jwt_algorithm(s));
	for (int i = 0; i < SCHEME_CLAIMS && s->claim[i]; i++)
		printf("%-13s %s\n", "", s->claim[i]);
	buf_free(&text);
}

/* Prints the received signature, and the one that each secret gives. A public key gives none. */
static void print_signatures(const struct endpoint *e, const struct verify *v)
{
	const struct scheme *s = &e->scheme;
	enum encoding encoding = scheme_is_jwt(s) ? ENCODING_BASE64URL : s->encoding;
	unsigned char right[KEY_SIGNATURE_MAX];
	const struct key *key;
	size_t n;

	if (!scheme_has_key(s))
		return;
	if (v->value.p)
		print_quoted(v->header, v->value);
	if (scheme_is_jwt(s))
		print_token(s, v);
	for (size_t i = 0; i < v->n_signatures; i++)
		print_encoded("received", encoding, v->signature[i].p, v->signature[i].n, "");
	if (!v->message.p)
		return;
	if (s->signs)
		printf("%-13s %s\n", "signs", s->signs);
	print_quoted("signed string", v->message);
	printf("%-13s %zu bytes\n", "", v->message.n);
	for (size_t i = 0; !scheme_has_public_key(s) && i < e->secrets.n; i++) {
		key = v->algorithm == s->algorithm ? e->secrets.item[i].key : e->secrets.item[i].other_key;
		n = key ? key_sign(key, v->message.p, v->message.n, right) : 0;
		if (n)
			print_encoded("expected", encoding, right, n, e->secrets.item[i].source);
	}
}

static bool print_explanation(const struct request *r, const struct endpoint *e, const struct verify *v)
{
	char at[TERMINAL_TIME];
	struct buf cause = {0};
	bool ok;

	printf("%-13s %s\n", "scheme", e->scheme.name);
	print_signatures(e, v);
	if (v->at)
		printf("%-13s %s\n", "signed at", terminal_time(v->at, at));
	ok = !v->reason || explain_cause(r, e, v, &cause);
	if (ok && cause.len)
		printf("%-13s %s\n", "cause", buf_str(&cause));
	else if (ok && v->reason && !v->secret)
		printf("%-13s not found: another secret, or other bytes than were signed\n", "cause");
	buf_free(&cause);
	return ok;
}

static int verify_as(const struct verify_options *o, const struct conf *conf, const char *path, struct slice headers, struct slice body,
	int64_t at)
{
	struct stored stored = {0};
	struct verify v = {0};
	struct verifier j = {0};
	enum verify_result result = VERIFY_UNAVAILABLE;
	int status = verifier_init(&j, o, conf, path);

	if (status == CLI_OK && !stored_request(headers, body, &stored))
		status = CLI_TEMPFAIL;
	if (status == CLI_OK) {
		result = verify_delivery(&stored.request, &j.e, at, &v);
		if (o->explain && !print_explanation(&stored.request, &j.e, &v))
			status = CLI_TEMPFAIL;
	}
	if (status == CLI_OK && result == VERIFY_OK && v.secret)
		printf("%-13s right, secret %d (%s)\n", "verdict", v.secret, j.e.secrets.item[v.secret - 1].source);
	else if (status == CLI_OK && result == VERIFY_OK)
		printf("%-13s scheme \"%s\" has no signature\n", "verdict", j.e.scheme.name);
	else if (status == CLI_OK)
		printf("%-13s %s\n", "verdict", v.reason);
	if (status == CLI_TEMPFAIL)
		cli_error("memory is short");
	stored_free(&stored);
	verify_free(&v);
	verifier_free(&j);
	return status == CLI_OK && result != VERIFY_OK ? CLI_NO : status;
}

struct visit {
	const struct verify_options *o;
	const struct conf *conf;
	int status;
};

/* Verifies a stored delivery by its own endpoint, at the time it came, unless the options say otherwise. */
static void verify_row(struct visit *visit, struct slice endpoint, struct slice headers, struct slice body, int64_t received_at)
{
	char *path = endpoint.p ? strndup(endpoint.p, endpoint.n) : NULL;

	visit->status = verify_as(visit->o, visit->conf, visit->o->endpoint ? visit->o->endpoint : path, headers, body,
		visit->o->at ? visit->o->at : received_at);
	free(path);
}

static bool verify_event(struct visit *visit, struct spool_db *db, bool *found)
{
	struct spool_events_iter *it = spool_events_get(db, visit->o->id);
	struct spool_row r;

	*found = spool_events_next(it, &r);
	if (*found && r.source == SPOOL_SOURCE_OWN)
		printf("%-13s no signature: hookspool has made event %" PRId64 "\n", "verdict", r.id);
	else if (*found && r.source == SPOOL_SOURCE_CATCH_UP)
		printf("%-13s no signature: catch-up has fetched event %" PRId64 " from the provider's API\n", "verdict", r.id);
	else if (*found)
		verify_row(visit, r.endpoint, r.headers, r.body, r.received_at);
	return spool_events_end(it);
}

static bool verify_reject(struct visit *visit, struct spool_db *db, bool *found)
{
	struct spool_rows *rows = spool_rejects_get(db, visit->o->reject);
	struct spool_reject_row r;

	*found = spool_rejects_next(rows, &r);
	if (*found && r.body.p && r.headers.p)
		verify_row(visit, r.endpoint, r.headers, r.body, r.received_at);
	else if (*found)
		cli_error("rejected delivery %" PRId64 " was not kept whole; reject-bodies = true keeps the next ones", r.id);
	return spool_rows_end(rows);
}

static int verify_stored(const struct cli *cli, const struct verify_options *o)
{
	struct visit visit = {.o = o, .status = CLI_NO};
	bool found = false, ok;
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_ALL, &conf, &db);

	if (status != CLI_OK)
		return status;
	visit.conf = conf;
	ok = o->reject ? verify_reject(&visit, db, &found) : verify_event(&visit, db, &found);
	status = cli_close(conf, db, ok, NULL);
	if (ok && !found)
		cli_error("there is no %s %" PRId64, o->reject ? "rejected delivery" : "event", o->reject ? o->reject : o->id);
	return status == CLI_OK ? visit.status : status;
}

static int verify_file(const struct cli *cli, const struct verify_options *o)
{
	struct conf *conf = cli_conf(cli, CONF_SECRETS_ALL);
	struct buf body = {0};
	int status = CLI_NO;

	if (!conf)
		return CLI_CONFIG;
	if (cli_read(o->file, &body, BODY_MAX))
		status = verify_as(o, conf, o->endpoint, (struct slice){o->given.headers.data, o->given.headers.len},
			(struct slice){body.data, body.len}, o->at ? o->at : clock_now());
	buf_free(&body);
	conf_free(conf);
	return status;
}

static int verify_run(const struct cli *cli, void *values)
{
	struct verify_options *o = values;
	int status;

	if (o->id && o->reject)
		return cli_usage("verify", "an event or a rejected delivery, not both");
	if (o->file && (o->id || o->reject))
		return cli_usage("verify", "a stored event or a file, not both");
	if (!o->file && !o->id && !o->reject)
		return cli_usage("verify", "the FILE is missing");
	if ((status = given_read(&o->given, "verify")) == CLI_OK)
		status = o->file ? verify_file(cli, o) : verify_stored(cli, o);
	given_free(&o->given);
	return status;
}

static const struct command_option verify_options[] = {
	{.name = "endpoint", .kind = COMMAND_ENDPOINT, .offset = offsetof(struct verify_options, endpoint), .argument = "PATH", .help = "as this endpoint"},
	{.name = "scheme", .kind = COMMAND_SCHEME, .offset = offsetof(struct verify_options, scheme), .argument = "NAME",
		.help = "by this scheme and not by the endpoint's"},
	{.name = "secret-file", .kind = COMMAND_FILE, .offset = offsetof(struct verify_options, given.secret_file), .argument = "FILE",
		.help = "with this secret and not with the endpoint's"},
	{.name = "url", .kind = COMMAND_TEXT, .offset = offsetof(struct verify_options, url), .argument = "URL",
		.help = "as the provider was given it, where the scheme signs it"},
	{.letter = 'H', .kind = COMMAND_HEADERS, .offset = offsetof(struct verify_options, given.headers), .argument = "'NAME: VALUE'",
		.help = "a header, as in curl; may be given again"},
	{.name = "headers", .kind = COMMAND_FILE, .offset = offsetof(struct verify_options, given.header_file), .argument = "FILE", .help = "headers, one a line"},
	{.name = "query", .kind = COMMAND_TEXT, .offset = offsetof(struct verify_options, given.query), .argument = "QUERY",
		.help = "of the URL, where the scheme signs it"},
	{.name = "at", .kind = COMMAND_TIME, .offset = offsetof(struct verify_options, at), .argument = "TIME",
		.help = "as if it came then (default: now; for a stored event, when it came)"},
	{.name = "id", .kind = COMMAND_NUMBER, .offset = offsetof(struct verify_options, id), .argument = "ID", .min = 1,
		.wrong = "is no ID; list prints them", .help = "a stored event"},
	{.name = "reject", .kind = COMMAND_NUMBER, .offset = offsetof(struct verify_options, reject), .argument = "ID", .min = 1,
		.wrong = "is no ID; rejects prints them", .help = "a rejected delivery that was kept whole"},
	{.name = "explain", .offset = offsetof(struct verify_options, explain),
		.help = "print what was signed, what was expected, and the likely cause"},
	{0},
};

const struct command cli_verify = {
	.name = "verify",
	.purpose = "check a signature, and find out why it is wrong",
	.usage = "[OPTION]... FILE\n[OPTION]... --id ID | --reject ID",
	.about = "Checks the signature of the body in FILE (- is standard input), of a stored event, or of a rejected delivery that was "
		"kept whole. Uses the scheme and the secrets of an endpoint: the one of --endpoint, or the only one.",
	.more = "Exit status: 0 the signature is right; 1 it is not; 64 wrong usage; 78 wrong configuration.",
	.examples = "verify --reject 12 --explain\nverify -H 'X-Hub-Signature-256: sha256=...' body.json",
	.options = verify_options,
	.argument = {.kind = COMMAND_FILE, .offset = offsetof(struct verify_options, file), .argument = "FILE"},
	.argument_optional = true,
	.size = sizeof(struct verify_options),
	.run = verify_run,
};
