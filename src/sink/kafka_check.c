/* SPDX-License-Identifier: ISC */
/* hookspool check, sinks of the type kafka: are the brokers there, and is their acknowledgement durable? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/kafka.h"

enum { KAFKA_ANSWER_MS = 5000 };

struct asking {
	struct kafka *kafka;
	rd_kafka_t *producer;
	sink_say *say;
	void *ctx;
	const char *topic;
	bool fine;
};

static void say_of_topic(struct asking *a, enum sink_finding finding, const char *what)
{
	char text[KAFKA_TEXT_SIZE];

	a->fine = false;
	snprintf(text, sizeof text, "topic %.249s %s", a->topic, what);
	a->say(a->ctx, finding, text);
}

/* ---- settings of the topic */

/* What is wrong with a setting, and its right values. */
static bool is_setting_fine(const char *name, const char *value)
{
	if (strcmp(name, "min.insync.replicas") == 0)
		return atoi(value) >= 2;
	return strcmp(name, "unclean.leader.election.enable") != 0 || strcmp(value, "false") == 0;
}

static void say_setting(struct asking *a, const char *name, const char *value)
{
	if (is_setting_fine(name, value))
		return;
	say_of_topic(a, SINK_DOUBTFUL, strcmp(name, "min.insync.replicas") == 0
		? "is acknowledged by one replica when the others are behind, so a delivered event may be lost with it; kafka-configs.sh --add-config min.insync.replicas=2"
		: "may get a leader that misses messages, so a delivered event may be lost; kafka-configs.sh --add-config unclean.leader.election.enable=false");
}

/* False when the broker does not say. */
static bool read_settings(struct asking *a, rd_kafka_event_t *event)
{
	const rd_kafka_DescribeConfigs_result_t *result = event && !rd_kafka_event_error(event) ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
	size_t n = 0, entries = 0;
	const rd_kafka_ConfigResource_t **resource = result ? rd_kafka_DescribeConfigs_result_resources(result, &n) : NULL;
	const rd_kafka_ConfigEntry_t **entry;

	if (n != 1 || rd_kafka_ConfigResource_error(resource[0]))
		return false;
	entry = rd_kafka_ConfigResource_configs(resource[0], &entries);
	for (size_t i = 0; i < entries; i++)
		if (rd_kafka_ConfigEntry_value(entry[i]))
			say_setting(a, rd_kafka_ConfigEntry_name(entry[i]), rd_kafka_ConfigEntry_value(entry[i]));
	return entries > 0;
}

static void ask_topic_settings(struct asking *a)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, a->topic);
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(a->producer, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(a->producer);
	rd_kafka_event_t *event;
	char text[KAFKA_TEXT_SIZE];

	rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_ANSWER_MS, text, sizeof text);
	rd_kafka_DescribeConfigs(a->producer, &resource, 1, options, queue);
	event = rd_kafka_queue_poll(queue, KAFKA_ANSWER_MS + 1000);
	if (!read_settings(a, event))
		say_of_topic(a, SINK_DOUBTFUL, "can't be asked for its settings; it needs min.insync.replicas=2 and unclean.leader.election.enable=false");
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
}

/* ---- the topic */

static void check_replicas(struct asking *a, const struct rd_kafka_metadata_topic *t)
{
	int fewest = t->partition_cnt ? t->partitions[0].replica_cnt : 0;
	char text[128];

	for (int i = 1; i < t->partition_cnt; i++)
		if (t->partitions[i].replica_cnt < fewest)
			fewest = t->partitions[i].replica_cnt;
	snprintf(text, sizeof text, "has a replication factor of %d, so a delivered event may be lost with a broker; it needs 3", fewest);
	if (fewest < 3)
		say_of_topic(a, SINK_DOUBTFUL, text);
}

static void check_topic(struct asking *a, const struct rd_kafka_metadata_topic *t)
{
	if (t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || t->partition_cnt == 0) {
		say_of_topic(a, SINK_WRONG, "is unknown, so nothing will be delivered; kafka-topics.sh --create --replication-factor 3 --config min.insync.replicas=2");
		return;
	}
	if (t->err) {
		say_of_topic(a, SINK_WRONG, rd_kafka_err2str(t->err));
		return;
	}
	check_replicas(a, t);
	ask_topic_settings(a);
	if (a->fine)
		say_of_topic(a, SINK_FINE, "is acknowledged by all replicas in sync, two at least; they may not have it on their disks yet");
}

static void say_no_answer(struct asking *a, rd_kafka_resp_err_t error)
{
	char text[KAFKA_TEXT_SIZE];

	while (rd_kafka_poll(a->producer, 0) > 0) /* sets the error */
		;
	snprintf(text, sizeof text, "the brokers can't be reached: %.400s", *a->kafka->error ? a->kafka->error : rd_kafka_err2str(error));
	a->say(a->ctx, SINK_DOUBTFUL, text);
}

/* topic: NULL where it is not the same for all events. */
static void ask_metadata(struct asking *a, rd_kafka_topic_t *topic)
{
	const struct rd_kafka_metadata *got = NULL;
	rd_kafka_resp_err_t error = rd_kafka_metadata(a->producer, 0, topic, &got, KAFKA_ANSWER_MS);

	if (error)
		say_no_answer(a, error);
	else if (!topic)
		a->say(a->ctx, SINK_FINE, "the brokers answer; the topic is a template, so its replication is not looked at");
	else if (got->topic_cnt == 1)
		check_topic(a, &got->topics[0]);
	if (got)
		rd_kafka_metadata_destroy(got);
}

static rd_kafka_topic_t *open_topic(struct asking *a, struct buf *name)
{
	struct template_values none = {.body = {NULL, 0}};
	const struct kafka_options *o = kafka_options(a->kafka->sink);

	if (!o->fixed || !template_print(o->topic, &none, name))
		return NULL;
	a->topic = buf_str(name);
	return rd_kafka_topic_new(a->producer, a->topic, NULL);
}

void kafka_check(struct kafka *k, sink_say *say, void *ctx)
{
	struct asking a = {.kafka = k, .say = say, .ctx = ctx, .fine = true};
	char why[KAFKA_TEXT_SIZE];
	struct buf name = {0};
	rd_kafka_topic_t *topic;

	if (!kafka_create(k, why, sizeof why)) {
		say(ctx, SINK_WRONG, why);
		return;
	}
	a.producer = k->producer;
	topic = open_topic(&a, &name);
	ask_metadata(&a, topic);
	if (topic)
		rd_kafka_topic_destroy(topic);
	buf_free(&name);
}
