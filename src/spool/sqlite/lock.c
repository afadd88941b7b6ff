/* SPDX-License-Identifier: ISC */
/*
 * The lock between processes: flock(2) on the file "lock" in the spool's directory.
 *
 * A process holds it around BEGIN IMMEDIATE .. COMMIT and around a checkpoint. SQLite's own busy handler starves writers, and a
 * checkpoint racing another connection's commit corrupts (SQLite before 3.51.3, "WAL-reset bug").
 */
#define _GNU_SOURCE /* SIGEV_THREAD_ID, gettid */
#include "config.h"

#include "spool/sqlite/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/fs.h"
#include "spool/sqlite/repair.h"

enum {
	WAIT_US = 8 * 1000 * 1000,       /* the sender gives up after 15 s */
	WAIT_SHORT_US = 1 * 1000 * 1000, /* for housekeeping, and after an urgent wait of this process timed out */
	NUDGE_NS = 100 * 1000 * 1000,
	TRY_NS = 2 * 1000 * 1000,
};

static atomic_bool timed_out; /* the last urgent wait of this process that was not cut short */

int spool_lock_open(int dir_fd)
{
	int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && !spool_fs_give(dir_fd, fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

#if defined HAVE_TIMER_CREATE && defined SIGEV_THREAD_ID

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void on_nudge(int sig)
{
	(void)sig;
}

/*
 * flock(2) serves its waiters in order, but has no time limit. A timer's signal to this thread ends the wait. The timer repeats,
 * because its first signal may come just before flock() is entered.
 */
static bool wait_for_flock(int fd, int64_t us)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	struct itimerspec every = {{0, NUDGE_NS}, {us / 1000000, us % 1000000 * 1000}};
	struct sigaction sa = {.sa_handler = on_nudge};
	int64_t end = clock_mono_us() + us;
	sigset_t nudge, old;
	timer_t timer;
	int error;
	bool ok;

	ev.sigev_notify_thread_id = gettid();
	sigemptyset(&nudge);
	sigaddset(&nudge, SIGRTMIN);
	if (sigaction(SIGRTMIN, &sa, NULL) != 0 || timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0)
		return false;
	pthread_sigmask(SIG_UNBLOCK, &nudge, &old);
	timer_settime(timer, 0, &every, NULL);
	do
		ok = flock(fd, LOCK_EX) == 0;
	while (!ok && errno == EINTR && clock_mono_us() < end);
	error = errno;
	timer_delete(timer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return ok;
}

#else

/* No signal can be sent to a thread here: the lock is tried again and again. */
static bool wait_for_flock(int fd, int64_t us)
{
	const struct timespec pause = {.tv_nsec = TRY_NS};
	int64_t end = clock_mono_us() + us;
	bool ok;

	while (!(ok = flock(fd, LOCK_EX | LOCK_NB) == 0) && (errno == EWOULDBLOCK || errno == EINTR) && clock_mono_us() < end)
		nanosleep(&pause, NULL);
	if (!ok && errno == EWOULDBLOCK)
		errno = EINTR; /* the time is over */
	return ok;
}

#endif

/* How long this transaction may wait for the lock, in us. */
static int64_t longest_wait(const struct spool_db *db, bool urgent)
{
	int64_t left = db->wait_until ? db->wait_until - clock_mono_us() : WAIT_US;

	if (!urgent || atomic_load(&timed_out) || left < WAIT_SHORT_US)
		return WAIT_SHORT_US;
	return left < WAIT_US ? left : WAIT_US;
}

bool spool_lock_take(struct spool_db *db, bool urgent)
{
	bool ok = flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0;
	int64_t wait = 0;

	urgent = urgent && !db->housekeeping;
	db->contended = !ok;
	if (!ok) {
		wait = longest_wait(db, urgent);
		ok = wait_for_flock(db->lock_fd, wait);
	}
	if (ok || wait == WAIT_US)
		atomic_store(&timed_out, !ok);
	if (!ok)
		return spool_db_fail_code(db, SQLITE_ERROR, "lock: %s", errno == EINTR ? "held by another process" : strerror(errno));
	if (spool_repair_read_flag(db))
		return true;
	flock(db->lock_fd, LOCK_UN);
	return false;
}

void spool_lock_release(struct spool_db *db)
{
	spool_repair_clear_flag(db);
	flock(db->lock_fd, LOCK_UN);
}
