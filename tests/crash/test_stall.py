# SPDX-License-Identifier: ISC
"""What holds the spool up: a process stopped while it commits, a clock that jumps, a long read, checkpoints by others."""
import fcntl
import signal
import sqlite3
import time
from itertools import cycle
from pathlib import Path

import pytest

from oracle import PATIENCE, ROUNDS, by_fcgi
from place import SANITIZER, SLOW, until
from receiver import Home
from relaying import Relay, Target, deliver, home_with, sink
from service import Service, portions, rounds, tried

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
JUMPS = ("+9000d", "-2h", "-9000d", "+1", "+400d", "-1", "-400d", "+2h", "+0")


def holder(service):
    """The receiver that holds the lock between processes; None when that is none."""
    inode = (service.home.spool.dir / "lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[5].rsplit(":", 1)[1]) == inode:
            return next((one for one in service.running if one.pid == int(fields[4])), None)
    return None


def stop_committing(service, rng):
    """Stops a receiver in the middle of a commit and returns it."""
    while True:
        one = rng.choice(service.running)
        one.signal(signal.SIGSTOP)
        time.sleep(0.002)
        if holder(service) is one:
            return one
        one.signal(signal.SIGCONT)
        time.sleep(rng.uniform(0, 0.005))


def test_receiver_stopped_and_continued(rng, children):
    """All the others wait for it, and no delivery fails."""
    def fault():
        one = stop_committing(service, rng)
        time.sleep(rng.uniform(0.05, 0.3))
        one.signal(signal.SIGCONT)

    for number in portions():
        service = Service(Home(), 4)
        with tried("SIGSTOP while committing, then SIGCONT", service.home, by_fcgi(service.socket), rng, number) as load:
            rounds(load, rng, fault, number)
        assert not load.failures
        service.stop()


def test_receiver_stopped_and_killed(rng, children):
    def fault():
        one = stop_committing(service, rng)
        time.sleep(rng.uniform(0.05, 0.3))
        one.signal(signal.SIGKILL)
        service.again(one)

    for number in portions():
        service = Service(Home(), 4)
        with tried("SIGSTOP while committing, then kill -9", service.home, by_fcgi(service.socket), rng, number) as load:
            rounds(load, rng, fault, number)
        service.stop()


@pytest.mark.skipif(ROUNDS < 50, reason="half a minute: in the long run only")
def test_lock_held_longer_than_the_wait(rng, children):
    """As by a process that stays stopped: 503 while the sender still listens, whenever the delivery came."""
    def fault():
        with open(service.home.spool.dir / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            time.sleep(2 * PATIENCE)

    for _ in range(ROUNDS // 50):
        service = Service(Home(), 4)
        with tried(f"the spool's lock held for {2 * PATIENCE} s", service.home, by_fcgi(service.socket), rng, 1) as load:
            rounds(load, rng, fault, 1)
        assert load.failures and load.longest < PATIENCE * SLOW, f"answered after up to {load.longest:.1f} s"
        service.stop()


def clock_of(home):
    """A file that sets the clock of those that are started with the words beside it before them."""
    assert FAKETIME.exists(), f"{FAKETIME} is missing: apt-get install libfaketime"
    clock = home.write("clock", "+0\n")
    return clock, ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
                   "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1"]


@pytest.mark.skipif(bool(SANITIZER), reason="libfaketime and a sanitizer don't go together")
def test_clock_jumps(rng, children):
    """Decades back and forth: nothing waits for the clock on the wall."""
    def fault():
        clock.write_text(next(jumps) + "\n")

    for number in portions():
        home, jumps = Home(body_timeout="2s", params_timeout="2s"), cycle(JUMPS)
        clock, fake = clock_of(home)
        service = Service(home, 2, before=fake)
        with tried("clock jumps", home, by_fcgi(service.socket), rng, number) as load:
            rounds(load, rng, fault, number)
        assert not load.failures
        years = [time.gmtime(event["received_at"] / 1000).tm_year for event in home.spool.events()]
        assert len(set(years)) > 1, "the clock did not jump"
        clock.write_text("-9000d\n")
        service.stop()


@pytest.mark.skipif(bool(SANITIZER), reason="libfaketime and a sanitizer don't go together")
def test_clock_set_back_while_a_sink_pauses(children):
    """The pause ends when it would have ended, and events that come during it are sent then."""
    gone = Target()
    gone.close()
    home = home_with(sink("out", url=gone.url))
    clock, fake = clock_of(home)
    receiver, relay = home.start(before=fake), Relay(home, before=fake).ready()
    deliver(receiver, 5)
    relay.until(lambda: "sink out pauses until" in relay.text(), "a pause")
    clock.write_text("-2h\n")
    body, = deliver(receiver)
    back = Target(gone.port)
    try:
        until(lambda: body in back.bodies(), "the event after the pause", 20 * SLOW)
    finally:
        back.close()


def salt(wal):
    """What changes in a WAL's header each time it is begun anew (SQLite's file format, section 4.1)."""
    with open(wal, "rb") as file:
        return file.read(24)[16:]


def test_long_read(rng, children):
    """The WAL grows during the read; the reader sees what it saw; afterwards the WAL is used anew."""
    for number in portions():
        service = Service(Home(), 4)
        wal = service.home.spool.dir / "hookspool.db-wal"
        with tried("a reader holds the spool", service.home, by_fcgi(service.socket), rng, number) as load:
            until(lambda: load.count > 20, "some events")
            reader = sqlite3.connect(f"file:{service.home.spool.dir}/hookspool.db?mode=ro", uri=True, isolation_level=None)
            reader.execute("BEGIN")
            seen = reader.execute("SELECT count(*), max(id) FROM event").fetchone()
            rounds(load, rng, lambda: time.sleep(0.1), number)
            until(lambda: wal.stat().st_size > 8 << 20, "the WAL is larger than a checkpoint would let it")
            assert reader.execute("SELECT count(*), max(id) FROM event").fetchone() == seen
            reader.close()
            before = salt(wal)
            until(lambda: salt(wal) != before, "the WAL is written from its beginning again")
        assert not load.failures
        service.stop()


def test_checkpoints_by_another_process(rng, children):
    """Somebody's sqlite3 empties the WAL again and again, without the lock that ours take."""
    for number in portions():
        service = Service(Home(), 4)
        with tried("checkpoints from outside", service.home, by_fcgi(service.socket), rng, number) as load:
            until(lambda: load.count > 20, "some events")
            db = sqlite3.connect(service.home.spool.dir / "hookspool.db", isolation_level=None)
            rounds(load, rng, lambda: [db.execute("PRAGMA wal_checkpoint(TRUNCATE)") for _ in range(20)], number)
            db.close()
        assert not load.failures
        service.stop()
