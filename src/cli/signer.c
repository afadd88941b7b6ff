/* SPDX-License-Identifier: ISC */
/* What hookspool send signs with. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "cli/signer.h"

#include <limits.h>
#include <string.h>

#include "cli/cli.h"
#include "core/io.h"
#include "hook/sign.h"

void signer_free(struct signer *s)
{
	key_free(s->secret.key);
	if (s->text.data)
		explicit_bzero(s->text.data, s->text.cap);
	buf_free(&s->text);
	buf_free(&s->source);
}

/* A wrong one of the right kind. */
static bool take_wrong(struct signer *s)
{
	s->scheme.key_text = KEY_TEXT_PLAIN;
	return buf_printf(&s->source, "a wrong secret") && buf_printf(&s->text, "hookspool send --bad-signature!!");
}

static int take_signing_secret(struct signer *s, const struct signer_options *o, const struct endpoint *e)
{
	char why[PATH_MAX + 128];

	if (o->wrong)
		return take_wrong(s) ? CLI_OK : CLI_TEMPFAIL;
	if (o->secret_file) {
		if (!io_read_secret(o->secret_file, &s->text, why, sizeof why))
			return cli_usage("send", "--secret-file: %s", why);
		return buf_printf(&s->source, "file %s", o->secret_file) ? CLI_OK : CLI_TEMPFAIL;
	}
	if (e->secrets.n == 0)
		return CLI_OK;
	if (scheme_has_public_key(&s->scheme))
		return cli_usage("send", "scheme \"%s\": the endpoint has the public key only; give the private one with --secret-file",
			s->scheme.name);
	return buf_add(&s->text, e->secrets.item[0].text, e->secrets.item[0].len) &&
		buf_printf(&s->source, "secret 1, %s", e->secrets.item[0].source) ? CLI_OK : CLI_TEMPFAIL;
}

int signer_init(struct signer *s, const struct signer_options *o, const struct conf *conf, const struct endpoint *e)
{
	const char *why = "";
	int status;

	s->scheme = e->scheme;
	if (o->scheme && !conf_scheme(conf, o->scheme, &s->scheme))
		return cli_usage("send", "--scheme: there is no scheme \"%s\"", o->scheme);
	s->by_secret = s->scheme.algorithm != ALGORITHM_NONE;
	if (!sign_is_possible(&s->scheme))
		return cli_usage("send", "scheme \"%s\": its proof is in the body or the query, or is a token; send makes none of these", s->scheme.name);
	if (o->wrong && !s->by_secret)
		return cli_usage("send", "--bad-signature: scheme \"%s\" signs nothing", s->scheme.name);
	status = s->by_secret ? take_signing_secret(s, o, e) : CLI_OK;
	if (status != CLI_OK || !s->source.len)
		return status;
	s->secret.text = (char *)(uintptr_t)buf_str(&s->text);
	s->secret.len = s->text.len;
	if (!scheme_has_key(&s->scheme))
		return CLI_OK;
	s->secret.key = scheme_key(&s->scheme, s->secret.text, s->secret.len, true, &why);
	return s->secret.key ? CLI_OK : cli_usage("send", "%s is no secret of scheme \"%s\": %s", buf_str(&s->source), s->scheme.name, why);
}
