/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type nats: one message for each event, which a stream of JetStream takes.
 *
 * The server answers each message at a subject of its own, "INBOX.TAG": the PubAck, once the stream has the message. A message without
 * that answer is not delivered. The library's buffer for a lost connection is not used, as it takes messages that no server has.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"
#include "sink/nats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/io.h"
#include "sink/module.h"

enum {
	LOST_MS = 100,          /* while messages are under way, a lost connection is found after so long */
	CONNECT_MIN_MS = 100,
	LIBRARY_END_MS = 500,
};

static unsigned open_sinks; /* the loop's */

/* ---- the connection */

static void drop_nats(void *ctx, const char *why)
{
	struct nats *n = ctx;
	char copy[NATS_WHY_SIZE]; /* of a text that may be the connection's */

	snprintf(copy, sizeof copy, "%s", why);
	natsSubscription_Destroy(n->replies);
	natsConnection_Destroy(n->connection);
	natsInbox_Destroy(n->inbox);
	n->replies = NULL;
	n->connection = NULL;
	n->inbox = NULL;
	worker_fail_sent(n->worker, copy, true);
}

static void on_nats_reply(natsConnection *connection, natsSubscription *subscription, natsMsg *m, void *of)
{
	struct worker *w = of;
	const struct nats *n = w->ctx;
	const char *tag = strrchr(natsMsg_GetSubject(m), '.');
	uint64_t number = tag ? strtoull(tag + 1, NULL, 10) : 0;
	struct worker_job *j = number ? worker_take(w, number, number) : NULL;
	char place[WORKER_RESULT_SIZE];
	struct sink_result r;

	(void)connection;
	(void)subscription;
	if (j) {
		r = nats_result(m, n->fixed, place);
		worker_end(w, j, &r);
	}
	natsMsg_Destroy(m);
}

/* No more replies come. */
static void on_replies_end(void *of)
{
	worker_leave(of);
}

static bool subscribe_replies(struct nats *n)
{
	struct buf subject = {0};
	bool ok = natsInbox_Create(&n->inbox) == NATS_OK && buf_printf(&subject, "%s.*", n->inbox) &&
		natsConnection_Subscribe(&n->replies, n->connection, buf_str(&subject), on_nats_reply, n->worker) == NATS_OK;

	buf_free(&subject);
	if (!ok)
		return false;
	natsSubscription_SetPendingLimits(n->replies, -1, -1);
	worker_use(n->worker);
	if (natsSubscription_SetOnCompleteCB(n->replies, on_replies_end, n->worker) == NATS_OK)
		return true;
	worker_leave(n->worker);
	return false;
}

static bool connect_nats(struct nats *n, int64_t deadline, char why[NATS_WHY_SIZE])
{
	int64_t ms = (deadline - clock_mono_us()) / 1000;

	if (n->connection)
		return true;
	n->connection = nats_connect(n, ms > CONNECT_MIN_MS ? ms : CONNECT_MIN_MS, why);
	if (!n->connection)
		return false;
	if (subscribe_replies(n))
		return true;
	snprintf(why, NATS_WHY_SIZE, "no subscription for the acknowledgements: %s", nats_GetLastError(NULL));
	drop_nats(n, why);
	return false;
}

/* ---- sending */

/* A header ends at the end of the line, and a stranger may have chosen the value. */
static bool add_nats_header(natsMsg *m, const char *name, const char *value)
{
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return true;
	return !*value || natsMsgHeader_Set(m, name, value) == NATS_OK;
}

/* The server knows a message by Nats-Msg-Id, and acknowledges another one with that id without storing it. */
static natsMsg *make_message(const struct nats *n, const struct worker_job *j, uint64_t tag)
{
	char reply[128];
	natsMsg *m = NULL;

	snprintf(reply, sizeof reply, "%s.%" PRIu64, n->inbox, tag);
	if (natsMsg_Create(&m, j->text[WORKER_KEY], reply, j->body.p, (int)j->body.n) == NATS_OK &&
	    add_nats_header(m, "Nats-Msg-Id", j->text[WORKER_ID]) && add_nats_header(m, "Content-Type", j->text[WORKER_TYPE]) &&
	    add_nats_header(m, "Hookspool-Endpoint", j->text[WORKER_ENDPOINT]) && add_nats_header(m, "Hookspool-Event", j->text[WORKER_EVENT]) &&
	    add_nats_header(m, "Hookspool-Account", j->text[WORKER_ACCOUNT]) && add_nats_header(m, "Hookspool-Conversation", j->text[WORKER_CONVERSATION]))
		return m;
	natsMsg_Destroy(m);
	return NULL;
}

static void end_unpublished(struct nats *n, struct worker_job *j, natsStatus status)
{
	char why[NATS_WHY_SIZE];

	if (status == NATS_MAX_PAYLOAD) {
		snprintf(why, sizeof why, "it is larger than the %" PRId64 " bytes that the server takes; in its configuration: max_payload",
			natsConnection_GetMaxPayload(n->connection));
		worker_end(n->worker, j, &(struct sink_result){.verdict = SINK_REFUSED, .error = why});
		return;
	}
	worker_end(n->worker, j, &(struct sink_result){.verdict = SINK_RETRY, .in_doubt = true, .target_failed = true, .error = natsStatus_GetText(status)});
}

