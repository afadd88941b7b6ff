# SPDX-License-Identifier: ISC
"""Long bodies, which are in files beside the database: every reader gives their bytes, and what is damaged is named."""
import json
import os
import signal
import socket
import sqlite3
import stat
import threading

import pytest

import fcgi_client
from outcomes import expect
from page import Page
from place import ROOT, USER, own, until
from receiver import Home
from relaying import PATH, Relay, home_with, sink
from sender import message

BATCH = 262_144  # src/spool/sqlite/segment.h: SPOOL_SEGMENT_BATCH: a body of so many bytes is in a segment, also alone
MARKER = "MARKER-of-a-person-9d2e"


def deliver(one, size, **more):
    """The body of a new event with a text of so many characters, once it is stored."""
    body = message(text="x" * size, **more)
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    return body


def write(home, sql, *args):
    """Changes the spool as no program does."""
    db = sqlite3.connect(home.spool.dir / "hookspool.db", timeout=10, isolation_level=None)
    try:
        db.execute(sql, args)
    finally:
        db.close()


def traces(home, text=MARKER):
    """How often it is in each file of the spool's directory."""
    return {file.name: n for file in home.spool.dir.iterdir() if file.is_file() and (n := file.read_bytes().count(text.encode()))}


def spoil(home, event):
    """Changes a byte of a body in its file."""
    row = home.spool.event(id=event)
    with open(home.spool.dir / f"bodies-{row['segment']}", "r+b") as file:
        file.seek(row["place"][0] + 5000)
        file.write(b"#")


# ---- every reader

def test_long_bodies_are_in_a_segment(receiver):
    one = receiver()
    short = message(text="x")
    sizes = [BATCH - 1, BATCH, 300_000, 900_000]
    bodies = [message(text="x" * (size - len(short) + 1)) for size in sizes]
    for body in bodies:
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    rows = one.home.spool.events()
    assert [len(row["body"]) for row in rows] == sizes
    assert [row["segment"] for row in rows] == [None, 1, 1, 1]
    assert [row["body"] for row in rows] == bodies
    assert all(row["place"][0] % 4096 == 0 for row in rows[1:])
    file = one.home.spool.segments[0]
    assert file.name == "bodies-1" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (one.home.spool.dir / "hookspool.db-wal").stat().st_size < 1_000_000


