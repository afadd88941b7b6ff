# SPDX-License-Identifier: ISC
"""A look into a spool: with SQL, read-only, and with hookspool export."""
import json
import sqlite3
import struct
from pathlib import Path

PLACE = struct.Struct(">QQI")  # src/spool/sqlite/segment.c: the first byte, the length, CRC-32C


class Spool:
    def __init__(self, home, where):
        self.home, self.dir = home, Path(where)

    def is_made(self):
        return (self.dir / "hookspool.db").exists() and bool(self.query("SELECT 1 FROM sqlite_master WHERE name = 'event'"))

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

    def whole(self, row):
        """The row with its body, which may be in a segment: its place there is three numbers. Without the bytes that the file lacks."""
        if row.get("segment") is not None:
            at, size, _ = PLACE.unpack(row["body"])
            row["place"] = at, size
            try:
                with open(self.dir / f"bodies-{row['segment']}", "rb") as file:
                    file.seek(at)
                    row["body"] = file.read(size)
            except OSError:
                row["body"] = b""
        return row

    def events(self, **where):
        """Events in the order stored; where: a column and its value."""
        clause = " AND ".join(f"{column} = ?" for column in where) or "1"
        return [self.whole(row) for row in self.query(f"SELECT * FROM event WHERE {clause} ORDER BY id", *where.values())]

    @property
    def segments(self):
        """The files of long bodies, by their numbers."""
        return sorted(self.dir.glob("bodies-*"), key=lambda file: int(file.name.rpartition("-")[2]))

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


def literal(v):
    """A value in a statement of PostgreSQL."""
    if isinstance(v, bytes):
        return f"'\\x{v.hex()}'::bytea"
    return str(v) if isinstance(v, int) else "'" + v.replace("'", "''") + "'"


class ServerSpool(Spool):
    """The same for a spool in PostgreSQL; dir has the files of this machine."""
    BYTES = {"body", "digest", "answer", "item", "salt", "hash"}

    def __init__(self, home, where, server, name):
        super().__init__(home, where)
        self.server, self.name = server, name
        self.url = f"postgresql:///{name}?host={server.dir}&port={server.port}&user=postgres"
        server.do(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")

    def value(self, name, v):
        """Text of strangers is bytea there."""
        if not isinstance(v, str) or not v.startswith("\\x"):
            return v.encode() if isinstance(v, str) and name in self.BYTES else v
        return bytes.fromhex(v[2:]) if name in self.BYTES else bytes.fromhex(v[2:]).decode(errors="replace")

    def query(self, sql, *args):
        for arg in args:
            sql = sql.replace("?", literal(arg), 1)
        done = self.server.psql(f"SELECT row_to_json(q) FROM ({sql}) AS q", self.url)
        if b'relation "' in done.stderr and b"does not exist" in done.stderr:
            return []
        assert done.returncode == 0, done.stderr
        return [{name: self.value(name, v) for name, v in json.loads(line).items()} for line in done.stdout.splitlines()]

    def events(self, **where):
        clause = " AND ".join(f"{column} = ?" for column in where) or "1 = 1"
        return self.query(f"SELECT * FROM event WHERE {clause} ORDER BY id", *where.values())

    def is_made(self):
        """The receiver listens before it makes the tables."""
        return bool(self.query("SELECT version FROM spool"))

    def sound(self):
        return not self.query("SELECT 1 FROM relay WHERE event NOT IN (SELECT id FROM event)")
