# SPDX-License-Identifier: ISC
"""What stored events cost: throughput, latency, memory and the start with a spool that is full already."""
import sqlite3
import time
from statistics import median

import load
import measure
import reading
import reach
import systems
import web

EVERY = 1_000_000  # rows a transaction
CONNECTIONS, DAY = 64, 86400
LONG, SHORT = 600, 12  # bytes of an event's text
BODY = '{"event":"message.received","object":"event","data":{"id":"%d","body":"%s"}}'
# An event of each second until yesterday. Their keys have the order that LinkedIn's have: by time.
ROWS = f"""INSERT INTO event(received_at, endpoint, secret, event, key, account, sender_id, sender_name, conversation, sent_at, remote_addr, headers, body)
WITH RECURSIVE count(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM count WHERE n + 1 < ?2)
SELECT (?3 + n) * 1000, '{web.PATH}', 1, 'message.received', printf('urn:li:messagingMessage:2-%013d', n), 'acc-1', 'urn:li:ACoAA1', 'Jane Doe', 'urn:li:2-x',
	NULL, '127.0.0.1', 'Content-Type: application/json' || char(10), CAST(printf('{BODY}', n, ?4) AS BLOB) FROM count"""


def fill(where, events, text):
    """Stores events behind the receiver's back, into the tables that it made, and leaves no WAL."""
    db = sqlite3.connect(where / "spool/hookspool.db", isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-200000")
    started = int(time.time()) - DAY - events
    for first in range(0, events, EVERY):
        db.execute(ROWS, (first, min(first + EVERY, events), started, "x" * text))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def make(events, text=LONG):
    """A home of the receiver with so many events in its spool, whose texts have so many bytes."""
    where = systems.home()
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
    fill(where, events, text)
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
    """
    {"EVENTS": numbers}, the spools measured in turn; and what reading the largest takes. The events are short, as there are many. Used
    spools stay until all sizes are measured: a virtual machine is faster with used memory than with new memory.
    """
    homes = {events: make(events, SHORT) for events in sizes}
    samples = {events: [] for events in sizes}
    for turn in range(repeats):
        for events in sizes:
            if turn and not events:
                homes[events] = make(0)
            found = {"start_ms": start_ms(homes[events])}
            with systems.behind_nginx(homes[events], [homes[events] / "hookspool.fcgi"], True) as running:
                found |= measure.measure(running, 700, CONNECTIONS, seconds)
            samples[events].append(found)
            print(f"{events:9} stored {found['rate']:9.0f}/s, start {found['start_ms']:.0f} ms", flush=True)
    read = reading.measure(homes[max(sizes)], max(sizes))
    load.remove_made()
    numbers = {str(events): {key: median(s[key] for s in found) for key in found[0]} for events, found in samples.items()}
    return numbers, {"events": max(sizes), "took": read}


def lines(grown, read):
    """The rows of what is to be reached."""
    most = max(grown, key=int)
    took = {name: n for name, n in read["took"].items() if name != "/metrics"}
    slowest = max(n["p50"] for n in took.values())
    found = [reach.line(f"with {read['events']:,} events stored: the slowest of all that is read, ms", slowest, "<=", 200, 0)]
    if "0" in grown and most != "0":
        ratio = grown[most]["rate"] / grown["0"]["rate"]
        found.append({**reach.line(f"requests a second with {int(most):,} events stored ÷ with none", ratio, ">=", 0.95),
                      "errors": sum(n["errors"] for n in grown.values())})
    return found
