# SPDX-License-Identifier: ISC
"""Calls that fail: no space, I/O errors, no descriptors, no memory, at every call that a delivery makes."""
import shutil
import signal
import sqlite3
import sys
import time

import pytest

import fcgi_client
import tally
from faults import ALLOCATIONS, FAULTS, KILL, SYNCS, WRITES, Fault, Faults
from oracle import ENDPOINT, NO_ANSWER, ROUNDS, Ack, Found, Sender, by_cgi, by_fcgi, compare, digest, key_of, new_event, verify
from place import BIN, SANITIZER, until
from power import SYNC_FAILED, Recording
from proc import Child
from receiver import Home
from sender import Reply
from service import Service
from test_power import examine

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's library must be the first that is loaded")

MOST = 20 * ROUNDS  # calls of a delivery are tried each, of more so many by chance
LONG = 7_000  # bytes of a body that is in the database: some 500 fill the 4 MiB of the WAL after which there is a checkpoint

by_name = pytest.mark.parametrize("name", FAULTS)


class Trial:
    """Deliveries with a failing call, each with one behind it in which none fails; what was acknowledged."""

    def __init__(self, rng, name, cgi=False):
        self.home, self.rng, self.fault = Home(), rng, FAULTS[name]
        self.faults, self.acknowledged, self.rounds, self.failures = Faults(self.home), [], 0, 0
        self.one = None if cgi else self.home.start(before=["env", *self.faults.env])
        self.deliver = by_cgi(self.home, self.faults.env) if cgi else by_fcgi(self.one.socket)

    def attempt(self, body):
        try:
            reply = self.deliver(body)
        except NO_ANSWER as error:
            reply = error
        if isinstance(reply, Reply) and reply.status == 200:
            self.acknowledged.append(Ack(key_of(body), digest(body), reply.json["id"]))
            return True
        assert not isinstance(reply, Reply) or reply.status >= 500, f"refused for good: {reply}"
        if self.one and not isinstance(reply, Reply) and self.ended():
            self.one = self.home.start(before=["env", *self.faults.env])
            self.deliver = by_fcgi(self.one.socket)
        return False

    def ended(self):
        """Without memory libfcgi ends the process, and so do we where yajl would go on; a supervisor starts it again."""
        time.sleep(0.02)
        if self.one.alive():
            return False
        status, text = self.one.wait(20), self.one.text()
        assert status == -signal.SIGABRT, f"{status}\n{text[-2000:]}"
        assert "fcgiapp.c" in text.splitlines()[-1] or "memory is short" in text.splitlines()[-1], text[-2000:]
        return True

    def calls_of(self, body):
        before = self.faults.calls(self.fault.kind)
        assert self.attempt(body)
        return self.faults.calls(self.fault.kind) - before

    def each(self, bodies, calls):
        """A delivery with the nth call failing for each n; the next one is stored at once."""
        for n in range(1, calls + 1) if calls <= MOST else sorted(self.rng.sample(range(1, calls + 1), MOST)):
            with self.faults.armed(self.fault, n):
                self.failures += not self.attempt(next(bodies))
            self.rounds += 1
            assert self.attempt(new_event(self.rng)), f"after call {n} failed: {self.one.text()[-1000:]}"

    def end(self, name, start):
        if self.one:
            self.one.stop()
        tally.add(name, verify(self.home, self.acknowledged), self.rounds, time.monotonic() - start, self.failures)


def new_events(rng):
    while True:
        yield new_event(rng)


def long_events(rng):
    """Their bodies are in a segment."""
    while True:
        yield new_event(rng, 300_000)


def one_event(rng):
    body = new_event(rng)
    while True:
        yield body


@by_name
@pytest.mark.parametrize("bodies", (new_events, one_event, long_events))
def test_nth_call_of_a_delivery(rng, children, name, bodies):
    start, trial, source = time.monotonic(), Trial(rng, name), bodies(rng)
    assert trial.attempt(next(source)) and trial.attempt(next(source))
    trial.each(source, trial.calls_of(next(source)) + 2)
    trial.end(name, start)


