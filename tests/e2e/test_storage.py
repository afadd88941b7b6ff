# SPDX-License-Identifier: ISC
"""When the disk is full, not there, or not ours: 503, and recovery without a restart."""
import fcntl
import os
import shutil
import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

import fcgi_client
from outcomes import expect
from place import BASE, BIN, COUNT, ROOT, SLOW, in_own_mounts, need, new_dir, own, run, until
from proc import Child
from receiver import Home, endpoint
from relaying import PATH, deliver, sink
from sender import message, new_urn
from spool import Spool


class SmallDisk:
    """A tmpfs, of 2 MiB if no size is given, in a mount namespace of its own; what runs inside sees it at `path`, we at `outside`."""

    def __init__(self, size="2m"):
        self.path = new_dir("disk")
        mount = f"mount -t tmpfs -o size={size},mode=0777 tmpfs {self.path} && echo mounted"
        self.keeper = Child([*in_own_mounts(mount), "sleep", "600"], new_dir("keeper") / "keeper.log", user=None)
        self.keeper.until(lambda: "mounted" in self.keeper.text(), "the mount (without root it needs user namespaces)")
        self.outside = Path(f"/proc/{self.keeper.pid}/root{self.path}")
        self.home = Home(spool=str(self.path / "spool"))

    def join(self):
        return [need("nsenter"), "-t", self.keeper.pid, *(["-m"] if ROOT else ["-U", "-m", "--preserve-credentials"])]

    def start(self):
        """A receiver inside."""
        return self.home.start(user=None, before=self.join())

    def cli(self, *args):
        """Runs hookspool inside."""
        return run([*self.join(), BIN / "hookspool", "-c", self.home.conf, *args])

    def spool(self):
        """A copy of the spool: SQLite follows the link out of the namespace, so it can't be opened in place."""
        copy = BASE / f"copy{next(COUNT)}"
        shutil.copytree(self.outside / "spool", copy)
        return Spool(self.home, copy)


@pytest.fixture
def small_disk(children):
    return SmallDisk()


def fill(path):
    """Takes the last byte of a file system with a file of that name."""
    with open(path, "wb", buffering=0) as file:
        for block in (65536, 512, 1):
            try:
                while True:
                    file.write(b"x" * block)
            except OSError:
                pass


def test_disk_full(small_disk):
    """Filled by others, freed, filled by events: every 200 is there, no 503 is, and the file is sound."""
    one = small_disk.start()
    ballast = small_disk.outside / "ballast"
    acknowledged = []

    def send(size):
        urn = new_urn()
        reply = fcgi_client.deliver(one.socket, message(urn, text="x" * size))
        if reply.status == 200:
            acknowledged.append(urn)
        else:
            expect(reply, "unavailable")
        return reply.status

    def send_until_full():
        while send(20_000) == 200:
            assert len(acknowledged) < 200, "2 MiB are never full"

    def check():
        spool = small_disk.spool()
        assert [event["key"] for event in spool.events()] == acknowledged
        assert spool.sound()

    assert send(1000) == 200
    fill(ballast)
    send_until_full()
    assert [send(20_000) for _ in range(10)] == [503] * 10
    one.until_entry(outcome="unavailable")
    check()
    ballast.unlink()
    assert [send(1000) for _ in range(10)] == [200] * 10
    send_until_full()
    check()
    one.stop()
    check()


def test_disk_full_while_deliveries_are_changed(small_disk):
    """What could not be written is not said to be done."""
    small_disk.home.configure(sink("out", url="https://example.com/"), sink("new", url="https://example.com/"), endpoint(PATH, relay=["out"]))
    one = small_disk.start()
    deliver(one, 5)
    fill(small_disk.outside / "ballast")
    while fcgi_client.deliver(one.socket, message(text="x" * 2000), path=PATH).status == 200:
        pass
    done = [small_disk.cli(*args) for args in (["drop", "--sink", "out"], ["replay", "--sink", "new", "--until", "2030-01-01"])]
    assert [(each.returncode, each.stdout.split()[:1]) for each in done] == [(75, []), (75, [b"0"])], done
    assert all(b"full" in each.stderr for each in done)
    one.stop()
    (small_disk.outside / "spool" / "lock").write_bytes(b"") # as the releases before the mark in it left it
    done = small_disk.cli("list")
    assert done.returncode == 0 and done.stdout, "a command that only reads needs no room"


