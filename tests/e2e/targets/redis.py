# SPDX-License-Identifier: ISC
"""A stream of a Redis server."""
from redis_server import Redis
from targets import ServerTarget


class RedisTarget(ServerTarget):
    type, dedupes = "redis", True

    def __init__(self):
        self.server = Redis()

    def options(self):
        return {"url": self.server.url, "stream": "events"}

    def arrived(self):
        return [(entry[b"id"].decode(), entry[b"body"]) for entry in self.server.entries()]

    def poison(self, id):
        """What the server knows of the id is of another type."""
        self.server.do("LPUSH", f"hookspool:{{events}}:{id}", "x")
        return 2
