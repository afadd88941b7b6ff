/* SPDX-License-Identifier: ISC */
/* A message of Kafka: the event's body, with a key and headers. */
#include <string.h>

#include "sink/kafka.h"

static bool add_kafka_header(rd_kafka_headers_t *headers, const char *name, struct slice value)
{
	return !value.p || value.n == 0 || rd_kafka_header_add(headers, name, -1, value.p, (ssize_t)value.n) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_headers_t *make_headers(const struct sink_message *m)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(4);

	if (add_kafka_header(headers, "id", (struct slice){m->id, strlen(m->id)}) &&
	    add_kafka_header(headers, "event", m->values->known[TEMPLATE_EVENT]) &&
	    add_kafka_header(headers, "endpoint", m->values->known[TEMPLATE_ENDPOINT]) &&
	    add_kafka_header(headers, "content-type", (struct slice){m->type, m->type ? strlen(m->type) : 0}))
		return headers;
	rd_kafka_headers_destroy(headers);
	return NULL;
}

rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer, const struct sink_message *m, struct buf *topic, struct buf *key, void *opaque)
{
	static char nothing[] = ""; /* and not null, which deletes */
	rd_kafka_headers_t *headers = make_headers(m);
	rd_kafka_vu_t part[] = {
		{.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = buf_str(topic)},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {m->body.n ? (void *)(uintptr_t)m->body.p : nothing, m->body.n}},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key->data, key->len}},
	};
	rd_kafka_error_t *error;
	rd_kafka_resp_err_t code;

	if (!headers)
		return RD_KAFKA_RESP_ERR__QUEUE_FULL;
	error = rd_kafka_produceva(producer, part, sizeof part / sizeof *part - (key->len == 0));
	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	code = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	rd_kafka_headers_destroy(headers);
	return code;
}
