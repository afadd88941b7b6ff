/* SPDX-License-Identifier: ISC */
/* Loads drivers from modules. */
#define _XOPEN_SOURCE 700 /* readlink, realpath */
#include "config.h"
#include "sink/module.h"

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

enum { PATH_SIZE = 2 * PATH_MAX };

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
 * Who may choose the program that runs may choose its directory's modules, so they are as safe as the program. An installed program
 * uses installed modules only.
 */
static void find_module(const struct sink_type *type, char path[PATH_SIZE])
{
	char dir[PATH_MAX];

	find_program_directory(dir);
	snprintf(path, PATH_SIZE, "%s/modules/%s.so", dir, type->name);
	if (!*dir || strcmp(dir, BINDIR) == 0 || access(path, F_OK) != 0)
		snprintf(path, PATH_SIZE, "%s/%s.so", PKGLIBDIR, type->name);
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
	char dir[PATH_SIZE];

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

static const struct sink_driver *load(const struct sink_type *type, const char *path, char *why, size_t n)
{
	const struct sink_module *module;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		snprintf(why, n, "its module can't be loaded: %s", dlerror());
		return NULL;
	}
	module = dlsym(library, "hookspool_sink");
	if (module && module->abi == SINK_ABI && strcmp(module->version, PACKAGE_VERSION) == 0 && strcmp(module->driver->type, type->name) == 0)
		return module->driver;
	snprintf(why, n, "%s is no module of hookspool " PACKAGE_VERSION "; install %s of that version", path, type->package);
	dlclose(library);
	return NULL;
}

const struct sink_driver *sink_module_load(const struct sink_type *type, char *why, size_t n)
{
	char path[PATH_SIZE];

	find_module(type, path);
	if (access(path, F_OK) != 0) {
		snprintf(why, n, "type = \"%s\" needs the module %s, which is not there: apt-get install %s, or build with %s and ./configure --with-%s",
			type->name, path, type->package, type->library, type->name);
		return NULL;
	}
	return is_safe(path, why, n) ? load(type, path, why, n) : NULL;
}

bool sink_module_is_there(const struct sink_type *type)
{
	char path[PATH_SIZE];

	find_module(type, path);
	return access(path, F_OK) == 0;
}

#else

const struct sink_driver *sink_module_load(const struct sink_type *type, char *why, size_t n)
{
	snprintf(why, n, "type = \"%s\" needs a module, and this hookspool was built without modules: leave out ./configure --disable-modules", type->name);
	return NULL;
}

bool sink_module_is_there(const struct sink_type *type)
{
	(void)type;
	return false;
}

#endif
