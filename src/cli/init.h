/* SPDX-License-Identifier: ISC */
/*
 * hookspool init: the answers that it takes, and the files that it makes of them.
 *
 *   init.c         the command: answers, files, trial, what to do next
 *   init_answer.c  answers from options, and defaults
 *   init_ask.c     the questions on a terminal
 *   init_place.c   users and places
 *   init_url.c     the parts of the URL
 *   init_text.c    the text of the configuration
 *   init_web.c     web servers as data: the text of a site for each
 *   init_file.c    files that are made all or none, and never over others
 *   init_page.c    the page's location and its user, with --page
 *   init_try.c     a signed delivery
 */
#ifndef INIT_H
#define INIT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/cli.h"
#include "conf/conf.h"
#include "core/buf.h"

/* ---- the URL that the provider will call */

enum { INIT_HOST = 256, INIT_PATH = 256 };

struct init_url {
	bool tls;
	char host[INIT_HOST];
	unsigned port; /* 80 and 443 too */
	char path[INIT_PATH];
};

/*
 * Reads "https://HOST[:PORT][/PATH]"; without a path it gets `path`. The characters are those that mean nothing to a web server's
 * configuration. NULL, or what is wrong: static text.
 */
const char *init_url_read(const char *text, const char *path, struct init_url *out);

/* Appends the URL, without a port that is the scheme's own. */
bool init_url_add(const struct init_url *u, struct buf *out);

/* ---- web servers */

struct init_web {
	const char *name;      /* as the option, "nginx" */
	const char *program;   /* its program, which is looked for */
	const char *file;      /* where root's site goes by default */
	const char *below;     /* the program reads files below this directory, so that `test` tests them */
	const char *const *test; /* a command that tests its configuration; "@FILE@" is the site's file */
	const char *site;      /* text with @HOST@, @PORT@, @PATH@, @SOCKET@ and @PAGE@ */
	const char *snippet;   /* the same for a site that is there; NULL: it has none */
	const char *page;      /* what stands for @PAGE@ in both with --page; NULL: it has none */
	const char *next;      /* how the site is put to use, with @FILE@ and @HOST@ */
	const char *next_elsewhere; /* where the file is not below that directory; NULL: `next` is right for any */
	const char *next_snippet;
	const char *certificate; /* the command that gets a certificate; NULL: it needs none */
};

/* The i-th of them; NULL behind the last. */
const struct init_web *init_web_at(size_t i);
const struct init_web *init_web_find(const char *name);

/* The first whose program is on this machine; NULL: none is. */
const struct init_web *init_web_here(void);

/* ---- the command */

struct init_options {
	const char *provider, *url, *secret_file, *socket, *group, *user, *spool, *sink_url_file;
	const char *nginx, *apache, *caddy, *lighttpd, *haproxy; /* the file of the site */
	bool new_secret, no_web_server, snippet, page;
};

struct init {
	const struct init_options *o;
	char conf[PATH_MAX];   /* the configuration that is made */
	char directory[PATH_MAX];
	struct scheme scheme;
	struct init_url url;
	char name[INIT_PATH];  /* of the endpoint's files: the last part of the path */
	char secret[PATH_MAX], token[PATH_MAX], sink[PATH_MAX], spool[PATH_MAX], socket[PATH_MAX], web_file[PATH_MAX];
	char page_socket[PATH_MAX], page_users[PATH_MAX], page_password[PATH_MAX];
	struct buf secret_text, token_text, sink_text, page_users_text, page_password_text;
	const char *sink_name; /* NULL: there is no sink */
	bool made_secret;      /* the secret is a new one */
	const struct init_web *web; /* NULL: none */
	const char *group;     /* of the socket; NULL: the receiver's own */
	const char *user;      /* the receiver's; NULL: this process's, which is not root */
	uid_t uid, relay_uid;
	gid_t gid, relay_gid;
};

/* True when the provider lets its user choose the secret. */
bool init_secret_is_chosen(const struct scheme *s);

/* Appends the name of the scheme's provider, as people write it. */
bool init_title_add(const struct scheme *s, struct buf *out);

/* Appends the text of each file. */
bool init_conf_text(const struct init *i, struct buf *out);
bool init_web_text(const struct init *i, const char *text, struct buf *out);

/* Take the options, and then the defaults of what is missing. The places and users of files. CLI_OK, or the status to exit with, after a message. */
int init_take_options(struct init *i);
int init_take_defaults(struct init *i);
int init_find_places(struct init *i, const struct cli *cli);
int init_find_users(struct init *i);
int init_name_files(struct init *i);

/* Asks on the terminal for what the options leave out. Returns CLI_OK, or the status to exit with, after a message. */
int init_ask(struct init *i);

/* Take an answer. NULL, or what is wrong with it: static text, or text in static storage. */
const char *init_take_provider(struct init *i, const char *text);
const char *init_take_url(struct init *i, const char *text);
const char *init_take_web(struct init *i, const char *name, const char *file);
const char *init_take_sink(struct init *i, const char *text);

/* The URL that is meant where none is given. */
void init_default_url(const struct init *i, struct buf *out);

/* ---- files */

enum { INIT_FILES = 8 };

struct init_file {
	const char *path;
	struct slice text;
	mode_t mode;
	uid_t uid; /* root's init gives it to that user */
	gid_t gid;
	bool made;
};

/* Makes all of the files, or none, after a message. */
bool init_files_make(struct init_file *files, size_t n);

/* Removes those that were made. */
void init_files_remove(struct init_file *files, size_t n);

/* Makes a directory that is missing; its parent must be there. False after a message. */
bool init_directory_make(const char *path, mode_t mode, uid_t uid, gid_t gid);

/* ---- the page, with --page; without it these do nothing */

/* CLI_OK, or the status to exit with, after a message: the web server has no page here. */
int init_page_take(const struct init *i);

/* Name its socket and files, and make their texts. False when a path is too long; when memory is short, or there are no random bytes. */
bool init_page_name(struct init *i);
bool init_page_texts(struct init *i);

/* Adds its files. Returns how many. */
size_t init_page_files(const struct init *i, struct init_file *files);

/* Print the next steps: how it is started, and where it is. *n is the number of the last step. */
void init_page_start(const struct init *i, int *n, bool systemd);
void init_page_next(const struct init *i, int *n);

/* ---- the trial */

/*
 * Delivers a signed event: through the socket where a receiver answers there, else to hookspool.fcgi, which is run once as CGI. True
 * when it was stored; prints how it went. *served becomes true where a receiver serves.
 */
bool init_try(const struct init *i, const struct conf *conf, bool *served);

/*
 * True where the receiver's user may make the socket in its directory, or systemd makes it. Else prints what to do. Of use where no
 * receiver serves yet.
 */
bool init_try_socket(struct init *i);

/* The path of hookspool.fcgi: beside this program, else the installed one. */
void init_receiver(char *out, size_t n);

#endif
