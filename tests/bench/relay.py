# SPDX-License-Identifier: ISC
"""What the relay does and costs: attempts a second, what receiving loses by it, its latency, and a sink that is down."""
import contextlib
import http.client
import json
import shutil
import socket
import sqlite3
import threading
import time
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import growth
import measure
import systems
import web

CONNECTIONS = 64
PACE = 100         # events a second, where latency is measured
FASTEST = 40_000   # attempts a second that no relay reaches: with so many pending, a backlog lasts
LATER = 3600       # seconds until what is pending comes due, where it is there but not to be sent

CONF = """spool = "spool"
{sinks}endpoint "{path}" {{
	secret-file = {{"secret"}}
	authorization-file = {{"authorization"}}
	relay = {{{relay}}}
}}
"""

SINK = """sink "{name}" {{
	url = "http://127.0.0.1:{port}{path}"
	allow-private = true
	max-in-flight = 64
}}
"""

Case = namedtuple("Case", "relayed busy")
CASES = {  # of receiving: whether what comes is relayed, and whether the backlog is due
    "idle": Case(False, False),
    "busy": Case(False, True),
    "relayed": Case(True, False),
}


def add(db, sink, events):
    """One relay for each of the first events, as the receiver adds it, but delivered already; gives how many there are."""
    db.execute("INSERT INTO relay(event, sink, state, since, due, attempts, conversation)"
               " SELECT id, ?, 1, received_at, received_at, 0, NULL FROM event ORDER BY id LIMIT ?", (sink, events))


def make(events, down=0):
    """A home with so many events that were relayed to "out", and as many as are given pending for "down"."""
    where = growth.make(max(events, down))
    systems.program(where, "hookspool", "hookspool")
    with spool(where) as db:
        add(db, "out", events)
        add(db, "down", down)
        db.execute("UPDATE relay SET state = 0 WHERE sink = 'down'")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return where


def configure(where, port, relayed=False):
    """Both sinks, of which nobody listens for "down"; relayed: what is received goes to "out"."""
    sinks = "".join(SINK.format(name=name, port=at, path=web.PATH) for name, at in (("out", port), ("down", web.free_port())))
    (where / "hookspool.conf").write_text(CONF.format(sinks=sinks, path=web.PATH, relay='"out"' if relayed else ""))


@contextlib.contextmanager
def spool(where):
    """The spool's database, for what SQL can do behind the relay's back."""
    with contextlib.closing(sqlite3.connect(where / "spool/hookspool.db", isolation_level=None, timeout=60)) as db:
        yield db


@contextlib.contextmanager
def running_relay(where, before=(), user=web.USER):
    """A relay that has begun, with nothing pending for "out"; gives its process id. `before` are words that run it."""
    def begun():
        return b"relaying to" in (where / "relay.log").read_bytes()

    with spool(where) as db:
        db.execute("UPDATE relay SET state = 1 WHERE sink = 'out' AND state = 0")
        db.execute("DELETE FROM attempt")
    with web.child([*before, where / "hookspool", "-c", where / "hookspool.conf", "relay"], where, begun, user, name="relay") as process:
        yield process.pid


@contextlib.contextmanager
def answering():
    """An nginx that answers 204 to everything; gives its port."""
    where = web.new_dir("target")
    with web.nginx(where, "return 204;") as port:
        yield port
    shutil.rmtree(where)


def pend(where, db, n, wait=0):
    """Makes the first n of the relays to "out" pending, due in some seconds, and tells the relay; gives when."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE relay SET state = 0, since = ?1, due = ?1, attempts = 0 WHERE sink = 'out' AND id <= ?2",
               (int((time.time() + wait) * 1000), n))
    begin = time.monotonic()
    db.execute("COMMIT")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"", str(where / "spool/relay"))
    return begin


def left(db):
    """Whether any event is pending for "out"."""
    return db.execute("SELECT EXISTS(SELECT 1 FROM relay WHERE sink = 'out' AND state = 0)").fetchone()[0]


def attempts(db):
    """How many there were since the relay began."""
    return db.execute("SELECT ifnull(max(id), 0) FROM attempt").fetchone()[0]


def cpu(pid):
    """Microseconds of CPU that the process has taken, finer than in measure.cpu()."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1000


def work_off_pending(where, pending, **relay_in):
    """Attempts a second, CPU in us an attempt and resident KiB of a relay that runs when so many events come due at once."""
    with running_relay(where, **relay_in) as pid, spool(where) as db:
        took, begin = -cpu(pid), pend(where, db, pending)
        web.until(lambda: not left(db), "all is delivered", 600, every=0.002)
        seconds = time.monotonic() - begin
        took += cpu(pid)
        return {"rate": pending / seconds, "cpu": took / pending, "resident": measure.resident([pid])}


