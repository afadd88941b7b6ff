/* SPDX-License-Identifier: ISC */
/* A spool's place: what kind of file system it is on, and whose its files are. */
#define _GNU_SOURCE /* O_PATH, AT_EMPTY_PATH */
#include "config.h"

#include "spool/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_LINUX_MAGIC_H
#include <linux/magic.h>
#endif
#ifdef __linux__
#include <sys/vfs.h>
#else
#include <sys/param.h>
#include <sys/mount.h>
#endif

#include "spool/sqlite/disk_reserve.h"

#ifdef HAVE_LINUX_MAGIC_H

/* The last ones lack a name in Debian 12's linux/magic.h. */
static const struct {
	unsigned long magic;
	const char *name;
	enum spool_fs_kind kind;
} known[] = {
	{EXT4_SUPER_MAGIC, "ext4", SPOOL_FS_LOCAL}, {XFS_SUPER_MAGIC, "xfs", SPOOL_FS_LOCAL},
	{BTRFS_SUPER_MAGIC, "btrfs", SPOOL_FS_LOCAL}, {F2FS_SUPER_MAGIC, "f2fs", SPOOL_FS_LOCAL},
	{TMPFS_MAGIC, "tmpfs", SPOOL_FS_MEMORY}, {RAMFS_MAGIC, "ramfs", SPOOL_FS_MEMORY},
	{OVERLAYFS_SUPER_MAGIC, "overlay", SPOOL_FS_LAYER},
	{NFS_SUPER_MAGIC, "nfs", SPOOL_FS_NETWORK}, {SMB_SUPER_MAGIC, "smb", SPOOL_FS_NETWORK},
	{CEPH_SUPER_MAGIC, "ceph", SPOOL_FS_NETWORK}, {AFS_SUPER_MAGIC, "afs", SPOOL_FS_NETWORK},
	{V9FS_MAGIC, "9p", SPOOL_FS_NETWORK},
	{0xFF534D42, "cifs", SPOOL_FS_NETWORK}, {0xFE534D42, "smb2", SPOOL_FS_NETWORK},
	{0x65735546, "fuse", SPOOL_FS_NETWORK}, {0x2FC12FC1, "zfs", SPOOL_FS_LOCAL},
};

/* The type of the file system, a number of linux/magic.h. */
static bool is_kind(const struct statfs *fs, size_t i)
{
	return known[i].magic == ((unsigned long)fs->f_type & 0xFFFFFFFFUL);
}

#else

static const struct {
	const char *name;
	enum spool_fs_kind kind;
} known[] = {
	{"ufs", SPOOL_FS_LOCAL}, {"ffs", SPOOL_FS_LOCAL}, {"zfs", SPOOL_FS_LOCAL}, {"apfs", SPOOL_FS_LOCAL}, {"hfs", SPOOL_FS_LOCAL},
	{"tmpfs", SPOOL_FS_MEMORY}, {"mfs", SPOOL_FS_MEMORY},
	{"nfs", SPOOL_FS_NETWORK}, {"smbfs", SPOOL_FS_NETWORK}, {"afpfs", SPOOL_FS_NETWORK}, {"fusefs", SPOOL_FS_NETWORK},
};

/* The name of the file system, as the BSDs and macOS have it. */
static bool is_kind(const struct statfs *fs, size_t i)
{
#ifdef HAVE_STRUCT_STATFS_F_FSTYPENAME
	return strcmp(fs->f_fstypename, known[i].name) == 0;
#else
	(void)fs;
	(void)i;
	return false;
#endif
}

#endif

enum spool_fs_kind spool_fs_kind(const char *path, const char **name)
{
	struct statfs fs;

	*name = "other";
	if (statfs(path, &fs) != 0)
		return SPOOL_FS_UNKNOWN;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (is_kind(&fs, i)) {
			*name = known[i].name;
			return known[i].kind;
		}
	}
	return SPOOL_FS_LOCAL;
}

const char *const spool_fs_files[] = {"hookspool.db", "hookspool.db-wal", "hookspool.db-shm", "hookspool.db-journal",
	"hookspool.db.new", "lock", SPOOL_DISK_RESERVE, SPOOL_FS_RELAY_LOCK, SPOOL_FS_CATCHUP_LOCK, NULL};

bool spool_fs_shared(const struct stat *dir)
{
	return (dir->st_mode & (S_ISGID | S_IRWXG)) == (S_ISGID | S_IRWXG);
}

static mode_t file_mode(const struct stat *dir)
{
	return spool_fs_shared(dir) ? 0660 : 0600;
}

bool spool_fs_give(int dir_fd, int fd)
{
	struct stat dir, st;

	if (fstat(dir_fd, &dir) != 0 || fstat(fd, &st) != 0)
		return false;
	if (st.st_uid != geteuid() || st.st_nlink != 1)
		return true;
	if ((st.st_mode & 0777) != file_mode(&dir) && fchmod(fd, file_mode(&dir)) != 0)
		return false;
	return geteuid() != 0 || fchown(fd, dir.st_uid, dir.st_gid) == 0;
}

#if defined O_PATH && defined AT_EMPTY_PATH

/* Of a file held by O_PATH, which fchmod(2) refuses. Without /proc the mode stays. */
static void set_mode(int fd, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	(void)!chmod(path, mode);
}

/*
 * By O_PATH: closing another descriptor of the database would end SQLite's locks on it. What was looked at is then what is changed,
 * and not a link that another user of the spool puts in its place.
 */
void spool_fs_adopt(int dir_fd, const char *name)
{
	int fd = geteuid() == 0 ? -1 : openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat dir, st;

	if (fd < 0)
		return;
	if (fstat(dir_fd, &dir) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid()) {
		if (spool_fs_shared(&dir) && st.st_gid != dir.st_gid)
			(void)!fchownat(fd, "", (uid_t)-1, dir.st_gid, AT_EMPTY_PATH);
		if ((st.st_mode & 0777) != file_mode(&dir))
			set_mode(fd, file_mode(&dir));
	}
	close(fd);
}

#else

/* By its name: closing another descriptor of the database would end SQLite's locks on it. */
void spool_fs_adopt(int dir_fd, const char *name)
{
	struct stat dir, st;

	if (geteuid() == 0 || fstat(dir_fd, &dir) != 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid())
		return;
	if (spool_fs_shared(&dir) && st.st_gid != dir.st_gid)
		(void)!fchownat(dir_fd, name, (uid_t)-1, dir.st_gid, AT_SYMLINK_NOFOLLOW);
	if ((st.st_mode & 0777) != file_mode(&dir))
		(void)!fchmodat(dir_fd, name, file_mode(&dir), AT_SYMLINK_NOFOLLOW);
}

#endif

bool spool_fs_make(const char *dir)
{
	char parent[PATH_MAX];
	char *slash;
	int fd, error = 0;

	if (mkdir(dir, 0700) != 0)
		return errno == EEXIST;
	snprintf(parent, sizeof parent, "%s", dir);
	slash = strrchr(parent, '/');
	if (!slash)
		snprintf(parent, sizeof parent, ".");
	else
		slash[slash == parent] = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		error = fsync(fd) == 0 ? 0 : errno;
		close(fd);
	}
	if (error) {
		rmdir(dir);
		errno = error;
	}
	return !error;
}