static void publish_nats(struct nats *n, struct worker_job *j)
{
	uint64_t tag = ++n->last_tag;
	natsMsg *m = make_message(n, j, tag);
	natsStatus status;

	if (!m) {
		worker_end(n->worker, j, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
		return;
	}
	if (worker_begin(n->worker, j, tag)) {
		status = natsConnection_PublishMsg(n->connection, m);
		if (status != NATS_OK && (j = worker_take(n->worker, tag, tag)))
			end_unpublished(n, j, status);
	}
	natsMsg_Destroy(m);
}

static void find_lost(struct nats *n)
{
	const char *error = NULL;

	if (!n->connection || !natsConnection_IsClosed(n->connection))
		return;
	natsConnection_GetLastError(n->connection, &error);
	drop_nats(n, error && *error ? error : "the server has closed the connection");
}

static void send_nats_jobs(void *ctx, struct worker_job *jobs)
{
	struct nats *n = ctx;
	char why[NATS_WHY_SIZE];
	struct worker_job *next;

	find_lost(n);
	if (!connect_nats(n, jobs->deadline, why)) {
		worker_fail(n->worker, jobs, why);
		return;
	}
	for (struct worker_job *j = jobs; j; j = next) {
		next = j->next;
		publish_nats(n, j);
	}
}

static void receive_nats(void *ctx)
{
	find_lost(ctx);
}

/* The library's threads read the connection. */
static int wait_nats(void *ctx, int *fd)
{
	struct nats *n = ctx;

	*fd = -1;
	return worker_count_sent(n->worker) ? LOST_MS : -1;
}

/* ---- opening and closing */

static void free_nats(void *ctx)
{
	struct nats *n = ctx;

	free(n->url);
	free(n->host);
	free(n->user);
	free(n->ca_file);
	free(n->creds_file);
	if (n->secret.data)
		explicit_bzero(n->secret.data, n->secret.cap);
	buf_free(&n->secret);
	free(n);
}

/* The library reads the file, at each connection. */
static bool is_creds_file_safe(const char *path, char *why, size_t n)
{
	struct stat st;
	FILE *f = fopen(path, "re");

	if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 007)) {
		fclose(f);
		return true;
	}
	snprintf(why, n, f ? "%s: others may read it; chmod 640" : "%s: it can't be read", path);
	if (f)
		fclose(f);
	return false;
}

static struct nats *new_nats(const struct sink *s, char *why, size_t size)
{
	const struct nats_options *o = nats_options(s);
	struct nats *n = calloc(1, sizeof *n);
	struct buf url = {0};
	bool ok = n != NULL;

	snprintf(why, size, "memory is short");
	if (!ok)
		return NULL;
	/* without the user: the library takes a user without a password for a token */
	ok = buf_printf(&url, strchr(o->url.host, ':') ? "nats://[%s]:%d" : "nats://%s:%d", o->url.host, o->url.port);
	n->url = worker_copy(buf_str(&url), &ok);
	buf_free(&url);
	n->host = worker_copy(o->url.host, &ok);
	n->user = worker_copy(o->url.user, &ok);
	n->ca_file = worker_copy(o->ca_file, &ok);
	n->creds_file = worker_copy(o->creds_file, &ok);
	n->tls = o->url.tls;
	n->fixed = o->fixed;
	if (ok && (!o->creds_file || is_creds_file_safe(o->creds_file, why, size)) &&
	    (!o->password_file || io_read_secret(o->password_file, &n->secret, why, size)) &&
	    (!o->token_file || io_read_secret(o->token_file, &n->secret, why, size))) {
		buf_str(&n->secret); /* ends it, for the library */
		return n;
	}
	free_nats(n);
	return NULL;
}

static struct sink_target *nats_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t size)
{
	static const struct worker_driver thread = {.send = send_nats_jobs, .receive = receive_nats, .wait = wait_nats, .drop = drop_nats,
		.free = free_nats, .key_error = nats_subject_error};
	struct nats *n = new_nats(s, why, size);

	if (!n)
		return NULL;
	n->worker = worker_new(&thread, n, s, nats_options(s)->subject, l, done, why, size);
	if (!n->worker)
		return NULL;
	open_sinks++;
	return &n->worker->base;
}

/* The last one ends the library's threads: they must not be at work while the process ends. The library can be opened again. */
static void nats_close(struct sink_target *base)
{
	worker_close(base);
	if (--open_sinks == 0)
		nats_CloseAndWait(LIBRARY_END_MS);
}

static void check_nats_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	const struct worker *w = (const struct worker *)(const void *)base;

	nats_check(w->ctx, w->sink, say, ctx);
}

static const struct sink_driver nats_driver = {
	.type = "nats",
	.open = nats_open,
	.send = worker_send,
	.stop = worker_stop,
	.close = nats_close,
	.check = check_nats_sink,
};

SINK_MODULE(nats_driver);
