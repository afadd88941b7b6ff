/* SPDX-License-Identifier: ISC */
/* hookspool init: takes the answers, from options, from a terminal, or their defaults. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init.h"
#include "core/io.h"

enum { SECRET_BYTES = 4096 };

const char *init_take_provider(struct init *i, const char *text)
{
	static char wrong[128];
	const struct scheme *s = scheme_find(text);

	if (!s) {
		snprintf(wrong, sizeof wrong, "there is no provider \"%.64s\"; `hookspool schemes` prints all", text);
		return wrong;
	}
	i->scheme = *s;
	return NULL;
}

static void default_path(const struct init *i, char *out, size_t n)
{
	snprintf(out, n, "/webhook/%s", strcmp(i->scheme.name, "connectsafely") == 0 ? "linkedin" : i->scheme.name);
}

void init_default_url(const struct init *i, struct buf *out)
{
	char host[INIT_HOST] = "hooks.example.com", path[INIT_PATH];

	gethostname(host, sizeof host - 1);
	host[sizeof host - 1] = '\0';
	default_path(i, path, sizeof path);
	buf_printf(out, "https://%s%s", host, path);
}

const char *init_take_url(struct init *i, const char *text)
{
	char path[INIT_PATH];
	const char *wrong;

	default_path(i, path, sizeof path);
	wrong = init_url_read(text, path, &i->url);
	if (!wrong)
		snprintf(i->name, sizeof i->name, "%s", strrchr(i->url.path, '/') + 1);
	return wrong;
}

const char *init_take_web(struct init *i, const char *name, const char *file)
{
	const struct init_web *web = init_web_find(name);
	int n;

	if (!web)
		return "write nginx, apache, caddy, lighttpd, haproxy or none";
	if (i->o->snippet && !web->snippet)
		return "haproxy has no --snippet";
	n = !file && geteuid() != 0 ? snprintf(i->web_file, sizeof i->web_file, "%s/hookspool.%s", i->directory, name) :
		snprintf(i->web_file, sizeof i->web_file, "%s", file ? file : web->file);
	if (n >= (int)sizeof i->web_file)
		return "the file's path is too long";
	i->web = web;
	return NULL;
}

const char *init_take_sink(struct init *i, const char *text)
{
	if ((strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0) || strpbrk(text, " \t\r\n\"'\\"))
		return "write a whole URL, with https://";
	i->sink_name = strncmp(text, "https://hooks.slack.com/", 24) == 0 ? "slack" : "forward";
	i->sink_text.len = 0;
	buf_printf(&i->sink_text, "%s\n", text);
	return NULL;
}

/* Reads a file with one secret; "-" is standard input. False after a message. */
static bool read_secret_option(const char *option, const char *file, struct buf *out)
{
	char why[PATH_MAX + 128];

	if (strcmp(file, "-") == 0)
		return cli_read(file, out, SECRET_BYTES);
	if (io_read_secret(file, out, why, sizeof why))
		return buf_add_text(out, "\n");
	cli_usage("init", "--%s: %s", option, why);
	return false;
}

static bool take_secret_options(struct init *i)
{
	const struct init_options *o = i->o;
	struct buf url = {0};
	const char *wrong = NULL;
	bool ok = true;

	if (o->secret_file)
		ok = read_secret_option("secret-file", o->secret_file, &i->secret_text);
	if (ok && o->sink_url_file && (ok = read_secret_option("sink-url-file", o->sink_url_file, &url))) {
		url.len = strcspn(buf_str(&url), "\r\n");
		wrong = init_take_sink(i, buf_str(&url));
	}
	if (wrong)
		cli_usage("init", "--sink-url-file: %s", wrong);
	buf_free(&url);
	return ok && !wrong;
}

/* The options that are there. CLI_OK, or the status to exit with, after a message. */
int init_take_options(struct init *i)
{
	const struct init_options *o = i->o;
	const struct {
		const char *name, *file;
	} webs[] = {{"nginx", o->nginx}, {"apache", o->apache}, {"caddy", o->caddy}, {"lighttpd", o->lighttpd}, {"haproxy", o->haproxy}};
	const char *wrong = init_take_provider(i, o->provider ? o->provider : "connectsafely");
	unsigned given = o->no_web_server;

	if (wrong)
		return cli_usage("init", "--provider: %s", wrong);
	if (o->url && (wrong = init_take_url(i, o->url)))
		return cli_usage("init", "--url: %s", wrong);
	for (size_t k = 0; k < sizeof webs / sizeof *webs; k++) {
		given += webs[k].file != NULL;
		if (webs[k].file && (wrong = init_take_web(i, webs[k].name, webs[k].file)))
			return cli_usage("init", "--%s: %s", webs[k].name, wrong);
	}
	if (given > 1)
		return cli_usage("init", "choose one web server");
	if (o->secret_file && o->new_secret)
		return cli_usage("init", "--secret-file and --new-secret: choose one");
	return take_secret_options(i) ? CLI_OK : CLI_USAGE;
}

/* Without a terminal, an answer that is missing has its default, or is wrong usage. */
int init_take_defaults(struct init *i)
{
	const struct init_options *o = i->o;
	struct buf url = {0}, title = {0};

	if (!i->url.path[0]) {
		init_default_url(i, &url);
		init_take_url(i, buf_str(&url));
		buf_free(&url);
	}
	if (!i->url.path[0])
		return cli_usage("init", "--url is missing");
	if (!i->secret_text.len && !o->new_secret && i->scheme.algorithm != ALGORITHM_NONE && !init_secret_is_chosen(&i->scheme)) {
		init_title_add(&i->scheme, &title);
		cli_usage("init", "--secret-file is missing: %s shows its signing secret; --new-secret makes one, to try this out", buf_str(&title));
		buf_free(&title);
		return CLI_USAGE;
	}
	if (!i->web && !o->no_web_server)
		return cli_usage("init", "--nginx FILE is missing, or --apache, --caddy, --lighttpd, --haproxy, or --no-web-server");
	return init_page_take(i);
}

