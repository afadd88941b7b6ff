/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: records what a process does to the files in $POWER_DIR, in the order it is done, into
 * $POWER_LOG, which several processes share; power.py makes of it what a power cut would leave.
 *
 * A write is recorded after it is done, and a sync as its begin and its end: a record before the
 * begin of a sync is certainly covered by it.
 *
 * Mutants, which the oracle must catch: POWER_MUTANT=normal runs SQLite with synchronous=NORMAL,
 * POWER_MUTANT=lie has syncs that do nothing and say that they did, POWER_MUTANT=segment the same for the
 * files of long bodies alone. With POWER_MUTANT=late a body is written and synced only behind the commit of
 * its row.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MAX_FD = 1024, NAME = 32 };

enum kind { CREATE = 'c', WRITE = 'w', TRUNCATE = 't', UNLINK = 'u', RENAME = 'r', SYNC_BEGIN = 'b', SYNC_END = 'e', SYNC_FAILED = 'f' };

/* The record's head; power.py knows it as "<cxxxIQ32s". */
struct record {
	char kind, pad[3];
	uint32_t size;   /* of the data behind it */
	uint64_t number; /* WRITE: offset; TRUNCATE: length; SYNC_*: which sync */
	char name[NAME]; /* "" is the directory */
};

static char names[MAX_FD][NAME];
static bool known[MAX_FD];
static const char *dir, *mutant = "";
static int log_fd = -1;
static atomic_uint syncs;

/* Of the mutant "late": what is recorded behind the next commit. */
static struct late {
	char name[NAME];
	off_t at;
	char *data;
	size_t n;
} late;

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
	dir = getenv("POWER_DIR");
	if (getenv("POWER_MUTANT"))
		mutant = getenv("POWER_MUTANT");
	log_fd = REAL(open)(getenv("POWER_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
	if (!dir || log_fd < 0) {
		fprintf(stderr, "power: POWER_DIR and POWER_LOG are needed\n");
		abort();
	}
}

static void put(enum kind kind, const char *name, uint64_t number, const void *data, size_t n)
{
	struct record r = {.kind = (char)kind, .size = (uint32_t)n, .number = number};
	struct iovec v[] = {{&r, sizeof r}, {(void *)(uintptr_t)data, n}};
	int saved = errno;

	strncpy(r.name, name, NAME - 1);
	if (writev(log_fd, v, 2) != (ssize_t)(sizeof r + n))
		abort();
	errno = saved;
}

/* The name of a path in the directory, "" for the directory itself; NULL for others. */
static const char *name_in_dir(const char *path)
{
	size_t n = strlen(dir);

	if (strncmp(path, dir, n) != 0)
		return NULL;
	if (path[n] == '\0')
		return "";
	return path[n] == '/' && strlen(path + n + 1) < NAME ? path + n + 1 : NULL;
}

static const char *name_of(int fd)
{
	return fd >= 0 && fd < MAX_FD && known[fd] ? names[fd] : NULL;
}

static int opened(int fd, const char *name, bool made)
{
	if (fd < 0 || fd >= MAX_FD)
		return fd;
	known[fd] = name != NULL;
	if (!name)
		return fd;
	strcpy(names[fd], name);
	if (made)
		put(CREATE, name, 0, NULL, 0);
	return fd;
}

static bool is_body(const char *name)
{
	return strncmp(name, "bodies-", 7) == 0;
}

/* Keeps a write for later. The bytes of a batch are behind each other. */
static void keep_for_later(const char *name, off_t at, const void *p, size_t n)
{
	strcpy(late.name, name);
	late.at = late.n ? late.at : at;
	late.data = realloc(late.data, late.n + n);
	memcpy(late.data + late.n, p, n);
	late.n += n;
}

static void record_write(const char *name, off_t at, const void *p, size_t n)
{
	if (strcmp(mutant, "late") == 0 && is_body(name))
		keep_for_later(name, at, p, n);
	else
		put(WRITE, name, (uint64_t)at, p, n);
}

static void record_late(void)
{
	uint64_t which = (uint64_t)getpid() << 32 | atomic_fetch_add(&syncs, 1);

	if (!late.n)
		return;
	put(WRITE, late.name, (uint64_t)late.at, late.data, late.n);
	put(SYNC_BEGIN, late.name, which, NULL, 0);
	put(SYNC_END, late.name, which, NULL, 0);
	late.n = 0;
}

static bool missing(const char *name)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) != 0;
}

static int open_as(int at, const char *path, int flags, mode_t mode)
{
	const char *name = name_in_dir(path);
	bool made;

	if (!name && at >= 0 && name_of(at) && !name_of(at)[0] && path[0] != '/')
		name = path;
	made = name && (flags & O_CREAT) && missing(name);
	return opened(REAL(openat)(at, path, flags, mode), name, made);
}

