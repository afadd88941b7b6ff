/* SPDX-License-Identifier: ISC */
/* hookspool-page.fcgi: shows what the spool has, as FastCGI or CGI, told apart by how it was started. */
#include "config.h"

#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/confine.h"
#include "core/pattern.h"
#include "core/sandbox.h"
#include "gate/listen.h"
#include "gate/serve.h"
#include "page/connection.h"
#include "page/files.h"
#include "page/server.h"
#include "page/vault.h"

#ifndef PAGEDIR
#define PAGEDIR "/usr/local/share/hookspool/page"
#endif

struct page_options {
	const char *conf, *listen, *files;
	const char *socket_mode, *socket_group;
};

static void print_page_help(FILE *to)
{
	fputs("usage: hookspool-page.fcgi [-c FILE] [--listen unix:PATH] [--files DIR]\n"
	      "                           [--socket-mode MODE] [--socket-group GROUP]\n"
	      "\n"
	      "Shows events, refused deliveries and sinks of a spool behind a web server that\n"
	      "authenticates users. See hookspool-page.fcgi(8).\n",
	      to);
}

static int page_usage(const char *message, const char *what)
{
	fprintf(stderr, "hookspool-page.fcgi: %s%s\n", message, what);
	print_page_help(stderr);
	return EX_USAGE;
}

/* Fills o. Returns -1 to go on, else the exit status. */
static int parse_page(int argc, char **argv, struct page_options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"files", required_argument, NULL, 'f'},
		{"socket-mode", required_argument, NULL, 'm'},
		{"socket-group", required_argument, NULL, 'g'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->conf = optarg; break;
		case 'l': o->listen = optarg; break;
		case 'f': o->files = optarg; break;
		case 'm': o->socket_mode = optarg; break;
		case 'g': o->socket_group = optarg; break;
		case 'V': puts(PACKAGE_STRING); return EX_OK;
		case 'h': print_page_help(stdout); return EX_OK;
		default: print_page_help(stderr); return EX_USAGE;
		}
	}
	if (optind < argc)
		return page_usage("unexpected argument ", argv[optind]);
	if (o->socket_mode && (strspn(o->socket_mode, "01234567") != strlen(o->socket_mode) || !*o->socket_mode))
		return page_usage("not a file mode: ", o->socket_mode);
	return -1;
}

static void report_page(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	log_message(level, "%s", message);
}

static int listen_own(const struct conf *conf, const struct page_options *o)
{
	mode_t mode = o->socket_mode ? (mode_t)strtoul(o->socket_mode, NULL, 8) : conf->socket_mode;
	char why[PATH_MAX + 128];
	int fd = listen_open(o->listen, mode, o->socket_group ? o->socket_group : conf->socket_group, why, sizeof why);

	if (fd < 0)
		log_message(LOG_LEVEL_ERROR, "listen: %s", why);
	return fd;
}

/* The vault's process is made first: it keeps what this one gives up. */
static int run_page(struct page *p, int fd, const struct page_options *o)
{
	char why[PATH_MAX + 256];
	const char *files = o->files ? o->files : getenv("HOOKSPOOL_PAGE_FILES");
	int status = EX_OSERR;

	p->vault = vault_new(p->conf->conf, p->cgi);
	p->files = files_new(files && *files ? files : PAGEDIR, !p->cgi, why, sizeof why);
	if (!p->files)
		log_message(LOG_LEVEL_ERROR, "page: %s; --files or HOOKSPOOL_PAGE_FILES names the directory of its files", why);
	confine(p->conf->conf, o->listen);
	if (p->vault && p->files)
		status = p->cgi ? connection_serve_cgi(p) : server_run(p, fd, o->listen);
	vault_free(p->vault);
	files_free(p->files);
	page_end(p);
	return status;
}

int main(int argc, char **argv)
{
	struct page page = {.mutex = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};
	struct page_options o = {0};
	char file[PATH_MAX];
	struct conf *conf;
	int status, fd;

	sandbox_hide();
	/* a web server may pass a query string as arguments (RFC 3875 section 4.4), which a stranger must not choose */
	if (!getenv("GATEWAY_INTERFACE") && (status = parse_page(argc, argv, &o)) >= 0)
		return status;
	umask(077);
	setlocale(LC_CTYPE, "C.UTF-8"); /* letters of either case, in what is searched */
	pattern_defer();
	conf = conf_load_with(conf_find(o.conf, file, sizeof file), CONF_SECRETS_NONE, report_page, NULL);
	if (!conf || !page_conf_set(&page, conf))
		return EX_CONFIG;
	log_setup(conf->log_level, conf->log_format, conf->log_target);
	fd = o.listen ? -1 : listen_inherited();
	page.cgi = fd < 0 && !o.listen && getenv("GATEWAY_INTERFACE");
	if (!page.cgi)
		serve_hold_signals();
	if (o.listen)
		fd = listen_own(conf, &o);
	if (fd >= 0 || page.cgi)
		return run_page(&page, fd, &o);
	page_end(&page);
	return o.listen ? EX_OSERR : page_usage("started without a socket; add --listen unix:PATH", "");
}
