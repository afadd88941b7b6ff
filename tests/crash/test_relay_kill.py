# SPDX-License-Identifier: ISC
"""kill -9 of the relay at random moments under load, alone and with the receiver: every event reaches every sink."""
import random
import re
import shutil
import signal
import sqlite3
import time
from contextlib import contextmanager

import pytest

import tally
from fcgi_client import deliver
from oracle import ENDPOINT, Sender, by_fcgi, verify
from place import new_dir, until
from relayed import Lines, Mark, Note, Target, compare, most_repeats
from relaying import Relay, home_with
from sender import message
from service import Service, portions, rounds
from spool import Spool

OTHER = "0" * 64  # no event's SHA-256


def home_for(targets):
    """A home whose events go to all of them."""
    return home_with(*(to.section() for to in targets), relay=[to.name for to in targets])


class Relaying:
    """A receiver and a relay on a spool, and three targets: one of them fails now and then, one is a file."""

    def __init__(self, rng):
        self.targets = [Target("good", rng), Target("failing", rng, 0.05), Lines("file")]
        self.home = home_for(self.targets)
        self.service = Service(self.home)
        self.relay, self.kills = Relay(self.home), 0

    def strike(self, both, meanwhile=lambda: None):
        """Kills the relay, or it and the receiver at once, and starts again what was killed; `meanwhile` is called between."""
        victims = [self.relay, *self.service.running] if both else [self.relay]
        for one in victims:
            one.signal(signal.SIGKILL)
        for one in victims:
            assert one.wait(20) == -signal.SIGKILL, one.text()[-2000:]
            one.end()
        self.kills += 1
        for target in self.targets:
            target.mark(self.home.spool)
        meanwhile()
        self.relay = Relay(self.home)
        for one in victims[1:]:
            self.service.again(one)

    def count(self, state):
        return self.home.spool.query("SELECT count(*) AS n FROM relay WHERE state = ?", state)[0]["n"]

    def progress(self):
        """Waits until the relay has written down that it delivered something more."""
        before = self.count(1)
        self.relay.until(lambda: self.count(1) > before, "something more is delivered")

    def settle(self):
        """Waits until nothing is pending, and ends what runs."""
        self.relay.until(lambda: not self.count(0), "nothing is pending", 120)
        self.relay.stop()
        self.service.stop()
        for target in self.targets:
            target.close()

    def compare(self):
        return [compare(self.home.spool, to.name, to.notes, to.marks, most_repeats(self.kills)) for to in self.targets]


@contextmanager
def relaying(name, rng, number):
    """Load on a receiver and a relay for that many rounds; at the end the spool is compared, and what the targets noted."""
    start = time.monotonic()
    it = Relaying(rng)
    receive = by_fcgi(it.service.socket)
    with Sender(receive, it.home.dir / "journal", rng) as load:
        until(lambda: load.count > 20, "some events")
        yield it, load
    verify(it.home, load.acknowledged, receive)
    it.settle()
    it.found = it.compare()
    tally.add_relayed(name, it.found, number, time.monotonic() - start)


def breaches(found):
    return [problem for one in found for problem in one.problems]


@pytest.mark.parametrize("both", [False, True], ids=["relay", "both"])
def test_kill_of_the_relay(rng, children, both):
    """Half of the time it has sent something for certain, now and then it is killed once more while it starts."""
    def fault():
        if rng.random() < 0.5:
            it.progress()
        it.strike(both)
        while rng.random() < 0.25:
            time.sleep(rng.uniform(0, 0.03))
            it.strike(both)

    for number in portions():
        with relaying(f"kill -9 of {'relay and receiver' if both else 'the relay'}", rng, number) as (it, load):
            rounds(load, rng, fault, number)
        wrong = breaches(it.found)
        assert not wrong, f"{len(wrong)} breaches:\n" + "\n".join(wrong[:20])


