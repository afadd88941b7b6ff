/* SPDX-License-Identifier: ISC */
/* Sinks of the type mqtt: the connection, in the thread that waits for it, and what the server's reason codes mean. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "sink/mqtt.h"

enum {
	KEEPALIVE_S = 30,
	STEP_MS = 100,        /* between looks at a connection that is made */
	RECEIVE_MAX = 65535,  /* the server's own limit holds */
};

static void init_mosquitto(void)
{
	mosquitto_lib_init();
}

/* ---- what the library calls */

static void on_greeting(struct mosquitto *client, void *of, int reason, int flags, const mosquitto_property *properties)
{
	struct mqtt *m = of;

	(void)client;
	(void)flags;
	(void)properties;
	m->greeting = reason;
}

static void on_goodbye(struct mosquitto *client, void *of, int reason, const mosquitto_property *properties)
{
	struct mqtt *m = of;

	(void)client;
	(void)properties;
	m->goodbye = reason;
}

static void on_puback(struct mosquitto *client, void *of, int id, int reason, const mosquitto_property *properties)
{
	struct mqtt *m = of;
	struct worker_job *j = m->worker ? worker_take(m->worker, (uint64_t)id, (uint64_t)id) : NULL;
	struct sink_result r = mqtt_result(reason, m->fixed);

	(void)client;
	(void)properties;
	m->acknowledged++;
	if (!j)
		return;
	if (r.verdict == SINK_DELIVERED)
		r.place = j->text[WORKER_KEY];
	worker_end(m->worker, j, &r);
}

/* ---- the connection */

static const char *words_of(const struct mqtt *m, int code)
{
	if (m->goodbye >= MQTT_RC_UNSPECIFIED)
		return mosquitto_reason_string(m->goodbye);
	if (m->greeting > 0)
		return mosquitto_reason_string(m->greeting);
	return code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code);
}

bool mqtt_step(struct mqtt *m, char why[MQTT_WHY_SIZE])
{
	unsigned before;
	int code;

	do { /* TLS may have read more than poll(2) knows of */
		before = m->acknowledged;
		code = mosquitto_loop_read(m->client, 1);
	} while (code == MOSQ_ERR_SUCCESS && m->acknowledged != before);
	if (code == MOSQ_ERR_SUCCESS && mosquitto_want_write(m->client))
		code = mosquitto_loop_write(m->client, 1);
	if (code == MOSQ_ERR_SUCCESS)
		code = mosquitto_loop_misc(m->client);
	if (code != MOSQ_ERR_SUCCESS)
		snprintf(why, MQTT_WHY_SIZE, "%s", words_of(m, code));
	return code == MOSQ_ERR_SUCCESS;
}

/* The library verifies the certificate and its name, unless it is told otherwise. */
static int set_mqtt_tls(const struct mqtt *m)
{
	if (!m->tls)
		return MOSQ_ERR_SUCCESS;
	if (m->ca_file)
		return mosquitto_tls_set(m->client, m->ca_file, NULL, NULL, NULL, NULL);
	return mosquitto_int_option(m->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
}

/* A new client each time: one that connects again by itself would send again what is reported already. */
static int new_client(struct mqtt *m)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int code;

	pthread_once(&once, init_mosquitto);
	m->greeting = -1;
	m->goodbye = 0;
	m->client = mosquitto_new(m->client_id, true, m);
	if (!m->client)
		return MOSQ_ERR_NOMEM;
	mosquitto_connect_v5_callback_set(m->client, on_greeting);
	mosquitto_disconnect_v5_callback_set(m->client, on_goodbye);
	mosquitto_publish_v5_callback_set(m->client, on_puback);
	code = mosquitto_int_option(m->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	if (code == MOSQ_ERR_SUCCESS)
		code = mosquitto_int_option(m->client, MOSQ_OPT_SEND_MAXIMUM, RECEIVE_MAX);
	if (code == MOSQ_ERR_SUCCESS && m->user)
		code = mosquitto_username_pw_set(m->client, m->user, m->secret.data);
	return code == MOSQ_ERR_SUCCESS ? set_mqtt_tls(m) : code;
}

static bool wait_for_greeting(struct mqtt *m, int64_t deadline, char why[MQTT_WHY_SIZE])
{
	struct pollfd at = {.fd = mosquitto_socket(m->client), .events = POLLIN};

	while (m->greeting < 0) {
		if (clock_mono_us() >= deadline) {
			snprintf(why, MQTT_WHY_SIZE, "the server does not answer");
			return false;
		}
		poll(&at, 1, STEP_MS);
		if (!mqtt_step(m, why) && m->greeting <= 0)
			return false; /* the connection of a client that is refused ends, too */
	}
	if (m->greeting == MQTT_RC_SUCCESS)
		return true;
	snprintf(why, MQTT_WHY_SIZE, "the server refuses the connection: %s", mosquitto_reason_string(m->greeting));
	return false;
}

bool mqtt_connect(struct mqtt *m, int64_t deadline, char why[MQTT_WHY_SIZE])
{
	char reason[MQTT_WHY_SIZE];
	int code = new_client(m);

	if (code == MOSQ_ERR_SUCCESS)
		code = mosquitto_connect(m->client, m->host, m->port, KEEPALIVE_S);
	snprintf(reason, sizeof reason, "%s", code == MOSQ_ERR_SUCCESS ? "" : words_of(m, code));
	if (code == MOSQ_ERR_SUCCESS && m->worker)
		worker_set_socket(m->worker, mosquitto_socket(m->client));
	if (code == MOSQ_ERR_SUCCESS && wait_for_greeting(m, deadline, reason))
		return true;
	snprintf(why, MQTT_WHY_SIZE, "no connection to %.80s:%d: %.150s", m->host, m->port, reason);
	mqtt_disconnect(m);
	return false;
}

void mqtt_disconnect(struct mqtt *m)
{
	if (m->worker)
		worker_set_socket(m->worker, -1);
	if (m->client && m->greeting == MQTT_RC_SUCCESS)
		mosquitto_disconnect(m->client);
	mosquitto_destroy(m->client);
	m->client = NULL;
}

/* ---- reason codes: OASIS MQTT 5.0, table 3-4 */

struct sink_result mqtt_result(int reason, bool fixed)
{
	switch (reason) {
	case MQTT_RC_SUCCESS:
		return (struct sink_result){.verdict = SINK_DELIVERED};
	case MQTT_RC_NO_MATCHING_SUBSCRIBERS:
		return (struct sink_result){.verdict = SINK_RETRY, .target_failed = fixed,
			.error = "no client subscribes to the topic, so the server has dropped it; a subscriber needs a session that does not expire"};
	case MQTT_RC_TOPIC_NAME_INVALID:
	case MQTT_RC_PAYLOAD_FORMAT_INVALID:
	case MQTT_RC_PACKET_TOO_LARGE:
		return (struct sink_result){.verdict = SINK_REFUSED, .error = mosquitto_reason_string(reason)};
	default:
		return (struct sink_result){.verdict = SINK_RETRY, .target_failed = fixed || reason != MQTT_RC_NOT_AUTHORIZED, .error = mosquitto_reason_string(reason)};
	}
}