def test_first_rate_on_a_full_disk_ends_no_receiver(small_disk):
    """The table of rates is mapped with the first delivery that one limits, and no room is left for it."""
    small_disk.home.configure(endpoint(PATH), endpoint("/limited", rate="9/m"))
    one = small_disk.start()
    deliver(one, 1)
    fill(small_disk.outside / "ballast")
    assert fcgi_client.deliver(one.socket, message(), path="/limited").status in (200, 503)
    (small_disk.outside / "ballast").unlink()
    expect(fcgi_client.deliver(one.socket, message(), path="/limited"), "stored")
    one.stop()


def test_disk_full_from_the_start(small_disk):
    """Not even the empty spool fits: 503; once there is room it is made."""
    ballast = small_disk.outside / "ballast"
    fill(ballast)
    one = small_disk.start()
    expect(fcgi_client.deliver(one.socket, message()), "unavailable")
    ballast.unlink()
    body = message()
    expect(fcgi_client.deliver(one.socket, body), "stored")
    spool = small_disk.spool()
    assert [event["body"] for event in spool.events()] == [body] and spool.sound()
    one.stop()


def test_spool_not_mounted(receiver):
    """The spool's place can't be written (an unmounted disk's empty mount point): 503 until it can."""
    place = new_dir("mnt")
    shutil.chown(place, "root") if ROOT else place.chmod(0o555)
    one = receiver(home=Home(spool=str(place / "spool")))
    for _ in range(3):
        expect(fcgi_client.deliver(one.socket, message()), "unavailable")
    assert one.until_entry(outcome="unavailable")["reason"].startswith(str(place))
    assert not list(place.iterdir())
    own(place).chmod(0o755)
    expect(fcgi_client.deliver(one.socket, message()), "stored")


def test_spool_behind_a_dangling_link(receiver):
    """The directory a link points to comes and goes; what is acknowledged goes to where the link points now."""
    home = Home()
    real = home.dir / "real"
    home.spool.dir.symlink_to(real)
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message()), "unavailable")
    own_dir(real)
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    real.rename(home.dir / "elsewhere")
    expect(fcgi_client.deliver(one.socket, message()), "unavailable")
    own_dir(real)
    expect(fcgi_client.deliver(one.socket, body := message()), "stored")
    assert [event["body"] for event in home.spool.events()] == [body]


def own_dir(path):
    path.mkdir(mode=0o700)
    own(path)


def test_modes_and_owners(receiver):
    """0700 and 0600 with any umask of the starting process; all files are the receiver's."""
    before = os.umask(0)
    try:
        one = receiver()
    finally:
        os.umask(before)
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    spool = one.home.spool.dir
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    files = sorted(spool.iterdir())
    assert {"hookspool.db", "hookspool.db-wal", "lock"} <= {file.name for file in files}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {file.stat().st_uid for file in files} == {one.home.conf.stat().st_uid}


def test_spool_open_to_others_is_closed(receiver):
    home = Home()
    home.spool.dir.mkdir(mode=0o755)
    own(home.spool.dir)
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    assert stat.S_IMODE(home.spool.dir.stat().st_mode) == 0o700


