/* SPDX-License-Identifier: ISC */
/* The probe: a FastCGI request of hookspool check that proves that a receiver serves, and that is stored nowhere. */
#include "gate/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "gate/fcgi_client.h"
#include "spool/measure.h"

static const char pid_line[] = "hookspool-probe-pid: ", error_line[] = "hookspool-probe-error: ";

bool probe_answer(struct spool *s, struct buf *out)
{
	char why[sizeof ((struct probe_result *)0)->error] = "";
	bool ok = spool_probe(s, why, sizeof why);

	measure_tried(clock_now(), ok);
	for (char *p = why; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return buf_printf(out, "Status: %s\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n\r\n%s%ld\n",
		ok ? "200 OK" : "503 Service Unavailable", pid_line, (long)getpid()) &&
		(ok || buf_printf(out, "%s%s\n", error_line, why));
}

static enum fcgi_client_end read_answer(const char *text, struct probe_result *r)
{
	const char *pid = strstr(text, pid_line), *error = strstr(text, error_line);

	if (!pid)
		return FCGI_CLIENT_OTHER;
	r->pid = strtoll(pid + sizeof pid_line - 1, NULL, 10);
	r->writable = !error;
	if (error)
		snprintf(r->error, sizeof r->error, "%.*s", (int)strcspn(error + sizeof error_line - 1, "\n"), error + sizeof error_line - 1);
	return FCGI_CLIENT_ANSWERED;
}

enum fcgi_client_end probe_ask(int fd, int64_t timeout_ms, struct probe_result *r)
{
	struct buf variables = {0}, out = {0};
	enum fcgi_client_end e = FCGI_CLIENT_CLOSED;

	*r = (struct probe_result){0};
	if (fcgi_client_variable(&variables, PROBE_VARIABLE, "1") && fcgi_client_variable(&variables, "REQUEST_METHOD", "GET") &&
	    fcgi_client_variable(&variables, "SCRIPT_NAME", "/hookspool-probe") && fcgi_client_variable(&variables, "CONTENT_LENGTH", "0"))
		e = fcgi_client_ask(fd, (struct slice){variables.data, variables.len}, (struct slice){0}, timeout_ms, &out);
	if (e == FCGI_CLIENT_ANSWERED)
		e = read_answer(buf_str(&out), r);
	buf_free(&variables);
	buf_free(&out);
	return e;
}
