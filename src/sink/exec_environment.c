/* SPDX-License-Identifier: ISC */
/* The environment of a sink's program. */
#include "sink/exec_environment.h"
#include "sink/exec_options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

/* Linux takes no string of more than 128 KiB (execve(2), MAX_ARG_STRLEN), nor more than 2 MiB of all as a rule. */
enum { VARIABLE_MAX = 32 * 1024 };

extern char **environ;

/* What programs need to find others, their user's files, and the language and time to print. */
static const char *const passed_on[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"};

static bool has_name(const char *variable, const char *name)
{
	size_t n = strlen(name);

	return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

/* No other variable of the relay's: secrets may be among them, and programs are given what strangers write. */
static bool is_passed_on(const struct sink *s, const char *variable)
{
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		if (has_name(variable, passed_on[i]))
			return true;
	for (size_t i = 0; i < exec_options(s)->environment.n; i++)
		if (has_name(variable, exec_options(s)->environment.item[i]))
			return true;
	return strncmp(variable, "LC_", 3) == 0;
}

/* ---- what it is told of the message */

/* Without the bytes that no variable can hold. */
static bool add_bounded_value(struct buf *out, struct slice v)
{
	size_t n = utf8_fit(v.p, v.n, VARIABLE_MAX);
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = !v.p[i] || buf_add(out, &v.p[i], 1);
	return ok && buf_add(out, "", 1);
}

static size_t print_variables(const struct sink *s, const struct sink_message *m, struct buf *out)
{
	bool ok = buf_printf(out, "HOOKSPOOL_SINK=%s", s->name) && buf_add(out, "", 1) &&
		buf_printf(out, "HOOKSPOOL_ATTEMPT=%d", m->attempt) && buf_add(out, "", 1) &&
		buf_printf(out, "HOOKSPOOL_CONTENT_TYPE=%s", m->type) && buf_add(out, "", 1);
	size_t count = 3, at;

	for (int i = 0; ok && i < TEMPLATE_KNOWN_COUNT; i++) {
		if (i == TEMPLATE_REPLY)
			continue;
		at = out->len;
		ok = buf_printf(out, "HOOKSPOOL_%s=", template_known_name((enum template_known)i));
		for (; ok && out->data[at] != '='; at++)
			out->data[at] = (char)toupper((unsigned char)out->data[at]);
		ok = ok && add_bounded_value(out, m->values->known[i]);
		count++;
	}
	return ok ? count : 0;
}

char **exec_environment(const struct sink *s, const struct sink_message *m, struct buf *text)
{
	size_t others = 0, used = 0, n = print_variables(s, m, text);
	char **envp, *p = text->data;

	if (n == 0)
		return NULL;
	while (environ[others])
		others++;
	envp = calloc(n + others + 1, sizeof *envp);
	for (; envp && used < n; p += strlen(p) + 1)
		envp[used++] = p;
	for (size_t i = 0; envp && i < others; i++)
		if (is_passed_on(s, environ[i]))
			envp[used++] = environ[i];
	return envp;
}
