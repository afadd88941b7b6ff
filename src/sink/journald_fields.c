/* SPDX-License-Identifier: ISC */
/* The fields of an entry of the journal. A value may have any bytes: the library sends its length where it has a line feed. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sink/journald.h"

/* Leaves room for the length, and appends "NAME=". Gives where the field begins. */
static bool begin_field(struct buf *out, const char *name, size_t *at)
{
	const size_t length = 0;

	*at = out->len;
	return buf_add(out, &length, sizeof length) && buf_add_text(out, name) && buf_add_text(out, "=");
}

/* Sets the length. A field that has nothing behind its "=" is removed. */
static void end_field(struct buf *out, const char *name, size_t at)
{
	size_t length = out->len - at - sizeof length;

	if (length == strlen(name) + 1)
		out->len = at;
	else
		memcpy(out->data + at, &length, sizeof length);
}

static bool add_value_field(struct buf *out, const char *name, struct slice value)
{
	size_t at;
	bool ok = begin_field(out, name, &at) && (value.n == 0 || buf_add(out, value.p, value.n));

	if (ok)
		end_field(out, name, at);
	return ok;
}

static bool add_template_field(struct buf *out, const char *name, const struct template *t, const struct template_values *values)
{
	size_t at;
	bool ok = begin_field(out, name, &at) && template_print(t, values, out);

	if (ok)
		end_field(out, name, at);
	return ok;
}

static bool add_text_field(struct buf *out, const char *name, const char *text)
{
	return add_value_field(out, name, (struct slice){text, strlen(text)});
}

/* HOOKSPOOL_ID and so on. */
static bool add_known_field(struct buf *out, enum template_known k, struct slice value)
{
	char name[64];

	snprintf(name, sizeof name, "HOOKSPOOL_%s", template_known_name(k));
	for (char *p = name; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return add_value_field(out, name, value);
}

bool journald_print_fields(const struct sink *s, const struct sink_message *m, struct buf *out)
{
	const struct journald_options *o = journald_options(s);
	const char priority[] = {(char)('0' + o->priority), '\0'};
	struct template_values values = *m->values;
	bool ok;

	if (!s->body)
		values.body = m->body; /* of a delivery by GET: its parameters */
	ok = add_template_field(out, "MESSAGE", o->message, &values) && add_text_field(out, "PRIORITY", priority) &&
		add_text_field(out, "SYSLOG_IDENTIFIER", o->identifier) && add_value_field(out, "HOOKSPOOL_SINK", (struct slice){s->name, strlen(s->name)});
	for (int k = 0; ok && k < TEMPLATE_KNOWN_COUNT; k++)
		ok = add_known_field(out, (enum template_known)k, m->values->known[k]);
	for (size_t i = 0; ok && i < o->fields.n; i++)
		ok = add_template_field(out, o->fields.item[i].name, o->fields.item[i].value, &values);
	return ok && add_text_field(out, "HOOKSPOOL_CONTENT_TYPE", m->type) && add_value_field(out, "BODY", m->body);
}

int journald_split_fields(struct slice printed, struct iovec field[JOURNALD_FIELDS_MAX])
{
	const char *p = printed.p, *end = printed.p + printed.n;
	size_t length;
	int n = 0;

	for (; p < end && n < JOURNALD_FIELDS_MAX; p += length) {
		memcpy(&length, p, sizeof length);
		p += sizeof length;
		field[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)p, .iov_len = length};
	}
	return n;
}
