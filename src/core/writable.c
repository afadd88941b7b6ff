/* Files that other users may change: what this program reads or runs would be theirs to choose. */
#define _XOPEN_SOURCE 700 /* S_ISVTX, realpath */
#include "core/writable.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Cuts the last name off; false at the root. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !path[1])
		return false;
	slash[slash == path] = '\0';
	return true;
}

/* A directory in which any user may rename what is another's. */
static bool replaceable(const char *file, const char *place, char *why, size_t n)
{
	char dir[PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof dir, "%s", place);
	while (go_up(dir)) {
		if (stat(dir, &st) != 0 || !(st.st_mode & 002) || (st.st_mode & S_ISVTX))
			continue;
		snprintf(why, n, "%s: anybody may replace it, for %s has mode %04o; chmod o-w that directory", file, dir,
			(unsigned)st.st_mode & 07777);
		return true;
	}
	return false;
}

enum writable writable_look(const char *path, char *why, size_t n)
{
	char real[PATH_MAX];
	enum writable by;
	struct stat st;

	if (stat(path, &st) != 0 || !realpath(path, real))
		return WRITABLE_NO;
	by = writable_mode(path, &st, why, n);
	if (by == WRITABLE_BY_ALL)
		return by;
	/* where a link stands counts as well as what it leads to */
	return replaceable(path, real, why, n) || (*path == '/' && replaceable(path, path, why, n)) ? WRITABLE_BY_ALL : by;
}

struct looking {
	void (*visit)(void *ctx, enum writable by, const char *why);
	void *ctx;
};

static void look(const struct looking *l, const char *path)
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
		look(&l, program);
		if (program_interpreter(program, interpreter, sizeof interpreter))
			look(&l, interpreter);
	}
	for (size_t i = 1; i < n; i++) {
		path = strchr(words[i], '/');
		if (path && (path == words[i] || path[-1] == '=') && stat(path, &st) == 0 && S_ISREG(st.st_mode)) /* also --option=/path */
			look(&l, path);
	}
}
