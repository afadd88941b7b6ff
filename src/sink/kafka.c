/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type kafka: one message of a topic for each event, which all replicas in sync have.
 *
 * The producer is created with the first message. Its threads send, and write to a waker when there are reports; the loop then polls
 * them. The messages without a result are in one list.
 *
 *   waiting     the library does not have it
 *   in_library  the library has a copy, and reports it once
 *
 * The loop gives a message its result at its deadline, whatever the library does. The library still reports it later, into nothing.
 *
 * Brokers refuse a whole batch for one message. Each message of such a batch is a suspect: it is sent again, alone, when the library
 * has no other. Nothing else is sent until the suspects have their results.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"
#include "sink/kafka.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "sink/module.h"

enum { PATIENCE_US = 3 * 1000 * 1000 }; /* a message without an answer waits so long for brokers that have failed */
enum { PURGE_TRY_MS = 10, PURGE_TRIES = 20 }; /* of the second that close() may take */

struct kafka_sent {
	struct kafka_sent *next, **at;
	struct sink_message *message; /* NULL: it has its result, and the library has it still */
	struct buf topic, key;
	int64_t began;    /* clock_mono_us() */
	bool in_library;
	bool suspect;     /* it is sent alone */
};

/* ---- the list */

static void free_kafka_sent(struct kafka_sent *s)
{
	buf_free(&s->topic);
	buf_free(&s->key);
	free(s);
}

static void unlink_kafka_sent(struct kafka *k, struct kafka_sent *s)
{
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	else
		k->last = s->at;
	k->waiting -= !s->in_library;
	k->suspects -= s->suspect;
}

/* The message's result. The library keeps s until its report. */
static void end_kafka_sent(struct kafka *k, struct kafka_sent *s, struct sink_result r)
{
	struct sink_message *m = s->message;

	r.ms = (clock_mono_us() - s->began) / 1000;
	unlink_kafka_sent(k, s);
	s->message = NULL;
	if (!s->in_library)
		free_kafka_sent(s);
	k->done(m, &r);
}

/* ---- the library's reports, in the loop's thread */

static void report_delivered(struct kafka *k, struct kafka_sent *s, const rd_kafka_message_t *report)
{
	char place[KAFKA_TEXT_SIZE];

	snprintf(place, sizeof place, "partition %" PRId32 " offset %" PRId64, report->partition, report->offset);
	end_kafka_sent(k, s, (struct sink_result){.verdict = SINK_DELIVERED, .place = place});
}

void kafka_on_report(rd_kafka_t *producer, const rd_kafka_message_t *report, void *of)
{
	struct kafka *k = of;
	struct kafka_sent *s = report->_private;
	char text[KAFKA_TEXT_SIZE];

	(void)producer;
	k->in_library--;
	k->waiting += s->message != NULL;
	s->in_library = false;
	if (report->err >= 0) { /* not one of the library's own */
		k->answered = clock_mono_us();
		*k->error = '\0';
	}
	if (!s->message) {
		free_kafka_sent(s);
	} else if (!report->err) {
		report_delivered(k, s, report);
	} else if (kafka_blames_message(report->err) && !s->suspect) {
		s->suspect = true;
		k->suspects++;
	} else {
		bool in_doubt = rd_kafka_message_status(report) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;

		end_kafka_sent(k, s, kafka_result(k, report->err, in_doubt, text));
	}
}

/* Something failed between the library and a broker. */
void kafka_on_error(rd_kafka_t *producer, int error, const char *reason, void *of)
{
	struct kafka *k = of;

	(void)producer;
	k->failed = clock_mono_us();
	if (k->first)
		loop_timer_lower(&k->timer, k->first->began + PATIENCE_US);
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		k->down = true;
	if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !*k->error)
		snprintf(k->error, sizeof k->error, "%.400s", reason);
}

static void send_waiting_kafka(struct kafka *k);

