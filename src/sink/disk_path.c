/* SPDX-License-Identifier: ISC */
/* Paths that drivers of files write to. */
#include "sink/disk_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/fs.h"

/* The directory that the path's last part is in; the caller frees it. NULL when memory is short. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

int disk_path_parent(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *dir = parent_of(path);
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	free(dir);
	*name = slash ? slash + 1 : path;
	return fd;
}

bool disk_path_lock(int fd)
{
	int r;

	do
		r = flock(fd, LOCK_EX);
	while (r != 0 && errno == EINTR);
	return r == 0;
}

bool disk_path_is_current(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

bool disk_path_check(const char *dir, sink_say *say, void *ctx)
{
	static const char *const losses[] = {
		[SPOOL_FS_NETWORK] = "a written event is as safe as the file server",
		[SPOOL_FS_MEMORY] = "what is there is gone when the machine stops",
		[SPOOL_FS_LAYER] = "what is there is gone when the container is; mount a volume",
	};
	char text[PATH_MAX + 256];
	enum spool_fs_kind kind;
	const char *name;
	struct stat st;

	if (stat(dir, &st) != 0 || (!S_ISDIR(st.st_mode) && (errno = ENOTDIR)) || faccessat(AT_FDCWD, dir, R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
		snprintf(text, sizeof text, "can't write in the directory %s: %s", dir, strerror(errno));
		say(ctx, SINK_WRONG, text);
		return false;
	}
	kind = spool_fs_kind(dir, &name);
	if (kind == SPOOL_FS_LOCAL || kind == SPOOL_FS_UNKNOWN)
		return true;
	snprintf(text, sizeof text, "%s is on a file system of the type %s: %s", dir, name, losses[kind]);
	say(ctx, SINK_DOUBTFUL, text);
	return false;
}

bool disk_path_check_parent(const char *path, sink_say *say, void *ctx)
{
	char *dir = parent_of(path);
	bool fine = dir && disk_path_check(dir, say, ctx);

	free(dir);
	return fine;
}
