/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type exec: one program for each message.
 *
 * A program has ended when it was waited for, and not when its pipes are closed: what it left in the background may hold them
 * open. SIGCHLD tells that one has ended, and not which.
 */
#include "sink/exec.h"
#include "sink/exec_options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/descriptor.h"
#include "sink/exec_exit.h"
#include "sink/exec_output.h"
#include "sink/exec_spawn.h"

enum { KILL_AFTER_MS = 5000, END_MS = 1000, END_LOOK_MS = 10, READ_MAX = 64 * 1024, READS_MAX = 16 };

enum { IN, OUT, ERR, ENDS };

struct exec;

/* A program that runs. */
struct run {
	struct run *next;
	struct exec *exec;
	struct sink_message *message;
	pid_t pid;
	int end[ENDS];     /* ours, of its pipes; -1: closed */
	struct slice body; /* what is still to be written of it */
	struct exec_output output;
	struct buf reply;
	bool timed_out, no_memory;
	int64_t began, deadline; /* clock_mono_us(); the deadline of what is to be done next */
};

struct exec {
	struct sink_target base;
	const struct sink *sink;
	struct loop *loop;
	sink_done *done;
	struct run *running;
	struct loop_signal child;
	struct loop_timer timer; /* the next deadline */
	int64_t stopped; /* clock_mono_us(); 0: not yet */
};

static void close_end(struct run *r, int which)
{
	if (r->end[which] < 0)
		return;
	loop_unwatch(r->exec->loop, r->end[which]);
	close(r->end[which]);
	r->end[which] = -1;
}

static void free_run(struct run *r)
{
	for (int i = 0; i < ENDS; i++)
		close_end(r, i);
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
static bool program_has_ended(struct run *r, int *status)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
		return false;
	if (r->timed_out)
		signal_group(r, SIGKILL); /* while the number can't be another's yet */
	return waitpid(r->pid, status, 0) == r->pid;
}

/* ---- standard input, output and error */