def work_off(where, port, pending):
    configure(where, port)
    return work_off_pending(where, pending)


def backlog(seconds):
    """How many events last for a measurement."""
    return FASTEST * (seconds + measure.WARM_UP + 1)


def receive(where, port, case, seconds):
    """What measure() finds for the receiver, and what the relay did beside it: attempts a second, and its share of a core."""
    configure(where, port, case.relayed)
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running, running_relay(where) as pid, spool(where) as db:
        took, begin = -cpu(pid), pend(where, db, backlog(seconds), 0 if case.busy else LATER)
        found = measure.measure(running, 700, CONNECTIONS, seconds)
        passed, made = time.monotonic() - begin, attempts(db)
        if not left(db):
            raise RuntimeError("the backlog did not last as long as the measurement")
        return {**found, "attempts": made / passed, "share": (took + cpu(pid)) / passed / 1e6}


class Arrivals(ThreadingHTTPServer):
    """A sink that notes when each event has come, by its key."""
    daemon_threads = True

    def __init__(self):
        self.at = {}
        super().__init__(("127.0.0.1", 0), Arrival)


class Arrival(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.at[json.loads(body)["data"]["message_urn"]] = time.monotonic()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def noting():
    """A server of arrivals that runs until the block ends."""
    with Arrivals() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def send_paced(port, events):
    """Sends events at a steady pace over one connection; {key: when its 200 was read}."""
    connection, answered = http.client.HTTPConnection("127.0.0.1", port, timeout=15), {}
    begin, run = time.monotonic(), time.time_ns()
    for n in range(events):
        time.sleep(max(0, begin + n / PACE - time.monotonic()))
        key = f"urn:li:messagingMessage:{run}-{n}"
        body = json.dumps({"event": "message.received", "data": {"message_urn": key, "body": "x" * 600}}).encode()
        connection.request("POST", web.PATH, body, measure.headers(body))
        answer = connection.getresponse()
        answer.read()
        answered[key] = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"an event got {answer.status}")
    connection.close()
    return answered


def latency(where, seconds):
    """Microseconds from an event's 200 to its arrival at the sink, at a steady pace."""
    with noting() as sink:
        configure(where, sink.server_address[1], True)
        with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running, running_relay(where):
            answered = send_paced(running.port, PACE * seconds)
            web.until(lambda: answered.keys() <= sink.at.keys(), "every event is at the sink")
    took = sorted((sink.at[key] - at) * 1e6 for key, at in answered.items())
    return {"p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100], "max": took[-1]}


def middle(samples):
    """The median of each number; with the lowest and highest rate."""
    rates = [s["rate"] for s in samples]
    return {**{key: median(s[key] for s in samples) for key in samples[0]}, "lowest": min(rates), "highest": max(rates)}


def rates(works, blocked, port, pending, down, repeats):
    """{"PENDING": numbers, "PENDING/DOWN": numbers}, in turn; the latter with a sink that is down."""
    samples = {}
    for _ in range(repeats):
        for name, where, n in (*((str(n), works, n) for n in pending), (f"{max(pending)}/{down}", blocked, max(pending))):
            found = work_off(where, port, n)
            samples.setdefault(name, []).append(found)
            print(f"{name:>16} pending {found['rate']:9.0f}/s, {found['cpu']:.0f} us", flush=True)
    return {name: middle(of) for name, of in samples.items()}


def receiving(where, port, seconds, repeats):
    """{case: numbers}, the cases in turn."""
    samples = {}
    for _ in range(repeats):
        for name, case in CASES.items():
            found = receive(where, port, case, seconds)
            samples.setdefault(name, []).append(found)
            print(f"{name:>16} relay   {found['rate']:9.0f}/s received, {found['attempts']:.0f}/s attempted", flush=True)
    return {name: {**middle(of), "errors": sum(s["errors"] for s in of)} for name, of in samples.items()}


def run(pending, down, repeats, seconds):
    """Everything about the relay; "receiving" has more turns, for what it loses is little beside what the machine does."""
    works = make(max(*pending, backlog(seconds)))
    blocked = make(max(pending), down)
    with answering() as port:
        found = {"rates": rates(works, blocked, port, pending, down, repeats),
                 "receiving": receiving(works, port, seconds, 2 * repeats - 1)}
    found["latency"] = latency(works, 5 * seconds)
    for where in (works, blocked):
        shutil.rmtree(where)
    return found
