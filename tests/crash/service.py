# SPDX-License-Identifier: ISC
"""Receivers as systemd runs them, on a socket that stays open while they come and go, and rounds of faults under load."""
import os
import signal
import socket
import time
from contextlib import contextmanager

import tally
from oracle import ROUNDS, Sender, verify
from place import BIN, SOURCE, own, until
from proc import Child
from receiver import Home, accepts
from servers import free_port, start_nginx

ACTIVATE = ["sh", "-c", 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&0 </dev/null', "sh"]
ROUNDS_A_HOME = 10  # the spool is compared, and a new one begun, after so many


class Service:
    """A number of receivers that share a socket and a spool."""

    def __init__(self, home, processes=1, before=()):
        self.home, self.before, self.number = home, before, next(home.numbers)
        self.socket = home.dir / f"sock{self.number}"
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.socket))
        self.listening.listen(4096)
        own(self.socket)
        self.running = [self.start() for _ in range(processes)]

    def start(self):
        return self.home.start(argv=[BIN / "hookspool.fcgi", "-c", self.home.conf], before=[*ACTIVATE, *self.before],
                               stdin=self.listening, number=self.number)

    def again(self, ended):
        """Starts what has ended, as Restart=always does."""
        ended.end()
        self.running[self.running.index(ended)] = self.start()

    def stop(self):
        for one in self.running:
            one.stop()
        self.listening.close()


def behind_nginx(service, keep):
    """nginx before the service with the example's configuration: plain, or with connections that are kept."""
    port = free_port()
    http = (SOURCE / "conf-examples" / ("nginx-kept.conf" if keep else "nginx-plain.conf")).read_text()
    if not keep:
        http = f"server {{\nlisten 80;\n{http}}}\n"
    http = http.replace("/run/hookspool/hookspool.sock", str(service.socket)).replace("listen 80;", f"listen 127.0.0.1:{port};")
    return start_nginx(http, port, home=service.home)


def kill_group(server):
    """kill -9 of a server and all its processes; they are gone when this returns."""
    os.killpg(server.child.pid, signal.SIGKILL)
    server.child.end()
    try:
        while True:
            os.waitpid(-server.child.pid, 0)
    except ChildProcessError:
        pass


def start_again(server):
    """Starts the server as it was started first."""
    server.child = Child(server.child.argv, server.log, user=None)
    server.child.until(lambda: accepts(("127.0.0.1", server.port)), "it is back", 20)


@contextmanager
def nginx_service(processes=1, keep=False, **given):
    """A service behind nginx; both are stopped on the way out."""
    service = Service(Home(**given), processes)
    server = behind_nginx(service, keep)
    try:
        yield service, server
    finally:
        server.stop()
        service.stop()


def rounds(load, rng, fault, number):
    """That many faults, each at a random moment, and deliveries go on after each without a hand's help."""
    for _ in range(number):
        time.sleep(rng.uniform(0.02, 0.12))
        fault()
        before = load.count
        until(lambda: load.count > before + 10, "deliveries are stored after the fault")


def portions(number=ROUNDS):
    """The rounds of a fault, cut into what one home is used for."""
    return [min(ROUNDS_A_HOME, number - done) for done in range(0, number, ROUNDS_A_HOME)]


@contextmanager
def tried(name, home, deliver, rng, number, again=None, **how):
    """Load on a home for that many rounds of a fault; at the end the spool is compared, and the tally has it."""
    start = time.monotonic()
    with Sender(deliver, home.dir / "journal", rng, **how) as load:
        yield load
    tally.add(name, verify(home, load.acknowledged, again), number, time.monotonic() - start, len(load.failures))
