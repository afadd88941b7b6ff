/* SPDX-License-Identifier: ISC */
/* hookspool schemes: the built-in schemes, and what to enter at their providers. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/scheme_page.h"
#include "cli/scheme_text.h"
#include "cli/suggest.h"
#include "cli/terminal.h"
#include "hook/verify.h"

enum { NAMES_MAX = 1000, PROOF_HEADERS_MAX = 20 };

struct schemes {
	const char *name; /* NULL: all */
	bool json, man;
};

static struct slice text_of_note(const struct provider *p, enum provider_note note, struct buf *b)
{
	b->len = 0;
	return provider_add_note(p, note, b) && b->len ? (struct slice){b->data, b->len} : (struct slice){0};
}

static struct slice text_if(bool ok, const struct buf *b)
{
	return ok && b->len ? (struct slice){b->data, b->len} : (struct slice){0};
}

static void print_scheme_json(const struct provider *p, const struct scheme *s)
{
	const char *headers[PROOF_HEADERS_MAX + 1] = {NULL};
	struct buf b = {0};
	struct json j;

	json_begin(&j);
	json_string(&j, "name", p->name);
	for (int i = 0; i < PROVIDER_NOTES; i++)
		json_text(&j, provider_keys[i], text_of_note(p, (enum provider_note)i, &b));
	json_string(&j, "algorithm", scheme_text_algorithm(s));
	b.len = 0;
	json_text(&j, "proof", text_if(scheme_text_proof(s, &b), &b));
	b.len = 0;
	json_text(&j, "ids", text_if(scheme_text_ids(p, s, &b), &b));
	b.len = 0;
	json_text(&j, "read_unsigned", text_if(scheme_text_unsigned(s, &b), &b));
	b.len = 0;
	json_text(&j, "endpoint", text_if(scheme_text_endpoint(s, &b), &b));
	for (int i = 0; i < PROOF_HEADERS_MAX && (headers[i] = verify_header(s, (size_t)i)); i++)
		;
	json_strings(&j, "proof_headers", headers);
	json_bool(&j, "signs_body", scheme_has_key(s) && scheme_signs_body(s));
	json_number(&j, "tolerance", s->tolerance / 1000);
	json_string(&j, "scheme", provider_block(p));
	json_end(&j);
	buf_free(&b);
}

static void print_note(const char *name, const struct provider *p, enum provider_note note)
{
	struct buf b = {0};

	terminal_field(name, text_of_note(p, note, &b));
	buf_free(&b);
}

static void print_scheme(const struct provider *p, const struct scheme *s)
{
	struct buf b = {0};

	printf("%-13s %s\n", "name", p->name);
	print_note("title", p, PROVIDER_TITLE);
	print_note("documentation", p, PROVIDER_DOCS);
	print_note("enter", p, PROVIDER_ENTER);
	terminal_field("proof", text_if(scheme_text_proof(s, &b), &b));
	b.len = 0;
	terminal_field("ids", text_if(scheme_text_ids(p, s, &b), &b));
	print_note("unsigned", p, PROVIDER_UNSIGNED);
	print_note("checked", p, PROVIDER_CHECKED);
	print_note("note", p, PROVIDER_NOTE);
	b.len = 0;
	if (scheme_text_endpoint(s, &b))
		printf("\n# To receive it:\n%s\n# What is built in; to change it, copy it above the endpoint:\n%s", buf_str(&b), provider_block(p));
	buf_free(&b);
}

static void print_scheme_line(const struct provider *p, const struct scheme *s)
{
	struct buf title = {0};

	printf("%-25s  %-17s  ", p->name, scheme_text_algorithm(s));
	terminal_print(stdout, text_of_note(p, PROVIDER_TITLE, &title), 0);
	putchar('\n');
	buf_free(&title);
}

/* Prints one scheme, or of all schemes a line each. False when memory is short. */
static bool print_provider(const struct schemes *o, const struct provider *p)
{
	const struct scheme *s = scheme_find(p->name);

	if (!s)
		return false;
	if (o->json)
		print_scheme_json(p, s);
	else if (o->name)
		print_scheme(p, s);
	else
		print_scheme_line(p, s);
	return true;
}

static int say_unknown(const char *name)
{
	const char *names[NAMES_MAX + 1] = {NULL}, *near;

	for (size_t i = 0; i < NAMES_MAX && (names[i] = scheme_name_at(i)); i++)
		;
	near = suggest(name, names);
	if (near)
		return cli_usage("schemes", "there is no built-in scheme \"%s\"; did you mean \"%s\"?", name, near);
	return cli_usage("schemes", "there is no built-in scheme \"%s\"; `hookspool schemes` prints all", name);
}

static int schemes_run(const struct cli *cli, void *values)
{
	const struct schemes *o = values;
	const struct provider *one = o->name ? provider_find(o->name) : NULL;
	bool ok = true;

	(void)cli;
	if (o->name && !one)
		return say_unknown(o->name);
	if (o->man && o->name)
		return cli_usage("schemes", "--man prints the page of all schemes; leave the name out");
	if (o->man)
		ok = scheme_page_print();
	else if (one)
		ok = print_provider(o, one);
	else
		for (const struct provider *p = provider_all; ok && p->name; p++)
			ok = print_provider(o, p);
	if (!ok)
		cli_error("memory is short");
	return ok ? CLI_OK : CLI_TEMPFAIL;
}

static const struct command_option schemes_options[] = {
	{.name = "json", .offset = offsetof(struct schemes, json), .help = "one JSON object a line"},
	{.name = "man", .offset = offsetof(struct schemes, man), .help = "the source of hookspool-schemes(5)"},
	{0},
};

const struct command cli_schemes = {
	.name = "schemes",
	.purpose = "print the built-in schemes, and what to enter at their providers",
	.usage = "[OPTION]... [NAME]",
	.about = "Prints a line for each built-in scheme: its name, the algorithm, and the provider.\n"
		"\n"
		"With NAME, prints what to enter where at the provider, what its ids identify, what is signed, the endpoint to write into the "
		"configuration, and the scheme as it is built in.",
	.examples = "schemes\nschemes calendly",
	.options = schemes_options,
	.argument = {.kind = COMMAND_SCHEME, .offset = offsetof(struct schemes, name), .argument = "NAME"},
	.argument_optional = true,
	.size = sizeof(struct schemes),
	.run = schemes_run,
};