@pytest.mark.parametrize("kind", (WRITES, SYNCS), ids=("writes", "syncs"))
def test_kill_before_each_call_of_a_long_delivery(rng, children, kind):
    """Around the write of a body, its sync, and the commit of its row. What the killed process left, and no row has, is in no file after a purge."""
    start, home = time.monotonic(), Home()
    faults, acknowledged, killed, failures = Faults(home), [], [], 0
    one = home.start(before=["env", *faults.env])

    def attempt(body):
        try:
            reply = by_fcgi(one.socket)(body)
        except NO_ANSWER:
            return False
        assert reply.status == 200, reply
        acknowledged.append(Ack(key_of(body), digest(body), reply.json["id"]))
        return True

    assert attempt(new_event(rng, 300_000))
    before = faults.calls(kind)
    assert attempt(new_event(rng, 300_000))
    calls = faults.calls(kind) - before
    for n in range(1, calls + 1):
        with faults.armed(Fault(kind, KILL), n):
            killed.append(new_event(rng, 300_000))
            failures += not attempt(killed[-1])
            until(lambda: not one.alive(), "it is killed")
        one.end()
        one = home.start(before=["env", *faults.env])
        assert attempt(new_event(rng, 300_000))
    one.stop()
    tally.add("kill -9 before a write or a sync of a long body", verify(home, acknowledged), calls, time.monotonic() - start, failures)
    stored = {row["key"] for row in home.spool.events()}
    lost = [key_of(body).encode() for body in killed if key_of(body) not in stored]
    assert lost and home.cli("purge", "--older-than", "1d").returncode == 0
    for file in home.spool.dir.iterdir():
        assert not file.is_file() or not any(key in file.read_bytes() for key in lost), file


@by_name
def test_nth_call_of_a_checkpoint(rng, children, name):
    """The delivery that fills the WAL moves it into the database, which is some hundred calls more."""
    start, trial = time.monotonic(), Trial(rng, name)
    for _ in range(ROUNDS):
        while wal_frames(trial.home) < 245:  # of 256
            assert trial.attempt(new_event(rng, LONG))
        with trial.faults.armed(trial.fault, rng.randrange(1, 350)):
            for _ in range(12):
                trial.failures += not trial.attempt(new_event(rng, LONG))
        trial.rounds += 1
        assert trial.attempt(new_event(rng)), trial.one.text()[-1000:]
    trial.end(f"{name}, in a checkpoint", start)


@by_name
def test_nth_call_of_a_checkpoint_before_a_commit(rng, children, name):
    """A CGI program, alone, finds a log that is long. It moves the log into the database before its own first commit."""
    start, trial = time.monotonic(), Trial(rng, name, cgi=True)

    def fill():
        while wal_frames(trial.home) < 128:
            assert trial.attempt(new_event(rng, LONG))

    fill()
    calls = trial.calls_of(new_event(rng))
    assert wal_frames(trial.home) < 128
    for _ in range(ROUNDS):
        fill()
        with trial.faults.armed(trial.fault, rng.randrange(1, calls + 1)):
            trial.failures += not trial.attempt(new_event(rng))
        trial.rounds += 1
        assert trial.attempt(new_event(rng))
    trial.end(f"{name}, in a checkpoint before a commit", start)


def started(one):
    """It accepts before that: the spool is opened with the socket there."""
    return "receiving for" in one.text()


@by_name
def test_nth_call_of_the_start(rng, children, name):
    """
    The receiver makes its spool and works, or says why it does not and ends. OpenSSL's own start does not outlive a lack of
    memory.
    """
    start, total, rounds, failures = time.monotonic(), [0, 0, 0, 0], 0, 0
    home = Home()
    faults = Faults(home)
    counting = home.start(before=["env", *faults.env])
    until(lambda: started(counting), "the spool is open")
    calls = faults.calls(FAULTS[name].kind) - (FAULTS[name].kind == WRITES)  # the last one says that it is open
    counting.stop()
    for n in range(1, calls + 1) if calls <= MOST else sorted(rng.sample(range(1, calls + 1), MOST)):
        shutil.rmtree(home.spool.dir, ignore_errors=True)
        socket, acknowledged = home.dir / f"start{n}", []
        with faults.armed(FAULTS[name], n):
            one = Child(["env", *faults.env, BIN / "hookspool.fcgi", "-c", home.conf, "--listen", f"unix:{socket}"],
                        home.dir / f"start{n}.log")
            until(lambda: not one.alive() or started(one), "it is ready, or has ended")
        if one.alive():
            body, deliver = new_event(rng), by_fcgi(socket)
            if deliver(body).status != 200:  # it may have opened the spool by half; then it opens it again
                failures += 1
            reply = deliver(body)
            assert reply.status == 200, f"call {n} failed at the start: {reply}\n{one.text()}"
            acknowledged.append(Ack(key_of(body), digest(body), reply.json["id"]))
            one.end()
        else:
            told = one.popen.returncode > 0 and one.text()
            assert told or FAULTS[name].kind == ALLOCATIONS, f"call {n} failed at the start: {one.popen.returncode}"
            failures += 1
        found = compare(home.spool, acknowledged)
        assert not found.problems, f"call {n} failed at the start: {found.problems[:10]}"
        total = [a + b for a, b in zip(total, found)]
        rounds += 1
    tally.add(f"{name}, in the start", Found(*total, []), rounds, time.monotonic() - start, failures)


