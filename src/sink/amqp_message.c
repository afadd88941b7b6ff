/* SPDX-License-Identifier: ISC */
/* An event as a message of AMQP: its properties, and where it is published. */
#include <string.h>

#include "sink/amqp.h"

enum {
	PERSISTENT = 2,          /* AMQP 0-9-1, class basic, delivery-mode */
	HEADER_VALUE_MAX = 1024, /* all properties are in one frame */
};

static amqp_bytes_t job_text(const struct worker_job *j, enum worker_text t)
{
	return amqp_cstring_bytes(j->text[t]);
}

static void add_table_entry(amqp_table_t *headers, const char *name, amqp_bytes_t value)
{
	if (value.len == 0 || value.len > HEADER_VALUE_MAX)
		return;
	headers->entries[headers->num_entries++] = (amqp_table_entry_t){.key = amqp_cstring_bytes(name),
		.value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = value}};
}

/* A property that is a short string. */
static void set_short(amqp_basic_properties_t *p, amqp_flags_t flag, amqp_bytes_t *field, amqp_bytes_t value)
{
	if (value.len == 0 || value.len > AMQP_SHORT_MAX)
		return;
	p->_flags |= flag;
	*field = value;
}

int amqp_publish(const struct amqp *a, const struct worker_job *j)
{
	amqp_table_entry_t entry[4];
	amqp_basic_properties_t p = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG, .delivery_mode = PERSISTENT, .headers.entries = entry};

	set_short(&p, AMQP_BASIC_MESSAGE_ID_FLAG, &p.message_id, job_text(j, WORKER_ID));
	set_short(&p, AMQP_BASIC_CONTENT_TYPE_FLAG, &p.content_type, job_text(j, WORKER_TYPE));
	set_short(&p, AMQP_BASIC_TYPE_FLAG, &p.type, job_text(j, WORKER_EVENT));
	set_short(&p, AMQP_BASIC_APP_ID_FLAG, &p.app_id, amqp_cstring_bytes("hookspool"));
	add_table_entry(&p.headers, "endpoint", job_text(j, WORKER_ENDPOINT));
	add_table_entry(&p.headers, "account", job_text(j, WORKER_ACCOUNT));
	add_table_entry(&p.headers, "conversation", job_text(j, WORKER_CONVERSATION));
	return amqp_basic_publish(a->connection, AMQP_CHANNEL, amqp_cstring_bytes(a->place.exchange), job_text(j, WORKER_KEY), 1, 0, &p,
		amqp_link_bytes(j->body.p, j->body.n));
}
