/* SPDX-License-Identifier: ISC */
/*
 * A cluster of Kafka for tests: librdkafka's mock of it, which has its messages in memory: kafka_mock [BROKERS].
 *
 * It prints its brokers, and takes commands from stdin, one a line. Each answer ends with a line "done". Requests are Kafka's API keys:
 * 0 is Produce, 3 is Metadata.
 *
 *   topic NAME PARTITIONS REPLICAS   creates a topic; the mock of librdkafka 2.0 makes 3 replicas, or as many as there are brokers
 *   topic-error NAME ERROR           the brokers say so of the topic
 *   error REQUEST ERROR COUNT        the next requests end with it
 *   clear REQUEST                    no more do
 *   down BROKER, up BROKER           a number from 1
 *   rtt BROKER MS                    answers take so long
 *   dump TOPIC                       its messages: "message PARTITION OFFSET KEY BODY NAME=VALUE ...", in hexadecimal, "-" for null
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 10000, TEXT_SIZE = 512 };

static void die(const char *what, const char *why)
{
	fprintf(stderr, "kafka_mock: %s: %s\n", what, why);
	exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[TEXT_SIZE];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
		die(name, text);
}

static void drop_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client;
	(void)level;
	(void)facility;
	(void)text;
}

static rd_kafka_t *new_client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
	char text[TEXT_SIZE];
	rd_kafka_t *client;

	rd_kafka_conf_set_log_cb(conf, drop_log);
	client = rd_kafka_new(type, conf, text, sizeof text);
	if (!client)
		die("rd_kafka_new", text);
	return client;
}

static void print_hex(const void *data, size_t n)
{
	const unsigned char *p = data;

	if (!p)
		printf("-");
	for (size_t i = 0; p && i < n; i++)
		printf("%02x", p[i]);
}

static void print_message(const rd_kafka_message_t *m)
{
	rd_kafka_headers_t *headers = NULL;
	const char *name;
	const void *value;
	size_t n;

	printf("message %" PRId32 " %" PRId64 " ", m->partition, m->offset);
	print_hex(m->key, m->key_len);
	printf(" ");
	print_hex(m->payload ? m->payload : m->len ? NULL : "", m->len);
	if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &n) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
			printf(" %s=", name);
			print_hex(value, n);
		}
	printf("\n");
}

/* Assigns all partitions from their beginning. Returns how many there are. */
static int assign_all(rd_kafka_t *consumer, const char *topic)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
	const struct rd_kafka_metadata *found = NULL;
	rd_kafka_resp_err_t error = rd_kafka_metadata(consumer, 0, handle, &found, ANSWER_MS);
	int n;

	if (error || found->topic_cnt != 1)
		die("metadata", rd_kafka_err2str(error));
	n = found->topics[0].partition_cnt;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(consumer, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(found);
	rd_kafka_topic_destroy(handle);
	return n;
}

static void dump(const char *brokers, const char *topic)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_message_t *m;
	rd_kafka_t *consumer;
	int left;

	set(conf, "bootstrap.servers", brokers);
	set(conf, "group.id", "dump");
	set(conf, "enable.partition.eof", "true");
	set(conf, "enable.auto.commit", "false");
	set(conf, "fetch.wait.max.ms", "10");
	set(conf, "allow.auto.create.topics", "false");
	consumer = new_client(RD_KAFKA_CONSUMER, conf);
	for (left = assign_all(consumer, topic); left > 0 && (m = rd_kafka_consumer_poll(consumer, ANSWER_MS)); rd_kafka_message_destroy(m)) {
		if (!m->err)
			print_message(m);
		left -= m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
	}
	if (left)
		die("dump", "no answer");
	rd_kafka_destroy(consumer);
}

static void push_errors(rd_kafka_mock_cluster_t *cluster, int request, rd_kafka_resp_err_t error, int count)
{
	for (int i = 0; i < count; i++)
		rd_kafka_mock_push_request_errors(cluster, (int16_t)request, 1, error);
}

static bool obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
	char name[256];
	int a, b, c;

	if (sscanf(line, "topic %255s %d %d", name, &a, &b) == 3)
		return rd_kafka_mock_topic_create(cluster, name, a, b) == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (sscanf(line, "topic-error %255s %d", name, &a) == 2)
		rd_kafka_mock_topic_set_error(cluster, name, (rd_kafka_resp_err_t)a);
	else if (sscanf(line, "error %d %d %d", &a, &b, &c) == 3)
		push_errors(cluster, a, (rd_kafka_resp_err_t)b, c);
	else if (sscanf(line, "clear %d", &a) == 1)
		rd_kafka_mock_clear_request_errors(cluster, (int16_t)a);
	else if (sscanf(line, "down %d", &a) == 1)
		return rd_kafka_mock_broker_set_down(cluster, a) == RD_KAFKA_RESP_ERR_NO_ERROR;
	else if (sscanf(line, "up %d", &a) == 1)
		return rd_kafka_mock_broker_set_up(cluster, a) == RD_KAFKA_RESP_ERR_NO_ERROR;
	else if (sscanf(line, "rtt %d %d", &a, &b) == 2)
		return rd_kafka_mock_broker_set_rtt(cluster, a, b) == RD_KAFKA_RESP_ERR_NO_ERROR;
	else if (sscanf(line, "dump %255s", name) == 1)
		dump(rd_kafka_mock_cluster_bootstraps(cluster), name);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	rd_kafka_t *client = new_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, argc > 1 ? atoi(argv[1]) : 3);
	char line[TEXT_SIZE];

	if (!cluster)
		die("rd_kafka_mock_cluster_new", "failed");
	printf("brokers %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		if (!obey(cluster, line))
			die("command", line);
		printf("done\n");
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}
