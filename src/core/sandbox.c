/* SPDX-License-Identifier: ISC */
/* The sandbox: a process closes its memory to others, and gives up programs and the network, before it talks to strangers. */
#define _GNU_SOURCE /* syscall, O_PATH */
#include "config.h"

#include "core/sandbox.h"

#include <sys/resource.h>
#ifdef HAVE_LINUX_SECCOMP_H
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/sanitized.h"

void sandbox_hide(void)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* ---- seccomp(2): a list of what is refused, so that a C library's or sanitizer's choice of other calls breaks nothing */

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#ifdef ARCH

#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW /* or older kernels slow down all of the process's branches; Linux 4.17 */
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW (1UL << 2)
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define REFUSE_WITH(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define REFUSE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), REFUSE_WITH(EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define ALLOW_DOMAIN(domain) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (domain), 0, 1), ALLOW

static bool filter(bool network)
{
	/* getaddrinfo(3) asks netlink which addresses this machine has */
	const uint32_t inet = network ? AF_INET : AF_UNIX, inet6 = network ? AF_INET6 : AF_UNIX, netlink = network ? AF_NETLINK : AF_UNIX;
	struct sock_filter code[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		REFUSE_WITH(ENOSYS),
		LOAD(nr),
#ifdef X32_BIT
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
		REFUSE_WITH(ENOSYS),
#endif
		REFUSE(SYS_execve),
		REFUSE(SYS_execveat),
#ifndef SANITIZED /* they look for leaks with it */
		REFUSE(SYS_ptrace),
#endif
		REFUSE(SYS_process_vm_readv),
		REFUSE(SYS_process_vm_writev),
#ifdef SYS_pidfd_getfd
		REFUSE(SYS_pidfd_getfd),
#endif
		REFUSE(SYS_io_uring_setup), /* it makes sockets, too */
		REFUSE(SYS_bpf),
		REFUSE(SYS_perf_event_open),
		REFUSE(SYS_userfaultfd),
		REFUSE(SYS_add_key),
		REFUSE(SYS_request_key),
		REFUSE(SYS_keyctl),
		REFUSE(SYS_unshare),
		REFUSE(SYS_setns),
		REFUSE(SYS_mount),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0),
		ALLOW,
		LOAD(args[0]), /* the low half: the kernel takes the domain for an int */
		ALLOW_DOMAIN(AF_UNIX),
		ALLOW_DOMAIN(inet),
		ALLOW_DOMAIN(inet6),
		ALLOW_DOMAIN(netlink),
		REFUSE_WITH(EAFNOSUPPORT),
	};
	const struct sock_fprog program = {sizeof code / sizeof *code, code};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0;
}

#else

static bool filter(bool network)
{
	(void)network;
	return false;
}

#endif

/* ---- landlock(7): with the kernel's own numbers, as headers are older than kernels */

enum {
	LANDLOCK_CREATE = 444, LANDLOCK_ADD_RULE = 445, LANDLOCK_RESTRICT_SELF = 446, /* on all architectures */
	LANDLOCK_VERSION = 1,
	RULE_BENEATH = 1,
	FS_EXECUTE = 1,                       /* since version 1 */
	FS_WRITE = 1 << 1,
	FS_CHANGE = FS_WRITE | 0x1ff << 4,    /* remove entries, and make those of each type */
	FS_TRUNCATE = 1 << 14, FS_TRUNCATE_SINCE = 3,
	NET_BIND = 1, NET_CONNECT = 2, NET_SINCE = 4, /* TCP */
	SCOPE_SIGNAL = 2, SCOPE_SINCE = 6,
};

/* struct landlock_ruleset_attr of version 6; older kernels take it where what they don't know is 0. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* struct landlock_path_beneath_attr */
struct beneath {
	uint64_t allowed;
	int32_t file;
} __attribute__((packed));

/* Opens the directory, or the nearest one above it that is there. -1 where this process may not even look. */
static int open_nearest(const char *directory)
{
	enum { FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC };
	char path[PATH_MAX], *slash;
	int fd;

	if (snprintf(path, sizeof path, "%s", directory) >= (int)sizeof path)
		return -1;
	while ((fd = open(path, FLAGS)) < 0 && (errno == ENOENT || errno == ENOTDIR) && (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR))
		return fd;
	return open(*path == '/' ? "/" : ".", FLAGS);
}

/* Allows it beneath that file or directory, which is closed. One that this process may not even look at needs no rule. */
static bool allow_beneath(int rules, uint64_t what, int file)
{
	struct beneath beneath = {what, file};
	bool ok;

	if (file < 0)
		return true;
	ok = syscall(LANDLOCK_ADD_RULE, rules, RULE_BENEATH, &beneath, 0) == 0;
	close(file);
	return ok;
}

static int landlock(const struct sandbox_needs *needs)
{
	long version = syscall(LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
	uint64_t changes = needs->writes_anywhere ? 0 : FS_CHANGE | (version >= FS_TRUNCATE_SINCE ? FS_TRUNCATE : 0);
	struct ruleset rules = {
		.fs = FS_EXECUTE | changes,
		.net = version < NET_SINCE ? 0 : needs->network ? NET_BIND : NET_BIND | NET_CONNECT,
		.scoped = version >= SCOPE_SINCE ? SCOPE_SIGNAL : 0,
	};
	bool ok;
	int fd;

	if (version < 1)
		return 0;
	fd = (int)syscall(LANDLOCK_CREATE, &rules, sizeof rules, 0);
	if (fd < 0)
		return 0;
	ok = !changes || allow_beneath(fd, FS_WRITE, open("/dev/null", O_PATH | O_CLOEXEC)); /* SQLite opens it for a closed standard descriptor */
	for (size_t i = 0; ok && changes && i < SANDBOX_WRITES && needs->writes[i]; i++)
		ok = allow_beneath(fd, changes, open_nearest(needs->writes[i]));
	ok = ok && syscall(LANDLOCK_RESTRICT_SELF, fd, 0) == 0;
	close(fd);
	return ok ? (int)version : 0;
}

static void enter(const struct sandbox_needs *needs, struct sandbox *s)
{
	if (needs->off || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return;
	s->landlock = landlock(needs);
	s->seccomp = filter(needs->network);
}

#else

/* This system has neither of the two. */
void sandbox_hide(void)
{
}

static void enter(const struct sandbox_needs *needs, struct sandbox *s)
{
	(void)needs;
	(void)s;
}

#endif

struct sandbox sandbox_enter(const struct sandbox_needs *needs)
{
	const struct rlimit none = {0};
	struct sandbox s = {0};

	setrlimit(RLIMIT_CORE, &none); /* for a change of user after sandbox_hide(), which the kernel lets undo that */
	enter(needs, &s);
	return s;
}
