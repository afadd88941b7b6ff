/* hookspool check, the files: who may change them, and whether the receiver's user can read them. */
#define _XOPEN_SOURCE 700 /* S_ISVTX */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"

enum { SHORT_SECRET = 16 };

/* True when whoever isn't owner or group could put another file in the file's place. */
static bool replaceable(const char *file)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s", file);
	return stat(dirname(path), &st) == 0 && (st.st_mode & 002) && !(st.st_mode & S_ISVTX);
}

bool check_file(struct check *c, const char *whose, const char *file, bool secret)
{
	const char *me = check_user(geteuid());
	unsigned before = c->failures;
	struct stat st;

	if (access(file, F_OK) != 0 && errno == ENOENT)
		check_say(c, CHECK_FAIL, "file", "%s%s: there is no such file; make it, with %s", whose, file,
			secret ? "the group of the service that reads it, and chmod 640" : "chmod 644");
	else if (access(file, R_OK) != 0 || stat(file, &st) != 0)
		check_say(c, CHECK_FAIL, "file", "%s%s: user %s can't read it (%s); chgrp it to a group of that user and chmod %s it, and let "
			"the user enter its directory", whose, file, me, strerror(errno), secret ? "640" : "644");
	else if (st.st_mode & 002)
		check_say(c, CHECK_FAIL, "file", "%s%s: anybody may change it; chmod o-w it", whose, file);
	else if (secret && (st.st_mode & 005))
		check_say(c, CHECK_FAIL, "file", "%s%s: others may read it; chmod o= it", whose, file);
	else if (replaceable(file))
		check_say(c, CHECK_FAIL, "file", "%s%s: anybody may replace it; chmod o-w its directory", whose, file);
	else if (secret && (st.st_mode & 020))
		check_say(c, CHECK_WARN, "file", "%s%s: its group may change it; chmod g-w it", whose, file);
	else
		check_say(c, CHECK_OK, "file", "%s%s: readable by user %s, safe from others", whose, file, me);
	return c->failures == before;
}

static void check_secrets(struct check *c, const struct endpoint *e, const struct secrets *s, const char *what)
{
	static const char prefix[] = "file ";

	for (size_t i = 0; i < s->n; i++) {
		if (strncmp(s->item[i].source, prefix, sizeof prefix - 1) == 0)
			check_file(c, "", s->item[i].source + sizeof prefix - 1, true);
		if (s->item[i].len < SHORT_SECRET)
			check_say(c, CHECK_WARN, "file", "endpoint %s: the %s from %s has only %zu characters; is it whole?", e->path, what,
				s->item[i].source, s->item[i].len);
	}
}

void check_files(struct check *c, const struct conf *conf)
{
	check_file(c, "", conf->file, false);
	for (const struct endpoint *e = conf->endpoints; e < conf->endpoints + conf->n_endpoints; e++) {
		check_secrets(c, e, &e->secrets, "secret");
		check_secrets(c, e, &e->authorizations, "Authorization");
	}
}
