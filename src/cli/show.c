/* hookspool show: one event in full, and whether its signature still holds. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "core/clock.h"
#include "hook/verify.h"
#include "sink/spool_query.h"

static const char help[] =
	"Usage: hookspool show [OPTION]... ID\n"
	"\n"
	"Prints an event: what is known of it, the headers that prove its signature, whether\n"
	"that still holds under the configured secrets, and the body.\n"
	"\n"
	"  --raw              the exact bytes of the body, nothing else\n"
	"  --json             one JSON object\n"
	"  --help             this\n";

enum form { PRETTY, RAW, JSON };

struct show {
	const struct conf *conf;
	enum form form;
};

/* The value of a header among the kept "Name: value\n" lines, as a string the caller frees; NULL: not there. */
static char *header_value(struct slice headers, const char *name)
{
	size_t n = strlen(name);
	const char *line = headers.p, *end = headers.p + headers.n, *next;

	for (; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			break;
		if ((size_t)(next - line) > n + 2 && memcmp(line, name, n) == 0 && memcmp(line + n, ": ", 2) == 0)
			return strndup(line + n + 2, (size_t)(next - line) - n - 2);
	}
	return NULL;
}

static void judge(const struct conf *conf, const struct spool_row *r, struct buf *out)
{
	char *path = strndup(r->endpoint.p, r->endpoint.n);
	const struct endpoint *e = path ? conf_endpoint(conf, path) : NULL;
	char *value = NULL;
	int secret;

	if (!e) {
		buf_printf(out, "signature not checked: the configuration has no such endpoint");
	} else if (!e->scheme->header) {
		buf_printf(out, "not signed: scheme \"none\"");
	} else if (!(value = header_value(r->headers, e->scheme->header))) {
		buf_printf(out, "not signed: no %s was kept", e->scheme->header);
	} else {
		secret = verify_signature(e->scheme, &e->secrets, value, r->body.p, r->body.n);
		if (secret > 0)
			buf_printf(out, "signature ok, secret %d (%s)", secret, e->secrets.item[secret - 1].source);
		else if (secret < 0)
			buf_printf(out, "signature not checked: OpenSSL failed");
		else
			buf_printf(out, "signature does not match any configured secret; when received it matched secret %d", r->secret);
	}
	free(value);
	free(path);
}

static void print_field(const char *name, struct slice value)
{
	if (!value.p)
		return;
	printf("%-13s ", name);
	plain_print(stdout, value, 0);
	putchar('\n');
}

static void print_headers(struct slice headers)
{
	const char *line = headers.p, *end = headers.p + headers.n, *next;

	for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
		print_field("header", (struct slice){line, (size_t)(next - line)});
}

static void print_pretty(const struct spool_row *r, const char *verdict)
{
	char at[CLOCK_TEXT];

	printf("%-13s %" PRId64 "\n%-13s %s\n", "id", r->id, "received", clock_format(r->received_at, at));
	print_field("endpoint", r->endpoint);
	print_field("from", r->remote_addr);
	print_field("event", r->event);
	print_field("key", r->key);
	print_field("account", r->account);
	print_field("sender", r->sender_name);
	print_field("sender id", r->sender_id);
	print_field("conversation", r->conversation);
	print_field("sent", r->sent_at);
	print_headers(r->headers);
	printf("%-13s %s\n%-13s %zu bytes\n\n", "verdict", verdict, "body", r->body.n);
	if (!json_pretty(r->body)) {
		plain_print(stdout, r->body, 0);
		putchar('\n');
	}
}

static void print_json(const struct spool_row *r, const char *verdict)
{
	struct json j;

	json_begin(&j);
	json_row(&j, r);
	json_text(&j, "headers", r->headers);
	json_string(&j, "verdict", verdict);
	json_body(&j, r->body);
	json_end(&j);
}

static bool on_row(void *ctx, const struct spool_row *r)
{
	const struct show *s = ctx;
	struct buf verdict = {0};

	if (s->form == RAW) {
		fwrite(r->body.p, 1, r->body.n, stdout);
		return true;
	}
	judge(s->conf, r, &verdict);
	if (s->form == JSON)
		print_json(r, buf_str(&verdict));
	else
		print_pretty(r, buf_str(&verdict));
	buf_free(&verdict);
	return true;
}

static int show(const struct cli *cli, struct show *s, int64_t id)
{
	char why[PATH_MAX + 256] = "";
	bool found = false, ok;
	struct spool_db db;
	struct conf *conf;
	int status = cli_open(cli, &conf, &db);

	if (status != CLI_OK)
		return status;
	s->conf = conf;
	ok = spool_query_event(&db, id, on_row, s, &found, why, sizeof why);
	status = cli_close(conf, &db, ok, why);
	if (!ok || found)
		return status;
	cli_error("there is no event %" PRId64, id);
	return CLI_NO;
}

int cli_show(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"raw", no_argument, NULL, 'r'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct show s = {0};
	long long id;
	char *end;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (c == '?')
			return cli_usage("show", "unknown option %s", argv[optind - 1]);
		s.form = c == 'r' ? RAW : JSON;
	}
	if (argc - optind != 1)
		return cli_usage("show", argc == optind ? "the ID is missing" : "one ID at a time");
	errno = 0;
	id = strtoll(argv[optind], &end, 10);
	if (errno || end == argv[optind] || *end || id < 1)
		return cli_usage("show", "\"%s\" is no ID; list prints them", argv[optind]);
	return show(cli, &s, id);
}
