/* A spool's place: what kind of file system it is on, and whose its files are. */
#include "sink/spool_fs.h"

#include <linux/magic.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

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

enum spool_fs_kind spool_fs_kind(const char *path, const char **name)
{
	struct statfs fs;

	*name = "other";
	if (statfs(path, &fs) != 0)
		return SPOOL_FS_UNKNOWN;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].magic == ((unsigned long)fs.f_type & 0xFFFFFFFFUL)) {
			*name = known[i].name;
			return known[i].kind;
		}
	}
	return SPOOL_FS_LOCAL;
}

bool spool_fs_give(int dir_fd, const char *name)
{
	struct stat st;

	return geteuid() != 0 || (fstat(dir_fd, &st) == 0 && fchownat(dir_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0);
}