/* A program that doesn't read what it is given has no use for it; that is no failure. */
static void write_more(struct run *r)
{
	ssize_t n = r->body.n ? write(r->end[IN], r->body.p, r->body.n) : 0;

	if (n > 0) {
		r->body.p += n;
		r->body.n -= (size_t)n;
	}
	if (r->body.n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(r, IN);
}

/* Reads once; false when there is nothing more to read now. */
static bool read_more(struct run *r, int which)
{
	char bytes[READ_MAX];
	ssize_t n = read(r->end[which], bytes, sizeof bytes);

	if (n > 0) {
		exec_output_add(&r->output, bytes, (size_t)n);
		/* one byte more than a reply may have says that there were too many */
		if (which == OUT && r->exec->sink->reply && r->reply.len <= EXEC_REPLY_MAX && !buf_add(&r->reply, bytes, (size_t)n))
			r->no_memory = true;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_end(r, which);
	}
	return n > 0;
}

static void on_pipe(void *ctx, int fd, unsigned events)
{
	struct run *r = ctx;

	(void)events;
	if (fd == r->end[IN])
		write_more(r);
	else
		read_more(r, fd == r->end[OUT] ? OUT : ERR);
}

/* ---- the end */

static void finish_run(struct exec *x, struct run *r, int status)
{
	struct sink_result result = {0};
	struct buf answer = {0};
	char text[512];

	for (int i = OUT; i <= ERR; i++)
		for (int reads = 0; r->end[i] >= 0 && reads < READS_MAX && read_more(r, i); reads++)
			;
	exec_exit_verdict(x->sink, status, r->timed_out, &result, text, sizeof text);
	if (x->sink->reply && result.verdict == SINK_DELIVERED)
		exec_exit_reply(&r->reply, r->no_memory, &result);
	exec_output_print(&r->output, &answer);
	result.answer = (struct slice){answer.data, answer.len};
	result.ms = (clock_mono_us() - r->began) / 1000;
	x->done(r->message, &result);
	buf_free(&answer);
	free_run(r);
}

/* Reports the programs that have ended. */
static void finish_ended_runs(struct exec *x)
{
	struct run **at = &x->running, *r;
	int status;

	while ((r = *at)) {
		if (!program_has_ended(r, &status)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		finish_run(x, r, status);
	}
}

static void on_child(void *ctx, int number)
{
	(void)number;
	finish_ended_runs(ctx);
}

/* Each program whose time is up is asked to end the first time, and made to after that. Those that have just ended are in time. */
static void on_deadline(void *ctx)
{
	struct exec *x = ctx;
	int64_t now = clock_mono_us();

	finish_ended_runs(x);
	for (struct run *r = x->running; r; r = r->next) {
		if (r->deadline <= now) {
			signal_group(r, r->timed_out ? SIGKILL : SIGTERM);
			r->timed_out = true;
			r->deadline = now + KILL_AFTER_MS * INT64_C(1000);
		}
		loop_timer_lower(&x->timer, r->deadline);
	}
}

/* ---- the beginning */

/* Makes the pipes; theirs are the child's ends. */
static bool make_pipes(struct run *r, int theirs[ENDS])
{
	int both[2];

	for (int i = 0; i < ENDS; i++) {
		if (!descriptor_pipe(both))
			return false;
		r->end[i] = both[i == IN];
		theirs[i] = both[i != IN];
		if (fcntl(r->end[i], F_SETFL, O_NONBLOCK) != 0 ||
		    !loop_watch(r->exec->loop, r->end[i], i == IN ? LOOP_WRITE : LOOP_READ, on_pipe, r))
			return false;
	}
	return true;
}

/* An errno. */
static int start_run(struct run *r)
{
	int theirs[ENDS] = {-1, -1, -1}, error;

	error = make_pipes(r, theirs) ? exec_spawn(r->exec->sink, r->message, theirs, &r->pid) : errno;
	for (int i = 0; i < ENDS; i++)
		if (theirs[i] >= 0)
			close(theirs[i]);
	return error;
}

static void run_program(struct exec *x, struct sink_message *m)
{
	struct run *r = calloc(1, sizeof *r);
	char text[512];
	int error;

	if (!r) {
		x->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
		return;
	}
	*r = (struct run){.exec = x, .message = m, .end = {-1, -1, -1}, .body = m->body, .began = clock_mono_us(), .deadline = m->deadline};
	error = start_run(r);
	if (error) {
		exec_spawn_error(x->sink, error, text, sizeof text);
		x->done(m, &(struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .error = text});
		free_run(r);
		return;
	}
	loop_timer_lower(&x->timer, r->deadline);
	r->next = x->running;
	x->running = r;
}

/* ---- the driver */

static struct sink_target *exec_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	struct exec *x = calloc(1, sizeof *x);

	if (!x) {
		snprintf(why, n, "memory is short");
		return NULL;
	}
	x->sink = s;
	x->loop = l;
	x->done = done;
	loop_timer_init(&x->timer, l, on_deadline, x);
	return &x->base;
}

/* Where SIGCHLD is ignored, which programs inherit, no program's end can be waited for. */
static bool watch_children(struct exec *x)
{
	if (x->child.before)
		return true;
	signal(SIGCHLD, SIG_DFL);
	return loop_signal_start(x->loop, &x->child, SIGCHLD, on_child, x);
}

static void exec_send(struct sink_target *base, struct sink_message *batch)
{
	struct exec *x = (struct exec *)(void *)base;
	struct sink_message *next;

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		if (watch_children(x))
			run_program(x, m);
		else
			x->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = strerror(errno)});
	}
}

static void exec_stop(struct sink_target *base)
{
	struct exec *x = (struct exec *)(void *)base;

	for (struct run *r = x->running; r; r = r->next) {
		signal_group(r, SIGTERM);
		r->timed_out = true;
	}
	x->stopped = clock_mono_us();
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
		} else if (!program_has_ended(r, &status)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free_run(r);
	}
}

static void exec_close(struct sink_target *base)
{
	struct exec *x = (struct exec *)(void *)base;

	if (!x->stopped)
		exec_stop(base);
	for (end_runs(x, false); x->running && clock_mono_us() - x->stopped < END_MS * INT64_C(1000); end_runs(x, false))
		nanosleep(&(struct timespec){.tv_nsec = END_LOOK_MS * 1000000L}, NULL);
	end_runs(x, true);
	loop_signal_stop(&x->child);
	loop_timer_stop(&x->timer);
	free(x);
}

const struct sink_driver exec_driver = {
	.type = "exec",
	.open = exec_open,
	.send = exec_send,
	.stop = exec_stop,
	.close = exec_close,
};