MUTANTS = {
    "a relay that notes before it sends: must lose": ("UPDATE relay SET state = 1 WHERE state = 0", "lost: "),
    "a relay that forgets what it sent: must repeat": ("UPDATE relay SET state = 0, due = 0", r"sent again, |\d+ repeats"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_seen(rng, children, name):
    """What a worse relay would have left in the spool when it was killed, written there by hand: the oracle sees it."""
    def leave():
        db = sqlite3.connect(it.home.spool.dir / "hookspool.db", isolation_level=None, timeout=10)
        db.execute(change)
        db.close()

    def fault():
        it.progress()
        it.strike(False, leave)

    change, word = MUTANTS[name]
    number = portions()[0]
    with relaying(f"kill -9 of {name}", rng, number) as (it, load):
        rounds(load, rng, fault, number)
    found = breaches(it.found)
    assert found and all(re.match(word, problem) for problem in found), found[:20]


@pytest.fixture(scope="module")
def good():
    """A home whose events have reached a target, which is closed."""
    target = Target("out", random.Random(1))
    home = home_for([target])
    one = home.start()
    for _ in range(20):
        assert deliver(one.socket, message(), path=ENDPOINT).status == 200
    assert home.cli("relay", "--once").returncode == 0
    one.stop()
    target.close()
    return home, target.notes


NOTES = {
    "an event missing": (lambda notes: notes[1:], ["lost: event ID$"], 1),
    "a byte changed": (lambda notes: [Note(notes[0].id, OTHER), *notes[1:]], ["lost: event ID$", "never stored: evt_.*_ID$"], 1),
    "once a byte changed": (lambda notes: [*notes, Note(notes[0].id, OTHER)],
                            ["never stored: evt_.*_ID$", "2 events: evt_.*_ID$"], 0),
    "two ids for one event": (lambda notes: [*notes, Note("evt_other", notes[0].sha256)], ["2 ids: event ID$"], 0),
    "one id for two events": (lambda notes: [*notes[:-1], Note(notes[0].id, notes[-1].sha256)], ["2 events: evt_.*_ID$"], 0),
    "every event again": (lambda notes: notes * 2, ["20 repeats, and 10 at most can be$"], 0),
    "nothing": (lambda notes: [], [r"lost: event \d+$"], 20),
}
ROWS = {
    "pending": ("UPDATE relay SET state = 0 WHERE event = ID", ["pending: event ID$"], 0),
    "given up": ("UPDATE relay SET state = 2 WHERE event = ID", ["dead: event ID$"], 0),
    "no row": ("DELETE FROM relay WHERE event = ID", ["relayed 0 times: event ID$"], 0),
    "two rows": ("INSERT INTO relay(event, sink, state, since, due, attempts) VALUES(ID, 'out', 1, 0, 0, 1)",
                 ["relayed 2 times: event ID$"], 0),
    "another body": ("UPDATE event SET body = x'00' WHERE id = ID", ["lost: event ID$", "never stored: evt_.*_ID$"], 1),
    "a damaged file": ("PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'event_key'",
                       ["integrity_check is not ok$"], 0),
}


def assert_named(found, words, lost, number):
    """Each of these breaches is found, and no other."""
    words = [word.replace("ID", number) for word in words]
    assert all(any(re.match(word, problem) for word in words) for problem in found.problems), found.problems
    assert all(any(re.match(word, problem) for problem in found.problems) for word in words), found.problems
    assert found.lost == lost


def number_of(note):
    """The event's id in the spool."""
    return note.id.rsplit("_", 1)[1]


@pytest.mark.parametrize("change, words, lost", NOTES.values(), ids=NOTES)
def test_a_breach_at_the_target_is_reported(good, change, words, lost):
    home, notes = good
    assert_named(compare(home.spool, "out", change(notes), [], 10), words, lost, number_of(notes[0]))


@pytest.mark.parametrize("change, words, lost", ROWS.values(), ids=ROWS)
def test_a_breach_in_the_spool_is_reported(good, change, words, lost):
    home, notes = good
    where = new_dir("copy") / "spool"
    shutil.copytree(home.spool.dir, where, ignore=shutil.ignore_patterns("relay"))  # a socket
    db = sqlite3.connect(where / "hookspool.db", isolation_level=None)
    db.executescript(change.replace("ID", number_of(notes[0])))
    db.close()
    assert_named(compare(Spool(home, where), "out", notes, [], 10), words, lost, number_of(notes[0]))


def test_repeat_of_a_recorded_delivery_is_reported(good):
    home, notes = good
    found = compare(home.spool, "out", [*notes, *notes[:2]], [Mark(20, {notes[0].id})], 10)
    assert found.problems == [f"sent again, though known as delivered: {notes[0].id}"]


def test_few_repeats_are_not_reported(good):
    home, notes = good
    found = compare(home.spool, "out", [*notes, *notes[:10]], [Mark(20, {note.id for note in notes[10:]})], 10)
    assert found == (20, 30, 10, 0, [])
