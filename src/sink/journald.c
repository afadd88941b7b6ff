/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type journald: one entry of systemd's journal for each event.
 *
 * An entry is a datagram to journald's socket, or a sealed file for what is larger. Nothing acknowledges it. While journald does not
 * read, the library waits in the thread, without end. Where the socket is missing, the library says that all is well.
 */
#define _DEFAULT_SOURCE
#define SD_JOURNAL_SUPPRESS_LOCATION /* no CODE_FILE of ours in the entries */
#include "config.h"
#include "sink/journald.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "sink/module.h"

enum {
	ENTRY_MAX = 768 << 20, /* DATA_SIZE_MAX of systemd: journald drops what is larger, without a word to us */
	WHY_SIZE = 256,
};

struct journald {
	struct worker *worker;
};

/* ---- sending */

static void end_entry(struct journald *jd, struct worker_job *j, int code)
{
	bool refused = code == EMSGSIZE || code == E2BIG || code == EFBIG;
	char text[WORKER_RESULT_SIZE];

	if (code == 0) {
		snprintf(text, sizeof text, "HOOKSPOOL_ID=%s", j->text[WORKER_ID]);
		worker_end(jd->worker, j, &(struct sink_result){.verdict = SINK_DELIVERED, .place = text});
		return;
	}
	snprintf(text, sizeof text, "%s: %s", refused ? "it is larger than what journald takes" : "journald is not there: " JOURNALD_SOCKET, strerror(code));
	worker_end(jd->worker, j, &(struct sink_result){.verdict = refused ? SINK_REFUSED : SINK_RETRY, .target_failed = !refused, .error = text});
}

/* An errno, or 0. */
static int send_entry(const struct worker_job *j)
{
	struct iovec field[JOURNALD_FIELDS_MAX];
	int n = journald_split_fields(j->body, field), code;

	if (j->body.n > ENTRY_MAX)
		return EMSGSIZE;
	code = -sd_journal_sendv(field, n);
	if (code == 0 && access(JOURNALD_SOCKET, F_OK) != 0)
		code = errno;
	return code;
}

static void send_journald_jobs(void *ctx, struct worker_job *jobs)
{
	struct journald *jd = ctx;
	struct worker_job *next;
	int code;

	for (struct worker_job *j = jobs; j; j = next) {
		next = j->next;
		if (!worker_begin(jd->worker, j, 1))
			continue;
		code = send_entry(j);
		j = worker_take(jd->worker, 1, 1);
		end_entry(jd, j, code);
	}
}

static void receive_journald(void *ctx)
{
	(void)ctx; /* nothing comes back */
}

static int wait_journald(void *ctx, int *fd)
{
	(void)ctx;
	*fd = -1;
	return -1;
}

static void drop_journald(void *ctx, const char *why)
{
	(void)ctx; /* there is no connection, and what was sent has ended */
	(void)why;
}

/* ---- opening and checking */

static struct sink_target *journald_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	static const struct worker_driver thread = {.print = journald_print_fields, .send = send_journald_jobs, .receive = receive_journald,
		.wait = wait_journald, .drop = drop_journald, .free = free};
	struct journald *jd = calloc(1, sizeof *jd);

	snprintf(why, n, "memory is short");
	if (!jd)
		return NULL;
	jd->worker = worker_new(&thread, jd, s, NULL, l, done, why, n);
	return jd->worker ? &jd->worker->base : NULL;
}

/* An errno, or 0. */
static int connect_to_journald(void)
{
	const struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = JOURNALD_SOCKET};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int code = fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return code;
}

static void check_journald_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	int code = connect_to_journald();
	char why[WHY_SIZE];
	struct stat st;

	(void)base;
	if (code != 0) {
		snprintf(why, sizeof why, "journald is not there: " JOURNALD_SOCKET ": %s", strerror(code));
		say(ctx, SINK_DOUBTFUL, why);
		return;
	}
	if (stat("/var/log/journal", &st) != 0 || !S_ISDIR(st.st_mode))
		say(ctx, SINK_DOUBTFUL, "the journal is in memory and lost at a reboot, as there is no /var/log/journal; write Storage=persistent in journald.conf(5)");
	say(ctx, SINK_FINE, "journald is there; it acknowledges nothing: hookspool.conf(5), Journald");
}

static const struct sink_driver journald_driver = {
	.type = "journald",
	.open = journald_open,
	.send = worker_send,
	.stop = worker_stop,
	.close = worker_close,
	.check = check_journald_sink,
};

SINK_MODULE(journald_driver);
