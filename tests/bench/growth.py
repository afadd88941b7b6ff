# SPDX-License-Identifier: ISC
"""What stored events cost: throughput, latency, memory and the start with a spool that is full already."""
import base64
import shutil
import sqlite3
import time
from statistics import median

import measure
import reading
import systems
import web

EVERY = 20000  # rows a transaction
CONNECTIONS = 64


def rows(first, last):
    """Events like those of the load, received one a second."""
    started = int(time.time()) - 20_000_000
    body = b'{"event":"message.received","object":"event","data":{"body":"' + b"x" * 600 + b'"}}'
    for n in range(first, last):
        text = f"{(started + n) * 1000:013}b00000-100&{n:08x}-0000-4000-8000-{n:012x}"
        key = "urn:li:messagingMessage:2-" + base64.b64encode(text.encode()).decode()
        yield ((started + n) * 1000, web.PATH, 1, "message.received", key, "acc-1", "urn:li:fsd_profile:ACoAA1", "Jane Doe",
               "urn:li:messagingThread:2-x", "2026-05-12T14:33:21.000Z", "127.0.0.1", "Content-Type: application/json\n", body)


def fill(where, events):
    """Stores events behind the receiver's back, into the tables that it made, and leaves no WAL."""
    db = sqlite3.connect(where / "spool/hookspool.db", isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-200000")
    columns = ("received_at, endpoint, secret, event, key, account, sender_id, sender_name, conversation, sent_at,"
               " remote_addr, headers, body")
    for first in range(0, events, EVERY):
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO event({columns}) VALUES({', '.join('?' * 13)})", rows(first, min(first + EVERY, events)))
        db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def make(events):
    """A home of the receiver with so many events in its spool."""
    where = systems.home()
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
    fill(where, events)
    return where


def start_ms(where):
    """Milliseconds from the receiver's exec to its first answer; nginx and the socket are there before it."""
    handler = f"upstream handler {{ server unix:{where}/handler.sock; }}"
    with systems.listener(where) as sock, web.nginx(where, systems.FASTCGI.format(keep="off"), handler) as port:
        begin = time.monotonic()
        with web.child([where / "hookspool.fcgi"], where, where / "handler.sock", stdin=sock, name="handler"):
            measure.check("hookspool", port, verifies=False)
            return (time.monotonic() - begin) * 1000


def run(sizes, repeats, seconds):
    """{"EVENTS": numbers}, the spools measured in turn; and what reading the largest takes."""
    homes = {events: make(events) for events in sizes}
    samples = {events: [] for events in sizes}
    for _ in range(repeats):
        for events, where in homes.items():
            found = {"start_ms": start_ms(where)}
            with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
                found |= measure.measure(running, 700, CONNECTIONS, seconds)
            samples[events].append(found)
            print(f"{events:9} stored {found['rate']:9.0f}/s, start {found['start_ms']:.0f} ms", flush=True)
    read = reading.measure(homes[max(sizes)], max(sizes))
    for where in homes.values():
        shutil.rmtree(where)
    numbers = {str(events): {key: median(s[key] for s in found) for key in found[0]} for events, found in samples.items()}
    return numbers, {"events": max(sizes), "took": read}
