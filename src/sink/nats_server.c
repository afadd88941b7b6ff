/* SPDX-License-Identifier: ISC */
/* Sinks of the type nats: the connection's options, what the server answers, and what hookspool check asks it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "sink/nats.h"

enum {
	CHECK_MS = 5000,
	PING_MS = 20 * 1000,  /* two pings without an answer end an idle connection */
	PINGS_OUT = 2,
	STREAMS_MAX = 8,      /* that check says something of */
};

/* ---- the connection */

static bool set_secrets(const struct nats *n, natsOptions *o)
{
	const char *secret = n->secret.data;

	return (!n->user || natsOptions_SetUserInfo(o, n->user, secret ? secret : "") == NATS_OK) &&
		(n->user || !secret || natsOptions_SetToken(o, secret) == NATS_OK) &&
		(!n->creds_file || natsOptions_SetUserCredentialsFromFiles(o, n->creds_file, NULL) == NATS_OK);
}

/* The library verifies the certificate where it is told the name. */
static bool set_tls(const struct nats *n, natsOptions *o)
{
	return !n->tls || (natsOptions_SetSecure(o, true) == NATS_OK && natsOptions_SkipServerVerification(o, false) == NATS_OK &&
		natsOptions_SetExpectedHostname(o, n->host) == NATS_OK &&
		(!n->ca_file || natsOptions_LoadCATrustedCertificates(o, n->ca_file) == NATS_OK));
}

/* No connection of the library's own after a lost one: messages that were under way then are in doubt. */
static bool set_options(const struct nats *n, int64_t ms, natsOptions *o)
{
	return natsOptions_SetURL(o, n->url) == NATS_OK && natsOptions_SetName(o, "hookspool") == NATS_OK &&
		natsOptions_SetTimeout(o, ms) == NATS_OK && natsOptions_SetWriteDeadline(o, ms) == NATS_OK &&
		natsOptions_SetAllowReconnect(o, false) == NATS_OK && natsOptions_SetPingInterval(o, PING_MS) == NATS_OK &&
		natsOptions_SetMaxPingsOut(o, PINGS_OUT) == NATS_OK && set_secrets(n, o) && set_tls(n, o);
}

natsConnection *nats_connect(const struct nats *n, int64_t ms, char why[NATS_WHY_SIZE])
{
	natsConnection *connection = NULL;
	natsOptions *o = NULL;
	natsStatus status = natsOptions_Create(&o);

	if (status == NATS_OK && !set_options(n, ms, o))
		snprintf(why, NATS_WHY_SIZE, "the connection's options: %s", nats_GetLastError(NULL));
	else if (status != NATS_OK || (status = natsConnection_Connect(&connection, o)) != NATS_OK)
		snprintf(why, NATS_WHY_SIZE, "no connection to %s: %s", n->url, natsStatus_GetText(status));
	natsOptions_Destroy(o);
	return connection;
}

/* ---- answers */

static const char *string_of(yajl_val v, const char *name)
{
	return YAJL_GET_STRING(yajl_tree_get(v, (const char *[]){name, NULL}, yajl_t_string));
}

static int64_t number_of(yajl_val v, const char *name)
{
	yajl_val number = yajl_tree_get(v, (const char *[]){name, NULL}, yajl_t_number);

	return number && YAJL_IS_INTEGER(number) ? YAJL_GET_INTEGER(number) : 0;
}

/* nats-server's errors.json: 10054 is JSStreamMessageExceedsMaximumErr; any other event may have the others, too. */
static struct sink_result error_result(yajl_val error, char text[WORKER_RESULT_SIZE])
{
	const char *said = string_of(error, "description");
	int64_t code = number_of(error, "err_code");

	snprintf(text, WORKER_RESULT_SIZE, "JetStream: %.300s (%" PRId64 ")%s", said ? said : "an error", code,
		code == JSStreamMessageExceedsMaximumErr ? "; nats stream edit --max-msg-size" : "");
	if (code == JSStreamMessageExceedsMaximumErr)
		return (struct sink_result){.verdict = SINK_REFUSED, .error = text};
	return (struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .error = text};
}

/* docs.nats.io, "JetStream wire API", PubAck: {"stream": "S", "seq": 1, "duplicate": true}, or {"error": {...}}. */
static struct sink_result ack_result(yajl_val ack, char text[WORKER_RESULT_SIZE])
{
	yajl_val error = yajl_tree_get(ack, (const char *[]){"error", NULL}, yajl_t_object);
	const char *stream = string_of(ack, "stream");