def under_both(home, recording, faults, processes=1):
    """A service whose calls can fail, and are recorded."""
    libraries = ":".join(item.split("=", 1)[1] for item in (recording.env[0], faults.env[0]))
    return Service(home, processes, before=["env", *recording.env, *faults.env, f"LD_PRELOAD={libraries}"])


def refuse(service):
    """A delivery with a forged signature: its counter alone is written."""
    assert fcgi_client.deliver(service.socket, b"{}", path=ENDPOINT, headers={"X-Webhook-Signature": "0" * 64}).status == 401


@pytest.mark.parametrize("journal", ("wal", "delete"))
@pytest.mark.parametrize("processes", (1, 4))
def test_failed_syncs_and_a_power_cut(rng, children, journal, processes):
    """What a failed sync should have written is dropped: the next sync that succeeds, of any process, must not count for it."""
    home = Home(journal=journal)
    faults, recording = Faults(home), Recording(home, journal)
    service = under_both(home, recording, faults, processes)
    with Sender(recording.delivered(by_fcgi(service.socket)), home.dir / "journal", rng) as load:
        for _ in range(10):
            time.sleep(0.1)
            with faults.armed(FAULTS["EIO on a sync"], rng.randrange(1, 4)):
                time.sleep(0.02)
    service.stop()
    assert load.failures, "no sync failed"
    found = examine("power cut after failed syncs", recording, rng, journaled=False)
    assert not found.problems, found.problems[:10]


@pytest.mark.parametrize("journal", ("wal", "delete"))
def test_power_cut_on_the_way_back_from_a_failed_sync(rng, children, journal):
    """What is written into the database then must not be half there while the WAL, of which a part was dropped, is not."""
    home = Home(journal=journal)
    faults, recording = Faults(home), Recording(home, journal)
    service = under_both(home, recording, faults)
    deliver, fault = recording.delivered(by_fcgi(service.socket)), FAULTS["EIO on a sync"]
    assert deliver(new_event(rng)).status == 200
    before = faults.calls(fault.kind)
    assert deliver(new_event(rng)).status == 200
    syncs = faults.calls(fault.kind) - before
    for n in range(20):
        for _ in range(3):
            assert deliver(new_event(rng)).status == 200
        with faults.armed(fault, n % syncs + 1):
            deliver(new_event(rng))
            assert not faults.armed_still(), "no sync failed"
    service.stop()
    found = examine("power cut on the way back from a failed sync", recording, rng, journaled=False, after=SYNC_FAILED,
                    number=max(200, ROUNDS))
    assert not found.problems, found.problems[:10]


@pytest.mark.parametrize("journal", ("wal", "delete"))
@pytest.mark.parametrize("killed", (False, True))
def test_another_process_after_failed_syncs_and_a_power_cut(rng, children, journal, killed):
    """
    Counters are written without a sync. Where one process lost them, and could not write them again before it gave up the
    lock, or was killed, another one must not build on them.
    """
    home = Home(journal=journal)
    faults, recording = Faults(home), Recording(home, journal)
    service = under_both(home, recording, faults)
    other = Service(home, before=["env", *recording.env])
    deliver, fault = by_fcgi(service.socket), FAULTS["EIO on a sync"]
    acknowledged = recording.delivered(by_fcgi(other.socket))
    assert acknowledged(new_event(rng)).status == 200
    for times in range(1, 9):
        refuse(service)
        written = faults.calls(WRITES)
        until(lambda: faults.calls(WRITES) > written + 1, "the counters are written")
        with faults.armed(fault, 1, times):
            recording.delivered(deliver)(new_event(rng))
            if killed:
                service.running[0].signal(signal.SIGKILL)
        for _ in range(3):
            assert acknowledged(new_event(rng)).status == 200
        if killed:
            service.again(service.running[0])
    service.stop()
    other.stop()
    found = examine("power cut after another's failed syncs", recording, rng, journaled=False, after=SYNC_FAILED, number=max(200, ROUNDS))
    assert not found.problems, found.problems[:10]


