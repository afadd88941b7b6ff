/* SPDX-License-Identifier: ISC */
/* What a process has given up is refused by the kernel; what it needs goes on. Each test is a process of its own. */
#define _GNU_SOURCE /* unshare */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sandbox.h"

/* The status of a process that enters the sandbox and then does what `act` says: 0 where it came out as it should. */
static int inside_with(const struct sandbox_needs *needs, bool (*act)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct sandbox s = sandbox_enter(needs);

		if (!s.seccomp && prctl(PR_GET_SECCOMP) < 0)
			_exit(0); /* this kernel has none */
		_exit(s.seccomp && act() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int inside(bool (*act)(void))
{
	static const struct sandbox_needs needs = {.writes = {"/tmp"}};

	return inside_with(&needs, act);
}

static bool no_program(void)
{
	char *const argv[] = {(char *)(uintptr_t)"true", NULL};

	execv("/bin/true", argv);
	return errno == EPERM && syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0) < 0 && errno == EPERM;
}

static bool no_network(void)
{
	static const int domains[] = {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

	for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
		if (socket(domains[i], SOCK_DGRAM, 0) >= 0 || errno != EAFNOSUPPORT)
			return false;
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM;
}

static bool no_other_process(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0) < 0 && errno == EPERM && unshare(CLONE_NEWUSER) < 0 &&
		errno == EPERM;
}

static void *write_file(void *ok)
{
	char name[] = "/tmp/hs-sandbox-XXXXXX";
	int fd = mkstemp(name);

	*(bool *)ok = fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink(name) == 0;
	return NULL;
}

/* Threads, files, Unix sockets, signals to itself: what the receiver does all day. */
static bool goes_on(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), pair[2];
	bool ok = false;
	pthread_t thread;

	return fd >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && kill(getpid(), 0) == 0 &&
		pthread_create(&thread, NULL, write_file, &ok) == 0 && pthread_join(thread, NULL) == 0 && ok;
}

static void sandbox_gives_up_programs_and_network(void **state)
{
	(void)state;
	assert_int_equal(inside(no_program), 0);
	assert_int_equal(inside(no_network), 0);
	assert_int_equal(inside(no_other_process), 0);
	assert_int_equal(inside(goes_on), 0);
}

static char dir[64];

static bool can_write(const char *name)
{
	char path[sizeof dir + 32];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static long landlock_version(void)
{
	return syscall(444 /* landlock_create_ruleset */, NULL, 0, 1 /* its version */);
}

/* What is there can still be read, and /dev/null opened. */
static bool writes_in_own(void)
{
	return can_write("own/a") && !can_write("b") && errno == EACCES && !can_write("other/a") && open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 &&
		open("/dev/null", O_RDWR | O_CLOEXEC) >= 0;
}

/* Nor does what is there elsewhere change, or get company. */
static bool changes_nothing_else(void)
{
	char there[sizeof dir + 32], made[sizeof dir + 32];
	bool ok;

	snprintf(there, sizeof there, "%s/other/there", dir);
	snprintf(made, sizeof made, "%s/other/made", dir);
	ok = unlink(there) < 0 && errno == EACCES && rename(there, made) < 0 && errno == EACCES && mkdir(made, 0700) < 0 && errno == EACCES &&
		symlink("x", made) < 0 && errno == EACCES && mkfifo(made, 0600) < 0 && errno == EACCES;
	return ok && (landlock_version() < 3 || (truncate(there, 0) < 0 && errno == EACCES));
}

static bool makes_own(void)
{
	char path[sizeof dir + 32];

	snprintf(path, sizeof path, "%s/new", dir);
	return mkdir(path, 0700) == 0 && can_write("new/a");
}

static bool writes_elsewhere(void)
{
	return can_write("other/a");
}

static void only_directories_that_are_needed_can_be_written(void **state)
{
	char own[sizeof dir + 32], new[sizeof dir + 32], other[sizeof dir + 32];

	(void)state;
	if (landlock_version() < 1)
		return;
	snprintf(dir, sizeof dir, "%s/sandbox", (char *)*state); /* it goes with the private directory */
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(own, sizeof own, "%s/own", dir);
	snprintf(other, sizeof other, "%s/other", dir);
	snprintf(new, sizeof new, "%s/new/deep", dir);
	assert_int_equal(mkdir(own, 0700) | mkdir(other, 0700), 0);
	assert_int_equal(inside_with(&(struct sandbox_needs){.writes = {own}}, writes_in_own), 0);
	assert_true(can_write("other/there"));
	assert_int_equal(inside_with(&(struct sandbox_needs){.writes = {own}}, changes_nothing_else), 0);
	assert_int_equal(inside_with(&(struct sandbox_needs){.writes = {new}}, makes_own), 0);
	assert_int_equal(inside_with(&(struct sandbox_needs){.writes = {own}, .writes_anywhere = true}, writes_elsewhere), 0);
	assert_int_equal(inside_with(&(struct sandbox_needs){.writes = {NULL}}, writes_elsewhere), 1);
}

/* Sockets and connections, but no server of its own. */
static bool has_network(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), resolver = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd >= 0 && resolver >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EACCES && errno != EPERM &&
		socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT && no_program();
}

static void network_stays_where_it_is_needed(void **state)
{
	(void)state;
	assert_int_equal(inside_with(&(struct sandbox_needs){.network = true}, has_network), 0);
}

/* The status of a process that keeps all. */
static void sandbox_that_is_off_gives_up_nothing_but_core_files(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct sandbox s = sandbox_enter(&(struct sandbox_needs){.off = true});
		struct rlimit core;

		_exit(!s.seccomp && s.landlock == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
			core.rlim_max == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool is_hidden(void)
{
	sandbox_hide();
	return prctl(PR_GET_DUMPABLE) == 0;
}

static void memory_is_hidden_from_other_processes(void **state)
{
	(void)state;
	assert_int_equal(inside(is_hidden), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sandbox_gives_up_programs_and_network), cmocka_unit_test(memory_is_hidden_from_other_processes),
		cmocka_unit_test(only_directories_that_are_needed_can_be_written), cmocka_unit_test(network_stays_where_it_is_needed),
		cmocka_unit_test(sandbox_that_is_off_gives_up_nothing_but_core_files)};

	return cmocka_run_group_tests_name("sandbox", tests, unit_enter, unit_leave);
}
