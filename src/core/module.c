/* SPDX-License-Identifier: ISC */
/* Loads modules: shared objects that a program takes in where its configuration needs them. */
#define _XOPEN_SOURCE 700 /* readlink, realpath */
#include "config.h"
#include "core/module.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/writable.h"

#ifdef HAVE_MODULES
#include <dlfcn.h>

/* The directory of the running program; "" where it can't be known. */
static void find_program_directory(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	*(slash ? slash : out) = '\0';
}

/*
 * A user that chooses the program chooses the modules in its directory, too: they are as safe as the program. An installed program
 * uses installed modules only.
 */
bool module_find(const char *name, char path[MODULE_PATH])
{
	char dir[PATH_MAX];

	find_program_directory(dir);
	snprintf(path, MODULE_PATH, "%s/modules/%s.so", dir, name);
	if (!*dir || strcmp(dir, BINDIR) == 0 || strcmp(dir, LIBEXECDIR) == 0 || access(path, F_OK) != 0)
		snprintf(path, MODULE_PATH, "%s/%s.so", PKGLIBDIR, name);
	return access(path, F_OK) == 0;
}

static bool is_owned(const char *path, char *why, size_t n)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		snprintf(why, n, "%s: %s", path, strerror(errno));
		return false;
	}
	if (st.st_uid == 0 || st.st_uid == geteuid())
		return true;
	snprintf(why, n, "%s belongs to user %u; a module and its directory have to be root's", path, (unsigned)st.st_uid);
	return false;
}

/* False with the reason in why. In a directory that others may change, they may put another file in the module's place. */
static bool is_unchanged_by_others(const char *path, char *why, size_t n)
{
	enum writable by = writable_look(path, why, n);

	return by == WRITABLE_NO || (by == WRITABLE_BY_GROUP && geteuid() != 0);
}

static bool is_place_safe(const char *path, char *why, size_t n)
{
	char dir[MODULE_PATH];

	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
	return is_owned(dir, why, n) && is_owned(path, why, n) && is_unchanged_by_others(dir, why, n) && is_unchanged_by_others(path, why, n);
}

/* False with the reason in why: another user than root and this process's own may change the module, or the file that it links to. */
static bool is_safe(const char *path, char *why, size_t n)
{
	char target[PATH_MAX];

	if (!realpath(path, target)) {
		snprintf(why, n, "%s: %s", path, strerror(errno));
		return false;
	}
	return is_place_safe(path, why, n) && is_place_safe(target, why, n);
}

const void *module_load(const char *name, const char *symbol, char *why, size_t n)
{
	char path[MODULE_PATH];
	const void *object = NULL;
	void *library;

	module_find(name, path);
	if (!is_safe(path, why, n))
		return NULL;
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library)
		object = dlsym(library, symbol);
	if (!library)
		snprintf(why, n, "its module can't be loaded: %s", dlerror());
	else if (!object)
		snprintf(why, n, "%s is no module of hookspool " PACKAGE_VERSION, path);
	if (library && !object)
		dlclose(library);
	return object;
}

#else

bool module_find(const char *name, char path[MODULE_PATH])
{
	(void)name;
	*path = '\0';
	return false;
}

const void *module_load(const char *name, const char *symbol, char *why, size_t n)
{
	(void)symbol;
	snprintf(why, n, "the module %s can't be loaded: this hookspool was built without modules", name);
	return NULL;
}

#endif
