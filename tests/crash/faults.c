/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: lets the nth call of a kind fail. The test arms it, and reads how many calls there
 * were, through the page that $FAULTS names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITES, SYNCS, OPENS, ALLOCATIONS, KINDS };
enum { KILL = -9 }; /* in place of an errno: the process is killed before the call */

/* faults.py knows it as "<4I4i": what is written there by the test. */
struct page {
	atomic_uint calls[KINDS];
	_Atomic int32_t kind;  /* which is armed */
	_Atomic int32_t after; /* that many calls pass; then */
	_Atomic int32_t times; /* so many fail */
	_Atomic int32_t error; /* with this errno; 0: a write is done by half */
};

static struct page *page;

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void)
{
	int fd = REAL(open)(getenv("FAULTS"), O_RDWR | O_CLOEXEC);
	void *p = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		abort();
	close(fd);
	page = p;
}

/* Counts a call. True when it is to fail: errno is set. */
static bool fails(enum kind kind)
{
	if (!page)
		return false;
	atomic_fetch_add(&page->calls[kind], 1);
	if (atomic_load(&page->kind) != (int32_t)kind || atomic_load(&page->times) <= 0)
		return false;
	if (atomic_fetch_sub(&page->after, 1) > 0 || atomic_fetch_sub(&page->times, 1) <= 0)
		return false;
	if (atomic_load(&page->error) == KILL)
		raise(SIGKILL);
	errno = atomic_load(&page->error);
	return true;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	if (!fails(WRITES))
		return REAL(pwrite64)(fd, p, n, at);
	return errno ? -1 : REAL(pwrite64)(fd, p, n / 2, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	if (!fails(WRITES))
		return REAL(pwritev)(fd, v, n, at);
	return errno ? -1 : REAL(pwrite)(fd, v->iov_base, v->iov_len / 2, at);
}

ssize_t write(int fd, const void *p, size_t n)
{
	if (!fails(WRITES))
		return REAL(write)(fd, p, n);
	return errno ? -1 : REAL(write)(fd, p, (n + 1) / 2);
}

int ftruncate64(int fd, off64_t length)
{
	return fails(WRITES) && errno ? -1 : REAL(ftruncate64)(fd, length);
}

int ftruncate(int fd, off_t length)
{
	return fails(WRITES) && errno ? -1 : REAL(ftruncate)(fd, length);
}

int fsync(int fd)
{
	return fails(SYNCS) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return fails(SYNCS) ? -1 : REAL(fdatasync)(fd);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return fails(OPENS) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return fails(OPENS) ? -1 : REAL(open64)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return fails(OPENS) ? -1 : REAL(openat)(at, path, flags, mode);
}

/* openat() of flags that the compiler does not know, with _FORTIFY_SOURCE. */
int __openat_2(int at, const char *path, int flags);

int __openat_2(int at, const char *path, int flags)
{
	return fails(OPENS) ? -1 : REAL(openat)(at, path, flags);
}

int accept4(int fd, __SOCKADDR_ARG a, socklen_t *n, int flags)
{
	return fails(OPENS) ? -1 : REAL(accept4)(fd, a, n, flags);
}

/* glibc's own names: dlsym() itself allocates. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	return fails(ALLOCATIONS) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails(ALLOCATIONS) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails(ALLOCATIONS) ? NULL : __libc_realloc(p, n);
}
