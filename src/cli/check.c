/* SPDX-License-Identifier: ISC */
/* hookspool check: everything that can be known to be wrong before the first delivery. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/terminal.h"

enum { UNKNOWN = 3 /* what monitoring plug-ins exit with after wrong usage */ };

static const struct {
	const char *label; /* of a line */
	const char *word;  /* in JSON */
	enum terminal_colour colour;
} grades[] = {
	[CHECK_OK] = {"ok  ", "ok", TERMINAL_GREEN},
	[CHECK_WARN] = {"warn", "warn", TERMINAL_YELLOW},
	[CHECK_FAIL] = {"FAIL", "fail", TERMINAL_RED},
};

static void keep(struct buf *b, enum check_grade grade, const char *name, struct slice message)
{
	const char g = (char)grade;

	if (!buf_add(b, &g, 1) || !buf_add(b, name, strlen(name) + 1) || !buf_add(b, message.p, message.n) || !buf_add(b, "", 1))
		abort(); /* a finding that is lost would be taken for none */
}

static void add(struct check *c, enum check_grade grade, const char *name, struct slice message)
{
	if (grade != CHECK_NOTE) {
		c->worst = grade > c->worst ? grade : c->worst;
		c->warnings += grade == CHECK_WARN;
		c->failures += grade == CHECK_FAIL;
	}
	if (grade == CHECK_NOTE && !c->is_child) {
		keep(&c->notes, grade, name, message);
		return;
	}
	if (c->quiet) {
		keep(&c->findings, grade, name, message);
		return;
	}
	printf("%s%s%s ", terminal_colour(grades[grade].colour), grades[grade].label, terminal_colour(TERMINAL_PLAIN));
	terminal_print(stdout, message, 0);
	putchar('\n');
}

void check_say(struct check *c, enum check_grade grade, const char *name, const char *fmt, ...)
{
	struct buf message = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&message, fmt, ap);
	va_end(ap);
	add(c, grade, name, slice_text(buf_str(&message)));
	buf_free(&message);
}

/* The finding of all that begins at p; its end, which is the next one's beginning, or NULL where none begins. */
static const char *next_finding(struct slice all, const char *p, const char **name, const char **message)
{
	size_t left = p ? all.n - (size_t)(p - all.p) : 0;
	const char *stop;

	if (left == 0)
		return NULL;
	*name = p + 1;
	stop = memchr(*name, '\0', left - 1);
	if (!stop)
		return NULL;
	*message = stop + 1;
	stop = memchr(*message, '\0', left - (size_t)(*message - p));
	return stop ? stop + 1 : NULL;
}

void check_take(struct check *c, struct slice findings)
{
	const char *p = findings.p, *name, *message, *next;

	for (; (next = next_finding(findings, p, &name, &message)); p = next)
		add(c, *p == CHECK_OK || *p == CHECK_WARN || *p == CHECK_NOTE ? (enum check_grade)*p : CHECK_FAIL, name, slice_text(message));
}

void check_note(struct check *c, const char *name, const char *value)
{
	add(c, CHECK_NOTE, name, slice_text(value));
}

const char *check_next_note(const struct check *c, const char *name, const char *after)
{
	const struct slice notes = {c->notes.data, c->notes.len};
	const char *p = after ? after + strlen(after) + 1 : notes.p, *key, *value, *next;

	for (; (next = next_finding(notes, p, &key, &value)); p = next)
		if (strcmp(key, name) == 0)
			return value;
	return NULL;
}

static void print_json(const struct check *c)
{
	const struct slice findings = {c->findings.data, c->findings.len};
	const char *p = findings.p, *name, *message, *next;
	struct json j;

	json_begin(&j);
	json_string(&j, "status", grades[c->worst].word);
	json_list(&j, "checks");
	for (; (next = next_finding(findings, p, &name, &message)); p = next) {
		json_item(&j);
		json_string(&j, "name", name);
		json_string(&j, "status", grades[(unsigned char)*p].word);
		json_string(&j, "message", message);
		json_item_end(&j);
	}
	json_list_end(&j);
	json_end(&j);
}

