/* SPDX-License-Identifier: ISC */
/* hookspool verify: is this signature right, and if not, why? */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/io.h"
#include "hook/stored.h"
#include "hook/verify.h"
#include "spool/events.h"

enum { BODY_MAX = 64 << 20, HEADERS_MAX = 64 << 10, SHOWN_MAX = 2000 };

static const char help[] =
	"Usage: hookspool verify [OPTION]... FILE\n"
	"       hookspool verify [OPTION]... --id ID | --reject ID\n"
	"\n"
	"Checks the signature of the body in FILE (- is standard input), of a stored event, or of\n"
	"a rejected delivery that was kept whole, by an endpoint's scheme and secrets; the only\n"
	"one there is, unless one is named.\n"
	"\n"
	"  --endpoint PATH    as this endpoint\n"
	"  --scheme NAME      by this scheme and not by the endpoint's\n"
	"  --secret-file FILE with this secret and not with the endpoint's\n"
	"  --url URL          as the provider was given it, where the scheme signs it\n"
	"  -H 'NAME: VALUE'   a header, as in curl; as often as there are headers\n"
	"  --headers FILE     headers, one a line\n"
	"  --query QUERY      of the URL, where the scheme signs it\n"
	"  --at TIME          as if it came then (default: now; for a stored event, when it came)\n"
	"  --explain          what was signed, what was expected, and the likely cause\n"
	"  --help             this\n"
	"\n"
	"Exit status: 0 the signature is right; 1 it is not; 64 wrong usage; 78 wrong configuration.\n";

struct verify_options {
	const char *endpoint, *scheme, *secret_file, *url;
	struct buf headers, secret; /* secret: what secret_file holds; root gives up what it may read before the spool is opened */
	int64_t at; /* 0: not said */
	int64_t id; /* of an event or a rejected delivery; 0: a file */
	bool reject;
	bool explain;
};

/* By what is verified: the endpoint, as the options change it. */
struct judge {
	struct endpoint e;
	struct secret given; /* of --secret-file */
	struct buf text, source;
};

static void judge_free(struct judge *j)
{
	key_free(j->given.key);
	key_free(j->given.other_key);
	if (j->text.data)
		explicit_bzero(j->text.data, j->text.cap);
	buf_free(&j->text);
	buf_free(&j->source);
}

static int take_secret(struct judge *j, const struct verify_options *o)
{
	if (!buf_add(&j->text, o->secret.data, o->secret.len) || !buf_printf(&j->source, "file %s", o->secret_file))
		return CLI_TEMPFAIL;
	j->given.source = (char *)(uintptr_t)buf_str(&j->source);
	j->given.text = (char *)(uintptr_t)buf_str(&j->text);
	j->given.len = j->text.len;
	j->e.secrets = (struct secrets){&j->given, 1};
	return CLI_OK;
}

/* The keys of another scheme, or of another secret, than the configuration's. */
static int take_key(struct judge *j)
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

