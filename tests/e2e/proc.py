# SPDX-License-Identifier: ISC
"""Child processes: started in groups of their own, waited for by polling, and certainly gone at the end."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from place import SLOW, USER, as_user, until

LIVE = []
PR_SET_CHILD_SUBREAPER = 36


def take_interrupts():
    """A shell's background job ignores SIGINT, and so would all it starts; what Ctrl-C does could not be tested."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def adopt_orphans():
    """Makes the children of our children ours when those die: nothing a server started can escape end_all()."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A process with its output in a log file."""

    def __init__(self, argv, log, user=USER, env=None, **more):
        self.log = Path(log)
        self.argv = [str(a) for a in argv]
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.argv, stdin=more.pop("stdin", subprocess.DEVNULL), stdout=out, stderr=out,
                                          cwd="/", start_new_session=True, env={**os.environ, **(env or {})},
                                          **as_user(user), **more)
        LIVE.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def until(self, check, what, within=30.0):
        """Like until(), and fails at once when the process ends."""
        def still():
            value = check()
            assert value or self.alive(), f"{self.argv[0]} ended with {self.popen.returncode}:\n{self.text()[-3000:]}"
            return value
        return until(still, what, within)

    def state(self):
        """The letter in /proc, such as R, S or T; Z when it has ended."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def states(self):
        """The letters of all its threads."""
        found = set()
        for path in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # a thread that has just ended
                found.add(path.read_text().rpartition(")")[2].split()[0])
        return found

    def signal(self, number):
        """After SIGSTOP all its threads have stopped: one that waits for a CPU or a disk does that later."""
        self.popen.send_signal(number)
        if number == signal.SIGSTOP:
            self.until(lambda: self.states() == {"T"}, "a stop")

    def wait(self, within):
        """Its exit status; fails when it takes longer."""
        try:
            return self.popen.wait(within * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv[0]} still runs after {within * SLOW:g} s:\n{self.text()[-3000:]}") from None

    def end(self):
        """Asks, then kills, the process and all of its group."""
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(5 * SLOW)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
        if self in LIVE:
            LIVE.remove(self)


def children():
    """The processes whose parent is this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(stat.parent.name))
    return found


def end_all():
    """Ends whatever is left, adopted orphans included."""
    for child in list(LIVE):
        child.end()
    end = time.monotonic() + 10
    while children() and time.monotonic() < end:
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
