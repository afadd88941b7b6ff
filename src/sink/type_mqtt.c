/* SPDX-License-Identifier: ISC */
/* Sinks of the type "mqtt": the options of a topic of an MQTT server. */
#include <string.h>

#include "conf/kind.h"
#include "sink/mqtt_options.h"
#include "sink/type.h"

enum { MQTT_BATCH_MAX = 64, MQTT_IN_FLIGHT = 64, MQTT_PORT = 1883, MQTTS_PORT = 8883 };

static const struct broker_scheme mqtt_scheme = {"mqtt://", "mqtts://", MQTT_PORT, MQTTS_PORT, "\"mqtt://127.0.0.1:1883\", or \"mqtts://HOST\""};

static bool check_mqtt_url(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct broker_url url;
	bool ok = broker_url_parse(&mqtt_scheme, text, &url, why);

	(void)row;
	(void)sec;
	if (ok && url.path) {
		buf_printf(why, ": nothing stands behind the host; write it as %s", mqtt_scheme.fix);
		ok = false;
	}
	broker_url_free(&url);
	return ok;
}

static bool read_mqtt_url(const struct option_row *row, cfg_t *sec, void *field)
{
	struct buf why = {0};
	bool ok = broker_url_parse(&mqtt_scheme, cfg_getstr(sec, row->name), field, &why);

	buf_free(&why);
	return ok;
}

static const struct option_kind mqtt_url_kind = {"URL", CFGT_STR, .hidden = true, .check = check_mqtt_url, .read = read_mqtt_url,
	.free = broker_url_free};

#define AT(field) offsetof(struct mqtt_options, field)

static const struct option_row mqtt_rows[] = {
	{"url", &mqtt_url_kind, NULL, AT(url), .help = "the server: \"mqtt://USER@HOST:1883\", or \"mqtts://...\" with TLS"},
	{"topic", &kind_template, NULL, AT(topic), .help = "the topic that events go to; a template"},
	{"password-file", &kind_secret_path, NULL, AT(password_file), .help = "a file with the password of the URL's user"},
	{"client-id", &kind_text, NULL, AT(client_id), .help = "the client's name at the server; one that no other client has"},
	{"ca-file", &kind_file, NULL, AT(ca_file), .help = "the certificates to trust, in place of the system's"},
	{.name = NULL},
};

static bool check_mqtt(cfg_t *sec)
{
	const char *url = cfg_getstr(sec, "url"), *topic = cfg_getstr(sec, "topic"), *error;

	if (!url)
		return option_refuse_value(sec, "url", NULL, "it needs a url = \"mqtt://127.0.0.1:1883\"");
	if (!topic)
		return option_refuse_value(sec, "topic", NULL, "it needs a topic = \"hooks/linkedin\"");
	error = strstr(topic, "{{") ? NULL : mqtt_topic_error((struct slice){topic, strlen(topic)});
	if (error)
		return option_refuse_value(sec, "topic", topic, "topic = \"%s\": %s", topic, error);
	return !cfg_getstr(sec, "password-file") || strchr(url, '@') ||
		option_refuse_value(sec, "password-file", NULL, "a password needs a user; write url = \"mqtt://USER@HOST\"");
}

static bool finish_mqtt(cfg_t *sec, struct sink *s)
{
	struct mqtt_options *o = s->options;

	o->fixed = !strstr(cfg_getstr(sec, "topic"), "{{");
	s->needs_text = s->needs_text || template_has(o->topic, TEMPLATE_TEXT);
	return true;
}

static const char *mqtt_url_of(const struct sink *s, const char **how)
{
	*how = "publish";
	return mqtt_options(s)->url.text;
}

const struct sink_type type_mqtt = {
	.name = "mqtt",
	.help = "publishes events to a topic of MQTT",
	.package = "hookspool-mqtt",
	.library = "libmosquitto-dev",
	.batch_max = MQTT_BATCH_MAX,
	.in_flight = MQTT_IN_FLIGHT,
	.unpacks = true,
	.has_body = true,
	.rows = mqtt_rows,
	.size = sizeof(struct mqtt_options),
	.check = check_mqtt,
	.finish = finish_mqtt,
	.target = mqtt_url_of,
};
