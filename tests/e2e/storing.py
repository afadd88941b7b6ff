# SPDX-License-Identifier: ISC
"""What the tests of `store` share: homes whose endpoint waits for a sink, deliveries in threads, a relay of the test's own."""
import socket
import struct
import threading
import time

import fcgi_client
from place import SLOW, until
from receiver import Home, endpoint
from relaying import PATH, sink

OTHER = "/webhook/other"
DELIVERED, REFUSED, UNKNOWN = 0, 1, 2
QUICK = 4.0 * SLOW  # what is "at once" on a busy machine: less than half of the time that the answer may wait


class FakeRelay:
    """The relay's end of the spool's socket `ack`: it keeps what is asked for, and answers what the test says."""

    def __init__(self, home):
        self.path = home.spool.dir / "ack"
        self.asked, self.conns, self.lock = [], [], threading.Lock()
        self.answer = None
        self.open()

    def open(self):
        until(self.path.parent.exists, "the receiver has made the spool")
        self.path.unlink(missing_ok=True)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(str(self.path))
        self.path.chmod(0o666)
        self.sock.listen(128)
        threading.Thread(target=self.accept, args=(self.sock,), daemon=True).start()

    def accept(self, sock):
        while True:
            try:
                conn = sock.accept()[0]
            except OSError:
                return
            self.conns.append(conn)
            threading.Thread(target=self.read, args=(conn,), daemon=True).start()

    def read(self, conn):
        while True:
            try:
                packet = conn.recv(65536)
            except OSError:
                return
            if not packet:
                return
            keys = [struct.unpack_from("qq", packet, i) for i in range(0, len(packet), 16)]
            with self.lock:
                self.asked += [(conn, key) for key in keys]
            for key in keys if self.answer is not None else []:
                self.say(conn, key, self.answer)

    def say(self, conn, key, state):
        conn.send(struct.pack("qqq", *key, state))

    def until(self, n):
        until(lambda: len(self.asked) >= n, f"{n} deliveries asked for, not {len(self.asked)}", 20)
        return self.asked

    def say_all(self, state=DELIVERED):
        for conn, key in list(self.asked):
            self.say(conn, key, state)

    def close(self, remove=False):
        """As kill -9 of a relay does, without `remove`."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for conn in self.conns:
            if conn.fileno() >= 0:
                conn.shutdown(socket.SHUT_RDWR)
                conn.close()
        self.conns.clear()
        if remove:
            self.path.unlink()


def home_with_store(*sinks, **given):
    given.setdefault("store_wait", "10s")
    return Home(*(sinks or [sink("out", url="http://127.0.0.1:9/")]), endpoint(PATH, store=["out"], **given), endpoint(OTHER))


def home_to(target, more="", **given):
    given.setdefault("store_wait", "10s")
    return Home(sink("out", url=target.url, retry=["1s", "1s", "1h"]) + more, endpoint(PATH, store=["out"], **given), endpoint(OTHER))


def slow_target(target, seconds, n=1):
    target.answers += [{"do": lambda handler: time.sleep(seconds)} for _ in range(n)]


class Waiting:
    """A delivery on its way in a thread of its own."""

    def __init__(self, socket, body, path=PATH):
        self.reply = self.error = None
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.run, args=(socket, body, path), daemon=True)
        self.thread.start()

    def run(self, address, body, path):
        try:
            self.reply = fcgi_client.deliver(address, body, path=path)
        except (OSError, AssertionError) as e:
            self.error = e
        self.took = time.monotonic() - self.began

    def get(self, within=20):
        self.thread.join(within * SLOW)
        assert self.reply is not None, f"no answer: {self.error}"
        return self.reply
