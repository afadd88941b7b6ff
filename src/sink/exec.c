/* SPDX-License-Identifier: ISC */
/*
 * Attempts by programs: the event on standard input, its fields in the environment, what is printed kept.
 *
 * A program has ended when it was waited for, and not when its pipes are closed: what it left in the background may
 * hold them open.
 */
#define _GNU_SOURCE /* pipe2 */
#include "config.h"

#include "sink/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/program.h"
#include "sink/exec_environment.h"
#include "sink/exec_output.h"

enum { KILL_AFTER_MS = 5000, END_MS = 1000, END_LOOK_MS = 10, READ_MAX = 64 * 1024, READS_MAX = 16, EVENTS = 64 };

enum { IN, OUT, ERR, ENDS };

struct run;

/* Our end of one of its pipes. */
struct end {
	struct run *run;
	int fd; /* -1: closed */
};

struct run {
	struct run *next;
	const struct sink *sink;
	void *attempt;
	pid_t pid;
	struct end end[ENDS];
	struct slice body; /* what is still to be written of it */
	struct kept kept;
	struct buf reply;
	bool timed_out, no_memory;
	int64_t began, deadline; /* clock_mono_us(); the deadline of what is to be done next */
};

struct exec {
	sending_done *done;
	struct run *running;
	int epoll;
	bool child_ended; /* one at least */
};

struct exec *exec_new(sending_done *done)
{
	struct exec *x = calloc(1, sizeof *x);

	if (!x)
		return NULL;
	x->done = done;
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll >= 0)
		return x;
	free(x);
	return NULL;
}

static void close_end(struct end *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static void free_run(struct run *r)
{
	for (int i = 0; i < ENDS; i++)
		close_end(&r->end[i]);
	buf_free(&r->reply);
	free(r);
}

/* A program may have left the group that it was put in, and others of it not; it was not waited for, so that its number is its own. */
static void signal_group(const struct run *r, int number)
{
	kill(-r->pid, number);
	if (getpgid(r->pid) != r->pid)
		kill(r->pid, number);
}

/* A program that has ended; what is left of its group goes too when its time was up. */
static bool has_ended(struct run *r, int *status)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
		return false;
	if (r->timed_out)
		signal_group(r, SIGKILL); /* while the number can't be another's yet */
	return waitpid(r->pid, status, 0) == r->pid;
}

