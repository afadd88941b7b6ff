# SPDX-License-Identifier: ISC
"""A systemd-journald of a test's own, in mounts of its own, and what enters them. The machine's journal is not touched."""
import json
import os
import signal
import sys

import pytest

from place import ROOT, USER, in_own_mounts, need, new_dir, run, until
from proc import Child

PROGRAM = "/lib/systemd/systemd-journald"
SOCKET = "/run/systemd/journal/socket"

MOUNTS = """mount -t tmpfs tmpfs /run && mount --bind {dir}/log /var/log && mkdir -p /run/systemd/journal /run/systemd/journald.conf.d {made} &&
touch /run/systemd/journal/flushed && cp {dir}/conf /run/systemd/journald.conf.d/test.conf && echo mounted"""

CONF = """[Journal]
Storage={storage}
ReadKMsg=no
Audit=no
RateLimitIntervalSec=0
{more}
"""

# fills the queue of the socket, which a journald that is stopped does not read; a sender may have less than all of it in the queue
FILL = f"""import socket
def fill():
    sock, n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK), 0
    try:
        while True:
            sock.sendto(b"MESSAGE=fill\\n", "{SOCKET}")
            n += 1
    except BlockingIOError:
        return n
while fill():
    pass
"""


class Journald:
    """It keeps its journal when it is started again."""

    def __init__(self, more="", persistent=True):
        if not os.path.exists(PROGRAM):
            pytest.fail(f"{PROGRAM} is missing: apt-get install systemd", pytrace=False)
        self.dir = new_dir("journald")
        (self.dir / "log").mkdir()
        (self.dir / "conf").write_text(CONF.format(more=more, storage="persistent" if persistent else "volatile"))
        mounts = MOUNTS.format(dir=self.dir, made="/var/log/journal" if persistent else "")
        self.holder = Child([*in_own_mounts(mounts), "sleep", "infinity"], self.dir / "mounts.log", user=None)
        self.holder.until(lambda: "mounted" in self.holder.text(), "the mounts")
        self.start()

    def inside(self, user=None):
        """What comes before a command's words to run it where this journald is the machine's."""
        enter = [need("nsenter"), "-t", str(self.holder.pid), "-m", *([] if ROOT else ["-U", "--preserve-credentials"]), "--"]
        return enter + ([need("setpriv"), "--reuid", user, "--regid", user, "--clear-groups", "--"] if user else [])

    def start(self):
        self.child = Child([*self.inside(), PROGRAM], self.dir / "log.txt", user=None)
        self.child.until(self.answers, "journald answers")

    def do(self, code):
        return run([*self.inside(), sys.executable, "-c", code])

    def answers(self):
        return self.do(f"import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect('{SOCKET}')").returncode == 0

    def signal(self, number):
        self.child.signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait(20)

    def hang(self):
        """It reads no more, and its queue is full."""
        self.signal(signal.SIGSTOP)
        assert self.do(FILL).returncode == 0

    def unhang(self):
        self.signal(signal.SIGCONT)

    def remove_socket(self):
        self.kill()
        assert run([*self.inside(), "rm", SOCKET]).returncode == 0

    def relay_in(self):
        """The arguments of Relay() for one that logs to this journald."""
        return {"before": self.inside(USER), "user": None}

    def entries(self, **where):
        """The entries with HOOKSPOOL_ID: dictionaries of bytes, in the order of the journal."""
        done = run([need("journalctl"), "-D", self.dir / "log/journal", "-o", "json", "--all", "--no-pager", "-q", *(f"{k}={v}" for k, v in where.items())])
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return [{name: value_of(value) for name, value in entry.items()} for entry in found if "HOOKSPOOL_ID" in entry]

    def until_entries(self, n, **where):
        return until(lambda: len(self.entries(**where)) >= n and self.entries(**where), f"{n} entries")


def value_of(value):
    """journalctl prints what is no text as a list of numbers."""
    return bytes(value) if isinstance(value, list) else value.encode()