	if (error)
		return error_result(error, text);
	if (!stream || number_of(ack, "seq") <= 0)
		return (struct sink_result){.verdict = SINK_RETRY, .in_doubt = true, .target_failed = true,
			.error = "an answer that is no acknowledgement of JetStream; does another program answer at the subject?"};
	snprintf(text, WORKER_RESULT_SIZE, "stream %.300s sequence %" PRId64, stream, number_of(ack, "seq"));
	return (struct sink_result){.verdict = SINK_DELIVERED, .place = text};
}

struct sink_result nats_result(natsMsg *answer, bool fixed, char text[WORKER_RESULT_SIZE])
{
	char json[2048];
	int n = natsMsg_GetDataLength(answer);
	struct sink_result r;
	yajl_val ack;

	if (natsMsg_IsNoResponders(answer))
		return (struct sink_result){.verdict = SINK_RETRY, .target_failed = fixed,
			.error = "no stream takes the subject: nats stream add, with the subject; or the server runs without JetStream"};
	snprintf(json, sizeof json, "%.*s", n, natsMsg_GetData(answer));
	ack = yajl_tree_parse(json, NULL, 0);
	r = ack_result(ack, text);
	yajl_tree_free(ack);
	return r;
}

/* ---- check */

struct asking {
	sink_say *say;
	void *ctx;
	jsCtx *js;
};

static void say_of_stream(const struct asking *a, enum sink_finding finding, const char *stream, const char *what)
{
	char text[512];

	snprintf(text, sizeof text, "stream %.100s %s", stream, what);
	a->say(a->ctx, finding, text);
}

static void say_config(const struct asking *a, const jsStreamConfig *c, bool cluster)
{
	bool fine = c->Storage == js_FileStorage && !c->NoAck;

	if (c->NoAck)
		say_of_stream(a, SINK_WRONG, c->Name, "acknowledges nothing, so no event is ever delivered; nats stream edit --ack");
	if (c->Storage != js_FileStorage)
		say_of_stream(a, SINK_DOUBTFUL, c->Name, "is in the server's memory, so a delivered event may be lost; nats stream add --storage file");
	if (cluster && c->Replicas < 3)
		say_of_stream(a, SINK_DOUBTFUL, c->Name, "has fewer than 3 replicas, so a delivered event may be lost with a server; nats stream edit --replicas 3");
	if (fine)
		say_of_stream(a, SINK_FINE, c->Name, "is in files; its acknowledgement comes before they are on the disk (sync_interval)");
}

static void ask_stream(const struct asking *a, const char *name)
{
	jsStreamInfo *info = NULL;

	if (js_GetStreamInfo(&info, a->js, name, NULL, NULL) == NATS_OK && info->Config)
		say_config(a, info->Config, info->Cluster && info->Cluster->Name);
	else
		say_of_stream(a, SINK_DOUBTFUL, name, "can't be asked for its storage; it needs files and, in a cluster, 3 replicas");
	jsStreamInfo_Destroy(info);
}

/* The streams that take a subject, or all where that is NULL. */
static void ask_streams(const struct asking *a, const char *subject)
{
	jsStreamNamesList *names = NULL;
	jsErrCode code = 0;
	jsOptions o;

	jsOptions_Init(&o);
	o.Wait = CHECK_MS;
	o.Stream.Info.SubjectsFilter = subject;
	if (js_StreamNames(&names, a->js, &o, &code) != NATS_OK || names->Count == 0) {
		a->say(a->ctx, SINK_DOUBTFUL, code == JSNotEnabledErr || code == JSNotEnabledForAccountErr ? "JetStream is off; in the server's configuration: jetstream {}"
			: "no stream takes the subject, so nothing will be delivered: nats stream add, with the subject");
		return;
	}
	for (int i = 0; i < names->Count && i < STREAMS_MAX; i++)
		ask_stream(a, names->List[i]);
	jsStreamNamesList_Destroy(names);
}

static void check_streams(natsConnection *c, const struct nats *n, const struct sink *s, struct asking *a)
{
	struct template_values none = {.body = {NULL, 0}};
	struct buf subject = {0};

	if (natsConnection_JetStream(&a->js, c, NULL) != NATS_OK || (n->fixed && !template_print(nats_options(s)->subject, &none, &subject)))
		a->say(a->ctx, SINK_DOUBTFUL, nats_GetLastError(NULL));
	else
		ask_streams(a, n->fixed ? buf_str(&subject) : NULL);
	buf_free(&subject);
	jsCtx_Destroy(a->js);
}

void nats_check(const struct nats *n, const struct sink *s, sink_say *say, void *ctx)
{
	char why[NATS_WHY_SIZE];
	struct asking a = {.say = say, .ctx = ctx};
	natsConnection *c = nats_connect(n, CHECK_MS, why);

	if (c)
		check_streams(c, n, s, &a);
	else
		say(ctx, SINK_DOUBTFUL, why);
	natsConnection_Destroy(c);
}
