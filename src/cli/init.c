/* SPDX-License-Identifier: ISC */
/* hookspool init: makes a configuration, its secrets and a web server's site, and tries them. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "cli/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "cli/keygen.h"
#include "conf/provider.h"
#include "core/program.h"

/* Makes the secrets that are new ones. */
static bool make_secrets(struct init *i)
{
	char key[KEYGEN_TEXT], token[KEYGEN_TEXT];
	bool ok = keygen_text(key) && keygen_text(token) && init_page_texts(i);

	if (!i->secret_text.len && i->scheme.algorithm != ALGORITHM_NONE) {
		i->made_secret = true;
		ok = ok && buf_add_text(&i->secret_text, key);
	}
	for (int k = 0; k < SCHEME_HANDSHAKES && i->scheme.handshakes[k].name; k++)
		if (i->scheme.handshakes[k].token && !i->token_text.len)
			ok = ok && buf_add_text(&i->token_text, token);
	explicit_bzero(key, sizeof key);
	if (!ok)
		cli_error("no random bytes, or memory is short");
	return ok;
}

/* ---- files */

static void report_error(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	if (level == LOG_LEVEL_ERROR)
		cli_error("%s", message);
}

static bool make_directories(const struct init *i)
{
	char above[PATH_MAX];

	snprintf(above, sizeof above, "%s", i->sink);
	*strrchr(above, '/') = '\0';
	if (!init_directory_make(i->directory, 0755, geteuid(), getegid()) || (i->sink_name && !init_directory_make(above, 0755, geteuid(), getegid())))
		return false;
	if (geteuid() != 0)
		return true;
	snprintf(above, sizeof above, "%s", i->socket);
	*strrchr(above, '/') = '\0';
	/* systemd makes the socket's directory itself, after each boot */
	return init_directory_make(i->spool, 0700, i->uid, i->gid) &&
		(access("/run/systemd/system", F_OK) == 0 || init_directory_make(above, 0755, i->uid, i->gid));
}

/* Makes the files, and loads the configuration. NULL after a message: then no file was left. */
static struct conf *make_files(struct init *i)
{
	struct buf text = {0}, site = {0};
	struct init_file files[INIT_FILES];
	struct conf *conf = NULL;
	size_t n = 0;
	bool ok = init_conf_text(i, &text) && (!i->web || init_web_text(i, i->o->snippet ? i->web->snippet : i->web->site, &site));

	files[n++] = (struct init_file){i->conf, {text.data, text.len}, 0644, 0, 0, false};
	if (i->secret_text.len)
		files[n++] = (struct init_file){i->secret, {i->secret_text.data, i->secret_text.len}, 0600, i->uid, i->gid, false};
	if (i->token_text.len)
		files[n++] = (struct init_file){i->token, {i->token_text.data, i->token_text.len}, 0600, i->uid, i->gid, false};
	if (i->sink_name)
		files[n++] = (struct init_file){i->sink, {i->sink_text.data, i->sink_text.len}, 0600, i->relay_uid, i->relay_gid, false};
	if (i->web)
		files[n++] = (struct init_file){i->web_file, {site.data, site.len}, 0644, 0, 0, false};
	n += init_page_files(i, files + n);
	if (ok && make_directories(i) && init_files_make(files, n)) {
		conf = conf_load_with(i->conf, CONF_SECRETS_ALL, report_error, NULL);
		if (!conf)
			init_files_remove(files, n);
	}
	for (size_t k = 0; conf && k < n; k++)
		printf("made  %s\n", files[k].path);
	buf_free(&text);
	buf_free(&site);
	return conf;
}

/* ---- the trial */

struct trial_command {
	const char *const *argv;
	struct cli cli;
	const struct init *init;
};

static int run_check(void *ctx)
{
	struct trial_command *t = ctx;
	char *argv[] = {(char *)(uintptr_t)"check", (char *)(uintptr_t)"--socket", (char *)(uintptr_t)t->argv[0], NULL};

	return command_run(&cli_check, &t->cli, 3, argv);
}

static int run_test(void *ctx)
{
	const struct trial_command *t = ctx;
	char program[PATH_MAX], *argv[16];
	size_t n = 0;

	for (; t->argv[n] && n + 1 < sizeof argv / sizeof *argv; n++)
		argv[n] = (char *)(uintptr_t)(strcmp(t->argv[n], "@FILE@") == 0 ? t->init->web_file : t->argv[n]);
	argv[n] = NULL;
	if (!program_find(argv[0], program, sizeof program))
		return CLI_UNAVAILABLE;
	execv(program, argv);
	return CLI_UNAVAILABLE;
}

