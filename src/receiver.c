/* SPDX-License-Identifier: ISC */
/* hookspool.fcgi: receives deliveries as FastCGI or CGI, told apart by how it was started. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/confine.h"
#include "core/pattern.h"
#include "core/sandbox.h"
#include "gate/cgi.h"
#include "gate/listen.h"
#include "gate/serve.h"

enum mode { MODE_AUTO, MODE_FASTCGI, MODE_CGI };

struct options {
	const char *conf;
	const char *listen;
	const char *socket_mode;
	const char *socket_group;
	enum mode mode;
};

static void print_help(FILE *to)
{
	fputs("usage: hookspool.fcgi [-c FILE] [--listen unix:PATH|tcp:127.0.0.1:PORT]\n"
	      "                      [--socket-mode MODE] [--socket-group GROUP]\n"
	      "                      [--mode auto|fastcgi|cgi]\n"
	      "\n"
	      "Receives webhook deliveries behind a web server and stores each event before\n"
	      "it answers 200. Started by systemd, spawn-fcgi, mod_fcgid or as a CGI program\n"
	      "it needs no option but the configuration. See hookspool.fcgi(8).\n",
	      to);
}

static int usage(const char *message, const char *what)
{
	fprintf(stderr, "hookspool.fcgi: %s%s\n", message, what);
	print_help(stderr);
	return EX_USAGE;
}

/*
 * Apache passes a query string without "=" to a CGI program as its arguments (RFC 3875 section
 * 4.4); a stranger must not choose our configuration.
 */
static bool arguments_from_query(void)
{
	const char *query = getenv("QUERY_STRING");

	return getenv("GATEWAY_INTERFACE") && query && *query && !strchr(query, '=');
}

/* Fills o. Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"socket-mode", required_argument, NULL, 'm'},
		{"socket-group", required_argument, NULL, 'g'},
		{"mode", required_argument, NULL, 'M'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	static const char *const modes[] = {"auto", "fastcgi", "cgi"};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->conf = optarg; break;
		case 'l': o->listen = optarg; break;
		case 'm': o->socket_mode = optarg; break;
		case 'g': o->socket_group = optarg; break;
		case 'M':
			for (o->mode = MODE_AUTO; strcmp(modes[o->mode], optarg) != 0; o->mode++)
				if (o->mode == MODE_CGI)
					return usage("unknown mode ", optarg);
			break;
		case 'V': puts(PACKAGE_STRING); return EX_OK;
		case 'h': print_help(stdout); return EX_OK;
		default: print_help(stderr); return EX_USAGE;
		}
	}
	if (optind < argc)
		return usage("unexpected argument ", argv[optind]);
	if (o->socket_mode && (strspn(o->socket_mode, "01234567") != strlen(o->socket_mode) || !*o->socket_mode))
		return usage("not a file mode: ", o->socket_mode);
	return -1;
}

/*
 * OpenSSL prepares much that a receiver does not use. Each part is some 7 % of a CGI program's start. No receiver prints the texts of
 * OpenSSL's errors. A static one loads no provider and speaks no TLS: it needs no configuration, and no names of ciphers and digests.
 * https://docs.openssl.org/3.0/man3/OPENSSL_init_crypto/
 */
#ifdef STATIC_PROGRAMS
static const uint64_t unused_of_openssl = OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_LOAD_CONFIG |
	OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS;
#else
static const uint64_t unused_of_openssl = OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS;
#endif

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	log_message(level, "%s", message);
}

static int serve_own(struct conf *conf, const char *address, const struct options *o)
{
	mode_t mode = o->socket_mode ? (mode_t)strtoul(o->socket_mode, NULL, 8) : conf->socket_mode;
	const char *group = o->socket_group ? o->socket_group : conf->socket_group;
	char own[PATH_MAX], why[PATH_MAX + 128];
	int fd = listen_open(address, mode, group, why, sizeof why);

	if (fd < 0) {
		log_message(LOG_LEVEL_ERROR, "listen: %s", why);
		conf_free(conf);
		return EX_OSERR;
	}
	snprintf(own, sizeof own, "%s", address); /* outlives the configuration it may come from */
	confine(conf, own);
	return serve(fd, own, conf);
}

static int serve_cgi(struct conf *conf)
{
	int status;

	confine(conf, NULL);
	status = cgi_serve(conf);
	if (!conf)
		return EX_CONFIG;
	conf_free(conf);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	char file[PATH_MAX];
	struct conf *conf;
	int status, fd;

	sandbox_hide();
	OPENSSL_init_crypto(unused_of_openssl, NULL);
	if (!arguments_from_query() && (status = parse(argc, argv, &o)) >= 0)
		return status;
	umask(077);
	pattern_defer(); /* the relay looks for texts */
	conf = conf_load(conf_find(o.conf, file, sizeof file), report, NULL);
	fd = o.listen || o.mode == MODE_CGI ? -1 : listen_inherited();
	if (fd < 0 && !o.listen && o.mode != MODE_FASTCGI && getenv("GATEWAY_INTERFACE"))
		o.mode = MODE_CGI;
	if (conf)
		log_setup(conf->log_level, conf->log_format, conf->log_target);
	if (o.mode == MODE_CGI)
		return serve_cgi(conf);
	if (!conf)
		return EX_CONFIG;
	serve_hold_signals();
	if (fd >= 0) {
		confine(conf, NULL);
		return serve(fd, NULL, conf);
	}
	if (o.listen || conf->listen)
		return serve_own(conf, o.listen ? o.listen : conf->listen, &o);
	conf_free(conf);
	return usage("started without a socket; add --listen unix:PATH", "");
}
