/* SPDX-License-Identifier: ISC */
/* hookspool identify: which provider's delivery this looks like, and what to write into the configuration. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/given.h"
#include "cli/json.h"
#include "cli/scheme_text.h"
#include "hook/again.h"
#include "hook/identify.h"
#include "hook/looks_like.h"
#include "hook/stored.h"
#include "spool/rejects.h"

enum { IDENTIFY_READ_MAX = 64 << 20 };

struct identify_options {
	const char *file, *url;
	struct given given;
	int64_t reject; /* 0: none */
	bool json;
};

static void print_likeness_json(const struct likeness *found, bool sure)
{
	const struct provider *p = provider_find(found->scheme->name);
	struct buf b = {0};
	struct json j;

	json_begin(&j);
	json_string(&j, "scheme", found->scheme->name);
	json_text(&j, "title", provider_add_note(p, PROVIDER_TITLE, &b) ? (struct slice){buf_str(&b), b.len} : (struct slice){0});
	json_number(&j, "points", found->points);
	json_bool(&j, "proven", found->proven);
	json_bool(&j, "sure", sure);
	b.len = 0;
	json_text(&j, "endpoint", scheme_text_endpoint(found->scheme, &b) ? (struct slice){buf_str(&b), b.len} : (struct slice){0});
	json_end(&j);
	buf_free(&b);
}

static int print_likenesses(const struct likeness *found, size_t n, bool as_json)
{
	struct buf b = {0};
	size_t best = identify_best(found, n);
	bool ok;

	for (size_t i = 0; as_json && i < n; i++)
		print_likeness_json(&found[i], i == 0 && best == 1);
	if (as_json || n == 0) {
		if (n == 0)
			cli_error("it looks like no built-in scheme; `hookspool schemes` prints them, and hookspool.conf(5) says how to write one");
		return n ? CLI_OK : CLI_NO;
	}
	ok = looks_like_add(found, n, &b) && buf_printf(&b, "\n");
	for (size_t i = 0; ok && i < best; i++)
		ok = buf_printf(&b, "\n") && scheme_text_endpoint(found[i].scheme, &b);
	if (ok)
		printf("%s\n`hookspool schemes %s` says what to enter at the provider.\n", buf_str(&b), found[0].scheme->name);
	else
		cli_error("memory is short");
	buf_free(&b);
	return ok ? CLI_OK : CLI_TEMPFAIL;
}

static int identify_request(const struct identify_options *o, struct slice headers, struct slice body, const struct endpoint *e)
{
	struct secret given = {.text = o->given.secret.data, .len = o->given.secret.len};
	struct endpoint with = e ? *e : (struct endpoint){0};
	struct likeness found[IDENTIFY_MAX];
	struct stored stored = {0};
	int status = CLI_TEMPFAIL;

	if (o->given.secret_file)
		with.secrets = (struct secrets){&given, 1};
	if (o->url)
		with.url = (char *)(uintptr_t)o->url;
	if (stored_request(headers, body, &stored))
		status = print_likenesses(found, identify(&stored.request, &with, found), o->json);
	else
		cli_error("memory is short");
	stored_free(&stored);
	return status;
}

static int identify_file(const struct identify_options *o)
{
	struct buf body = {0};
	int status = CLI_USAGE;

	if (cli_read(o->file, &body, IDENTIFY_READ_MAX))
		status = identify_request(o, (struct slice){o->given.headers.data, o->given.headers.len}, (struct slice){body.data, body.len}, NULL);
	buf_free(&body);
	return status;
}

static int identify_reject(const struct cli *cli, const struct identify_options *o)
{
	struct spool_db *db = NULL;
	struct spool_reject_row r;
	struct spool_rows *rows;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db), found = CLI_NO;

	if (status != CLI_OK)
		return status;
	rows = spool_rejects_get(db, o->reject);
	if (!spool_rejects_next(rows, &r))
		cli_error("there is no rejected delivery %" PRId64, o->reject);
	else if (r.headers.p)
		found = identify_request(o, r.headers, r.body, again_endpoint(conf, &r));
	else
		cli_error("rejected delivery %" PRId64 " was not kept whole; reject-bodies = true keeps the next ones", r.id);
	status = cli_close(conf, db, spool_rows_end(rows), NULL);
	return status == CLI_OK ? found : status;
}

static int identify_run(const struct cli *cli, void *values)
{
	struct identify_options *o = values;
	int status;

	if ((o->file != NULL) == (o->reject != 0))
		return cli_usage("identify", "give a FILE with the body, or --reject with an ID");
	if ((status = given_read(&o->given, "identify")) == CLI_OK)
		status = o->file ? identify_file(o) : identify_reject(cli, o);
	given_free(&o->given);
	return status;
}

static const struct command_option identify_options[] = {
	{.letter = 'H', .kind = COMMAND_HEADERS, .offset = offsetof(struct identify_options, given.headers), .argument = "'NAME: VALUE'",
		.help = "a header, as in curl; may be given again"},
	{.name = "headers", .kind = COMMAND_FILE, .offset = offsetof(struct identify_options, given.header_file), .argument = "FILE",
		.help = "headers, one a line"},
	{.name = "query", .kind = COMMAND_TEXT, .offset = offsetof(struct identify_options, given.query), .argument = "QUERY", .help = "of the URL"},
	{.name = "secret-file", .kind = COMMAND_FILE, .offset = offsetof(struct identify_options, given.secret_file), .argument = "FILE",
		.help = "try this secret, and not those of the endpoint"},
	{.name = "url", .kind = COMMAND_TEXT, .offset = offsetof(struct identify_options, url), .argument = "URL",
		.help = "as the provider was given it, for those that sign it"},
	{.name = "reject", .kind = COMMAND_NUMBER, .offset = offsetof(struct identify_options, reject), .argument = "ID", .min = 1,
		.wrong = "is no ID; rejects prints them", .help = "a rejected delivery that was kept whole"},
	{.name = "json", .offset = offsetof(struct identify_options, json), .help = "one JSON object a line, the best first"},
	{0},
};

const struct command cli_identify = {
	.name = "identify",
	.purpose = "tell which provider's delivery this looks like",
	.usage = "[OPTION]... FILE\n[OPTION]... --reject ID",
	.about = "Compares a delivery with the built-in schemes: where its signature is, the form of that, the headers, and the names in the "
		"body. Prints the schemes that fit, and an endpoint to add. With a secret it also tells whether that made the signature.\n"
		"\n"
		"The body is in FILE (- is standard input), and the headers are given as options; or it is a rejected delivery that was kept whole.",
	.more = "Exit status: 0 it looks like a built-in scheme; 1 it looks like none; 64 wrong usage; 78 wrong configuration.",
	.examples = "identify --reject 12\nidentify -H 'Calendly-Webhook-Signature: t=1,v1=a' body.json",
	.options = identify_options,
	.argument = {.kind = COMMAND_FILE, .offset = offsetof(struct identify_options, file), .argument = "FILE"},
	.argument_optional = true,
	.size = sizeof(struct identify_options),
	.run = identify_run,
};
