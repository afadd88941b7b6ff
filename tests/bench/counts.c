/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: counts what a process syncs, and commits if SQLite is linked or preloaded, with all
 * others that share the file named by BENCH_COUNTS.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOADED(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_DEFAULT, #name))

static struct counts {
	atomic_ulong syncs, commits;
} nowhere, *counts = &nowhere;

int fsync(int fd)
{
	atomic_fetch_add(&counts->syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	atomic_fetch_add(&counts->syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

static int committed(void *arg)
{
	(void)arg;
	atomic_fetch_add(&counts->commits, 1);
	return 0;
}

static int opened(sqlite3 *db)
{
	LOADED(sqlite3_commit_hook)(db, committed, NULL);
	return SQLITE_OK;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("BENCH_COUNTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = fd >= 0 ? mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (p != MAP_FAILED)
		counts = p;
	if (fd >= 0)
		close(fd);
	if (LOADED(sqlite3_auto_extension))
		LOADED(sqlite3_auto_extension)((void (*)(void))opened);
}
