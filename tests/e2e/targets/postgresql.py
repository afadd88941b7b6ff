# SPDX-License-Identifier: ISC
"""A table of a PostgreSQL server."""
import signal

from postgresql_server import PostgreSQL
from targets import SinkTarget


class PostgresqlTarget(SinkTarget):
    type, dedupes = "postgresql", True

    def __init__(self):
        self.server, self.held = PostgreSQL(), None
        self.server.do("CREATE ROLE locker LOGIN SUPERUSER")

    def options(self):
        return {"url": self.server.url, "table": "hook_events"}

    def close(self):
        self.server.end(signal.SIGQUIT)

    def arrived(self):
        """In the order of the rows, which nothing changes or deletes."""
        return [(id, bytes.fromhex(body)) for id, body in self.server.do("SELECT id, encode(body, 'hex') FROM hook_events ORDER BY ctid")]

    def down(self):
        self.server.end(signal.SIGQUIT)

    def up(self):
        self.server.start()

    def poison(self, id):
        self.server.do(f"ALTER TABLE hook_events ADD CHECK (id <> '{id}')")
        return 2

    def hang(self):
        """The table is locked."""
        self.held = self.server.locked("hook_events")
        self.held.__enter__()

    def unhang(self):
        self.held.__exit__(None, None, None)
