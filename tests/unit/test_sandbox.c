/* SPDX-License-Identifier: ISC */
/* What a process has given up is refused by the kernel; what it needs goes on. Each test is a process of its own. */
#define _GNU_SOURCE /* unshare */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/sandbox.h"

/* The status of a process that enters the sandbox and then does what `act` says: 0 where it came out as it should. */
static int inside_with(bool network, bool (*act)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct sandbox s = sandbox_enter(network);

		if (!s.seccomp && prctl(PR_GET_SECCOMP) < 0)
			_exit(0); /* this kernel has none */
		_exit(s.seccomp && act() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int inside(bool (*act)(void))
{
	return inside_with(false, act);
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

/* What a client of a server needs, and nothing beyond. */
static bool network_alone(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_INET6, SOCK_STREAM, 0) >= 0 && socket(AF_NETLINK, SOCK_RAW, 0) >= 0 &&
		socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT && no_program();
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
	assert_int_equal(inside_with(true, network_alone), 0);
	assert_int_equal(inside_with(true, no_other_process), 0);
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
	const struct CMUnitTest tests[] = {cmocka_unit_test(sandbox_gives_up_programs_and_network), cmocka_unit_test(memory_is_hidden_from_other_processes)};

	return cmocka_run_group_tests_name("sandbox", tests, unit_enter, unit_leave);
}