/* The web server's own configuration has the files of this directory. */
static bool is_read_by_web(const struct init *i)
{
	return strncmp(i->web_file, i->web->below, strlen(i->web->below)) == 0;
}

/* Lets the web server test its configuration, where the new file is a part of it and the program is here. */
static bool try_web(const struct init *i)
{
	struct trial_command t = {.argv = i->web->test, .init = i};
	char program[PATH_MAX];
	int status;

	if (i->o->snippet || !is_read_by_web(i) || !program_find(i->web->test[0], program, sizeof program))
		return true;
	status = child_run(run_test, &t);
	printf("%s  %s takes the configuration: it exits with %d\n", status ? "FAIL" : "ok  ", i->web->name, status);
	return status == 0;
}

static bool try_all(struct init *i, const struct conf *conf)
{
	const char *socket[] = {NULL, NULL};
	struct trial_command check = {.argv = socket, .cli = {.conf_file = i->conf}};
	bool served, ok = init_try(i, conf, &served);

	ok = (served || init_try_socket(i)) && ok;
	socket[0] = served ? conf->listen : "none";
	ok = child_run(run_check, &check) < 2 && ok; /* 1: a warning */
	return (!i->web || try_web(i)) && ok;
}

/* ---- what to do next */

static void print_start(const struct init *i, int *n)
{
	char program[PATH_MAX];
	bool systemd = geteuid() == 0 && access("/run/systemd/system", F_OK) == 0;

	init_receiver(program, sizeof program);
	if (systemd)
		printf(" %d. Start it:  systemctl enable --now hookspool.socket hookspool.service%s\n", ++*n,
			i->sink_name ? " hookspool-relay.service" : "");
	else if (geteuid() == 0)
		printf(" %d. Start it:  setpriv --reuid %s --regid %lu --groups %s %s -c %s &\n", ++*n, i->user, (unsigned long)i->gid,
			i->group ? i->group : i->user, program, i->conf);
	else
		printf(" %d. Start it:  %s -c %s &\n", ++*n, program, i->conf);
	init_page_start(i, n, systemd);
}

static const char *web_next(const struct init *i)
{
	if (i->o->snippet)
		return i->web->next_snippet;
	return i->web->next_elsewhere && !is_read_by_web(i) ? i->web->next_elsewhere : i->web->next;
}

static void print_next(const struct init *i)
{
	const struct provider *provider = provider_find(i->scheme.name);
	struct buf url = {0}, web = {0}, title = {0};
	int n = 0;

	init_url_add(&i->url, &url);
	init_title_add(&i->scheme, &title);
	puts("\nNext:");
	print_start(i, &n);
	if (i->web && init_web_text(i, web_next(i), &web))
		printf(" %d. %s:  %s\n", ++n, i->web->name, buf_str(&web));
	web.len = 0;
	if (i->web && i->url.tls && i->web->certificate && !i->o->snippet && init_web_text(i, i->web->certificate, &web))
		printf(" %d. A certificate:  %s\n", ++n, buf_str(&web));
	if (i->made_secret && init_secret_is_chosen(&i->scheme))
		printf(" %d. Give %s the address %s and the secret in %s\n", ++n, buf_str(&title), buf_str(&url), i->secret);
	else if (i->made_secret)
		printf(" %d. Give %s the address %s, and put the signing secret that it shows into %s, in place of the one there\n", ++n, buf_str(&title),
			buf_str(&url), i->secret);
	else
		printf(" %d. Give %s the address %s\n", ++n, buf_str(&title), buf_str(&url));
	if (i->token_text.len)
		printf("    and the verify token in %s\n", i->token);
	web.len = 0;
	if (provider && provider_add_note(provider, PROVIDER_ENTER, &web) && web.len)
		printf("    %s\n", buf_str(&web));
	printf(" %d. Try it through the web server:  hookspool -c %s send %s\n", ++n, i->conf, buf_str(&url));
	if (i->sink_name)
		printf(" %d. Try the sink:  hookspool -c %s send --relay %s\n", ++n, i->conf, i->sink_name);
	printf(" %d. Look:  hookspool -c %s list\n", ++n, i->conf);
	init_page_next(i, &n);
	buf_free(&url);
	buf_free(&web);
	buf_free(&title);
}

/* ---- the command */

static int make_all(struct init *i)
{
	struct conf *conf = make_secrets(i) ? make_files(i) : NULL;
	bool ok;

	if (!conf)
		return CLI_NO;
	ok = try_all(i, conf);
	conf_free(conf);
	print_next(i);
	return ok ? CLI_OK : CLI_NO;
}

