/* SPDX-License-Identifier: ISC */
/* The relay's sockets in the spool's directory: the directory's permissions say which processes reach them. */
#include "spool/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "spool/fs.h"

bool spool_socket_address(struct sockaddr_un *address, const char *dir, const char *name)
{
	int n;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	n = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", dir, name);
	if (n >= 0 && n < (int)sizeof address->sun_path)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

int spool_socket_new(int type)
{
	return descriptor_socket_unblocked(AF_UNIX, type);
}

/* The receiver connects to it, and may be another user of the group that shares the directory. */
static bool bind_shared(int fd, const struct sockaddr_un *address, const char *dir, const char *name)
{
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	mode_t before;
	bool ok;

	if (dir_fd < 0)
		return false;
	ok = fstat(dir_fd, &st) == 0;
	if (ok) {
		before = umask(spool_fs_shared(&st) ? 0117 : 0177);
		ok = bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
		umask(before);
	}
	if (ok && geteuid() == 0)
		ok = fchownat(dir_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
	close(dir_fd);
	return ok;
}

int spool_socket_bind(const char *dir, const char *name, int type)
{
	struct sockaddr_un address;
	int fd, error;

	if (!spool_socket_address(&address, dir, name))
		return -1;
	fd = spool_socket_new(type);
	if (fd < 0)
		return -1;
	unlink(address.sun_path);
	if (bind_shared(fd, &address, dir, name))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
