# SPDX-License-Identifier: ISC
"""A Redis server of a test's own, and the little of its protocol that tests need."""
import os
import socket

from place import need, new_dir, own
from proc import Child

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class RedisError(Exception):
    pass


class Redis:
    """A server on a socket in a directory of its own; it keeps its data when it is started again."""

    def __init__(self, *options, port=0):
        self.dir = own(new_dir("redis"))
        self.socket, self.options, self.port = self.dir / "sock", options or DURABLE, port
        self.url = f"unix:{self.socket}"
        self.start()

    def start(self, *options):
        self.child = Child([need("redis-server"), "--port", self.port, "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir", self.dir, "--save", "",
                            *self.options, *options], self.dir / "log")
        self.child.until(self.answers, "Redis answers", 20)
        return self

    def answers(self):
        try:
            return "LOADING" not in str(self.do("PING"))
        except RedisError as error:
            return "LOADING" not in str(error)
        except OSError:
            return False

    def kill(self, number=9):
        self.child.signal(number)
        self.child.wait(20)

    def do(self, *words):
        """The answer to one command: bytes, a number, None or a list; an error is raised."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(os.fspath(self.socket))
            words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            with sock.makefile("rb") as answer:
                return read(answer)

    def entries(self, stream="events"):
        """The entries of a stream, as dictionaries by field."""
        return [dict(zip(*[iter(fields)] * 2)) for _, fields in self.do("XRANGE", stream, "-", "+")]


def read(answer):
    line = answer.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the connection has ended")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return answer.read(int(rest) + 2)[:-2] if int(rest) >= 0 else None
    return [read(answer) for _ in range(int(rest))] if int(rest) >= 0 else None
