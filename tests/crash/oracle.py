# SPDX-License-Identifier: ISC
"""The oracle: a sender that notes each 200 it gets, outside the receiver, and the comparison of its notes with the spool."""
import hashlib
import json
import os
import queue
import random
import sqlite3
import time
from collections import Counter, deque, namedtuple
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from threading import Event

import fcgi_client
import sender
from place import BIN, SLOW, USER, run
from test_cgi import parsed, variables

ENDPOINT = "/webhook/linkedin"
ROUNDS = int(os.environ.get("HOOKSPOOL_CRASH_ROUNDS") or 5)
SEED = os.environ.get("HOOKSPOOL_CRASH_SEED") or str(random.SystemRandom().getrandbits(32))
os.environ["HOOKSPOOL_CRASH_SEED"] = SEED  # for processes that share the tests
NO_ANSWER = OSError, EOFError, HTTPException
SIZES = *5 * (20, 400, 400, 4_000, 40_000), 300_000  # of texts; a body of the last one is in a segment, those beside it may be
PATIENCE = 15  # seconds the real sender waits for an answer

Ack = namedtuple("Ack", "key sha256 id")
Found = namedtuple("Found", "acknowledged stored unacknowledged losses problems")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def new_event(rng, size=None):
    """A unique event with so many bytes of text, or some; it carries what tells that it is whole."""
    urn, text = sender.new_urn(), rng.randbytes((size or rng.choice(SIZES)) // 2).hex()
    return sender.message(urn, text=text, check=digest((urn + text).encode()))


def key_of(body):
    return json.loads(body)["data"]["message_urn"]


def by_http(port):
    """Delivers through the web server on that port, on a connection of its own each time."""
    return lambda body: sender.deliver(port, ENDPOINT, body)


def by_fcgi(address):
    """Delivers straight to a receiver's socket."""
    return lambda body: fcgi_client.deliver(address, body, path=ENDPOINT)


def by_cgi(home, env):
    """A program for each delivery; env: what env(1) gets."""
    more = dict(item.split("=", 1) for item in env)

    def deliver(body):
        done = run([BIN / "hookspool.fcgi"], stdin=body, env=variables(home, body, **more), user=USER)
        if not done.stdout:
            raise ConnectionError(done.stderr)
        return parsed(done.stdout)
    return deliver


class Sender:
    """
    Delivers new events for as long as it is entered, each up to three times until it is answered 200, as the real
    sender does; some of them twice at the same time or again later. `deliver` takes a body and returns a Reply.
    """

    def __init__(self, deliver, journal, rng, threads=6, twins=2, pause=0.05, sizes=SIZES):
        self.deliver, self.path, self.pause = deliver, journal, pause
        self.journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.ending = Event()
        self.again = queue.SimpleQueue()
        self.recent = deque(maxlen=200)
        self.failures = []  # (attempt, what came instead of a 200)
        self.seconds = []  # that each 200 took
        self.longest = 0.0  # that any answer took
        self.twins, self.sizes = twins, sizes
        self.pool = ThreadPoolExecutor(threads + twins)
        self.rngs = [random.Random(rng.random()) for _ in range(threads)]
        self.running = []

    def __enter__(self):
        self.running = [self.pool.submit(self.send_new, rng) for rng in self.rngs]
        self.running += [self.pool.submit(self.send_again) for _ in range(self.twins)]
        return self

    def __exit__(self, *_):
        self.ending.set()
        for _ in range(self.twins):
            self.again.put(None)
        self.pool.shutdown()
        os.close(self.journal)
        for one in self.running:
            one.result()
        refused = [what for _, what in self.failures if isinstance(what, sender.Reply) and what.status < 500]
        assert not refused, f"good events were refused for good: {refused[:3]}"

    def send_new(self, rng):
        while not self.ending.is_set():
            body = new_event(rng, rng.choice(self.sizes))
            if rng.random() < 0.25:
                self.again.put(body if rng.random() < 0.5 or not self.recent else rng.choice(self.recent))
            if self.hand_in(body):
                self.recent.append(body)

    def send_again(self):
        while body := self.again.get():
            self.hand_in(body)

    def hand_in(self, body):
        """Whether an answer of 200 came, at the third attempt at the latest; it is on disk here before this returns."""
        for attempt in 1, 2, 3:
            start = time.monotonic()
            try:
                reply = self.deliver(body)
            except NO_ANSWER as error:
                reply = error
            took = time.monotonic() - start
            self.longest = max(self.longest, took)
            if isinstance(reply, sender.Reply) and reply.status == 200:
                os.write(self.journal, f"{key_of(body)} {digest(body)} {reply.json['id']}\n".encode())
                os.fsync(self.journal)
                self.seconds.append(took)
                return True
            self.failures.append((attempt, reply))
            if self.ending.wait(self.pause * attempt):
                break
        return False

    @property
    def count(self):
        """How many 200 there were so far."""
        return len(self.seconds)

    @property
    def acknowledged(self):
        """The journal's records."""
        with open(self.path) as journal:
            fields = [line.split() for line in journal]
        return [Ack(key, sha256, int(number)) for key, sha256, number in fields]


def mistakes(row):
    """What a stored row says otherwise than its own body does; nothing when it is whole."""
    body = row["body"]
    try:
        event = json.loads(body)
        data = event["data"]
        if data["check"] != digest((data["id"] + data["body"]).encode()):
            return ["body"]
    except (ValueError, KeyError, TypeError):
        return ["body"]
    right = {"endpoint": ENDPOINT, "secret": 1, "event": event["event"], "key": data["message_urn"],
             "account": data["account_id"], "sender_id": data["sender"]["id"], "sender_name": data["sender"]["name"],
             "conversation": data["conversation_id"], "sent_at": data["timestamp"], "remote_addr": "127.0.0.1",
             "headers": f"X-Webhook-Signature: {sender.sign(body)}\nContent-Type: application/json\n"}
    return [column for column, value in right.items() if row[column] != value]


def look(spool):
    """The spool's events, and whether SQLite finds the file sound; a spool that was never made is empty and sound."""
    if not spool.is_made():
        return [], True
    return spool.events(), spool.sound()


def compare(spool, acknowledged):
    """Holds the spool against the acknowledgements and names every breach."""
    promised = {ack.key for ack in acknowledged}
    try:
        rows, sound = look(spool)
    except sqlite3.DatabaseError as error:
        return Found(len(promised), 0, 0, len(promised), [f"the spool can't be read: {error}"])
    stored = {row["key"]: (row["id"], digest(row["body"] or b"")) for row in rows}  # a broken file can have a row without
    lost = promised - stored.keys()
    changed = {ack.key for ack in acknowledged if ack.key not in lost and stored[ack.key][1] != ack.sha256}
    problems = [] if sound else ["integrity_check is not ok"]
    problems += [f"lost: {key}" for key in lost] + [f"changed: {key}" for key in changed]
    problems += [f"{times} times: {key}" for key, times in Counter(row["key"] for row in rows).items() if times > 1]
    problems += [f"answered with id {ack.id}, stored as {stored[ack.key][0]}: {ack.key}" for ack in acknowledged
                 if ack.key not in lost and stored[ack.key][0] != ack.id]
    problems += [f"half-stored, {' '.join(wrong)}: id {row['id']}" for row in rows if (wrong := mistakes(row))]
    return Found(len(promised), len(rows), len(stored.keys() - promised), len(lost | changed), problems)


def verify(home, acknowledged, deliver=None):
    """After a fault: no breach, and the next delivery is stored, by a receiver started now unless told how to deliver."""
    found = compare(home.spool, acknowledged)
    assert not found.problems, f"{len(found.problems)} breaches:\n" + "\n".join(found.problems[:20])
    one = None if deliver else home.start()
    body = new_event(random.Random())
    start = time.monotonic()
    reply = (deliver or by_fcgi(one.socket))(body)
    assert (reply.status, reply.code) == (200, "stored"), reply
    assert time.monotonic() - start < PATIENCE * SLOW
    assert home.spool.event(id=reply.json["id"])["body"] == body
    if one:
        one.stop()
    return found