/* Ends what the library has; it would keep all until their time is over. It reports those now, and those that are being sent soon. */
static void purge_kafka(struct kafka *k)
{
	k->down = false;
	rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	while (rd_kafka_poll(k->producer, 0) > 0)
		;
}

static void poll_kafka(struct kafka *k)
{
	while (rd_kafka_poll(k->producer, 0) > 0)
		;
	if (k->down)
		purge_kafka(k);
	send_waiting_kafka(k);
}

static void on_kafka_wake(void *of, int fd, unsigned events)
{
	const struct kafka *k = of;

	(void)fd;
	(void)events;
	waker_clear(&k->wake);
	poll_kafka(of);
}

static struct kafka_sent *find_late(const struct kafka *k, int64_t now)
{
	for (struct kafka_sent *s = k->first; s; s = s->next)
		if (s->message->deadline <= now)
			return s;
	return NULL;
}

/* When the timer looks at the message. */
static int64_t next_look(const struct kafka *k, const struct kafka_sent *s, int64_t now)
{
	int64_t patient = s->began + PATIENCE_US;

	return k->failed > k->answered && patient > now && patient < s->message->deadline ? patient : s->message->deadline;
}

static void on_kafka_deadline(void *of)
{
	struct kafka *k = of;
	struct kafka_sent *s;
	int64_t now = clock_mono_us();

	while ((s = find_late(k, now)))
		end_kafka_sent(k, s, (struct sink_result){.verdict = SINK_RETRY, .in_doubt = s->in_library, .unsent = !s->in_library && !s->suspect,
			.target_failed = s->in_library, .error = *k->error ? k->error : "no acknowledgement in time"});
	if (k->first && k->failed > k->answered && k->first->began + PATIENCE_US <= now)
		purge_kafka(k);
	for (s = k->first; s; s = s->next)
		loop_timer_lower(&k->timer, next_look(k, s, now));
	if (k->first)
		send_waiting_kafka(k); /* what waited for a suspect */
}

/* ---- sending */

static void send_kafka_sent(struct kafka *k, struct kafka_sent *s)
{
	rd_kafka_resp_err_t error = kafka_produce(k->producer, s->message, &s->topic, &s->key, s);
	char text[KAFKA_TEXT_SIZE];
	struct sink_result r;

	if (!error) {
		s->in_library = true;
		k->in_library++;
		k->waiting--;
		return;
	}
	r = kafka_result(k, error, false, text);
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
		r.target_failed = false;
		r.unsent = true;
	}
	end_kafka_sent(k, s, r);
}

static void send_suspect(struct kafka *k)
{
	struct kafka_sent *s = k->first;

	while (s && !s->suspect)
		s = s->next;
	if (s && k->in_library == 0)
		send_kafka_sent(k, s);
}

static void send_waiting_kafka(struct kafka *k)
{
	struct kafka_sent *next;

	while (k->suspects && k->in_library == 0)
		send_suspect(k);
	if (k->suspects)
		return;
	for (struct kafka_sent *s = k->first; s && k->waiting; s = next) {
		next = s->next;
		if (!s->in_library)
			send_kafka_sent(k, s);
	}
}

/* The library keeps each topic until the producer's end, and strangers may choose the values in a template. */
static const char *know_topic(struct kafka *k, struct buf *topic)
{
	struct slice name = {topic->data, topic->len};
	const char *error = kafka_topic_error(name);
	struct strlist *known = &k->known;

	if (error || (known->n && strlist_match(known, name)))
		return error;
	if (known->n == KAFKA_TOPICS_MAX)
		return "the template has made 1000 topics already; use one with fewer values";
	if (!known->item)
		known->item = calloc(KAFKA_TOPICS_MAX, sizeof *known->item);
	if (known->item && (known->item[known->n] = strdup(buf_str(topic))))
		known->n++;
	return NULL;
}

static void refuse_message(const struct kafka *k, struct sink_message *m, enum sink_verdict verdict, const char *why)
{
	k->done(m, &(struct sink_result){.verdict = verdict, .unsent = true, .error = why});
}

