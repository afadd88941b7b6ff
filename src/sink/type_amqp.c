/* SPDX-License-Identifier: ISC */
/* Sinks of the type "amqp": the options of an exchange of RabbitMQ. */
#include <string.h>

#include "conf/kind.h"
#include "sink/amqp_options.h"
#include "sink/type.h"

enum { AMQP_BATCH_MAX = 64, AMQP_IN_FLIGHT = 1024, AMQP_PORT = 5672, AMQPS_PORT = 5671 };

static const struct broker_scheme amqp_scheme = {"amqp://", "amqps://", AMQP_PORT, AMQPS_PORT, "\"amqp://USER@127.0.0.1/VHOST\", or \"amqps://...\""};

static const char *const queues[] = {
	[AMQP_QUEUE_NONE] = "no",
	[AMQP_QUEUE_CLASSIC] = "classic",
	[AMQP_QUEUE_QUORUM] = "quorum",
	NULL,
};

static bool check_amqp_url(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct broker_url url;
	bool ok = broker_url_parse(&amqp_scheme, text, &url, why);

	(void)row;
	(void)sec;
	broker_url_free(&url);
	return ok;
}

static bool read_amqp_url(const struct option_row *row, cfg_t *sec, void *field)
{
	struct buf why = {0};
	bool ok = broker_url_parse(&amqp_scheme, cfg_getstr(sec, row->name), field, &why);

	buf_free(&why);
	return ok;
}

static bool check_exchange(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (strlen(text) <= AMQP_SHORT_MAX && !strstr(text, "{{"))
		return true;
	buf_printf(why, strstr(text, "{{") ? ": it is no template; routing-key is one" : ": it has at most 255 bytes");
	return false;
}

static const struct option_kind amqp_url_kind = {"URL", CFGT_STR, .hidden = true, .check = check_amqp_url, .read = read_amqp_url,
	.free = broker_url_free};
static const struct option_kind exchange_kind = {"text", CFGT_STR, .check = check_exchange, .read = kind_read_text, .free = kind_free_text};

#define AT(field) offsetof(struct amqp_options, field)

static const struct option_row amqp_rows[] = {
	{"url", &amqp_url_kind, NULL, AT(url), .help = "the server: \"amqp://USER@HOST:5672/VHOST\", or \"amqps://...\" with TLS"},
	{"password-file", &kind_secret_path, NULL, AT(password_file), .help = "a file with the password of the URL's user"},
	{"exchange", &exchange_kind, "", AT(exchange), .help = "the exchange; empty: the default one, whose routing keys are names of queues"},
	{"routing-key", &kind_template, NULL, AT(routing_key), .help = "the routing key of events; a template"},
	{"queue", &kind_choice, "no", AT(queue), .choices = queues, .help = "declare a durable queue with the name of the routing key"},
	{"ca-file", &kind_file, NULL, AT(ca_file), .help = "the certificates to trust, in place of the system's"},
	{.name = NULL},
};

static bool check_routing_key(cfg_t *sec)
{
	const char *key = cfg_getstr(sec, "routing-key");

	if (!key)
		return option_refuse_value(sec, "routing-key", NULL, "it needs a routing-key = \"QUEUE\"");
	if (!strstr(key, "{{"))
		return strlen(key) <= AMQP_SHORT_MAX || option_refuse_value(sec, "routing-key", key, "routing-key has at most 255 bytes");
	return strcmp(cfg_getstr(sec, "queue"), "no") == 0 ||
		option_refuse_value(sec, "queue", NULL, "a queue can't be declared for a routing-key that is a template; write queue = \"no\"");
}

static bool check_amqp(cfg_t *sec)
{
	const char *url = cfg_getstr(sec, "url");

	if (!url)
		return option_refuse_value(sec, "url", NULL, "it needs a url = \"amqp://USER@127.0.0.1/VHOST\"");
	if (!strchr(url, '@') != !cfg_getstr(sec, "password-file"))
		return option_refuse_value(sec, "url", NULL, "a user needs a password-file, and a password needs a user: url = \"amqp://USER@HOST\"");
	return check_routing_key(sec);
}

static bool finish_amqp(cfg_t *sec, struct sink *s)
{
	struct amqp_options *o = s->options;

	o->fixed = !strstr(cfg_getstr(sec, "routing-key"), "{{");
	s->needs_text = s->needs_text || template_has(o->routing_key, TEMPLATE_TEXT);
	return true;
}

static const char *amqp_url_of(const struct sink *s, const char **how)
{
	*how = "publish";
	return amqp_options(s)->url.text;
}

const struct sink_type type_amqp = {
	.name = "amqp",
	.help = "publishes events to an exchange of RabbitMQ",
	.package = "hookspool-amqp",
	.library = "librabbitmq-dev",
	.batch_max = AMQP_BATCH_MAX,
	.in_flight = AMQP_IN_FLIGHT,
	.unpacks = true,
	.has_body = true,
	.rows = amqp_rows,
	.size = sizeof(struct amqp_options),
	.check = check_amqp,
	.finish = finish_amqp,
	.target = amqp_url_of,
};
