/* SPDX-License-Identifier: ISC */
/* The sandbox that a process of a configuration enters. */
#include "conf/confine.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/place.h"
#include "core/log.h"
#include "core/sandbox.h"

/* The directory of a "unix:PATH" address; "" where it has none. */
static const char *socket_directory(const char *address, char *out, size_t n)
{
	char *slash;

	*out = '\0';
	if (!address || strncmp(address, "unix:", 5) != 0 || snprintf(out, n, "%s", address + 5) >= (int)n)
		return "";
	slash = strrchr(out, '/');
	if (!slash)
		return ".";
	slash[slash == out] = '\0';
	return out;
}

/* A link can be made to point to another place while the receiver runs. */
static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

void confine(const struct conf *c, const char *address)
{
	const char *temporary[] = {getenv("SQLITE_TMPDIR"), getenv("TMPDIR"), "/var/tmp", "/tmp"}; /* of indexes, while a large spool is migrated */
	char path[PATH_MAX];
	const char *directory = socket_directory(address, path, sizeof path);
	struct sandbox_needs needs = {0};
	struct sandbox s;
	size_t n = 0;

	if (c) {
		needs.off = !c->sandbox;
		needs.network = !place_is_local(c->spool);
		needs.writes_anywhere = is_link(c->dir);
		needs.writes[n++] = c->dir;
		if (*directory)
			needs.writes[n++] = directory;
		for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
			if (temporary[i] && access(temporary[i], W_OK) == 0)
				needs.writes[n++] = temporary[i];
	}
	s = sandbox_enter(&needs);
	if (needs.off)
		log_message(LOG_LEVEL_DEBUG, "sandbox: off, as the configuration says");
	else
		log_message(LOG_LEVEL_DEBUG, "sandbox: seccomp %s, landlock version %d", s.seccomp ? "yes" : "no", s.landlock);
}
