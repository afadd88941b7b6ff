# SPDX-License-Identifier: ISC
"""The relay's oracle: targets that note what they answer with 200, and the comparison of their notes with the spool."""
import json
import random
from collections import Counter, defaultdict, namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from oracle import digest
from place import new_dir, own
from relaying import sink

IN_FLIGHT = 32  # attempts at once, for each sink
BATCH = 64  # results that the relay writes together, at most
RETRY = {"retry": ["100ms", "1s", "3d"]}
STATES = {0: "pending", 1: "delivered", 2: "dead"}

Note = namedtuple("Note", "id sha256")
Mark = namedtuple("Mark", "notes delivered")  # after a kill: how many notes there were, which ids the spool had as delivered
Relayed = namedtuple("Relayed", "events attempts repeats lost problems")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # its sender was killed
            return
        self.send_response(self.server.status(Note(self.headers["webhook-id"], digest(body))))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Target(ThreadingHTTPServer):
    """A sink's HTTP server: it notes each event before it answers with 200; that many of all it answers with 500 instead."""
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, name, rng, failing=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.rng, self.failing = name, random.Random(rng.random()), failing
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.notes, self.marks = [], []
        Thread(target=self.serve_forever, daemon=True).start()

    def section(self):
        return sink(self.name, url=self.url, max_in_flight=IN_FLIGHT, **RETRY)

    def status(self, note):
        if self.rng.random() < self.failing:
            return 500
        self.notes.append(note)
        return 200

    def mark(self, spool):
        """To be called while no relay runs."""
        self.marks.append(Mark(len(self.notes), delivered(spool, self.name)))

    def handle_error(self, *_):
        """A connection of a relay that was killed."""

    def close(self):
        self.shutdown()
        self.server_close()


class Lines:
    """The file of a file sink: its notes are its whole lines."""

    def __init__(self, name):
        self.name, self.file, self.marks, self.spool = name, new_dir("lines") / "out.jsonl", [], None
        own(self.file.parent)

    def section(self):
        return sink(self.name, type="file", path=str(self.file), max_in_flight=IN_FLIGHT, allow_private=None, **RETRY)

    @property
    def notes(self):
        whole = self.file.read_bytes().rpartition(b"\n")[0] if self.file.exists() else b""
        name = self.spool.query("SELECT name FROM spool")[0]["name"]
        events = [json.loads(line) for line in whole.splitlines()]
        return [Note(f"evt_{name}_{event['id']}", digest(event["body"].encode())) for event in events]

    def mark(self, spool):
        self.spool = spool
        self.marks.append(Mark(len(self.notes), delivered(spool, self.name)))

    def close(self):
        """The last relay has left a whole last line."""
        assert self.file.read_bytes().endswith(b"\n")


def delivered(spool, name):
    """The ids that the spool has as delivered to the sink."""
    return {row["id"] for row in spool.query("SELECT 'evt_' || name || '_' || event AS id FROM spool, relay WHERE sink = ? AND state = 1", name)}


def most_repeats(kills):
    """Each can make the relay forget what was on the way to a target, and what was answered and not yet written down."""
    return kills * (IN_FLIGHT + BATCH)


def compare(spool, sink, notes, marks, most):
    """Holds a target's notes against the spool, when nothing is pending; names every breach, more than that many repeats too."""
    stored = {digest(row["body"]): row["id"] for row in spool.events()}
    states = spool.query("SELECT event, state FROM relay WHERE sink = ?", sink)
    ids, events = defaultdict(set), defaultdict(set)
    for note in notes:
        ids[note.sha256].add(note.id)
        events[note.id].add(note.sha256)
    lost = stored.keys() - ids.keys()
    repeats = len(notes) - len(ids)
    problems = [] if spool.sound() else ["integrity_check is not ok"]
    problems += [f"lost: event {stored[key]}" for key in lost]
    problems += [f"never stored: {', '.join(ids[key])}" for key in ids.keys() - stored.keys()]
    problems += [f"{len(of)} ids: event {stored.get(key)}" for key, of in ids.items() if len(of) > 1]
    problems += [f"{len(of)} events: {name}" for name, of in events.items() if len(of) > 1]
    problems += [f"{STATES[row['state']]}: event {row['event']}" for row in states if row["state"] != 1]
    times = Counter(row["event"] for row in states)
    problems += [f"relayed {times[event]} times: event {event}" for event in stored.values() if times[event] != 1]
    again = {note.id for mark in marks for note in notes[mark.notes:] if note.id in mark.delivered}
    problems += [f"sent again, though known as delivered: {name}" for name in again]
    problems += [f"{repeats} repeats, and {most} at most can be"] if repeats > most else []
    return Relayed(len(stored), len(notes), repeats, len(lost), problems)