COMMANDS = [["list"], ["export"], ["stats"], ["rejects"], ["tail"], ["check"], ["show", "1"], ["purge", "--older-than", "1h"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_root_leaves_no_files_owned_by_root(receiver, command):
    """An admin's command on a stopped service's spool doesn't lock the service out."""
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    one.stop()
    for name in ("lock", "hookspool.db-shm"):
        (one.home.spool.dir / name).unlink(missing_ok=True)
    done = one.home.cli(*command, user=None)
    assert done.returncode in (0, 1), done.stderr
    assert {file.stat().st_uid for file in one.home.spool.dir.iterdir()} == {one.home.conf.stat().st_uid}
    again = receiver(home=one.home)
    expect(fcgi_client.deliver(again.socket, message()), "stored")


def test_lock_is_waited_for(receiver):
    """Another process holds the spool for a moment: the delivery waits and is stored."""
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    with open(one.home.spool.dir / "lock") as lock, fcgi_client.Fcgi(one.socket) as fcgi:
        fcntl.flock(lock, fcntl.LOCK_EX)
        body = message()
        fcgi.send(fcgi_client.whole(fcgi_client.params(body=body), body))
        time.sleep(0.3)  # long enough for a wrong answer to come
        fcgi.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            fcgi.sock.recv(1)
        fcgi.sock.settimeout(20)
        fcntl.flock(lock, fcntl.LOCK_UN)
        expect(fcgi.reply(), "stored")


def test_reader_does_not_stop_deliveries(receiver):
    """A long read of the spool, as a backup makes it."""
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    db = sqlite3.connect(f"file:{one.home.spool.dir}/hookspool.db?mode=ro", uri=True)
    reading = db.execute("SELECT * FROM event")
    reading.fetchone()
    start = time.monotonic()
    for _ in range(20):
        expect(fcgi_client.deliver(one.socket, message(text="x" * 100_000)), "stored")
    assert time.monotonic() - start < 30
    db.close()
    assert one.home.spool.sound()


def test_counters_and_rejects_reach_the_spool(receiver):
    """Within seconds, without being asked; the ring keeps the newest."""
    one = receiver(home=Home(endpoint(), endpoint("/webhook/open", scheme="none"), reject_keep=5))
    body = message()
    expect(fcgi_client.deliver(one.socket, body), "stored")
    for i in range(9):
        expect(fcgi_client.deliver(one.socket, b"x" * i, path="/webhook/open"), "malformed")
    expect(fcgi_client.deliver(one.socket, body, path="/webhook/none"), "not_found")
    until(lambda: sum(one.home.spool.counters().values()) == 11, "the counters")
    assert one.home.spool.counters() == {("/webhook/linkedin", "stored", 1): 1, ("/webhook/open", "malformed", 0): 9,
                                         ("", "not_found", 0): 1}
    rejects = one.home.spool.rejects()
    assert [(r["code"], r["bytes"]) for r in rejects[:4]] == [("malformed", i) for i in (5, 6, 7, 8)]
    assert (rejects[4]["code"], rejects[4]["endpoint"], rejects[4]["remote_addr"]) == ("not_found", None, "127.0.0.1")
    assert len(rejects) == 5 and {r["body"] for r in rejects} == {None}


def test_reject_bodies_when_configured(receiver):
    one = receiver(home=Home(endpoint(scheme="none"), reject_bodies=True))
    expect(fcgi_client.deliver(one.socket, b"not json"), "malformed")
    until(lambda: one.home.spool.rejects(), "the reject")
    assert one.home.spool.rejects()[0]["body"] == b"not json"


def test_journal_delete(receiver):
    """For network file systems: no WAL, and still one event a key."""
    one = receiver(journal="delete")
    body = message()
    expect(fcgi_client.deliver(one.socket, body), "stored")
    expect(fcgi_client.deliver(one.socket, body), "duplicate")
    assert not list(one.home.spool.dir.glob("*-wal"))
    assert one.home.spool.query("PRAGMA journal_mode") == [{"journal_mode": "delete"}]
    assert (one.home.spool.dir / "hookspool.db-journal").stat().st_size == 0, "it stays: making its name durable could fail unseen"


def test_wal_is_left_alone_while_another_has_the_database(receiver):
    """A process that can't find out the journal's kind waits. It must not guess."""
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    one.stop()
    db = sqlite3.connect(one.home.spool.dir / "hookspool.db", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    threading.Timer(1, db.close).start()
    assert one.home.cli("list").returncode == 0
    assert one.home.spool.query("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
