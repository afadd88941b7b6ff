/* SPDX-License-Identifier: ISC */
/* Sinks of the type "kafka": the options of a topic of Kafka. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/kind.h"
#include "sink/kafka_options.h"
#include "sink/type.h"

enum { KAFKA_BATCH_MAX = 256, KAFKA_IN_FLIGHT = 1024 };

/* ---- brokers */

/* "HOST" or "HOST:PORT"; an address of IPv6 with a port stands in brackets. */
static bool check_broker(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (*text && !strpbrk(text, " \t\r\n,/@"))
		return true;
	buf_printf(why, ": write a broker as \"127.0.0.1:9092\", and each broker as a text of its own");
	return false;
}

static bool read_brokers(const struct option_row *row, cfg_t *sec, void *field)
{
	char **brokers = field;
	struct buf text = {0};

	for (unsigned i = 0; i < cfg_size(sec, row->name); i++)
		if (!buf_printf(&text, "%s%s", i ? "," : "", cfg_getnstr(sec, row->name, i))) {
			buf_free(&text);
			return false;
		}
	free(*brokers);
	*brokers = text.len ? strdup(buf_str(&text)) : NULL;
	buf_free(&text);
	return *brokers || cfg_size(sec, row->name) == 0;
}

static const struct option_kind brokers_kind = {"list of HOST:PORT", CFGT_STR, .list = true, .check = check_broker, .read = read_brokers,
	.free = kind_free_text};

/* ---- properties */

/* The properties that are not the user's to set, and why; a name that ends with "." stands for all that begin with it. */
static const struct {
	const char *name, *why;
} refused[] = {
	{"acks", "an event is delivered when all replicas in sync have it: acks is all"},
	{"request.required.acks", "an event is delivered when all replicas in sync have it: acks is all"},
	{"message.timeout.ms", "write the sink's timeout"},
	{"delivery.timeout.ms", "write the sink's timeout"},
	{"message.send.max.retries", "write the sink's retry"},
	{"retries", "write the sink's retry"},
	{"enable.idempotence", "it is off: librdkafka may end a producer with it for good"},
	{"enable.gapless.guarantee", "it needs enable.idempotence, which is off"},
	{"transactional.id", "events are sent without transactions"},
	{"transaction.timeout.ms", "events are sent without transactions"},
	{"allow.auto.create.topics", "it is off: a topic that brokers create by themselves has their replication; create the topic"},
	{"delivery.report.only.error", "each event needs its report"},
	{"dr_cb", "each event needs its report"},
	{"dr_msg_cb", "each event needs its report"},
	{"bootstrap.servers", "write brokers = {\"127.0.0.1:9092\"}"},
	{"metadata.broker.list", "write brokers = {\"127.0.0.1:9092\"}"},
	{"sasl.password", "a password goes into a file that password-file names"},
	{"ssl.key.password", "name a key without a password by ssl.key.location, in a file that others can't read"},
	{"ssl.keystore.password", "name a key without a password by ssl.key.location, in a file that others can't read"},
	{"ssl.key.pem", "name the key's file by ssl.key.location"},
	{"sasl.oauthbearer.client.secret", "there is no way to read it from a file"},
	{"enable.ssl.certificate.verification", "certificates are verified"},
	{"ssl.endpoint.identification.algorithm", "the name in a certificate is verified"},
	{"plugin.library.paths", "no other code is loaded"},
	{"ssl.engine.location", "no other code is loaded"},
	{"sasl.kerberos.kinit.cmd", "no command is run"},
	{"test.", "it is for tests of librdkafka"},
};

static const char *refusal(const char *name)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		size_t n = strlen(refused[i].name);

		if (strcmp(name, refused[i].name) == 0 || (refused[i].name[n - 1] == '.' && strncmp(name, refused[i].name, n) == 0))
			return refused[i].why;
	}
	return NULL;
}

static bool check_property(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	char name[KAFKA_PROPERTY_MAX];
	struct slice value;
	const char *reason;

	(void)row;
	(void)sec;
	if (!kafka_property_cut(text, name, &value)) {
		buf_printf(why, ": write a property of librdkafka as \"compression.codec = lz4\"");
		return false;
	}
	reason = refusal(name);
	if (reason)
		buf_printf(why, ": %s can't be set here: %s", name, reason);
	return !reason;
}

