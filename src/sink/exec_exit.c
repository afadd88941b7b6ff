/* SPDX-License-Identifier: ISC */
/* What the end of a sink's program means. */
#include "sink/exec_exit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "core/program.h"
#include "sink/exec_options.h"

/* POSIX.1-2017 env(1): 126 and 127 say that it could not run a program; so does what a #! line names. */
static void say_status(const struct sink *s, int code, char *text, size_t n)
{
	char path[PATH_MAX], why[480];

	if ((code == 126 || code == 127) && program_find(exec_options(s)->command.item[0], path, sizeof path) &&
	    !program_check(path, why, sizeof why))
		snprintf(text, n, "exit status %d; %s", code, why);
	else
		snprintf(text, n, "exit status %d", code);
}

void exec_exit_verdict(const struct sink *s, int status, bool timed_out, struct sink_result *r, char *text, size_t n)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	r->verdict = code == EX_OK && !timed_out ? SINK_DELIVERED
		: code == EX_TEMPFAIL || code < EX_DATAERR || code > EX_CONFIG ? SINK_RETRY : SINK_REFUSED;
	if (r->verdict == SINK_DELIVERED)
		return;
	r->target_failed = r->verdict == SINK_RETRY;
	if (timed_out)
		snprintf(text, n, "not done after %lld ms, and ended", (long long)s->timeout);
	else if (code < 0)
		snprintf(text, n, "ended by signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		say_status(s, code, text, n);
	r->error = text;
}

static struct slice trim_white(struct slice s)
{
	static const char white[] = " \t\r\n";

	while (s.n && strchr(white, s.p[s.n - 1]) && s.p[s.n - 1])
		s.n--;
	while (s.n && *s.p && strchr(white, *s.p)) {
		s.p++;
		s.n--;
	}
	return s.n ? s : (struct slice){0};
}

void exec_exit_reply(const struct buf *printed, bool no_memory, struct sink_result *r)
{
	if (no_memory)
		*r = (struct sink_result){.verdict = SINK_RETRY, .error = "memory is short"};
	else if (printed->len > EXEC_REPLY_MAX)
		*r = (struct sink_result){.verdict = SINK_REFUSED, .error = "it printed more than an answer can have, 64 KiB"};
	else
		r->reply = trim_white((struct slice){printed->data, printed->len});
}