static int judge_init(struct judge *j, const struct verify_options *o, const struct conf *conf, const char *path)
{
	const struct endpoint *e = path ? conf_endpoint(conf, path) : conf->n_endpoints == 1 ? conf->endpoints : NULL;
	int status = CLI_OK;

	if (!e && path)
		return cli_usage("verify", "no endpoint is called %s", path);
	if (!e && !(o->scheme && o->secret_file))
		return cli_usage("verify", "the configuration has %zu endpoints; choose one with --endpoint", conf->n_endpoints);
	if (e)
		j->e = *e;
	if (o->scheme && !conf_scheme(conf, o->scheme, &j->e.scheme))
		return cli_usage("verify", "--scheme: there is no scheme \"%s\"", o->scheme);
	if (o->url)
		j->e.url = (char *)(uintptr_t)o->url;
	if (!j->e.url && scheme_signs_url(&j->e.scheme))
		return cli_usage("verify", "scheme \"%s\" signs the URL; add --url", j->e.scheme.name);
	if (o->secret_file)
		status = take_secret(j, o);
	return status == CLI_OK && (o->scheme || o->secret_file) ? take_key(j) : status;
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

/* What was received, and what each secret would have given; Ed25519's public key can't tell. */
static void print_signatures(const struct endpoint *e, const struct verify *v)
{
	const struct scheme *s = &e->scheme;
	unsigned char right[KEY_SIGNATURE_MAX];
	const struct key *key;

	if (!scheme_has_key(s))
		return;
	if (v->value.p)
		print_quoted(v->header, v->value);
	for (size_t i = 0; i < v->n_signatures; i++)
		print_encoded("received", s->encoding, v->signature[i], scheme_signature_size(v->algorithm), "");
	if (!v->message.p)
		return;
	printf("%-13s %s\n", "signs", s->signs);
	print_quoted("signed string", v->message);
	printf("%-13s %zu bytes\n", "", v->message.n);
	for (size_t i = 0; s->algorithm != ALGORITHM_ED25519 && i < e->secrets.n; i++) {
		key = v->algorithm == s->algorithm ? e->secrets.item[i].key : e->secrets.item[i].other_key;
		if (key && key_sign(key, v->message.p, v->message.n, right))
			print_encoded("expected", s->encoding, right, key_signature_size(key), e->secrets.item[i].source);
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

static int verify(const struct verify_options *o, const struct conf *conf, const char *path, struct slice headers, struct slice body,
	int64_t at)
{
	struct stored stored = {0};
	struct verify v = {0};
	struct judge j = {0};
	enum verify_result result = VERIFY_UNAVAILABLE;
	int status = judge_init(&j, o, conf, path);

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
	judge_free(&j);
	return status == CLI_OK && result != VERIFY_OK ? CLI_NO : status;
}

struct visit {
	const struct verify_options *o;
	const struct conf *conf;
	int status;
};

/* What was stored is verified as its own endpoint's, at the time it came, unless the options say otherwise. */
static void verify_row(struct visit *visit, struct slice endpoint, struct slice headers, struct slice body, int64_t received_at)
{
	char *path = endpoint.p ? strndup(endpoint.p, endpoint.n) : NULL;

	visit->status = verify(visit->o, visit->conf, visit->o->endpoint ? visit->o->endpoint : path, headers, body,
		visit->o->at ? visit->o->at : received_at);
	free(path);
}

static bool on_row(void *ctx, const struct spool_row *r)
{
	verify_row(ctx, r->endpoint, r->headers, r->body, r->received_at);
	return true;
}

static void on_reject(void *ctx, const struct spool_reject_row *r)
{
	struct visit *visit = ctx;

	if (r->body.p && r->headers.p)
		verify_row(visit, r->endpoint, r->headers, r->body, r->received_at);
	else
		cli_error("rejected delivery %" PRId64 " was not kept whole; reject-bodies = true keeps the next ones", r->id);
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
	ok = o->reject ? spool_query_reject(db, o->id, on_reject, &visit, &found)
		: spool_query_event(db, o->id, on_row, &visit, &found);
	status = cli_close(conf, db, ok, NULL);
	if (ok && !found)
		cli_error("there is no %s %" PRId64, o->reject ? "rejected delivery" : "event", o->id);
	return status == CLI_OK ? visit.status : status;
}

static bool read_whole(const char *file, struct buf *out, size_t max)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && io_read_all(fd, out, max);

	if (!ok)
		cli_error("%s: %s", file, errno == EFBIG ? "too large" : strerror(errno));
	if (fd >= 0 && !is_stdin)
		close(fd);
	return ok;
}

static int verify_file(const struct cli *cli, const struct verify_options *o, const char *file)
{
	struct conf *conf = cli_conf(cli, CONF_SECRETS_ALL);
	struct buf body = {0};
	int status = CLI_NO;

	if (!conf)
		return CLI_CONFIG;
	if (read_whole(file, &body, BODY_MAX))
		status = verify(o, conf, o->endpoint, (struct slice){o->headers.data, o->headers.len},
			(struct slice){body.data, body.len}, o->at ? o->at : clock_now());
	buf_free(&body);
	conf_free(conf);
	return status;
}

enum { ENDPOINT = 256, SCHEME, SECRET_FILE, URL, HEADERS, QUERY, AT, ID, REJECT, EXPLAIN };

static bool take_option(struct verify_options *o, int c)
{
	char *end;

	switch (c) {
	case ENDPOINT:
		o->endpoint = optarg;
		return true;
	case SCHEME:
		o->scheme = optarg;
		return true;
	case SECRET_FILE:
		o->secret_file = optarg;
		return true;
	case URL:
		o->url = optarg;
		return true;
	case 'H':
		return strchr(optarg, ':') && buf_printf(&o->headers, "%s\n", optarg);
	case HEADERS:
		return read_whole(optarg, &o->headers, HEADERS_MAX) && buf_printf(&o->headers, "\n");
	case QUERY:
		return buf_printf(&o->headers, ":query: %s\n", optarg);
	case AT:
		return clock_parse(optarg, clock_now(), &o->at);
	case ID:
	case REJECT:
		if (o->id)
			return false;
		o->reject = c == REJECT;
		errno = 0;
		o->id = strtoll(optarg, &end, 10);
		return errno == 0 && end > optarg && *end == '\0' && o->id > 0;
	default:
		return o->explain = true;
	}
}

int cli_verify(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"endpoint", required_argument, NULL, ENDPOINT},
		{"scheme", required_argument, NULL, SCHEME},
		{"secret-file", required_argument, NULL, SECRET_FILE},
		{"url", required_argument, NULL, URL},
		{"headers", required_argument, NULL, HEADERS},
		{"query", required_argument, NULL, QUERY},
		{"at", required_argument, NULL, AT},
		{"id", required_argument, NULL, ID},
		{"reject", required_argument, NULL, REJECT},
		{"explain", no_argument, NULL, EXPLAIN},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct verify_options o = {0};
	char why[PATH_MAX + 128];
	int c, status = CLI_OK;

	optind = 0;
	opterr = 0;
	while (status == CLI_OK && (c = getopt_long(argc, argv, ":H:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			buf_free(&o.headers);
			return CLI_OK;
		}
		if (c == '?' || c == ':')
			status = cli_usage("verify", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		else if (!take_option(&o, c))
			status = cli_usage("verify", "\"%s\" is no value for that option", optarg);
	}
	if (status == CLI_OK && argc - optind != (o.id == 0))
		status = cli_usage("verify", o.id ? "a stored event or a file, not both" : "the FILE is missing, or more than one");
	if (status == CLI_OK && o.secret_file && !io_read_secret(o.secret_file, &o.secret, why, sizeof why))
		status = cli_usage("verify", "--secret-file: %s", why);
	if (status == CLI_OK)
		status = o.id ? verify_stored(cli, &o) : verify_file(cli, &o, argv[optind]);
	if (o.secret.data)
		explicit_bzero(o.secret.data, o.secret.cap);
	buf_free(&o.secret);
	buf_free(&o.headers);
	return status;
}
