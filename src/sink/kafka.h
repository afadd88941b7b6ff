/* SPDX-License-Identifier: ISC */
/* The parts of the module kafka. */
#ifndef KAFKA_H
#define KAFKA_H

#include <librdkafka/rdkafka.h>

#include "core/buf.h"
#include "core/waker.h"
#include "sink/driver.h"
#include "sink/kafka_options.h"

enum {
	KAFKA_TEXT_SIZE = 512, /* for errors */
	KAFKA_TOPICS_MAX = 1000, /* that one producer may know: librdkafka keeps each until its end */
};

struct kafka {
	struct sink_target base;
	const struct sink *sink;
	sink_done *done;
	struct loop *loop;
	struct buf password;          /* empty: none */
	rd_kafka_t *producer;         /* NULL before the first message */
	rd_kafka_queue_t *queue;      /* of its reports */
	struct waker wake;            /* that its threads write to */
	struct loop_timer timer;      /* the first deadline, or before it */
	struct kafka_sent *first, **last; /* the messages without a result, in the order that they came */
	unsigned waiting;             /* of these, that the library does not have */
	unsigned in_library;          /* messages that the library has, those with a result too */
	unsigned suspects;            /* messages that have to be sent alone */
	bool down;                    /* all brokers are, as the library has just said */
	int64_t failed, answered;     /* clock_mono_us() of the last error between library and brokers, and of the last report with an answer */
	struct strlist known;         /* the topics that the producer knows */
	char error[KAFKA_TEXT_SIZE];  /* the last that the library said of a broker */
};

/* The producer's configuration. NULL with the reason in why: a property is unknown or has a wrong value; no memory. */
rd_kafka_conf_t *kafka_conf_new(const struct sink *s, struct buf *password, char *why, size_t size);

/* True for the errors that one message of a batch may be the cause of. The brokers refuse the whole batch then. */
bool kafka_blames_message(rd_kafka_resp_err_t error);

/* What an error means: RETRY or REFUSED, and whether the target failed. text has room for the reason. */
struct sink_result kafka_result(const struct kafka *k, rd_kafka_resp_err_t error, bool in_doubt, char text[KAFKA_TEXT_SIZE]);

/* Creates the producer, unless it is there. False with the reason in why. */
bool kafka_create(struct kafka *k, char *why, size_t size);

/* Ends it, and closes the waker. What waits longer than 0.6 s goes on in a thread. */
void kafka_destroy(struct kafka *k);

/* Its callbacks, which are called while it is polled. */
void kafka_on_report(rd_kafka_t *producer, const rd_kafka_message_t *report, void *of);
void kafka_on_error(rd_kafka_t *producer, int error, const char *reason, void *of);

/* Gives a copy of the message to the library, which reports it once with that opaque. __QUEUE_FULL: it has no room, or memory is short. */
rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer, const struct sink_message *m, struct buf *topic, struct buf *key, void *opaque);

/* For hookspool check: asks the brokers, and waits for them. */
void kafka_check(struct kafka *k, sink_say *say, void *ctx);

#endif
