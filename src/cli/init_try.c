/* SPDX-License-Identifier: ISC */
/* hookspool init: a signed delivery, through the receiver's socket or to a receiver that runs once as CGI. */
#define _DEFAULT_SOURCE /* explicit_bzero, strsep */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init.h"
#include "cli/owner.h"
#include "cli/sample.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "core/descriptor.h"
#include "core/io.h"
#include "core/program.h"
#include "gate/fcgi_client.h"
#include "gate/listen.h"
#include "hook/sign.h"

enum { ANSWER_MS = 20000, ANSWER_BYTES = 64 * 1024 };

/* A request: "NAME=value" with a NUL each, and the body. */
struct delivery {
	struct buf variables, body;
	const char *content_type; /* static text */
};

void init_receiver(char *out, size_t n)
{
	char *slash = program_self(out, n) ? strrchr(out, '/') : NULL;

	if (slash && (size_t)(slash - out) + sizeof "/hookspool.fcgi" <= n) {
		memcpy(slash, "/hookspool.fcgi", sizeof "/hookspool.fcgi");
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, n, "%s", LIBEXECDIR "/hookspool.fcgi");
}

/* ---- the request */

static bool add_variable(struct buf *variables, const char *name, const char *value)
{
	return buf_printf(variables, "%s=%s", name, value) && buf_add(variables, "", 1);
}

/* Lines "Name: value\n" become variables HTTP_NAME (RFC 3875, section 4.1.18). */
static bool add_headers(struct buf *variables, char *lines)
{
	char *line, *value;
	bool ok = true;

	while (ok && (line = strsep(&lines, "\n")) && *line) {
		value = strstr(line, ": ");
		if (!value)
			continue;
		*value = '\0';
		for (char *p = line; *p; p++)
			*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
		ok = buf_add_text(variables, "HTTP_") && add_variable(variables, line, value + 2);
	}
	return ok;
}

static bool sign_delivery(const struct init *i, const struct endpoint *e, const struct sample_provider *provider, struct delivery *d)
{
	struct signed_scratch scratch = {0};
	struct buf lines = {0}, url = {0};
	struct sign sign = {
		.scheme = &e->scheme,
		.secret = e->secrets.n ? e->secrets.item : NULL,
		.event = provider->event,
		.query = "",
		.type = provider->type,
		.body = {d->body.data, d->body.len},
		.now = clock_now(),
	};
	bool ok = init_url_add(&i->url, &url);

	sign.url = buf_str(&url);
	ok = ok && sign_headers(&sign, &scratch, &lines) && buf_add(&lines, "", 1) && add_headers(&d->variables, lines.data);
	if (lines.data)
		explicit_bzero(lines.data, lines.cap);
	buf_free(&lines);
	buf_free(&url);
	signed_free(&scratch);
	return ok;
}

static bool make_delivery(const struct init *i, const struct endpoint *e, struct delivery *d)
{
	const struct sample_provider *provider = sample_provider_find(&e->scheme);
	struct sample sample;
	char length[24];

	sample_init(&sample, provider, &e->accounts, e->secrets.n ? e->secrets.item->text : NULL);
	if (!sample_event(&sample, &d->body))
		return false;
	snprintf(length, sizeof length, "%zu", d->body.len);
	return add_variable(&d->variables, "GATEWAY_INTERFACE", "CGI/1.1") && add_variable(&d->variables, "REQUEST_METHOD", "POST") &&
		add_variable(&d->variables, "SCRIPT_NAME", e->path) && add_variable(&d->variables, "REQUEST_URI", e->path) &&
		add_variable(&d->variables, "QUERY_STRING", "") && add_variable(&d->variables, "REMOTE_ADDR", "127.0.0.1") &&
		add_variable(&d->variables, "CONTENT_TYPE", provider->type) && add_variable(&d->variables, "CONTENT_LENGTH", length) &&
		add_variable(&d->variables, "HOOKSPOOL_CONF", i->conf) && sign_delivery(i, e, provider, d);
}

static void free_delivery(struct delivery *d)
{
	if (d->variables.data)
		explicit_bzero(d->variables.data, d->variables.cap); /* a secret may be a header's value */
	if (d->body.data)
		explicit_bzero(d->body.data, d->body.cap);
	buf_free(&d->variables);
	buf_free(&d->body);
}

/* ---- its ways */

static const char *const ends[] = {
	[FCGI_CLIENT_SILENT] = "no answer came within 20 s",
	[FCGI_CLIENT_CLOSED] = "the connection was closed without an answer",
	[FCGI_CLIENT_OTHER] = "what answers is no receiver",
};