static void add_kafka_message(struct kafka *k, struct sink_message *m)
{
	const struct kafka_options *o = kafka_options(k->sink);
	struct kafka_sent *s = calloc(1, sizeof *s);
	const char *error;

	if (!s || !template_print(o->topic, m->values, &s->topic) || !template_print(o->key, m->values, &s->key)) {
		refuse_message(k, m, SINK_RETRY, "memory is short");
	} else if ((error = know_topic(k, &s->topic))) {
		refuse_message(k, m, SINK_REFUSED, error);
	} else {
		s->message = m;
		s->began = clock_mono_us();
		s->at = k->last;
		*k->last = s;
		k->last = &s->next;
		k->waiting++;
		loop_timer_lower(&k->timer, next_look(k, s, s->began));
		return;
	}
	if (s)
		free_kafka_sent(s);
}

static void kafka_send(struct sink_target *base, struct sink_message *batch)
{
	struct kafka *k = (struct kafka *)(void *)base;
	char why[KAFKA_TEXT_SIZE];
	bool ok = kafka_create(k, why, sizeof why);
	struct sink_message *next;

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		if (ok)
			add_kafka_message(k, m);
		else
			k->done(m, &(struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .error = why});
	}
	send_waiting_kafka(k);
}

/* ---- opening and closing */

/* Forgets all messages. The library reports what it has, so that it is freed. */
static void forget_all(struct kafka *k)
{
	struct kafka_sent *s;

	while ((s = k->first)) {
		unlink_kafka_sent(k, s);
		s->message = NULL;
		if (!s->in_library)
			free_kafka_sent(s);
	}
	if (!k->producer)
		return;
	rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
	rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	for (int i = 0; k->in_library && i < PURGE_TRIES; i++)
		rd_kafka_poll(k->producer, PURGE_TRY_MS);
}

static void kafka_close(struct sink_target *base)
{
	struct kafka *k = (struct kafka *)(void *)base;

	loop_unwatch(k->loop, k->wake.fd);
	loop_timer_stop(&k->timer);
	forget_all(k);
	if (k->producer)
		kafka_destroy(k);
	else
		waker_close(&k->wake);
	if (k->password.data)
		explicit_bzero(k->password.data, k->password.cap);
	buf_free(&k->password);
	strlist_free(&k->known);
	free(k);
}

static bool prepare_kafka(struct kafka *k, char *why, size_t size)
{
	const char *file = kafka_options(k->sink)->password_file;
	rd_kafka_conf_t *conf;

	if (file && !io_read_secret(file, &k->password, why, size))
		return false;
	conf = kafka_conf_new(k->sink, &k->password, why, size); /* finds an unknown property now */
	if (!conf)
		return false;
	rd_kafka_conf_destroy(conf);
	if (waker_open(&k->wake) && loop_watch(k->loop, k->wake.fd, LOOP_READ, on_kafka_wake, k))
		return true;
	snprintf(why, size, "%s", strerror(errno));
	return false;
}

static struct sink_target *kafka_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t size)
{
	struct kafka *k = calloc(1, sizeof *k);

	if (!k) {
		snprintf(why, size, "memory is short");
		return NULL;
	}
	k->sink = s;
	k->loop = l;
	k->done = done;
	k->last = &k->first;
	k->wake = WAKER_NONE;
	loop_timer_init(&k->timer, l, on_kafka_deadline, k);
	if (prepare_kafka(k, why, size))
		return &k->base;
	kafka_close(&k->base);
	return NULL;
}

static void check_kafka_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	kafka_check((struct kafka *)(void *)base, say, ctx);
}

static const struct sink_driver kafka_driver = {
	.type = "kafka",
	.open = kafka_open,
	.send = kafka_send,
	.close = kafka_close,
	.check = check_kafka_sink,
};

SINK_MODULE(kafka_driver);