/* Frees those that have ended; all of them, when they are killed. */
static void end_runs(struct exec *x, bool kill)
{
	struct run **at = &x->running, *r;
	int status;

	while ((r = *at)) {
		if (kill) {
			signal_group(r, SIGKILL);
			waitpid(r->pid, NULL, 0);
		} else if (!has_ended(r, &status)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free_run(r);
	}
}

void exec_free(struct exec *x)
{
	if (!x)
		return;
	for (struct run *r = x->running; r; r = r->next) {
		signal_group(r, SIGTERM);
		r->timed_out = true;
	}
	for (int ms = 0; x->running && ms < END_MS; ms += END_LOOK_MS) {
		nanosleep(&(struct timespec){.tv_nsec = END_LOOK_MS * 1000000L}, NULL);
		end_runs(x, false);
	}
	end_runs(x, true);
	close(x->epoll);
	free(x);
}

int exec_fd(const struct exec *x)
{
	return x->epoll;
}

void exec_child_ended(struct exec *x)
{
	x->child_ended = true;
}

/* ---- the beginning */

/* Makes the pipes; theirs are the child's ends. */
static bool make_pipes(struct exec *x, struct run *r, int theirs[ENDS])
{
	struct epoll_event ev;
	int both[2];

	for (int i = 0; i < ENDS; i++) {
		if (pipe2(both, O_CLOEXEC) != 0)
			return false;
		r->end[i].fd = both[i == IN];
		theirs[i] = both[i != IN];
		ev = (struct epoll_event){.events = i == IN ? EPOLLOUT : EPOLLIN, .data.ptr = &r->end[i]};
		if (fcntl(r->end[i].fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(x->epoll, EPOLL_CTL_ADD, r->end[i].fd, &ev) != 0)
			return false;
	}
	return true;
}

/* An errno. */
static int spawn(struct run *r, char **envp, const int theirs[ENDS])
{
	char **argv = r->sink->command.item;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, pipes;
	int error;

	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	error = posix_spawn_file_actions_init(&files);
	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	for (int i = 0; !error && i < ENDS; i++)
		error = posix_spawn_file_actions_adddup2(&files, theirs[i], i);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	/* ours are closed by themselves, libcurl's are not */
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(&files, ENDS);
#endif
	if (!error) {
		posix_spawnattr_setsigmask(&attributes, &none);
		posix_spawnattr_setsigdefault(&attributes, &pipes);
		posix_spawnattr_setpgroup(&attributes, 0);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
		io_restore_limit();
		error = posix_spawnp(&r->pid, argv[0], &files, &attributes, argv, envp);
		io_raise_limit();
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return error;
}

static void say_not_started(struct exec *x, const struct run *r, int error)
{
	char text[512], path[PATH_MAX];

	/* execve(2) says ENOENT of a script whose interpreter is missing, too */
	if (!program_find(r->sink->command.item[0], path, sizeof path))
		program_missing(r->sink->command.item[0], text, sizeof text);
	else if (program_check(path, text, sizeof text))
		snprintf(text, sizeof text, "%s: %s", r->sink->command.item[0], strerror(error));
	x->done(r->attempt, &(struct attempt_result){.again = true, .error = text});
}

bool exec_start(struct exec *x, const struct sink *s, const struct buf *environment, size_t n, struct slice body, void *attempt)
{
	struct run *r = calloc(1, sizeof *r);
	char **envp = environment_make(s, environment, n);
	int theirs[ENDS] = {-1, -1, -1}, error;

	if (!r || !envp) {
		free(r);
		free(envp);
		return false;
	}
	*r = (struct run){.sink = s, .attempt = attempt, .body = body, .began = clock_mono_us()};
	r->deadline = r->began + s->timeout * 1000;
	for (int i = 0; i < ENDS; i++)
		r->end[i] = (struct end){r, -1};
	error = make_pipes(x, r, theirs) ? spawn(r, envp, theirs) : errno;
	for (int i = 0; i < ENDS; i++)
		close_end(&(struct end){r, theirs[i]});
	free(envp);
	if (error) {
		say_not_started(x, r, error);
		free_run(r);
		return true;
	}
	r->next = x->running;
	x->running = r;
	return true;
}

/* ---- standard input and output */

/* A program that doesn't read what it is given has no use for it; that is no failure. */
static void write_more(struct run *r)
{
	ssize_t n = r->body.n ? write(r->end[IN].fd, r->body.p, r->body.n) : 0;

	if (n > 0) {
		r->body.p += n;
		r->body.n -= (size_t)n;
	}
	if (r->body.n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(&r->end[IN]);
}

/* Reads once; false when there is nothing more to read now. */
static bool read_more(struct end *e)
{
	struct run *r = e->run;
	char bytes[READ_MAX];
	ssize_t n = read(e->fd, bytes, sizeof bytes);

	if (n > 0) {
		kept_add(&r->kept, bytes, (size_t)n);
		/* one byte more than an answer may have says that there were too many */
		if (e == &r->end[OUT] && r->sink->reply && r->reply.len <= EXEC_REPLY_MAX && !buf_add(&r->reply, bytes, (size_t)n))
			r->no_memory = true;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_end(e);
	}
	return n > 0;
}

/* ---- the end */

static struct slice trimmed(struct slice s)
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

/* POSIX.1-2017 env(1): 126 and 127 say that it could not run a program; so does what a #! line names. */
static void say_status(const struct sink *s, int code, char *text, size_t n)
{
	char path[PATH_MAX], why[480];

	if ((code == 126 || code == 127) && program_find(s->command.item[0], path, sizeof path) && !program_check(path, why, sizeof why))
		snprintf(text, n, "exit status %d; %s", code, why);
	else
		snprintf(text, n, "exit status %d", code);
}

static void judge_status(const struct run *r, int status, struct attempt_result *result, char *text, size_t n)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	result->done = code == EX_OK && !r->timed_out;
	result->again = !result->done && (code == EX_TEMPFAIL || code < EX_DATAERR || code > EX_CONFIG);
	if (r->timed_out)
		snprintf(text, n, "not done after %lld ms, and ended", (long long)r->sink->timeout);
	else if (code < 0)
		snprintf(text, n, "ended by signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		say_status(r->sink, code, text, n);
	if (!result->done)
		result->error = text;
	if (!result->done || !r->sink->reply)
		return;
	if (r->no_memory)
		*result = (struct attempt_result){.again = true, .error = "memory is short"};
	else if (r->reply.len > EXEC_REPLY_MAX)
		*result = (struct attempt_result){.error = "it printed more than an answer can have, 64 KiB"};
	else
		result->reply = trimmed((struct slice){r->reply.data, r->reply.len});
}

static void finish(struct exec *x, struct run *r, int status)
{
	struct attempt_result result = {0};
	struct buf answer = {0};
	char text[512];

	for (int i = OUT; i <= ERR; i++)
		for (int reads = 0; r->end[i].fd >= 0 && reads < READS_MAX && read_more(&r->end[i]); reads++)
			;
	judge_status(r, status, &result, text, sizeof text);
	kept_print(&r->kept, &answer);
	result.answer = (struct slice){answer.data, answer.len};
	result.ms = (clock_mono_us() - r->began) / 1000;
	x->done(r->attempt, &result);
	buf_free(&answer);
	free_run(r);
}

/* The first time it is asked to end, the second time it is made to. */
static void end_overdue(struct run *r, int64_t now)
{
	if (now < r->deadline)
		return;
	signal_group(r, r->timed_out ? SIGKILL : SIGTERM);
	r->timed_out = true;
	r->deadline = now + KILL_AFTER_MS * INT64_C(1000);
}

static void exchange(struct exec *x)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(x->epoll, events, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct end *e = events[i].data.ptr;

		if (e == &e->run->end[IN])
			write_more(e->run);
		else
			read_more(e);
	}
}

void exec_run(struct exec *x, int64_t *wait)
{
	bool look = x->child_ended;
	int64_t now = clock_mono_us();
	struct run **at = &x->running, *r;
	int status;

	if (!x->running)
		return;
	x->child_ended = false;
	exchange(x);
	while ((r = *at)) {
		if ((look || now >= r->deadline) && has_ended(r, &status)) {
			*at = r->next;
			finish(x, r, status);
			continue;
		}
		end_overdue(r, now);
		clock_lower(wait, (r->deadline - now) / 1000 + 1);
		at = &r->next;
	}
}