def test_every_reader_gives_the_bytes(receiver, relay, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    bodies = [deliver(one, size) for size in (10, 300_000, 400_000)]
    running = relay(home).ready()
    target.until(3)
    running.stop()
    assert sorted(target.bodies()) == sorted(bodies)
    assert [event["body"].encode() for event in home.spool.export()] == bodies
    shown = home.cli("show", "--raw", "3")
    assert shown.returncode == 0 and shown.stdout == bodies[2], shown.stderr
    listed = home.cli("list", "--text", "x" * 5000)
    assert listed.returncode == 0 and len(listed.stdout.splitlines()) == 1 + 2, listed
    replayed = home.cli("replay", "--sink", "out")
    assert replayed.returncode == 0, replayed.stderr
    running = relay(home).ready()
    target.until(6)
    running.stop()
    assert sorted(target.bodies()) == sorted(2 * bodies)


def test_duplicate_of_a_long_event_takes_no_room(receiver):
    one = receiver()
    body = deliver(one, 350_000)
    size = one.home.spool.segments[0].stat().st_size
    other = json.dumps({**json.loads(body), "object": "Event"}).encode()
    for again in body, other:
        expect(fcgi_client.deliver(one.socket, again, path=PATH), "duplicate")
    assert one.home.spool.segments[0].stat().st_size == size
    assert one.home.spool.event(id=1)["body"] == body


def test_move_of_a_spool_takes_long_bodies_along(receiver):
    one = receiver()
    bodies = [deliver(one, size) for size in (10, 370_000)]
    one.stop()
    new = Home()
    done = one.home.cli("move", "--to", str(new.spool.dir))
    assert done.returncode == 0, done.stderr
    assert [row["body"] for row in new.spool.events()] == bodies


def test_backup_has_long_bodies_in_itself(receiver):
    one = receiver()
    home, new = one.home, Home()
    bodies = [deliver(one, size) for size in (10, 300_000, 400_000)]
    done = home.cli("backup", home.dir / "copy.db")
    assert done.returncode == 0, done.stderr
    done = new.cli("restore", home.dir / "copy.db")
    assert done.returncode == 0, done.stderr
    assert [row["body"] for row in new.spool.events()] == bodies and not new.spool.segments
    two = receiver(home=new)
    bodies.append(deliver(two, 330_000))
    assert [row["body"] for row in new.spool.events()] == bodies and len(new.spool.segments) == 1


def test_copy_of_the_database_alone_is_no_backup(receiver):
    one = receiver()
    deliver(one, 330_000)
    one.stop()
    write(one.home, "PRAGMA wal_checkpoint(TRUNCATE)")
    done = Home().cli("restore", one.home.spool.dir / "hookspool.db")
    assert done.returncode == 1 and b"it lacks the bodies of 1 event" in done.stderr, done


# ---- several processes

def test_receivers_share_a_segment(receiver):
    home = Home()
    running = [receiver(home=home) for _ in range(4)]
    bodies = []

    def load(one):
        for _ in range(10):
            bodies.append(deliver(one, 300_000))

    threads = [threading.Thread(target=load, args=(one,)) for one in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = home.spool.events()
    assert len(rows) == 40 and {row["body"] for row in rows} == set(bodies)
    assert len(home.spool.segments) == 1
    places = sorted(row["place"] for row in rows)
    assert all(at + size <= after for (at, size), (after, _) in zip(places, places[1:]))
    done = home.cli("check", "--deep")
    assert b"bodies-" not in done.stdout + done.stderr, done


def test_new_process_goes_on_in_the_segment(receiver):
    one = receiver()
    bodies = [deliver(one, 320_000)]
    one.stop()
    two = receiver(home=one.home)
    bodies.append(deliver(two, 320_000))
    assert [row["body"] for row in one.home.spool.events()] == bodies
    assert [file.name for file in one.home.spool.segments] == ["bodies-1"]


def test_what_a_killed_process_left_is_wiped(receiver):
    """A tail that no row has, and a file that no row is in."""
    one = receiver()
    body = deliver(one, 320_000)
    one.signal(signal.SIGKILL)
    one.end()
    with open(one.home.spool.segments[0], "ab") as file:
        file.write(MARKER.encode() * 1000)
    left = one.home.spool.dir / "bodies-2"
    left.write_text(MARKER)
    own(left)
    two = receiver(home=one.home)
    bodies = [body, deliver(two, 320_000), deliver(two, 320_000)]
    assert [row["body"] for row in one.home.spool.events()] == bodies
    assert {row["segment"] for row in one.home.spool.events()[1:]} <= {1, 3}
    assert traces(one.home)
    done = one.home.cli("purge", "--older-than", "1d")
    assert done.returncode == 0, done.stderr
    assert traces(one.home) == {} and not left.exists()
    assert [row["body"] for row in one.home.spool.events()] == bodies


@pytest.mark.skipif(not ROOT, reason="only root starts processes of two users")
def test_two_users_of_a_group_share_segments(receiver, children, target):
    """The receiver writes, a relay of another user reads and, as catch-up does, may append."""
    home = home_with(sink("out", url=target.url))
    home.spool.dir.mkdir()
    own(home.spool.dir).chmod(0o2770)
    home.conf.chmod(0o644)
    (home.dir / "secret").chmod(0o640)
    home.dir.chmod(0o775)
    one = receiver(home=home)
    bodies = [deliver(one, 320_000)]
    assert stat.S_IMODE(home.spool.segments[0].stat().st_mode) == 0o660
    other = ["setpriv", "--reuid=nobody", f"--regid={USER}", "--clear-groups"]
    running = Relay(home, user=None, before=other).ready()
    target.until(1)
    running.stop()
    one.stop()
    two = home.start(user=None, before=other)
    bodies.append(deliver(two, 330_000))
    two.stop()
    three = receiver(home=home)
    bodies.append(deliver(three, 340_000))
    assert target.bodies() == bodies[:1] and [row["body"] for row in home.spool.events()] == bodies
    assert [file.name for file in home.spool.segments] == ["bodies-1"]


# ---- damage

@pytest.mark.parametrize("how, word", [("missing", b"the file is missing"), ("short", b"the file is too short"), ("changed", b"damaged from byte 0 on"),
                                       ("link", b"bodies-1: "), ("socket", b"bodies-1: ")])
def test_damaged_body_is_named(receiver, how, word):
    one = receiver()
    home = one.home
    bodies = [deliver(one, 320_000), deliver(one, 10), deliver(one, 330_000)]
    one.stop()
    file = home.spool.segments[0]
    if how == "missing":
        file.unlink()
    elif how == "short":
        os.truncate(file, 100)
    elif how == "link":
        file.rename(home.dir / "elsewhere")
        file.symlink_to(home.dir / "elsewhere")
    elif how == "socket":
        file.unlink()
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(file))
    else:
        spoil(home, 1)
    shown = home.cli("show", "--raw", "1")
    assert shown.returncode != 0 and shown.stdout == b"" and b"event 1" in shown.stderr and b"bodies-1" in shown.stderr, shown
    assert word in shown.stderr
    exported = home.cli("export")
    events = [json.loads(line) for line in exported.stdout.splitlines()]
    assert exported.returncode == 1 and [event["id"] for event in events] == ([2, 3] if how == "changed" else [2]), exported
    assert events[0]["body"].encode() == bodies[1]
    checked = home.cli("check", "--deep")
    assert checked.returncode == 2 and b"bodies-1" in checked.stdout + checked.stderr, checked
    if how != "changed":
        assert b"bodies-1" in home.cli("check").stdout
    two = receiver(home=home)
    expect(fcgi_client.deliver(two.socket, bodies[0], path=PATH), "duplicate")
    new = deliver(two, 325_000)
    assert home.spool.events()[-1]["body"] == new
    done = home.cli("purge", "--older-than", "1ms")
    assert done.returncode == 0 and not home.spool.events(), done.stderr


def test_segment_of_another_database_is_named_and_stays(receiver):
    """An administrator may move the database away for a moment."""
    one = receiver()
    deliver(one, 320_000)
    one.stop()
    for file in one.home.spool.dir.glob("hookspool.db*"):
        file.rename(one.home.dir / file.name)
    two = receiver(home=one.home)
    deliver(two, 330_000)
    assert [file.name for file in one.home.spool.segments] == ["bodies-1", "bodies-2"]
    said = one.home.cli("check").stdout
    assert b"bodies-1: left by another database" in said and b"bodies-2" not in said, said
    assert one.home.cli("purge", "--older-than", "1ms").returncode == 0
    assert [file.name for file in one.home.spool.segments] == ["bodies-1"]


def test_event_with_a_damaged_body_is_a_dead_letter(receiver, relay, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    bodies = [deliver(one, 320_000) for _ in range(3)]
    spoil(home, 2)
    running = relay(home).ready()
    until(lambda: not home.spool.query("SELECT 1 FROM relay WHERE state = 0"), "nothing is pending")
    running.stop()
    assert sorted(target.bodies()) == sorted((bodies[0], bodies[2]))
    assert home.spool.query("SELECT event FROM relay WHERE state = 2") == [{"event": 2}]
    assert b"its body is missing or damaged" in home.cli("deliveries", "--json").stdout


def test_damaged_body_keeps_nothing_else_from_being_read_or_erased(receiver):
    one = receiver()
    home = one.home
    deliver(one, 320_000)
    expect(fcgi_client.deliver(one.socket, message(text=MARKER).replace(b"ACoAA1", b"ACoAA2"), path=PATH), "stored")
    spoil(home, 1)
    listed = home.cli("list", "--json")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [1, 2] and listed.returncode == 1, listed
    assert b"the body of event 1 is missing or damaged" in listed.stderr
    found = home.cli("list", "--json", "--text", MARKER)
    assert [json.loads(line)["id"] for line in found.stdout.splitlines()] == [2] and found.returncode == 1, found
    page = Page(home)
    assert page.ids() == ["2", "1"] and page.ids(text=MARKER) == ["2"]
    page.stop()
    done = home.cli("erase", "--json", "--sender", "urn:li:fsd_profile:ACoAA2")
    assert done.returncode == 0 and json.loads(done.stdout)["unread"] == 1, done
    assert traces(home) == {} and [row["id"] for row in home.spool.query("SELECT id FROM event")] == [1]
    done = home.cli("erase", "--json", "--sender", "urn:li:fsd_profile:ACoAA1")
    assert done.returncode == 0 and json.loads(done.stdout)["unread"] == 0 and not home.spool.segments, done


# ---- deletion

@pytest.mark.parametrize("journal", ("wal", "delete"))
def test_purge_and_erase_leave_no_long_body(receiver, journal):
    home = Home(journal=journal)
    one = receiver(home=home)
    mine = [deliver(one, 320_000), deliver(one, 340_000)]
    deliver(one, 330_000, note=MARKER)
    body = message(text=MARKER * 20_000).replace(b"ACoAA1", MARKER.encode())
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    mine.append(deliver(one, 350_000))
    write(home, "UPDATE event SET received_at = 0 WHERE id = 3")
    assert "bodies-1" in traces(home)
    done = home.cli("purge", "--older-than", "1d")
    assert done.returncode == 0 and done.stdout == b"1 event purged\n", done
    assert home.spool.query("SELECT * FROM hole") == []
    done = home.cli("erase", "--sender", f"urn:li:fsd_profile:{MARKER}")
    assert done.returncode == 0, done.stderr
    assert traces(home) == {}
    assert [row["body"] for row in home.spool.events()] == mine
    assert [event["body"].encode() for event in home.spool.export()] == mine
    one.stop()


def test_segment_goes_when_all_its_events_are_purged(receiver):
    one = receiver()
    for _ in range(3):
        deliver(one, 300_000)
    assert one.home.cli("purge", "--older-than", "1ms").returncode == 0
    assert not one.home.spool.segments and one.home.spool.query("SELECT * FROM hole") == []
    body = deliver(one, 300_000)
    assert [file.name for file in one.home.spool.segments] == ["bodies-2"]
    assert one.home.spool.event()["body"] == body


def test_size_of_segments_counts(receiver):
    one = receiver()
    deliver(one, 10)
    before = json.loads(one.home.cli("stats", "--json").stdout)["bytes"]
    deliver(one, 900_000)
    assert json.loads(one.home.cli("stats", "--json").stdout)["bytes"] > before + 900_000
