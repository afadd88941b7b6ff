# SPDX-License-Identifier: ISC
"""Power cuts: what they leave of the spool has every event that was acknowledged, whole and once, at any moment."""
import random
import sqlite3
import time

import pytest

import tally
from oracle import ROUNDS, Found, Sender, by_cgi, by_fcgi, compare, new_event, verify
from place import SANITIZER
from power import Recording, cuts
from receiver import Home
from service import Service

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's library must be the first that is loaded")

CUTS = 4 * ROUNDS  # of each recording
OPENED = 10  # of so many one is opened by a receiver, and takes a delivery
SECONDS = 1.0  # of load in a recording
OLD = 300  # events to be purged
LONG = 7_000  # bytes of a body: some 20 fill the log of a program that commits once


def record(rng, journal="wal", processes=1, mutant="", meanwhile=lambda home, service, env: None):
    """A recording of receivers under load."""
    home = Home(journal=journal)
    if meanwhile is purge:
        make_old(home, rng)
    recording = Recording(home, journal, mutant)
    service = Service(home, processes, before=["env", *recording.env])
    with Sender(recording.delivered(by_fcgi(service.socket)), home.dir / "journal", rng):
        for _ in range(3):
            time.sleep(SECONDS / 3)
            meanwhile(home, service, recording.env)
    service.stop()
    return recording


def restart(home, service, env):
    one = service.running[0]
    one.stop()
    service.again(one)


def purge(home, service, env):
    done = home.cli("purge", "--older-than", "1h", env=dict(item.split("=", 1) for item in env))
    assert done.returncode == 0, done.stderr


def make_old(home, rng):
    """Events stored before the recording, received long ago."""
    one = home.start()
    deliver = by_fcgi(one.socket)
    for _ in range(OLD):
        assert deliver(new_event(rng)).status == 200
    one.stop()
    db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None)
    db.execute("UPDATE event SET received_at = 0")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def examine(name, recording, rng, journaled, after=None, number=CUTS):
    """Compares what is left after power cuts; returns what was found in all, and the breaches of the worst."""
    start, total, worst = time.monotonic(), [0, 0, 0, 0], []
    for n, (left, acknowledged) in enumerate(cuts(recording, rng, number, journaled, after)):
        found = compare(left, acknowledged)
        total = [a + b for a, b in zip(total, found)]
        worst = max(worst, found.problems, key=len)
        if not worst and n % OPENED == 0:
            verify(Home(spool=str(left.dir), journal=recording.journal), acknowledged)
    found = Found(*total, worst)
    tally.add(name, found, number, time.monotonic() - start)
    return found


@pytest.mark.parametrize("journal", ("wal", "delete"))
@pytest.mark.parametrize("processes", (1, 4))
def test_power_cut(rng, children, journal, processes):
    recording = record(rng, journal, processes)
    for journaled in False, True:
        found = examine(f"power cut, journal {journal}", recording, rng, journaled)
        assert not found.problems, found.problems[:10]


def test_power_cut_between_cgi_programs(rng, children):
    """Each opens the spool alone. Some find a log that is long."""
    home = Home()
    recording = Recording(home, "wal")
    deliver = recording.delivered(by_cgi(home, recording.env))
    for _ in range(100):
        assert deliver(new_event(rng, LONG)).status == 200
    for journaled in False, True:
        found = examine("power cut between CGI programs", recording, rng, journaled)
        assert not found.problems, found.problems[:10]


@pytest.mark.parametrize("meanwhile", (restart, purge))
@pytest.mark.parametrize("journal", ("wal", "delete"))
def test_power_cut_during_other_work(rng, children, journal, meanwhile):
    recording = record(rng, journal, 2, meanwhile=meanwhile)
    found = examine(f"power cut after a {meanwhile.__name__}", recording, rng, journaled=False)
    assert not found.problems, found.problems[:10]


@pytest.mark.parametrize("mutant, name", (("normal", "synchronous=NORMAL"), ("lie", "syncs that do nothing")))
def test_the_oracle_sees_losses(rng, children, mutant, name):
    """Without the fsync before the 200 the same test must fail."""
    found = examine(f"power cut with {name}: must lose", record(rng, mutant=mutant), rng, journaled=True)
    assert found.losses and found.problems


def long_events(home, service, env):
    """Ten events with long bodies, which are in a segment."""
    deliver = by_fcgi(service.socket)
    for _ in range(10):
        assert deliver(new_event(random.Random(), 300_000)).status == 200


@pytest.mark.parametrize("mutant, name", (("segment", "no sync of long bodies"), ("late", "the commit before the body")))
def test_the_oracle_sees_lost_bodies(rng, children, mutant, name):
    """Without the sync of the segment, and with a commit before it, the same test must fail: soon, as few cuts are between the two."""
    recording = record(rng, mutant=mutant, meanwhile=long_events)
    for _ in range(10):
        found = examine(f"power cut with {name}: must lose", recording, rng, journaled=True, number=max(60, CUTS))
        if found.problems:
            break
    assert found.problems and (found.losses or mutant == "late")
    assert any("half-stored, body" in problem or "changed: " in problem for problem in found.problems)
