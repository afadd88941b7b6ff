/* SPDX-License-Identifier: ISC */
/* The environment of a sink's program. */
#include "sink/exec_environment.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

/* What programs need to find others, their user's files, and the language and time to print. */
static const char *const passed_on[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"};

static bool has_name(const char *variable, const char *name)
{
	size_t n = strlen(name);

	return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

/* No other variable of the relay's: secrets may be among them, and programs are given what strangers write. */
static bool is_theirs(const struct sink *s, const char *variable)
{
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		if (has_name(variable, passed_on[i]))
			return true;
	for (size_t i = 0; i < s->environment.n; i++)
		if (has_name(variable, s->environment.item[i]))
			return true;
	return strncmp(variable, "LC_", 3) == 0;
}

char **environment_make(const struct sink *s, const struct buf *ours, size_t n)
{
	size_t others = 0, used = 0;
	char **envp, *p = ours->data;

	while (environ[others])
		others++;
	envp = calloc(n + others + 1, sizeof *envp);
	for (; envp && used < n; p += strlen(p) + 1)
		envp[used++] = p;
	for (size_t i = 0; envp && i < others; i++)
		if (is_theirs(s, environ[i]))
			envp[used++] = environ[i];
	return envp;
}
