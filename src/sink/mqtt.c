/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type mqtt: one message of QoS 1 for each event.
 *
 * The server answers each message with a PUBACK, which has the number of the message's packet and a reason. "No matching subscribers"
 * is a failure: the server has dropped the message. A client is used for one connection. The library would send again by itself.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"
#include "sink/mqtt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/io.h"
#include "sink/module.h"

enum {
	CHECK_US = 5 * 1000 * 1000,
	IDLE_MS = 5000, /* between looks at the keep-alive */
	WRITE_MS = 20,  /* between looks at a socket that is full */
};

/* ---- sending */

static void drop_mqtt(void *ctx, const char *why)
{
	struct mqtt *m = ctx;

	mqtt_disconnect(m);
	worker_fail_sent(m->worker, why, true);
}

/* A text that the protocol does not take, such as one with control characters, is left out. */
static bool add_property(mosquitto_property **all, const char *name, const char *value)
{
	return !*value || mosquitto_property_add_string_pair(all, MQTT_PROP_USER_PROPERTY, name, value) != MOSQ_ERR_NOMEM;
}

static bool add_properties(mosquitto_property **all, const struct worker_job *j)
{
	return mosquitto_property_add_string(all, MQTT_PROP_CONTENT_TYPE, j->text[WORKER_TYPE]) != MOSQ_ERR_NOMEM &&
		add_property(all, "id", j->text[WORKER_ID]) && add_property(all, "endpoint", j->text[WORKER_ENDPOINT]) &&
		add_property(all, "event", j->text[WORKER_EVENT]) && add_property(all, "account", j->text[WORKER_ACCOUNT]) &&
		add_property(all, "conversation", j->text[WORKER_CONVERSATION]);
}

static void end_unsent(struct mqtt *m, struct worker_job *j, int code)
{
	bool refused = code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_MALFORMED_UTF8;

	worker_end(m->worker, j, &(struct sink_result){.verdict = refused ? SINK_REFUSED : SINK_RETRY, .in_doubt = !refused, .target_failed = !refused,
		.error = refused ? "it is larger than the packets that the server takes" : mosquitto_strerror(code)});
}

/* The packet's number, from 1, is known behind the call; the PUBACK is read later, in this thread. */
static void publish_message(struct mqtt *m, struct worker_job *j)
{
	mosquitto_property *properties = NULL;
	int id = 0, code = MOSQ_ERR_NOMEM;

	if (!worker_begin(m->worker, j, 0))
		return;
	if (add_properties(&properties, j))
		code = mosquitto_publish_v5(m->client, &id, j->text[WORKER_KEY], (int)j->body.n, j->body.p, 1, false, properties);
	mosquitto_property_free_all(&properties);
	if (code == MOSQ_ERR_SUCCESS)
		j->tag = (uint64_t)id;
	else if ((j = worker_take(m->worker, 0, 0)))
		end_unsent(m, j, code);
}

static void receive_mqtt(void *ctx)
{
	struct mqtt *m = ctx;
	char why[MQTT_WHY_SIZE];

	if (m->client && !mqtt_step(m, why))
		drop_mqtt(m, why);
}

static void send_mqtt_jobs(void *ctx, struct worker_job *jobs)
{
	struct mqtt *m = ctx;
	char why[MQTT_WHY_SIZE];
	struct worker_job *next;

	receive_mqtt(m); /* finds a connection that the server has ended */
	if (!m->client && !mqtt_connect(m, jobs->deadline, why)) {
		worker_fail(m->worker, jobs, why);
		return;
	}
	for (struct worker_job *j = jobs; j; j = next) {
		next = j->next;
		publish_message(m, j);
	}
}

static int wait_mqtt(void *ctx, int *fd)
{
	struct mqtt *m = ctx;

	*fd = m->client ? mosquitto_socket(m->client) : -1;
	return !m->client ? -1 : mosquitto_want_write(m->client) ? WRITE_MS : IDLE_MS;
}

/* ---- opening and closing */

static void free_mqtt(void *ctx)
{
	struct mqtt *m = ctx;

	free(m->host);
	free(m->user);
	free(m->client_id);
	free(m->ca_file);
	if (m->secret.data)
		explicit_bzero(m->secret.data, m->secret.cap);
	buf_free(&m->secret);
	free(m);
}

static bool copy_option(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return *to || !text;
}

static struct mqtt *new_mqtt(const struct sink *s, char *why, size_t n)
{
	const struct mqtt_options *o = mqtt_options(s);
	struct mqtt *m = calloc(1, sizeof *m);

	snprintf(why, n, "memory is short");
	if (!m)
		return NULL;
	m->port = o->url.port;
	m->tls = o->url.tls;
	m->fixed = o->fixed;
	if (copy_option(&m->host, o->url.host) && copy_option(&m->user, o->url.user) && copy_option(&m->client_id, o->client_id) &&
	    copy_option(&m->ca_file, o->ca_file) && (!o->password_file || io_read_secret(o->password_file, &m->secret, why, n))) {
		if (o->password_file)
			buf_str(&m->secret); /* ends it, for the library */
		return m;
	}
	free_mqtt(m);
	return NULL;
}

static struct sink_target *mqtt_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	static const struct worker_driver thread = {.send = send_mqtt_jobs, .receive = receive_mqtt, .wait = wait_mqtt, .drop = drop_mqtt,
		.free = free_mqtt, .key_error = mqtt_topic_error};
	struct mqtt *m = new_mqtt(s, why, n);

	if (!m)
		return NULL;
	m->worker = worker_new(&thread, m, s, mqtt_options(s)->topic, l, done, why, n);
	return m->worker ? &m->worker->base : NULL;
}

/* ---- hookspool check: MQTT has no question for what a server keeps */

static void check_mqtt_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	const struct worker *w = (const struct worker *)(const void *)base;
	struct mqtt m = *(const struct mqtt *)w->ctx; /* a connection without the worker, whose thread has not begun */
	char why[MQTT_WHY_SIZE];

	m.worker = NULL;
	if (!mqtt_connect(&m, clock_mono_us() + CHECK_US, why)) {
		say(ctx, m.greeting > 0 ? SINK_WRONG : SINK_DOUBTFUL, why);
		return;
	}
	mqtt_disconnect(&m);
	say(ctx, SINK_FINE, "the server takes the connection; it does not tell what it keeps: hookspool.conf(5), MQTT");
}

static const struct sink_driver mqtt_driver = {
	.type = "mqtt",
	.open = mqtt_open,
	.send = worker_send,
	.stop = worker_stop,
	.close = worker_close,
	.check = check_mqtt_sink,
};

SINK_MODULE(mqtt_driver);