@pytest.mark.parametrize("journal", ("wal", "delete"))
def test_failed_sync_of_the_start_and_a_power_cut(rng, children, journal):
    """What the start's syncs should have made last, names and schema, is synced before the first event is acknowledged."""
    problems, n, syncs = [], 0, 1
    while n < syncs:
        n += 1
        home = Home(journal=journal)
        faults, recording = Faults(home), Recording(home, journal)
        with faults.armed(FAULTS["EIO on a sync"], n):
            service = under_both(home, recording, faults)
            deliver = recording.delivered(by_fcgi(service.socket))
            deliver(new_event(rng))
            syncs = faults.calls(FAULTS["EIO on a sync"].kind)
        assert deliver(new_event(rng)).status == 200
        service.stop()
        problems += examine("power cut after a failed sync of the start", recording, rng, journaled=False, number=30).problems
    assert not problems, problems[:10]


def test_failed_sync_of_a_checkpoint_and_a_power_cut(rng, children):
    """
    Counters are written without a sync. Where the sync of the checkpoint that follows fails, these pages of the WAL are
    lost, and all that is behind them, until they are written again; a reader keeps checkpoints from doing that.
    """
    home = Home()
    faults, recording = Faults(home), Recording(home, "wal")
    service = under_both(home, recording, faults)
    deliver, fault = recording.delivered(by_fcgi(service.socket)), FAULTS["EIO on a sync"]
    while wal_frames(home) < 253:  # of 256, after which there is a checkpoint
        assert deliver(new_event(rng, 400)).status == 200
    # read-only: where it is the last to close, it must not move the WAL into the database, which no recording would show
    reader = sqlite3.connect(f"file:{home.spool.dir}/hookspool.db?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    syncs = faults.calls(fault.kind)
    with faults.armed(fault, 1):
        refuse(service)
        until(lambda: faults.calls(fault.kind) > syncs, "the counters are written, and a checkpoint begins")
    for _ in range(2):
        deliver(new_event(rng, 400))
    reader.close()
    assert deliver(new_event(rng, 400)).status == 200
    service.stop()
    found = examine("power cut after a failed checkpoint", recording, rng, journaled=False, after=SYNC_FAILED)
    assert not found.problems, found.problems[:10]


def test_failed_sync_after_half_a_checkpoint_and_a_power_cut(rng, children):
    """
    What a reader keeps from going on has moved pages without a sync of theirs, and the next checkpoint begins behind them.
    Where its sync fails they are lost, as long as a process has the database open, and no process reads the WAL from its beginning.
    """
    home = Home()
    faults, recording = Faults(home), Recording(home, "wal")
    service = under_both(home, recording, faults)
    deliver, fault = recording.delivered(by_fcgi(service.socket)), FAULTS["EIO on a sync"]
    while wal_frames(home) < 200:
        assert deliver(new_event(rng, 400)).status == 200
    reader = sqlite3.connect(f"file:{home.spool.dir}/hookspool.db?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    for _ in range(60):  # over two frames each
        assert deliver(new_event(rng, 400)).status == 200
    reader.execute("COMMIT")
    with faults.armed(fault, 3):  # after the commit's, and that of the WAL before a checkpoint
        assert deliver(new_event(rng, 400)).status == 200
        until(lambda: not faults.armed_still(), "the database's sync fails")
    for _ in range(3):
        assert deliver(new_event(rng, 400)).status == 200
    reader.close()
    service.stop()
    found = examine("power cut after half a checkpoint and a failed one", recording, rng, journaled=False, after=SYNC_FAILED)
    assert not found.problems, found.problems[:10]


def wal_frames(home):
    """In the WAL's index, walformat.html section 2.1: mxFrame. Closing the file ends this process's locks on it: not while a reader reads."""
    index = home.spool.dir / "hookspool.db-shm"
    return int.from_bytes(index.read_bytes()[16:20], sys.byteorder) if index.exists() else 0
