# SPDX-License-Identifier: ISC
"""A PostgreSQL server of a test's own, on a socket in a private directory, and psql."""
import contextlib
import functools
import glob
import os
import signal
from pathlib import Path

from place import USER, need, new_dir, own, run, stay, until
from proc import Child

TABLE = """CREATE TABLE hook_events (id text PRIMARY KEY, endpoint text NOT NULL, event text, account text, conversation text,
    sender_id text, sender_name text, text text, sent_at text, received_at timestamptz NOT NULL, body bytea NOT NULL)"""


def program(name):
    """Debian keeps them out of PATH, one directory a version."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else need(name)


@functools.cache
def cluster():
    """A new cluster; each server gets a copy of it, since initdb takes seconds."""
    place = stay(new_dir("cluster")) / "data"
    done = run([program("initdb"), "-D", place, "-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"], user=USER)
    assert done.returncode == 0, done.stderr
    return place


class Server(Child):
    def end(self):
        """At once: by SIGTERM it waits for its clients."""
        if self.alive():
            self.signal(signal.SIGQUIT)
        super().end()


def has_ended(pid):
    """Those that the server leaves behind are children of the tests, which take their statuses."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not os.path.exists(f"/proc/{pid}")


class PostgreSQL:
    """The server's user is the one of the tests' services. It keeps its data when it is started again."""

    def __init__(self, *settings, table=TABLE, port=5432, tcp=False):
        self.dir = own(new_dir("pg"))
        self.data, self.port = self.dir / "data", port
        assert run(["cp", "-a", cluster(), self.data]).returncode == 0
        self.settings = ["fsync=on", "shared_buffers=8MB", "max_connections=20", f"port={port}", f"unix_socket_directories={self.dir}",
                         f"listen_addresses={'127.0.0.1' if tcp else ''}", *settings]
        self.url = f"postgresql://postgres@/postgres?host={self.dir}&port={port}"
        self.start()
        if table:
            self.do(table)

    def start(self, *settings):
        words = [word for setting in (*self.settings, *settings) for word in ("-c", setting)]
        self.child = Server([program("postgres"), "-D", self.data, *words], self.dir / "log")
        self.child.until(lambda: self.psql("SELECT 1").returncode == 0, "PostgreSQL answers", 30)
        return self

    def end(self, number):
        self.child.signal(number)
        self.child.wait(20)

    def psql(self, sql, url=None):
        return run([program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url or self.url, "-c", sql], user=USER)

    def do(self, sql):
        """The rows of the answer, as lists of texts."""
        done = self.psql(sql)
        assert done.returncode == 0, done.stderr.decode()
        return [line.split("|") for line in done.stdout.decode().splitlines()]

    def one(self, sql):
        return self.do(sql)[0][0]

    def ids(self, table="hook_events"):
        return [row[0] for row in self.do(f"SELECT id FROM {table} ORDER BY id")]

    def bodies(self, table="hook_events"):
        return sorted(bytes.fromhex(row[0]) for row in self.do(f"SELECT encode(body, 'hex') FROM {table}"))

    def processes(self):
        """The server's, with the children that serve connections."""
        tree = [self.child.pid]
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="utf-8", errors="replace") as stat:
                    pid, parent = path.split("/")[2], stat.read().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if int(parent) == self.child.pid:
                tree.append(int(pid))
        return tree

    def process(self, kind):
        """The pid of the server's process of that kind."""
        return next(pid for pid in self.processes() if kind.encode() in Path(f"/proc/{pid}/cmdline").read_bytes())

    def hang(self, stopped):
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)

    def end_now(self):
        """kill -9 of the server."""
        self.kill(signal.SIGKILL)

    def stop_immediately(self):
        """pg_ctl stop -m immediate: no checkpoint, and what is not flushed is gone."""
        others = self.processes()[1:]
        done = run([program("pg_ctl"), "-D", self.data, "-m", "immediate", "-w", "stop"], user=USER)
        assert done.returncode == 0, done.stderr
        self.child.wait(20)
        for pid in others:
            until(lambda pid=pid: has_ended(pid), "the server's processes have ended", 20)

    def kill(self, number):
        """Ends the server by a signal. Its other processes go by themselves; then it may start again."""
        others = self.processes()[1:]
        self.end(number)
        for pid in others:
            until(lambda pid=pid: has_ended(pid), "the server's processes have ended", 20)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self, table):
        """Another session has the table while this is open."""
        holder = Child([program("psql"), "-X", "-d", self.url, "-c", f"BEGIN; LOCK TABLE {table}; SELECT pg_sleep(600)"], self.dir / "locked.log")
        until(lambda: self.one("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'") != "0", "the lock")
        yield
        self.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()")
        holder.end()
