# SPDX-License-Identifier: ISC
"""A stream of a Redis server."""
from redis_server import Redis
from targets import ServerTarget


class RedisTarget(ServerTarget):
    type, dedupes = "redis", True

    def __init__(self, *options):
        self.server = Redis(*options)

    def options(self):
        return {"url": self.server.url, "stream": "events"}

    def arrived(self):
        return [(entry[b"id"].decode(), entry[b"body"]) for entry in self.server.entries()]

    def held(self):
        """How many events the stream has, each of which has a key of its own that dedupes."""
        entries, keys = self.server.do("EVAL", "return {redis.call('XLEN', 'events'), redis.call('DBSIZE')}", 0)
        assert keys == entries + (entries > 0), (keys, entries)
        return entries

    def poison(self, id):
        """What the server knows of the id is of another type."""
        self.server.do("LPUSH", f"hookspool:{{events}}:{id}", "x")
        return 2
