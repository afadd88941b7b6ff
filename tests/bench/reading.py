# SPDX-License-Identifier: ISC
"""What reading a full spool takes: the page's answers, a scrape, and the commands that list, show and sum up."""
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import relay
import systems
import web

tempfile.tempdir = "/var/tmp"  # what the server tests' code makes is on the disk of all that is measured
sys.path.append(str(Path(__file__).parents[1] / "e2e"))

from page import Asked
from place import SOURCE

TIMES = 15
NOWHERE = "a text that no event has"
ASKED = {  # URL of the page, and query
    "/metrics": ("/metrics", {}),
    "/events.json, the newest": ("/events.json", {}),
    "/events.json, of one endpoint": ("/events.json", {"endpoint": web.PATH}),
    "/events.json, of another endpoint": ("/events.json", {"endpoint": "/webhook/other"}),
    "/events.json, by sender": ("/events.json", {"sender": "jane"}),
    "/events.json, by a text that none has": ("/events.json", {"text": NOWHERE}),
    "/events.json, refused ones": ("/events.json", {"outcome": "refused"}),
    "/events.json, before a time": ("/events.json", {"until": "24h"}),
    "/summary.json": ("/summary.json", {}),
    "/sinks.json": ("/sinks.json", {}),
    "/callers.json": ("/callers.json", {}),
    "/event/5.json": ("/event/5.json", {}),
}
COMMANDS = [line.split() for line in (
    "stats", "stats --prometheus", "list", f"list --endpoint {web.PATH}", "list --endpoint /webhook/other", "list --event none.such", "list --account none",
    "list --since 12h", "list --since 30d --until 29d", "list --until 29d --account none", "show 500", "deliveries", "deliveries --json", "deliveries --sink out",
    "deliveries --sink down", "deliveries --state delivered", "deliveries --state dead", "deliveries --state pending", "deliveries --shape", "deliveries --event 5")]


def add_relays(where, events):
    """A delivery for as many as a tenth of the events; of these, the last hundredth is pending and each thousandth a dead letter."""
    with relay.spool(where) as db:
        db.execute("PRAGMA synchronous=OFF")
        relay.add(db, "out", events // 10)
        db.execute("UPDATE relay SET state = 2 WHERE id % 1000 = 2")
        db.execute("UPDATE relay SET state = 0 WHERE id > ?", (events // 10 - events // 1000,))
        db.execute("INSERT INTO ended SELECT sink, state, count(*) FROM relay WHERE state <> 0 GROUP BY sink, state ON CONFLICT DO UPDATE SET n = excluded.n")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def timed(call):
    """Milliseconds: the first time, the median and the longest of the others."""
    took = []
    for _ in range(TIMES + 1):
        begin = time.monotonic()
        call()
        took.append((time.monotonic() - begin) * 1000)
    return {"first": took[0], "p50": median(took[1:]), "max": max(took[1:])}


def ask(page, path, query):
    answer = page.get(path, **query)
    if answer.status != 200:
        raise RuntimeError(f"{path} {query}: {answer}")


def run_command(where, *args):
    subprocess.run([where / "hookspool", "-c", where / "hookspool.conf", *args], check=True, stdout=subprocess.DEVNULL)


def measure(where, events):
    """{what is read: milliseconds}, of a home whose spool has so many events."""
    for name in ("hookspool", "hookspool-page.fcgi"):
        systems.program(where, name, name)
    relay.configure(where, web.free_port(), relayed=True)
    add_relays(where, events)
    run_command(where, "index")
    argv = [where / "hookspool-page.fcgi", "-c", where / "hookspool.conf", "--listen", f"unix:{where}/page.sock", "--files", SOURCE / "share/page"]
    with web.child(argv, where, where / "page.sock", name="page"):
        page = Asked(where / "page.sock")
        found = {name: timed(lambda: ask(page, path, query)) for name, (path, query) in ASKED.items()}
    found |= {f"hookspool {' '.join(args)}": timed(lambda: run_command(where, *args)) for args in COMMANDS}
    for name, took in found.items():
        print(f"{events:9} stored, {name:38} {took['p50']:7.1f} ms, first {took['first']:.1f}, longest {took['max']:.1f}", flush=True)
    return found
