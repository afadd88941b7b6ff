/* SPDX-License-Identifier: ISC */
/* The reserve for a full disk: a file of a few MiB. purge and erase remove it, as they need room before they give any back. */
#include "spool/sqlite/disk_reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spool/fs.h"

static uint64_t free_bytes(int dir_fd)
{
	struct statvfs fs;

	return fstatvfs(dir_fd, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : 0;
}

void spool_disk_reserve_make(int dir_fd)
{
	uint64_t size = free_bytes(dir_fd) / 3;
	struct stat st;
	int fd;

	if (fstatat(dir_fd, SPOOL_DISK_RESERVE, &st, AT_SYMLINK_NOFOLLOW) == 0 || size < SPOOL_DISK_RESERVE_LEAST)
		return;
	size = size < SPOOL_DISK_RESERVE_MOST ? size : SPOOL_DISK_RESERVE_MOST;
	fd = openat(dir_fd, SPOOL_DISK_RESERVE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, (off_t)size) != 0 || !spool_fs_give(dir_fd, fd))
		unlinkat(dir_fd, SPOOL_DISK_RESERVE, 0);
	close(fd);
}

bool spool_disk_reserve_release(int dir_fd)
{
	if (free_bytes(dir_fd) >= SPOOL_DISK_RESERVE_MOST)
		return false;
	unlinkat(dir_fd, SPOOL_DISK_RESERVE, 0);
	return true;
}

bool spool_disk_reserve_fits(int dir_fd, int64_t size)
{
	struct stat st;

	return fstatat(dir_fd, "hookspool.db", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		(size <= st.st_size || (uint64_t)(size - st.st_size) <= free_bytes(dir_fd));
}
