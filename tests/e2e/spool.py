# SPDX-License-Identifier: ISC
"""A look into a spool: with SQL, read-only, and with hookspool export."""
import json
import sqlite3
from pathlib import Path


class Spool:
    def __init__(self, home, where):
        self.home, self.dir = home, Path(where)

    def query(self, sql, *args):
        """Rows as dictionaries; none while there is no spool yet."""
        if not (self.dir / "hookspool.db").exists():
            return []
        db = sqlite3.connect(f"file:{self.dir}/hookspool.db?mode=ro", uri=True, timeout=10)
        try:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, args)]
        finally:
            db.close()

    def events(self, **where):
        """Events in the order stored; where: a column and its value."""
        clause = " AND ".join(f"{column} = ?" for column in where) or "1"
        return self.query(f"SELECT * FROM event WHERE {clause} ORDER BY id", *where.values())

    def event(self, **where):
        """The one event there must be."""
        found = self.events(**where)
        assert len(found) == 1, f"{len(found)} events where {where}"
        return found[0]

    def rejects(self):
        return self.query("SELECT * FROM reject ORDER BY id")

    def counters(self):
        return {(row["endpoint"], row["code"], bool(row["secret"])): row["n"] for row in self.query("SELECT * FROM counter")}

    def sound(self):
        """Whether SQLite finds the file whole."""
        return [list(row.values()) for row in self.query("PRAGMA integrity_check")] == [["ok"]]

    def export(self, *args):
        """hookspool export's lines, as objects."""
        out = self.home.cli("export", *args)
        assert out.returncode == 0, out.stderr
        return [json.loads(line) for line in out.stdout.decode().splitlines()]
