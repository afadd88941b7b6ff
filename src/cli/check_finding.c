/* SPDX-License-Identifier: ISC */
/* hookspool check, its findings: printed, gathered for JSON, or passed from a child process to its parent. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/json.h"
#include "cli/terminal.h"

static const struct {
	const char *label; /* of a line */
	const char *word;  /* in JSON */
	enum terminal_colour colour;
} grades[] = {
	[CHECK_OK] = {"ok  ", "ok", TERMINAL_GREEN},
	[CHECK_WARN] = {"warn", "warn", TERMINAL_YELLOW},
	[CHECK_FAIL] = {"FAIL", "fail", TERMINAL_RED},
};

static void gather(struct buf *b, enum check_grade grade, const char *name, struct slice message)
{
	const char g = (char)grade;

	if (!buf_add(b, &g, 1) || !buf_add(b, name, strlen(name) + 1) || !buf_add(b, message.p, message.n) || !buf_add(b, "", 1))
		abort(); /* a lost finding would look like a good result */
}

static void add_finding(struct check *c, enum check_grade grade, const char *name, struct slice message)
{
	if (grade != CHECK_NOTE) {
		c->worst = grade > c->worst ? grade : c->worst;
		c->warnings += grade == CHECK_WARN;
		c->failures += grade == CHECK_FAIL;
	}
	if (grade == CHECK_NOTE && !c->is_child) {
		gather(&c->notes, grade, name, message);
		return;
	}
	if (c->quiet) {
		gather(&c->findings, grade, name, message);
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
	add_finding(c, grade, name, slice_text(buf_str(&message)));
	buf_free(&message);
}

/* Reads the finding that begins at p. Returns where the next one begins; NULL: no finding begins at p. */
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
		add_finding(c, *p == CHECK_OK || *p == CHECK_WARN || *p == CHECK_NOTE ? (enum check_grade)*p : CHECK_FAIL, name, slice_text(message));
}

void check_note(struct check *c, const char *name, const char *value)
{
	add_finding(c, CHECK_NOTE, name, slice_text(value));
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

void check_print_json(const struct check *c)
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
