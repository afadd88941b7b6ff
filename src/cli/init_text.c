/* SPDX-License-Identifier: ISC */
/* hookspool init: the text of the configuration. */
#include <string.h>

#include "cli/init.h"
#include "conf/provider.h"

bool init_title_add(const struct scheme *s, struct buf *out)
{
	const struct provider *p = provider_find(s->name);

	return p ? provider_add_note(p, PROVIDER_TITLE, out) : buf_printf(out, "%s", s->name);
}

/* The provider's file says so: "the text of secret-file" is what is entered at the provider. */
bool init_secret_is_chosen(const struct scheme *s)
{
	const struct provider *p = provider_find(s->name);
	struct buf enter = {0};
	bool chosen = p && provider_add_note(p, PROVIDER_ENTER, &enter) && strstr(buf_str(&enter), "the text of secret-file");

	buf_free(&enter);
	return chosen;
}

/* Slack takes its own shape alone, and one message a second: conf-examples/sinks/slack.conf. */
static bool add_sink_section(const struct init *i, struct buf *out)
{
	return buf_printf(out, "\nsink \"%s\" {\n\turl-file = \"sinks/%s.url\"\n%s}\n", i->sink_name, i->sink_name,
		strcmp(i->sink_name, "slack") != 0 ? "" : "\trate = \"1/s\"\n"
			"\tbody = '{\"text\":\"*{{hookspool.sender_name | mrkdwn | truncate 200}}*: {{hookspool.text | mrkdwn | truncate 3000}}\"}'\n");
}

static bool add_endpoint_section(const struct init *i, struct buf *out)
{
	bool ok = buf_printf(out, "\nendpoint \"%s\" {\n", i->url.path);

	if (strcmp(i->scheme.name, "connectsafely") != 0)
		ok = ok && buf_printf(out, "\tscheme = \"%s\"\n", i->scheme.name);
	if (i->secret_text.len)
		ok = ok && buf_printf(out, "\tsecret-file = {\"%s\"}\n", strrchr(i->secret, '/') + 1);
	if (i->token_text.len)
		ok = ok && buf_printf(out, "\tverify-token-file = {\"%s\"}\n", strrchr(i->token, '/') + 1);
	if (scheme_needs_url(&i->scheme))
		ok = ok && buf_add_text(out, "\turl = \"") && init_url_add(&i->url, out) && buf_add_text(out, "\"\n");
	if (i->sink_name)
		ok = ok && buf_printf(out, "\trelay = {\"%s\"}\n", i->sink_name);
	return ok && buf_add_text(out, "}\n");
}

bool init_conf_text(const struct init *i, struct buf *out)
{
	bool ok = buf_printf(out, "# Made by hookspool init. hookspool.conf(5) has every option.\nspool = \"%s\"\nlisten = \"unix:%s\"\n", i->spool, i->socket);

	if (i->group)
		ok = ok && buf_printf(out, "socket-group = \"%s\"\n", i->group);
	if (i->sink_name)
		ok = ok && add_sink_section(i, out);
	return ok && add_endpoint_section(i, out);
}
