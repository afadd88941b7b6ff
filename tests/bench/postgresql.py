# SPDX-License-Identifier: ISC
"""hookspool on a PostgreSQL server, beside its SQLite engine and what people put on such a server: each with a new server, as Debian sets it."""
import contextlib
import shutil
import subprocess
import time
from collections import namedtuple

import load
import measure
import peers
import sinks  # the tests' servers, with their directories where all that is measured is
import systems
import web

import proc
from postgresql_server import PostgreSQL, program

LOADS = (1, 64)  # connections
SIZE = 700
MODULE = systems.BUILD / "modules/spool-postgresql.so"
CONF = """spool = "{url}"
overflow = "spool"
endpoint "{path}" {{
	secret-file = {{"secret"}}
	authorization-file = {{"authorization"}}
}}
"""
TABLE = "CREATE TABLE event(id bigserial PRIMARY KEY, message_urn text UNIQUE, body text)"

Server = namedtuple("Server", "system table")  # how a system is started with the server's URL, and the table that it wants


@contextlib.contextmanager
def server(table):
    """A server with Debian's settings, on a Unix socket, until the block ends."""
    running = PostgreSQL("shared_buffers=128MB", "max_connections=100", table=table)
    try:
        yield running
    finally:
        running.child.end()
        shutil.rmtree(running.dir)


@contextlib.contextmanager
def hookspool(url):
    where = systems.home()
    shutil.copytree(systems.BUILD / "modules", where / "modules", ignore=shutil.ignore_patterns(".*"))
    (where / "hookspool.conf").write_text(CONF.format(url=url, path=web.PATH))
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        yield running


CHECKPOINTS = "hookspool-checkpoints"  # a checkpoint follows the other
SERVERS = {
    "hookspool-postgresql": Server(hookspool, None),
    CHECKPOINTS: Server(hookspool, None),
    "express-postgresql": Server(peers.node_postgresql, TABLE),
    "php-fpm-postgresql": Server(peers.php_postgresql, TABLE),
}
SYSTEMS = ("hookspool-sqlite", *SERVERS)


@contextlib.contextmanager
def checkpoints(of, always):
    """With `always`, a session that makes checkpoints until the block ends, each over what was written in a second."""
    psql = [program("psql"), "-X", "-q", "-d", of.url]
    session = subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) if always else None
    try:
        if session:
            session.stdin.write(b"CHECKPOINT\n\\watch 1\n")
            session.stdin.flush()
        yield
    finally:
        if session:
            session.kill()
            session.communicate()


def numbers_of(of):
    """The server's: transactions that wrote, bytes of its write-ahead log, bytes of the database, events."""
    row, = of.do("SELECT pg_snapshot_xmax(pg_current_snapshot()), pg_current_wal_insert_lsn() - '0/0', pg_database_size('postgres'),"
                 " (SELECT count(*) FROM event)")
    return dict(zip(("commits", "wal", "disk", "events"), map(int, row)))


def one_on_server(name, connections, seconds):
    """
    What measure() finds, and of the server for each event: microseconds of CPU, bytes of its log and on its disk; commits a second.
    An event that was answered 200 and is not there is an error.
    """
    system, table = SERVERS[name]
    with server(table) as of, system(of.url) as running:
        measure.check(name, running.port, True)
        time.sleep(1)  # what the receiver writes once a second
        before, took, began = numbers_of(of), measure.cpu(measure.tree([of.child.pid])), time.monotonic()
        with checkpoints(of, name == CHECKPOINTS):
            found = measure.measure(running, SIZE, connections, seconds)
        took, after, passed = measure.cpu(measure.tree([of.child.pid])) - took, numbers_of(of), time.monotonic() - began
    events = after["events"] - before["events"]
    return {**found, "commits": (after["commits"] - before["commits"]) / passed, "server_cpu": took / events,
            "together": events / max(1, after["commits"] - before["commits"]),  # in the warm-up, too
            **{key: (after[key] - before[key]) / events for key in ("wal", "disk")},
            "errors": found["errors"] + max(0, found["answered"] - events)}


def one(name, connections, seconds):
    if name in SERVERS:
        return one_on_server(name, connections, seconds)
    with systems.HOOKSPOOL["hookspool-kept"]() as running:
        measure.check(name, running.port, True)
        found = measure.measure(running, SIZE, connections, seconds)
    return {**found, "together": found["rate"] / max(1, found["commits"]), "server_cpu": None, "wal": None, "disk": None}


def run(chosen, repeats, seconds):
    """{system: {"1": numbers, "64": numbers}}, all in turn."""
    samples = {}
    try:
        for turn in range(repeats):
            for connections in LOADS:
                for name in chosen:
                    found = one(name, connections, seconds)
                    samples.setdefault(name, {}).setdefault(str(connections), []).append(found)
                    load.remove_made()
                    print(f"{turn + 1}/{repeats} {name:22} {connections:3} connections {found['rate']:9.0f}/s p50 {found['p50'] / 1000:6.2f} ms"
                          f" {found['together']:5.1f} a commit", flush=True)
    finally:
        proc.end_all()
    return {name: {at: load.middle(s) for at, s in of.items()} for name, of in samples.items()}
