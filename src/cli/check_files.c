/* SPDX-License-Identifier: ISC */
/* hookspool check, the files: which users may change them, and whether the receiver's user can read them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "core/writable.h"

enum { SHORT_SECRET = 16 };

bool check_file(struct check *c, const char *whose, const char *file, bool secret)
{
	const char *me = check_user(geteuid());
	unsigned before = c->failures;
	char why[2 * PATH_MAX + 128];
	enum writable by;
	struct stat st;

	if (access(file, F_OK) != 0 && errno == ENOENT)
		check_say(c, CHECK_FAIL, "file", "%s%s: there is no such file; make it, with %s", whose, file,
			secret ? "the group of the service that reads it, and chmod 640" : "chmod 644");
	else if (access(file, R_OK) != 0 || stat(file, &st) != 0)
		check_say(c, CHECK_FAIL, "file", "%s%s: user %s can't read it (%s); chgrp it to a group of that user and chmod %s it, and let "
			"the user enter its directory", whose, file, me, strerror(errno), secret ? "640" : "644");
	else if (secret && !S_ISREG(st.st_mode))
		check_say(c, CHECK_FAIL, "file", "%s%s: it is no regular file; write the secret's own file", whose, file);
	else if ((by = writable_look(file, why, sizeof why)) == WRITABLE_BY_ALL)
		check_say(c, CHECK_FAIL, "file", "%s%s", whose, why);
	else if (secret && (st.st_mode & 005))
		check_say(c, CHECK_FAIL, "file", "%s%s: others may read it; chmod o= it", whose, file);
	else if (by == WRITABLE_BY_GROUP)
		check_say(c, CHECK_WARN, "file", "%s%s", whose, why);
	else
		check_say(c, CHECK_OK, "file", "%s%s: readable by user %s, safe from others", whose, file, me);
	return c->failures == before;
}

static void check_secret_files(struct check *c, const struct secrets *s)
{
	static const char prefix[] = "file ";

	for (size_t i = 0; i < s->n; i++)
		if (strncmp(s->item[i].source, prefix, sizeof prefix - 1) == 0)
			check_file(c, "", s->item[i].source + sizeof prefix - 1, true);
}

static void check_secrets(struct check *c, const struct endpoint *e, const struct secrets *s, const char *what)
{
	check_secret_files(c, s);
	for (size_t i = 0; i < s->n; i++) {
		if (s->item[i].len < SHORT_SECRET)
			check_say(c, CHECK_WARN, "file", "endpoint %s: the %s from %s has only %zu characters; is it whole?", e->path, what,
				s->item[i].source, s->item[i].len);
	}
}

void check_files(struct check *c, const struct conf *conf)
{
	for (size_t i = 0; i < conf->files.n; i++)
		check_file(c, "", conf->files.item[i], false);
	for (const struct endpoint *e = conf->endpoints; e < conf->endpoints + conf->n_endpoints; e++) {
		check_secrets(c, e, &e->secrets, "secret");
		check_secrets(c, e, &e->authorizations, "Authorization");
		check_secret_files(c, &e->verify_tokens);
	}
}
