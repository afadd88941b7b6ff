/* SPDX-License-Identifier: ISC */
/* How the relay learns at once that there is something to send. */
#include "spool/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "spool/fs.h"

#define HURRY "!"

/* False where the path is longer than a socket's may be. */
static bool set_address(struct sockaddr_un *address, const char *dir)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(address->sun_path, sizeof address->sun_path, "%s/" SPOOL_WAKEUP_SOCKET, dir) < (int)sizeof address->sun_path;
}

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void spool_wakeup_send(struct spool_wakeup *p, const char *dir, bool hurry)
{
	struct sockaddr_un address;

	if (!set_address(&address, dir))
		return;
	if (p->fd < 0)
		p->fd = open_socket();
	sendto(p->fd, hurry ? HURRY : "", 1, 0, (struct sockaddr *)&address, sizeof address);
}

void spool_wakeup_close(struct spool_wakeup *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* The receiver has to be able to send to it: it may be another user, of the group that shares the directory. */
static bool bind_shared(int fd, const struct sockaddr_un *address, const char *dir)
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
		ok = fchownat(dir_fd, SPOOL_WAKEUP_SOCKET, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
	close(dir_fd);
	return ok;
}

int spool_wakeup_listen(const char *dir)
{
	struct sockaddr_un address;
	int fd, error;

	if (!set_address(&address, dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open_socket();
	if (fd < 0)
		return -1;
	unlink(address.sun_path);
	if (bind_shared(fd, &address, dir))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

bool spool_wakeup_hear(int fd)
{
	bool hurry = false;
	char word;

	while (recv(fd, &word, 1, MSG_DONTWAIT) >= 0)
		hurry = hurry || word == *HURRY;
	return hurry;
}