static const struct option_kind properties_kind = {"list of PROPERTY = VALUE", CFGT_STR, .list = true, .hidden = true, .check = check_property,
	.read = kind_read_list, .free = kind_free_list};

/* ---- the type */

#define AT(field) offsetof(struct kafka_options, field)

static const struct option_row kafka_rows[] = {
	{"brokers", &brokers_kind, NULL, AT(brokers), .help = "some brokers of the cluster, which name the others"},
	{"topic", &kind_template, NULL, AT(topic), .help = "the topic that events go to; a template"},
	{"key", &kind_template, "{{hookspool.conversation}}", AT(key), .help = "the key of a message: one key, one partition; a template"},
	{"password-file", &kind_secret_path, NULL, AT(password_file), .help = "a file with the password for SASL"},
	{"options", &properties_kind, NULL, AT(properties), .help = "properties of librdkafka, such as \"compression.codec = lz4\""},
	{.name = NULL},
};

/* The value that the section gives a property; p == NULL: none. */
static struct slice property_of(cfg_t *sec, const char *wanted)
{
	char name[KAFKA_PROPERTY_MAX];
	struct slice value;

	for (unsigned i = 0; i < cfg_size(sec, "options"); i++)
		if (kafka_property_cut(cfg_getnstr(sec, "options", i), name, &value) && strcmp(name, wanted) == 0)
			return value;
	return (struct slice){NULL, 0};
}

static bool check_login(cfg_t *sec)
{
	struct slice protocol = property_of(sec, "security.protocol");
	bool sasl = protocol.n > 5 && strncasecmp(protocol.p, "sasl_", 5) == 0, user = property_of(sec, "sasl.username").p;

	if (!cfg_getstr(sec, "password-file"))
		return !user || option_refuse_value(sec, "options", NULL, "sasl.username needs a password; write password-file = \"kafka.password\"");
	if (!user)
		return option_refuse_value(sec, "password-file", NULL, "a password needs a user; write options = {\"sasl.username = NAME\", ...}");
	return sasl || option_refuse_value(sec, "password-file", NULL,
		"a password needs SASL; write options = {\"security.protocol = SASL_SSL\", \"sasl.mechanism = SCRAM-SHA-512\", ...}");
}

static bool check_kafka(cfg_t *sec)
{
	const char *topic = cfg_getstr(sec, "topic"), *error;

	if (cfg_size(sec, "brokers") == 0)
		return option_refuse_value(sec, "brokers", NULL, "it needs brokers = {\"127.0.0.1:9092\"}");
	if (!topic)
		return option_refuse_value(sec, "topic", NULL, "it needs a topic = \"events\"");
	error = strstr(topic, "{{") ? NULL : kafka_topic_error((struct slice){topic, strlen(topic)});
	if (error)
		return option_refuse_value(sec, "topic", topic, "topic = \"%s\": %s", topic, error);
	return check_login(sec);
}

static bool finish_kafka(cfg_t *sec, struct sink *s)
{
	struct kafka_options *o = s->options;

	o->fixed = !strstr(cfg_getstr(sec, "topic"), "{{");
	s->needs_text = s->needs_text || template_has(o->topic, TEMPLATE_TEXT) || template_has(o->key, TEMPLATE_TEXT);
	return true;
}

static const char *kafka_brokers_of(const struct sink *s, const char **how)
{
	*how = "produce";
	return kafka_options(s)->brokers;
}

const struct sink_type type_kafka = {
	.name = "kafka",
	.help = "sends events to a topic of Kafka",
	.package = "hookspool-kafka",
	.library = "librdkafka-dev",
	.batch_max = KAFKA_BATCH_MAX,
	.in_flight = KAFKA_IN_FLIGHT,
	.unpacks = true,
	.has_body = true,
	.rows = kafka_rows,
	.size = sizeof(struct kafka_options),
	.check = check_kafka,
	.finish = finish_kafka,
	.target = kafka_brokers_of,
};