static void on_report(void *ctx, enum log_level level, const char *message)
{
	check_say(ctx, level == LOG_LEVEL_ERROR ? CHECK_FAIL : CHECK_WARN, "configuration", "%s", message);
}

static void say_endpoint(struct check *c, const struct endpoint *e)
{
	struct buf more = {0};

	if (e->events.n)
		buf_printf(&more, ", %zu event type%s", e->events.n, e->events.n == 1 ? "" : "s");
	if (e->accounts.n)
		buf_printf(&more, ", %zu account%s", e->accounts.n, e->accounts.n == 1 ? "" : "s");
	if (e->allow.n)
		buf_printf(&more, ", %zu address range%s", e->allow.n, e->allow.n == 1 ? "" : "s");
	check_say(c, CHECK_OK, "endpoint", "endpoint %s%s%s%s: scheme %s, %zu secret%s, authorization %s%s", e->path,
		e->name ? " (" : "", e->name ? e->name : "", e->name ? ")" : "", e->scheme.name,
		e->secrets.n, e->secrets.n == 1 ? "" : "s", e->authorizations.n ? "yes" : "no", buf_str(&more));
	buf_free(&more);
}

static void check_all(struct check *c, const char *file)
{
	struct conf *conf = conf_load_with(file, CONF_SECRETS_CHECK, on_report, c);

	if (!conf)
		return;
	check_say(c, CHECK_OK, "configuration", "configuration %s", file);
	for (size_t i = 0; i < conf->n_endpoints; i++)
		say_endpoint(c, &conf->endpoints[i]);
	check_shared_secrets(c, conf);
	check_identity(c, conf);
	check_as_owner(c, conf, check_files);
	check_as_owner(c, conf, check_spool);
	check_as_owner(c, conf, check_rotation);
	check_as_owner(c, conf, check_rate);
	check_as_relay(c, conf, check_sinks);
	check_as_relay(c, conf, check_programs);
	check_socket(c, conf);
	conf_free(conf);
}

static int check_run(const struct cli *cli, void *values)
{
	static const int statuses[] = {[CHECK_OK] = 0, [CHECK_WARN] = 1, [CHECK_FAIL] = 2};
	struct check *c = values;
	char file[PATH_MAX];

	if (c->options) {
		check_print_options(c->json);
		return CLI_OK;
	}
	c->quiet = c->json;
	check_all(c, conf_find(cli->conf_file, file, sizeof file));
	if (c->json)
		print_json(c);
	buf_free(&c->findings);
	buf_free(&c->notes);
	return statuses[c->worst];
}

static const struct command_option check_options[] = {
	{.name = "socket", .kind = COMMAND_TEXT, .offset = offsetof(struct check, socket), .argument = "ADDRESS",
		.help = "the receiver's socket, unix:PATH or tcp:ADDRESS:PORT, where neither the configuration nor a receiver names it; none: "
			"there is no socket"},
	{.name = "deep", .offset = offsetof(struct check, deep), .help = "also read the whole database and its indexes"},
	{.name = "options", .offset = offsetof(struct check, options), .help = "print the options of the configuration, and check nothing"},
	{.name = "json", .offset = offsetof(struct check, json), .help = "print one JSON object"},
	{0},
};

const struct command cli_check = {
	.name = "check",
	.purpose = "look for faults, before the first delivery and later",
	.usage = "[--socket ADDRESS] [--deep] [--options] [--json]",
	.about = "Checks the configuration, the permissions of its files, the endpoints, the sinks, the spool, the receiver and the relay. "
		"Prints what to do about each thing that is wrong. Changes nothing. Run by root, it looks at the spool as the user that owns it.",
	.more = "Exit status, as monitoring plug-ins have it: 0 ok; 1 at least one warn; 2 at least one FAIL; 3 wrong usage.",
	.examples = "check\ncheck --deep --json",
	.options = check_options,
	.usage_status = UNKNOWN,
	.size = sizeof(struct check),
	.run = check_run,
};