static void forget(struct init *i)
{
	struct buf *texts[] = {&i->secret_text, &i->token_text, &i->sink_text, &i->page_users_text, &i->page_password_text};

	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		if (texts[k]->data)
			explicit_bzero(texts[k]->data, texts[k]->cap);
		buf_free(texts[k]);
	}
}

static int init_run(const struct cli *cli, void *values)
{
	struct init i = {.o = values};
	int status = init_find_places(&i, cli);

	if (status == CLI_OK)
		status = init_find_users(&i);
	if (status == CLI_OK)
		status = init_take_options(&i);
	if (status == CLI_OK && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		status = init_ask(&i);
	if (status == CLI_OK)
		status = init_take_defaults(&i);
	if (status == CLI_OK)
		status = init_name_files(&i);
	if (status == CLI_OK)
		status = make_all(&i);
	forget(&i);
	return status;
}

#define AT(field) offsetof(struct init_options, field)

static const struct command_option init_options[] = {
	{.name = "provider", .kind = COMMAND_SCHEME, .offset = AT(provider), .argument = "NAME", .help = "the service that sends (default connectsafely)"},
	{.name = "url", .kind = COMMAND_TEXT, .offset = AT(url), .argument = "URL",
		.help = "the address that it will call (default https://, the host's name, and /webhook/linkedin or /webhook/NAME); with http:// the site "
			"has no TLS"},
	{.name = "secret-file", .kind = COMMAND_FILE, .offset = AT(secret_file), .argument = "FILE",
		.help = "the signing secret is in this file; - is standard input"},
	{.name = "new-secret", .offset = AT(new_secret), .help = "make a secret (default where the provider lets one choose it)"},
	{.name = "nginx", .kind = COMMAND_FILE, .offset = AT(nginx), .argument = "FILE", .help = "write a site for nginx into this file"},
	{.name = "apache", .kind = COMMAND_FILE, .offset = AT(apache), .argument = "FILE", .help = "the same for Apache"},
	{.name = "caddy", .kind = COMMAND_FILE, .offset = AT(caddy), .argument = "FILE", .help = "the same for Caddy"},
	{.name = "lighttpd", .kind = COMMAND_FILE, .offset = AT(lighttpd), .argument = "FILE", .help = "the same for lighttpd"},
	{.name = "haproxy", .kind = COMMAND_FILE, .offset = AT(haproxy), .argument = "FILE", .help = "the same for HAProxy"},
	{.name = "no-web-server", .offset = AT(no_web_server), .help = "write no site"},
	{.name = "snippet", .offset = AT(snippet), .help = "write only what goes into a site that is there"},
	{.name = "page", .offset = AT(page), .help = "add the page to the site, at /hookspool/ and for one user with a new password (nginx and Apache)"},
	{.name = "sink-url-file", .kind = COMMAND_FILE, .offset = AT(sink_url_file), .argument = "FILE",
		.help = "send each event on to the URL in this file, such as Slack's"},
	{.name = "spool", .kind = COMMAND_FILE, .offset = AT(spool), .argument = "DIR",
		.help = "the spool (default for root /var/lib/hookspool, else spool beside the configuration)"},
	{.name = "socket", .kind = COMMAND_FILE, .offset = AT(socket), .argument = "PATH",
		.help = "the receiver's socket (default for root " "/run/hookspool/hookspool.sock, else hookspool.sock beside the configuration)"},
	{.name = "group", .kind = COMMAND_TEXT, .offset = AT(group), .argument = "GROUP",
		.help = "the web server's group, which may use the socket (default for root " WEB_GROUP ")"},
	{.name = "user", .kind = COMMAND_TEXT, .offset = AT(user), .argument = "USER",
		.help = "for root: the receiver's user (default the one of the units, else _hookspool, hookspool or the web server's)"},
	{0},
};

const struct command cli_init = {
	.name = "init",
	.purpose = "make a first configuration, and try it",
	.usage = "[OPTION]...",
	.about = "Makes the configuration that -c names, or the installed one, with one endpoint, its secret in a file of mode 0600, and a site for "
		"the web server. On a terminal it asks five questions; options answer them, and are needed elsewhere. It overwrites nothing: where "
		"one of the files exists, none is made.\n"
		"\n"
		"Then it tries them: a signed delivery, through the receiver's socket where one runs, else to hookspool.fcgi as CGI; hookspool check; "
		"and the web server's own test where the site is in its directory. Then it prints what to do next.",
	.more = "Exit status: 0 all is well; 1 a file exists, or what was tried failed; 64 wrong usage.",
	.examples = "init\ninit --url http://localhost/webhook --new-secret --nginx site.conf\n"
		"init --provider github --url https://hooks.example.com --caddy Caddyfile",
	.options = init_options,
	.size = sizeof(struct init_options),
	.run = init_run,
};