/* NULL, or what went wrong: static text. */
static const char *ask_socket(int fd, const struct delivery *d, struct buf *answer)
{
	struct buf variables = {0};
	enum fcgi_client_end end;
	bool ok = true;
	char name[64];

	for (const char *p = d->variables.data; ok && p < d->variables.data + d->variables.len; p += strlen(p) + 1) {
		size_t n = strcspn(p, "=");

		ok = n < sizeof name && snprintf(name, sizeof name, "%.*s", (int)n, p) > 0 && fcgi_client_variable(&variables, name, p + n + 1);
	}
	end = fcgi_client_ask(fd, (struct slice){variables.data, variables.len}, (struct slice){d->body.data, d->body.len}, ANSWER_MS, answer);
	if (variables.data)
		explicit_bzero(variables.data, variables.cap);
	buf_free(&variables);
	return !ok ? "memory is short" : end == FCGI_CLIENT_ANSWERED ? NULL : ends[end];
}

static _Noreturn void become_receiver(const struct init *i, const char *program, const struct delivery *d, int fd)
{
	char *argv[] = {(char *)(uintptr_t)program, NULL}, *environment[64];
	size_t n = 0;

	for (char *p = d->variables.data; n + 1 < sizeof environment / sizeof *environment && p < d->variables.data + d->variables.len; p += strlen(p) + 1)
		environment[n++] = p;
	environment[n] = NULL;
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 || chdir("/") != 0 || (geteuid() == 0 && i->uid != 0 &&
	    !owner_become_user(i->uid, i->gid)))
		_exit(CLI_TEMPFAIL);
	execve(program, argv, environment);
	_exit(CLI_UNAVAILABLE);
}

static const char *run_receiver(const struct init *i, const char *program, const struct delivery *d, struct buf *answer)
{
	const struct timeval wait = {.tv_sec = ANSWER_MS / 1000};
	int pair[2], status = 0;
	const char *why = NULL;
	pid_t pid;

	if (!descriptor_pair(SOCK_STREAM, pair))
		return strerror(errno);
	pid = fork();
	if (pid == 0)
		become_receiver(i, program, d, pair[1]);
	close(pair[1]);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (pid < 0)
		why = strerror(errno);
	else if (send(pair[0], d->body.data, d->body.len, MSG_NOSIGNAL) != (ssize_t)d->body.len || shutdown(pair[0], SHUT_WR) != 0)
		why = "it did not start";
	else if (!io_read_all(pair[0], answer, ANSWER_BYTES))
		why = ends[errno == EAGAIN ? FCGI_CLIENT_SILENT : FCGI_CLIENT_OTHER];
	close(pair[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return why ? why : answer->len ? NULL : ends[FCGI_CLIENT_CLOSED];
}

/* Prints the answer, CGI text. True for an event that was stored. */
static bool print_try(const char *way, struct buf *answer)
{
	const char *text = buf_str(answer), *body = strstr(text, "\r\n\r\n");
	unsigned status = 0;

	if (strncmp(text, "Status: ", 8) == 0)
		status = (unsigned)strtoul(text + 8, NULL, 10);
	printf("%s  a signed delivery, %s: %u  ", status / 100 == 2 ? "ok  " : "FAIL", way, status);
	terminal_print(stdout, slice_text(body ? body + 4 : ""), 0);
	putchar('\n');
	return status / 100 == 2;
}

static bool deliver_to(const struct init *i, int fd, const char *program, const struct delivery *d)
{
	const char *way = fd >= 0 ? "through the socket of the receiver that runs" : "to hookspool.fcgi, run once as CGI", *why;
	struct buf answer = {0};
	bool ok = false;

	why = fd >= 0 ? ask_socket(fd, d, &answer) : run_receiver(i, program, d, &answer);
	if (why)
		printf("FAIL  a signed delivery, %s: %s\n", way, why);
	else
		ok = print_try(way, &answer);
	buf_free(&answer);
	return ok;
}

bool init_try(const struct init *i, const struct conf *conf, bool *served)
{
	const struct endpoint *e = conf_endpoint(conf, i->url.path);
	char program[PATH_MAX], why[PATH_MAX + 128];
	struct delivery d = {0};
	bool ok = false;
	int fd;

	init_receiver(program, sizeof program);
	fd = listen_connect(conf->listen, why, sizeof why);
	*served = fd >= 0;
	if (!e || scheme_has_public_key(&e->scheme) || !sign_is_possible(&e->scheme)) {
		puts("ok    no delivery was tried: only the provider has the key that signs");
		ok = e != NULL;
	} else if (fd < 0 && access(program, X_OK) != 0) {
		printf("FAIL  no delivery was tried: no receiver runs, and there is no %s\n", program);
	} else if (!make_delivery(i, e, &d)) {
		cli_error("memory is short");
	} else {
		fflush(stdout);
		ok = deliver_to(i, fd, program, &d);
	}
	free_delivery(&d);
	if (fd >= 0)
		close(fd);
	return ok;
}
