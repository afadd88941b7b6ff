/* SPDX-License-Identifier: ISC */
/* Sinks of the type "nats": the options of a subject of NATS that a stream of JetStream takes. */
#include <string.h>

#include "conf/kind.h"
#include "sink/nats_options.h"
#include "sink/type.h"

enum { NATS_BATCH_MAX = 64, NATS_IN_FLIGHT = 1024, NATS_PORT = 4222 };

static const struct broker_scheme nats_scheme = {"nats://", "tls://", NATS_PORT, NATS_PORT, "\"nats://127.0.0.1:4222\", or \"tls://HOST\""};

static bool check_nats_url(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct broker_url url;
	bool ok = broker_url_parse(&nats_scheme, text, &url, why);

	(void)row;
	(void)sec;
	if (ok && url.path) {
		buf_printf(why, ": nothing stands behind the host; write it as %s", nats_scheme.fix);
		ok = false;
	}
	broker_url_free(&url);
	return ok;
}

static bool read_nats_url(const struct option_row *row, cfg_t *sec, void *field)
{
	struct buf why = {0};
	bool ok = broker_url_parse(&nats_scheme, cfg_getstr(sec, row->name), field, &why);

	buf_free(&why);
	return ok;
}

static const struct option_kind nats_url_kind = {"URL", CFGT_STR, .hidden = true, .check = check_nats_url, .read = read_nats_url,
	.free = broker_url_free};

#define AT(field) offsetof(struct nats_options, field)

static const struct option_row nats_rows[] = {
	{"url", &nats_url_kind, NULL, AT(url), .help = "the server: \"nats://USER@HOST:4222\", or \"tls://...\" with TLS"},
	{"subject", &kind_template, NULL, AT(subject), .help = "the subject that events go to, which a stream takes; a template"},
	{"password-file", &kind_secret_path, NULL, AT(password_file), .help = "a file with the password of the URL's user"},
	{"token-file", &kind_secret_path, NULL, AT(token_file), .help = "a file with a token"},
	{"creds-file", &kind_secret_path, NULL, AT(creds_file), .help = "a file with a JWT and its seed, as nsc writes it"},
	{"ca-file", &kind_file, NULL, AT(ca_file), .help = "the certificates to trust, in place of the system's"},
	{.name = NULL},
};

static bool check_nats_secrets(cfg_t *sec)
{
	const char *url = cfg_getstr(sec, "url");
	int n = (cfg_getstr(sec, "password-file") != NULL) + (cfg_getstr(sec, "token-file") != NULL) + (cfg_getstr(sec, "creds-file") != NULL);

	if (n > 1)
		return option_refuse(sec, "a sink has one of password-file, token-file and creds-file; remove the others");
	return !cfg_getstr(sec, "password-file") || strchr(url, '@') ||
		option_refuse_value(sec, "password-file", NULL, "a password needs a user; write url = \"nats://USER@HOST\"");
}

static bool check_nats(cfg_t *sec)
{
	const char *subject = cfg_getstr(sec, "subject"), *error;

	if (!cfg_getstr(sec, "url"))
		return option_refuse_value(sec, "url", NULL, "it needs a url = \"nats://127.0.0.1:4222\"");
	if (!subject)
		return option_refuse_value(sec, "subject", NULL, "it needs a subject = \"events\"");
	error = strstr(subject, "{{") ? NULL : nats_subject_error((struct slice){subject, strlen(subject)});
	if (error)
		return option_refuse_value(sec, "subject", subject, "subject = \"%s\": %s", subject, error);
	return check_nats_secrets(sec);
}

static bool finish_nats(cfg_t *sec, struct sink *s)
{
	struct nats_options *o = s->options;

	o->fixed = !strstr(cfg_getstr(sec, "subject"), "{{");
	s->needs_text = s->needs_text || template_has(o->subject, TEMPLATE_TEXT);
	return true;
}

static const char *nats_url_of(const struct sink *s, const char **how)
{
	*how = "publish";
	return nats_options(s)->url.text;
}

const struct sink_type type_nats = {
	.name = "nats",
	.help = "publishes events to a stream of NATS JetStream",
	.package = "hookspool-nats",
	.library = "libnats-dev",
	.batch_max = NATS_BATCH_MAX,
	.in_flight = NATS_IN_FLIGHT,
	.unpacks = true,
	.has_body = true,
	.rows = nats_rows,
	.size = sizeof(struct nats_options),
	.check = check_nats,
	.finish = finish_nats,
	.target = nats_url_of,
};
