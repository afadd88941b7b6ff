/* SPDX-License-Identifier: ISC */
/* The vault's two ends: the page asks, and a process of its own answers. */
#define _GNU_SOURCE /* closefrom */
#include "config.h"

#include "page/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif

#include "conf/confine.h"
#include "core/descriptor.h"
#include "core/io.h"
#include "core/log.h"

struct vault {
	pthread_mutex_t mutex; /* of one question at a time */
	char *conf_file;
	const struct conf *conf; /* until its process is started */
	int fd; /* -1: not started, or it failed */
	bool started;
};

struct question {
	int64_t id;
	int32_t what; /* enum vault_question */
};

/* Ends this process with its parent: besides the end of the socket. */
static void end_with_parent(void)
{
#ifdef HAVE_SYS_PRCTL_H
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

/* Leaves nothing open but its own socket and the log: a web server waits until all copies of its pipes are closed. */
static int keep_only(int fd)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(fd, 3) != 3) /* null may be 3 */
		_exit(1);
	closefrom(4);
	return 3;
}

/* An answer, in memory that a question's process shares with the vault's. */
struct answer {
	size_t n;
	char text[VAULT_ANSWER_MAX];
};

static _Noreturn void work_on_question(const char *conf_file, const struct question *q, struct answer *a)
{
	struct buf out = {0};
	sigset_t ends;

	end_with_parent();
	sigemptyset(&ends);
	sigaddset(&ends, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &ends, NULL); /* the page blocks all, and a web server may have ignored it */
	signal(SIGALRM, SIG_DFL);
	alarm(VAULT_WORK_S);
	if (q->what >= VAULT_EXPLAIN && q->what <= VAULT_SECRETS)
		vault_work(conf_file, (enum vault_question)q->what, q->id, &out);
	if (out.len && out.len < sizeof a->text) {
		memcpy(a->text, out.data, out.len);
		a->n = out.len;
	}
	_exit(0);
}

/* Each question has a process of its own: what a stranger's delivery does to it ends with it. */
static void let_work(const char *conf_file, const struct question *q, struct answer *a)
{
	int status = -1;
	pid_t pid;

	a->n = 0;
	pid = fork();
	if (pid == 0)
		work_on_question(conf_file, q, a);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0 || a->n >= sizeof a->text)
		a->n = 0;
	a->text[a->n] = '\0'; /* no message is empty: that would be the end */
}

static _Noreturn void live(const struct vault *v, int fd)
{
	struct answer *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct question q;
	ssize_t n;

	end_with_parent();
	fd = keep_only(fd);
	confine(v->conf, NULL);
	while (a != MAP_FAILED && ((n = recv(fd, &q, sizeof q, 0)) == (ssize_t)sizeof q || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		let_work(v->conf_file, &q, a);
		if (send(fd, a->text, a->n + (a->n == 0), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static void start(struct vault *v)
{
	struct timeval wait = {VAULT_WAIT_S, 0};
	int size = 2 * VAULT_ANSWER_MAX, ends[2];
	pid_t pid;

	v->started = true;
	if (!descriptor_pair(SOCK_SEQPACKET, ends))
		return;
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	pid = fork();
	if (pid == 0)
		live(v, ends[1]);
	close(ends[1]);
	if (pid > 0)
		v->fd = ends[0];
	else
		close(ends[0]);
}

struct vault *vault_new(const struct conf *c, bool lazy)
{
	struct vault *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->fd = -1;
	pthread_mutex_init(&v->mutex, NULL);
	v->conf = c;
	v->conf_file = strdup(c->file);
	if (v->conf_file && !lazy)
		start(v);
	return v;
}

void vault_free(struct vault *v)
{
	if (!v)
		return;
	if (v->fd >= 0)
		close(v->fd);
	pthread_mutex_destroy(&v->mutex);
	free(v->conf_file);
	free(v);
}

/* A vault that gave no answer in time is given up: its answer would be taken for that to the next question. */
static bool ask(struct vault *v, enum vault_question what, int64_t id, struct buf *out)
{
	const struct question q = {.id = id, .what = what};
	ssize_t n = -1;

	out->len = 0;
	if (!buf_reserve(out, VAULT_ANSWER_MAX))
		return false;
	pthread_mutex_lock(&v->mutex);
	if (!v->started && v->conf_file)
		start(v);
	if (v->fd >= 0 && send(v->fd, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q) {
		do
			n = recv(v->fd, out->data, VAULT_ANSWER_MAX, 0);
		while (n < 0 && errno == EINTR);
	}
	if (n <= 0 && v->fd >= 0) {
		log_message(LOG_LEVEL_ERROR, "page: the process with the endpoints' secrets does not answer; restart the page");
		close(v->fd);
		v->fd = -1;
	}
	pthread_mutex_unlock(&v->mutex);
	out->len = n > 1 && out->data[n - 1] == '\0' ? (size_t)n : 0;
	return n > 0;
}

bool vault_explain(struct vault *v, int64_t reject, struct buf *pairs)
{
	return ask(v, VAULT_EXPLAIN, reject, pairs);
}

bool vault_accept(struct vault *v, int64_t reject, struct buf *pairs)
{
	return ask(v, VAULT_ACCEPT, reject, pairs);
}

bool vault_secrets(struct vault *v, struct buf *list)
{
	return ask(v, VAULT_SECRETS, 0, list);
}

const char *vault_text(const char **p, const char *end)
{
	const char *text = *p, *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;

	if (!nul)
		return NULL;
	*p = nul + 1;
	return text;
}

bool vault_secret_name(struct vault *v, const char *endpoint, int number, char name[VAULT_NAME])
{
	struct buf list = {0};
	const char *path, *digits, *id, *source, *p, *end;
	bool found = false;

	vault_secrets(v, &list);
	p = list.data;
	end = p + list.len;
	while (!found && (path = vault_text(&p, end)) && (digits = vault_text(&p, end)) && (id = vault_text(&p, end)) && (source = vault_text(&p, end))) {
		found = strcmp(path, endpoint) == 0 && atoi(digits) == number;
		if (found) {
			strncpy(name, source, VAULT_NAME - 1);
			name[VAULT_NAME - 1] = '\0';
		}
	}
	buf_free(&list);
	return found;
}
