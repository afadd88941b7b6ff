# SPDX-License-Identifier: ISC
"""Machines that share a spool of PostgreSQL, a server with a standby, and what the spool has."""
import shutil

from place import USER, run, until
from postgresql_server import PostgreSQL, program
from receiver import Home
from spool import ServerSpool, Spool


class Machine(Home):
    """A machine with a receiver of its own; its spool is the server's, and its overflow a directory."""

    def __init__(self, server, *sections, overflow=True, **given):
        given.setdefault("spool_wait", "2s")
        super().__init__(*sections, spool=server.url, overflow="spool" if overflow else "none", **given)
        self.server, self.given = server, given
        self.spool.dir = self.dir / "spool"


class SharedSpool(ServerSpool):
    """What the server has, as one of the machines sees it."""

    def __init__(self, server, home):
        Spool.__init__(self, home, home.spool.dir)
        self.server, self.url = server, None


class Node(PostgreSQL):
    def follow(self, primary):
        """Becomes a new standby of that server."""
        if self.child.alive():
            self.end_now()
        shutil.rmtree(self.data)
        done = run([program("pg_basebackup"), "-D", self.data, "-h", primary.dir, "-p", str(primary.port), "-U", "postgres", "-R", "-X", "stream",
                    "-c", "fast", "--no-sync"], user=USER, within=120)
        assert done.returncode == 0, done.stderr
        self.start()


class Pair:
    """A primary whose commits wait for its standby, which takes its place after fail_over()."""

    def __init__(self):
        settings = "synchronous_standby_names=*", "max_connections=60", "wal_sender_timeout=10s"
        self.primary, self.standby = [Node(*settings, table=None, port=port) for port in (5432, 5433)]
        self.url = (f"postgresql://postgres@/postgres?host={self.primary.dir},{self.standby.dir}&port=5432,5433"
                    "&target_session_attrs=read-write")
        self.standby.follow(self.primary)
        self.synchronous()

    def synchronous(self):
        until(lambda: self.primary.one("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1", "commits wait for the standby", 60)

    def psql(self, sql, url=None):
        return self.primary.psql(sql, url)

    def one(self, sql):
        return self.primary.one(sql)

    def promote(self):
        """The primary is dead: the standby takes over."""
        self.primary.end_now()
        self.primary, self.standby = self.standby, self.primary
        assert self.primary.one("SELECT pg_promote()") == "t"

    def repair(self):
        """The former primary becomes the standby."""
        self.standby.follow(self.primary)
        self.synchronous()

    def fail_over(self):
        self.promote()
        self.repair()
