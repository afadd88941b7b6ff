# SPDX-License-Identifier: ISC
"""A stream of a Redis server."""
import signal

from redis_server import Redis
from targets import SinkTarget


class RedisTarget(SinkTarget):
    type, dedupes = "redis", True

    def __init__(self):
        self.server = Redis()

    def options(self):
        return {"url": self.server.url, "stream": "events"}

    def close(self):
        self.server.child.signal(signal.SIGCONT)
        self.server.kill()

    def arrived(self):
        return [(entry[b"id"].decode(), entry[b"body"]) for entry in self.server.entries()]

    def down(self):
        self.server.kill()

    def up(self):
        self.server.start()

    def poison(self, id):
        """What the server knows of the id is of another type."""
        self.server.do("LPUSH", f"hookspool:{{events}}:{id}", "x")
        return 2

    def hang(self):
        self.server.child.signal(signal.SIGSTOP)

    def unhang(self):
        self.server.child.signal(signal.SIGCONT)
