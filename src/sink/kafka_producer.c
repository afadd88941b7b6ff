/* SPDX-License-Identifier: ISC */
/* The producer of a sink of the type kafka: its configuration, its beginning and its end. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "sink/kafka.h"

enum { CLOSE_MS = 600 }; /* of the second that close() may take */

/* ---- configuration */

enum {
	REPORT_LATE_MS = 1500, /* the library looks for messages that are too old once a second */
	LINGER_MS = 1,         /* librdkafka's 5 ms halve the rate; a message's timeout has to be longer */
};

/* How long the library tries to send a message: less than the sink's timeout, so that its reports come before. */
static int64_t message_timeout(const struct sink *s)
{
	int64_t late = s->timeout / 3 < REPORT_LATE_MS ? s->timeout / 3 : REPORT_LATE_MS, ms = s->timeout - late;

	return ms > 2 * LINGER_MS ? ms : 2 * LINGER_MS;
}

/* Its log would go to the relay's stderr. What it says of brokers comes as an error, too. */
static void drop_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
	(void)producer;
	(void)level;
	(void)facility;
	(void)text;
}

static bool set_property(rd_kafka_conf_t *conf, const char *name, const char *value, char *why, size_t size)
{
	char text[KAFKA_TEXT_SIZE] = "";

	if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
		return true;
	snprintf(why, size, "options: %.300s", text);
	return false;
}

/* Those that the user may set otherwise. */
static bool set_defaults(rd_kafka_conf_t *conf, char *why, size_t size)
{
	char linger[8];

	snprintf(linger, sizeof linger, "%d", LINGER_MS);
	return set_property(conf, "client.id", "hookspool", why, size) &&
		set_property(conf, "linger.ms", linger, why, size) &&
		set_property(conf, "reconnect.backoff.max.ms", "1000", why, size) && /* a broker that is back is found soon */
		set_property(conf, "topic.metadata.propagation.max.ms", "2000", why, size) && /* an unknown topic is one after so long */
		set_property(conf, "socket.keepalive.enable", "true", why, size);
}

static bool set_given(rd_kafka_conf_t *conf, const struct strlist *properties, char *why, size_t size)
{
	for (size_t i = 0; i < properties->n; i++) {
		char name[KAFKA_PROPERTY_MAX];
		struct slice value;
		struct buf text = {0};
		bool ok = kafka_property_cut(properties->item[i], name, &value) && buf_add(&text, value.p, value.n) &&
			set_property(conf, name, buf_str(&text), why, size);

		buf_free(&text);
		if (!ok)
			return false;
	}
	return true;
}

/* Those that "delivered" stands on. type_kafka.c refuses them among the user's. */
static bool set_ours(rd_kafka_conf_t *conf, const struct sink *s, char *why, size_t size)
{
	char timeout[24];

	snprintf(timeout, sizeof timeout, "%" PRId64, message_timeout(s));
	return set_property(conf, "bootstrap.servers", kafka_options(s)->brokers, why, size) &&
		set_property(conf, "acks", "all", why, size) &&
		set_property(conf, "enable.idempotence", "false", why, size) &&
		set_property(conf, "allow.auto.create.topics", "false", why, size) &&
		set_property(conf, "message.timeout.ms", timeout, why, size) &&
		/* with more, an error of the brokers would end as a timeout; a reply must not arrive twice */
		set_property(conf, "message.send.max.retries", s->replies ? "0" : "3", why, size) &&
		set_property(conf, "ssl.endpoint.identification.algorithm", "https", why, size);
}

rd_kafka_conf_t *kafka_conf_new(const struct sink *s, struct buf *password, char *why, size_t size)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	snprintf(why, size, "memory is short");
	rd_kafka_conf_set_log_cb(conf, drop_log);
	if (set_defaults(conf, why, size) && set_given(conf, &kafka_options(s)->properties, why, size) && set_ours(conf, s, why, size) &&
	    (!password->len || set_property(conf, "sasl.password", buf_str(password), why, size)))
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

/* ---- beginning */

bool kafka_create(struct kafka *k, char *why, size_t size)
{
	static const uint64_t one = 1;
	rd_kafka_conf_t *conf;

	if (k->producer)
		return true;
	conf = kafka_conf_new(k->sink, &k->password, why, size);
	if (!conf)
		return false;
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_dr_msg_cb(conf, kafka_on_report);
	rd_kafka_conf_set_error_cb(conf, kafka_on_error);
	k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, size);
	if (!k->producer) {
		rd_kafka_conf_destroy(conf);
		return false;
	}
	k->queue = rd_kafka_queue_get_main(k->producer);
	rd_kafka_queue_io_event_enable(k->queue, k->wake.write_fd, &one, sizeof one);
	/* it is written when the queue was empty: what came before this is polled, too */
	waker_wake(&k->wake);
	return true;
}

/* ---- end */

/* The end of a producer, which may wait for a name's lookup: in a thread, so that the relay does not wait for long. */
struct kafka_end {
	rd_kafka_t *producer;
	struct waker wake;
	int over; /* the thread closes both; the relay sees that on the other end of over */
};

static void *end_producer(void *of)
{
	struct kafka_end *e = of;

	rd_kafka_destroy(e->producer);
	waker_close(&e->wake);
	close(e->over);
	free(e);
	return NULL;
}

static bool start_end(struct kafka_end *e)
{
	pthread_t thread;
	sigset_t all, old;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(&thread, NULL, end_producer, e) == 0 && pthread_detach(thread) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ok;
}

void kafka_destroy(struct kafka *k)
{
	struct kafka_end *e = malloc(sizeof *e);
	int ends[2];

	rd_kafka_queue_destroy(k->queue);
	if (!e || !descriptor_pipe(ends)) {
		free(e);
		rd_kafka_destroy(k->producer);
		waker_close(&k->wake);
		return;
	}
	*e = (struct kafka_end){k->producer, k->wake, ends[1]};
	if (start_end(e))
		poll(&(struct pollfd){.fd = ends[0], .events = POLLIN}, 1, CLOSE_MS);
	else
		end_producer(e);
	close(ends[0]);
}
