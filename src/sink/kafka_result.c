/* SPDX-License-Identifier: ISC */
/* What the errors of Kafka mean. */
#include <stdio.h>

#include "sink/kafka.h"

bool kafka_blames_message(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
		error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
		error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

/* The errors that a message to another topic would not get. */
static bool is_of_topic(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
		error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION || error == RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
}

/* The library's words for what it gave up say nothing of why. */
static const char *words_for(const struct kafka *k, rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
		return *k->error ? k->error : "no acknowledgement in time";
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		return "it is larger than Kafka takes: message.max.bytes in options, max.message.bytes of the topic";
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
		return "fewer replicas are in sync than min.insync.replicas of the topic says";
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		return "the topic is unknown: kafka-topics.sh --create";
	default:
		return rd_kafka_err2str(error);
	}
}

struct sink_result kafka_result(const struct kafka *k, rd_kafka_resp_err_t error, bool in_doubt, char text[KAFKA_TEXT_SIZE])
{
	bool refused = kafka_blames_message(error), fixed = kafka_options(k->sink)->fixed;

	snprintf(text, KAFKA_TEXT_SIZE, "%.400s", words_for(k, error));
	return (struct sink_result){.verdict = refused ? SINK_REFUSED : SINK_RETRY, .in_doubt = !refused && in_doubt,
		.target_failed = !refused && (fixed || !is_of_topic(error)), .error = text};
}