#define MODE(flags, mode) \
	mode_t mode = 0; \
	if ((flags) & O_CREAT) { \
		va_list ap; \
		va_start(ap, flags); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	}

int open(const char *path, int flags, ...)
{
	MODE(flags, mode)
	return open_as(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE(flags, mode)
	return open_as(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	MODE(flags, mode)
	return open_as(at, path, flags, mode);
}

/* openat() of flags that the compiler does not know, with _FORTIFY_SOURCE. */
int __openat_2(int at, const char *path, int flags);

int __openat_2(int at, const char *path, int flags)
{
	return open_as(at, path, flags, 0);
}

int close(int fd)
{
	if (fd >= 0 && fd < MAX_FD)
		known[fd] = false;
	return REAL(close)(fd);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	ssize_t done = REAL(pwrite64)(fd, p, n, at);

	if (done > 0 && name_of(fd))
		record_write(name_of(fd), at, p, (size_t)done);
	return done;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	ssize_t done = REAL(pwritev)(fd, v, n, at), left = done;

	for (int i = 0; left > 0 && name_of(fd); i++) {
		size_t size = (size_t)left < v[i].iov_len ? (size_t)left : v[i].iov_len;

		record_write(name_of(fd), at, v[i].iov_base, size);
		at += (off_t)size;
		left -= (ssize_t)size;
	}
	return done;
}

/* Bytes that become zeros are a write of zeros. */
int fallocate(int fd, int mode, off_t at, off_t n)
{
	int rc = REAL(fallocate)(fd, mode, at, n);
	char *zeros = calloc(1, (size_t)n);

	if (rc == 0 && mode & FALLOC_FL_PUNCH_HOLE && name_of(fd))
		put(WRITE, name_of(fd), (uint64_t)at, zeros, (size_t)n);
	free(zeros);
	return rc;
}

int ftruncate(int fd, off_t length)
{
	int rc = REAL(ftruncate)(fd, length);

	if (rc == 0 && name_of(fd))
		put(TRUNCATE, name_of(fd), (uint64_t)length, NULL, 0);
	return rc;
}

int unlinkat(int at, const char *path, int flags)
{
	const char *name = name_of(at) && !name_of(at)[0] && path[0] != '/' ? path : name_in_dir(path);
	int rc = REAL(unlinkat)(at, path, flags);

	if (rc == 0 && name)
		put(UNLINK, name, 0, NULL, 0);
	return rc;
}

int ftruncate64(int fd, off64_t length)
{
	int rc = REAL(ftruncate64)(fd, length);

	if (rc == 0 && name_of(fd))
		put(TRUNCATE, name_of(fd), (uint64_t)length, NULL, 0);
	return rc;
}

int unlink(const char *path)
{
	const char *name = name_in_dir(path);
	int rc = REAL(unlink)(path);

	if (rc == 0 && name)
		put(UNLINK, name, 0, NULL, 0);
	return rc;
}

int rename(const char *from, const char *to)
{
	int rc = REAL(rename)(from, to);

	if (rc == 0 && name_in_dir(from) && name_in_dir(to))
		put(RENAME, name_in_dir(from), 0, name_in_dir(to), strlen(name_in_dir(to)));
	return rc;
}

static int sync_as(int fd, int (*real)(int))
{
	uint64_t which = (uint64_t)getpid() << 32 | atomic_fetch_add(&syncs, 1);
	int rc;

	if (!name_of(fd))
		return real(fd);
	if (strcmp(mutant, "lie") == 0 || (strcmp(mutant, "segment") == 0 && is_body(name_of(fd))))
		return 0;
	if (strcmp(mutant, "late") == 0 && is_body(name_of(fd)))
		return real(fd);
	put(SYNC_BEGIN, name_of(fd), which, NULL, 0);
	rc = real(fd);
	put(rc == 0 ? SYNC_END : SYNC_FAILED, name_of(fd), which, NULL, 0);
	if (strcmp(name_of(fd), "hookspool.db-wal") == 0)
		record_late();
	return rc;
}

int fsync(int fd)
{
	return sync_as(fd, REAL(fsync));
}

int fdatasync(int fd)
{
	return sync_as(fd, REAL(fdatasync));
}

typedef int callback(void *, int, char **, char **);
int sqlite3_exec(void *db, const char *sql, callback *row, void *ctx, char **error);

int sqlite3_exec(void *db, const char *sql, callback *row, void *ctx, char **error)
{
	if (strcmp(mutant, "normal") == 0 && strcmp(sql, "PRAGMA synchronous=FULL") == 0)
		sql = "PRAGMA synchronous=NORMAL";
	return REAL(sqlite3_exec)(db, sql, row, ctx, error);
}
