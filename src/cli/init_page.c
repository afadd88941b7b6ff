/* SPDX-License-Identifier: ISC */
/* hookspool init --page: the page's location in the site, behind a file of users that has one. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include <grp.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init.h"
#include "cli/keygen.h"
#include "core/encode.h"

#define PAGE_USER "hookspool"

enum { SHA1_BYTES = 20, SHA1_TEXT = 28 };

int init_page_take(const struct init *i)
{
	if (i->o->page && (!i->web || !i->web->page))
		return cli_usage("init", "--page is for nginx and Apache; hookspool-page.fcgi(8) says what the page needs of a web server");
	return CLI_OK;
}

bool init_page_name(struct init *i)
{
	int directory = (int)(strrchr(i->socket, '/') - i->socket);
	const char *site = strrchr(i->web_file, '/');

	/* the file of users is beside the site: the web server's user cannot enter the directory of the configuration and its secrets */
	return snprintf(i->page_socket, PATH_MAX, "%.*s/page.sock", directory, i->socket) < PATH_MAX &&
		snprintf(i->page_users, PATH_MAX, "%.*s/hookspool.users", site ? (int)(site - i->web_file) : 0, i->web_file) < PATH_MAX &&
		snprintf(i->page_password, PATH_MAX, "%s/page.password", i->directory) < PATH_MAX;
}

/*
 * One user with a random password. "{SHA}" is the form that both nginx and Apache check without the system's crypt(3): RFC 2307. It
 * has no salt and is fast, which is no help against 256 random bits.
 */
bool init_page_texts(struct init *i)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	char password[KEYGEN_TEXT], text[SHA1_TEXT + 1];
	bool ok;

	if (!i->o->page)
		return true;
	ok = keygen_text(password) && EVP_Digest(password, 2 * KEYGEN_BYTES, hash, NULL, EVP_sha1(), NULL) == 1;
	if (ok) {
		encode(ENCODING_BASE64, hash, SHA1_BYTES, text);
		ok = buf_add_text(&i->page_password_text, password) && buf_printf(&i->page_users_text, PAGE_USER ":{SHA}%s\n", text);
	}
	explicit_bzero(password, sizeof password);
	return ok;
}

size_t init_page_files(const struct init *i, struct init_file *files)
{
	const struct group *g = i->group ? getgrnam(i->group) : NULL;
	mode_t mode = geteuid() == 0 ? 0640 : 0600; /* the web server reads it, by its group */

	if (!i->o->page)
		return 0;
	files[0] = (struct init_file){i->page_users, {i->page_users_text.data, i->page_users_text.len}, mode, 0, g ? g->gr_gid : i->gid, false};
	files[1] = (struct init_file){i->page_password, {i->page_password_text.data, i->page_password_text.len}, 0600, 0, 0, false};
	return 2;
}

/* The page's program is beside the receiver's. */
void init_page_start(const struct init *i, int *n, bool systemd)
{
	char program[PATH_MAX], *name;

	if (!i->o->page)
		return;
	init_receiver(program, sizeof program);
	name = strrchr(program, '/');
	*(name ? name + 1 : program) = '\0';
	if (systemd)
		printf(" %d. The page:  systemctl enable --now hookspool-page.socket\n", ++*n);
	else if (geteuid() == 0)
		printf(" %d. The page:  setpriv --reuid %s --regid %lu --groups %s %shookspool-page.fcgi -c %s --listen unix:%s &\n", ++*n, i->user,
			(unsigned long)i->gid, i->group ? i->group : i->user, program, i->conf, i->page_socket);
	else
		printf(" %d. The page:  %shookspool-page.fcgi -c %s --listen unix:%s &\n", ++*n, program, i->conf, i->page_socket);
}

void init_page_next(const struct init *i, int *n)
{
	struct init_url page = i->url;
	struct buf url = {0};

	if (!i->o->page)
		return;
	snprintf(page.path, sizeof page.path, "/hookspool/");
	if (init_url_add(&page, &url))
		printf(" %d. Look at the page:  %s as the user " PAGE_USER ", with the password in %s\n", ++*n, buf_str(&url), i->page_password);
	buf_free(&url);
}
