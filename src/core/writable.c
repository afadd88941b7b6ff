/* SPDX-License-Identifier: ISC */
/* Files that other users may change: such a user would choose what this program reads or runs. */
#define _XOPEN_SOURCE 700 /* S_ISVTX, readlink */
#include "core/writable.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/program.h"

enum writable writable_mode(const char *path, const struct stat *st, char *why, size_t n)
{
	unsigned mode = (unsigned)st->st_mode & 07777, user = (unsigned)st->st_uid;

	if (mode & 002) {
		snprintf(why, n, "%s: anybody may change it (mode %04o, user %u); chmod o-w it", path, mode, user);
		return WRITABLE_BY_ALL;
	}
	if (!(mode & 020) || st->st_gid == 0)
		return WRITABLE_NO;
	snprintf(why, n, "%s: its group may change it (mode %04o, user %u, group %u); chmod g-w it", path, mode, user, (unsigned)st->st_gid);
	return WRITABLE_BY_GROUP;
}

enum { LINKS_MAX = 40 }; /* as the kernel follows: path_resolution(7) */

/* The way from a path to its file, name by name and through each link, as the kernel resolves it. */
struct way {
	char dir[PATH_MAX];  /* where the next name is looked up; "" is the root */
	char rest[PATH_MAX]; /* the names that are left, from `at` on */
	size_t at;
	unsigned links;
};

static bool begin_way(struct way *w, const char *path)
{
	char here[PATH_MAX] = "";

	*w->dir = '\0';
	w->at = w->links = 0;
	return (*path == '/' || getcwd(here, sizeof here)) &&
		(size_t)snprintf(w->rest, sizeof w->rest, "%s/%s", here, path) < sizeof w->rest;
}

/* Looks the next name up. False at the end, and where the way cannot be followed. */
static bool step_way(struct way *w)
{
	char path[PATH_MAX], target[PATH_MAX], rest[PATH_MAX];
	const char *name = w->rest + w->at + strspn(w->rest + w->at, "/");
	size_t n = strcspn(name, "/");
	ssize_t length;

	if (n == 0 || (size_t)snprintf(path, sizeof path, "%s/%.*s", w->dir, (int)n, name) >= sizeof path)
		return false;
	length = readlink(path, target, sizeof target - 1);
	if (length <= 0) {
		memcpy(w->dir, path, sizeof path);
		w->at = (size_t)(name + n - w->rest);
		return true;
	}
	target[length] = '\0';
	if (++w->links > LINKS_MAX || (size_t)snprintf(rest, sizeof rest, "%s%s", target, name + n) >= sizeof rest)
		return false;
	memcpy(w->rest, rest, sizeof rest);
	w->at = 0;
	if (*target == '/')
		*w->dir = '\0';
	return true;
}

/* A directory on the way in which any user may rename another user's file. The directory of a link counts as well as its target's. */
static bool replaceable(const char *file, char *why, size_t n)
{
	const char *dir;
	struct stat st;
	struct way w;

	if (!begin_way(&w, file))
		return false;
	do {
		dir = *w.dir ? w.dir : "/";
		if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || !(st.st_mode & 002) || (st.st_mode & S_ISVTX))
			continue;
		snprintf(why, n, "%s: anybody may replace it, for %s has mode %04o; chmod o-w that directory", file, dir,
			(unsigned)st.st_mode & 07777);
		return true;
	} while (step_way(&w));
	return false;
}

enum writable writable_look(const char *path, char *why, size_t n)
{
	enum writable by;
	struct stat st;

	if (stat(path, &st) != 0)
		return WRITABLE_NO;
	by = writable_mode(path, &st, why, n);
	if (by == WRITABLE_BY_ALL)
		return by;
	return replaceable(path, why, n) ? WRITABLE_BY_ALL : by;
}

struct looking {
	void (*visit)(void *ctx, enum writable by, const char *why);
	void *ctx;
};

static void look_at_path(const struct looking *l, const char *path)
{
	char why[2 * PATH_MAX + 128];
	enum writable by = writable_look(path, why, sizeof why);

	if (by != WRITABLE_NO)
		l->visit(l->ctx, by, why);
}

void writable_command(char *const *words, size_t n, void (*visit)(void *ctx, enum writable by, const char *why), void *ctx)
{
	const struct looking l = {visit, ctx};
	char program[PATH_MAX], interpreter[PATH_MAX];
	const char *path;
	struct stat st;

	if (n && program_find(words[0], program, sizeof program)) {
		look_at_path(&l, program);
		if (program_interpreter(program, interpreter, sizeof interpreter))
			look_at_path(&l, interpreter);
	}
	for (size_t i = 1; i < n; i++) {
		path = strchr(words[i], '/');
		if (path && (path == words[i] || path[-1] == '=') && stat(path, &st) == 0 && S_ISREG(st.st_mode)) /* also --option=/path */
			look_at_path(&l, path);
	}
}
