# SPDX-License-Identifier: ISC
"""The search index: searches find exactly what a reading of every event finds, whatever becomes of the index."""
import datetime
import functools
import json
import random
import shutil
import signal
import sqlite3
import struct
import subprocess

import pytest

from page import Page
from place import BIN, USER, own, run, until
from proc import Child
from receiver import Home, endpoint
from relaying import PATH, deliver, home_with, sink
from sender import message
from test_backup import another_home, backup, restore
from test_mcp import Server
from test_retention import ids, write

EVENTS = 17_000  # a spool of 16,384 has an index
WORDS = ["stand", "standing", "über", "ÜBER", "Straße", "你好", "привет", "ПРИВЕТ", "Kelvin", "🙂", "a", "no", "one two"]
NAMES = ["Jane Doe", "Žofie Nováková", "李 明", "bo", "JANET"]
NOWHERE = "qwzjxv"


@functools.cache
def rows_from(first, events, step):
    """What fill() stores; the same each time."""
    chance = random.Random(first)
    return [(event, 1_780_000_000_000 + event, PATH, f"urn:p:{chance.randrange(9000)}", chance.choice(NAMES),
             message(str(event), text=" ".join(chance.choices(WORDS, k=3)) + f" {chance.randrange(3000)}"))
            for event in range(first, first + events * step, step)]


def fill(home, events=EVENTS, step=1):
    """Events behind the receiver's back; step: from an id to the next one."""
    until(lambda: home.spool.query("SELECT 1 FROM sqlite_master WHERE name = 'event'"), "the receiver has made the spool")
    db = sqlite3.connect(home.spool.dir / "hookspool.db", timeout=30, isolation_level=None)
    first = db.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0] + 1
    db.execute("BEGIN")
    db.executemany("INSERT INTO event(id, received_at, endpoint, secret, event, sender_id, sender_name, headers, body)"
                   " VALUES(?, ?, ?, 1, 'message.received', ?, ?, '', ?)", rows_from(first, events, step))
    db.execute("COMMIT")
    db.close()


def parts(home):
    where = home.spool.dir / "search"
    return sorted(file.name for file in where.iterdir() if file.name != "lock") if where.is_dir() else []


def index(home, *args, status=0):
    done = home.cli("index", *args)
    assert done.returncode == status, done.stderr
    return done


def found(home, *args):
    done = home.cli("list", "-n", "0", "--json", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["id"] for line in done.stdout.splitlines()]


def stored(home):
    """Ids, texts and senders, the texts and names in lower case by Python's idea of it."""
    rows = home.spool.query("SELECT id, sender_id, sender_name, body FROM event ORDER BY id")
    return [(row["id"], json.loads(row["body"])["data"]["body"].lower(), row["sender_id"], (row["sender_name"] or "").lower()) for row in rows]


def expected(rows, text="", sender=None):
    rows = rows if isinstance(rows, list) else stored(rows)
    return [event for event, body, person, name in rows
            if text.lower() in body and (sender is None or sender == person or sender.lower() in name)]


def blocks(home):
    """How many blocks of 256 ids the index has of the first part: src/spool/search/part.h has its head."""
    file = home.spool.dir / "search/0"
    return struct.unpack_from("=I", file.read_bytes(), 28)[0] if file.exists() else 0


def uses(home, event):
    """Whether searches leave out an event that the index does not know: its text was changed behind the index's back."""
    body = home.spool.event(id=event)["body"]
    write(home, "UPDATE event SET body = ? WHERE id = ?", message(str(event), text=NOWHERE), event)
    left_out = found(home, "--text", NOWHERE) == []
    write(home, "UPDATE event SET body = ? WHERE id = ?", body, event)
    return left_out


@pytest.fixture(scope="module")
def shared():
    """A home for tests that change no event, and its rows; the index lacks the newest ones. No receiver runs."""
    home = home_with(relay=())
    one = home.start()
    fill(home)
    one.stop()
    index(home)
    assert parts(home) == ["0"] and uses(home, 77)
    fill(home, 300)
    home.rows = stored(home)
    return home


@pytest.fixture
def damaged(shared):
    """The same for a test that damages the index, which is put back."""
    where, whole = shared.spool.dir / "search", shared.dir / "whole"
    shutil.copytree(where, whole)
    yield shared
    shutil.rmtree(where) if where.is_dir() and not where.is_symlink() else where.unlink()
    whole.rename(where)
    run(["chown", "-R", "--reference", shared.conf, where])
    assert uses(shared, 77)


@pytest.fixture
def indexed(receiver):
    one = receiver(home=home_with(relay=()))
    fill(one.home)
    index(one.home)
    assert parts(one.home) == ["0"] and uses(one.home, 77)
    return one


# ---- what is found

def test_searches_are_exact(shared):
    home, rows = shared, shared.rows
    for text in ("stand", "STANDING 17", "straSSe", "straße", "über", "Über 2", "привет", "你好 2", "好", "🙂 1", "kelvin 3", "", "no one", NOWHERE, "2999"):
        assert found(home, "--text", text) == expected(rows, text), text
    for sender in ("jane", "žofie", "ŽOFIE N", "李", "bo", "o", "urn:p:7", "urn:p:77", "URN:p:77", "nobody", NOWHERE):
        assert found(home, "--sender", sender) == expected(rows, sender=sender), sender
    assert found(home, "--text", "über 1", "--sender", "jane") == expected(rows, "über 1", "jane")
    assert found(home, "--text", "стоп") == []


def test_other_filters_are_exact(shared):
    """By a time, an event's name, an account and an endpoint."""
    times = {row["id"]: row["received_at"] for row in shared.spool.query("SELECT id, received_at FROM event")}
    middle = sorted(times)[len(times) // 2]
    at = datetime.datetime.fromtimestamp(times[middle] / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert found(shared, "--since", at) == [id for id in sorted(times) if times[id] >= times[middle]]
    assert found(shared, "--until", at, "--event", "message.received") == [id for id in sorted(times) if times[id] < times[middle]]
    for none in (("--event", "none"), ("--account", "none"), ("--since", "1m", "--until", at)):
        assert found(shared, *none) == []


def test_the_newest_that_match_are_listed_in_order(shared):
    home, want = shared, expected(shared.rows, text="standing 17")
    listed = [json.loads(line)["id"] for line in home.cli("list", "-n", "5", "--json", "--text", "standing 17").stdout.splitlines()]
    assert len(want) > 5 and listed == want[-5:]
    assert [json.loads(line)["id"] for line in home.cli("export", "--text", "standing 17").stdout.splitlines()] == want


def test_what_came_since_is_found(indexed):
    deliver(indexed, 2, text=f"now {NOWHERE} came")
    assert len(found(indexed.home, "--text", NOWHERE)) == 2


def test_long_texts_and_bodies_are_found(indexed):
    """Bodies that the database has elsewhere, and texts that are too long for the index."""
    home = indexed.home
    deliver(indexed, 1, text="x" * 40_000 + NOWHERE)
    deliver(indexed, 1, text="y" * 100_000 + NOWHERE)
    deliver(indexed, 1, text=f"short {NOWHERE}", attachments=["z" * 300_000])
    fill(home, 600)
    index(home)
    assert blocks(home) > (EVENTS + 256) // 256
    assert found(home, "--text", NOWHERE) == [EVENTS + 1, EVENTS + 2, EVENTS + 3]
    assert found(home, "--text", "y" * 9 + NOWHERE) == [EVENTS + 2]


def test_body_that_could_not_be_read_is_found_once_it_can(receiver):
    """An index is built beside an event whose file of bodies is away."""
    one = receiver(home=home_with(relay=()))
    home = one.home
    fill(home)
    body = home.spool.event(id=77)["body"]
    write(home, "UPDATE event SET segment = 9, body = zeroblob(20) WHERE id = 77")
    index(home)
    assert parts(home) == ["0"]
    write(home, "UPDATE event SET segment = NULL, body = ? WHERE id = 77", message("77", text=NOWHERE))
    assert found(home, "--text", NOWHERE) == [77]
    write(home, "UPDATE event SET body = ? WHERE id = 77", body)
    assert uses(home, 7_777)


def test_another_reading_of_texts_is_found(indexed):
    """The configuration takes the text from elsewhere: what the index knows of texts is of no use, and the senders are."""
    home = indexed.home
    home.configure('scheme "own" {\nlike = "connectsafely"\ntext = {"json:data.provider"}\n}\n' + endpoint(PATH, scheme="own"))
    assert len(found(home, "--text", "linkedin")) == EVENTS
    assert found(home, "--text", "standing") == []
    assert found(home, "--sender", "urn:p:77") == expected(home, sender="urn:p:77")
    index(home)
    assert found(home, "--text", "standing") == [] and len(found(home, "--text", "linkedin")) == EVENTS


def test_the_page_and_mcp_search_by_the_index(indexed):
    home = indexed.home
    write(home, "UPDATE event SET body = ?, sender_name = 'Xaver' WHERE id = 5", message("5", text=f"about {NOWHERE}"))
    index(home, "--drop")
    assert parts(home) == []
    index(home)
    page = Page(home)
    for query in ({"text": NOWHERE}, {"sender": "xaver"}, {"text": NOWHERE.upper(), "sender": "Xaver"}):
        answer = page.events(**query)
        assert [row["id"] for row in answer["events"]] == ["5"] and answer["complete"], query
    assert page.events(text="nowhere at all")["complete"]
    server = Server(home)
    server.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "t", "version": "1"})
    for query in (NOWHERE, "xaver"):
        assert [row["id"] for row in server.call("search", query=query)["events"]] == [5], query
    assert [row["id"] for row in server.call("list_events", text=NOWHERE, sender="xaver")["events"]] == [5]
    server.child.kill()
    server.child.wait()


# ---- building

def test_the_relay_builds_it(receiver, relay):
    home = home_with(sink("out", url="http://127.0.0.1:9/"), relay=())
    one = receiver(home=home)
    fill(home, EVENTS // 4, step=4)
    running = relay(home).ready()
    until(lambda: parts(home) == ["0"], "the relay has built the index", 240)
    assert uses(home, 77)
    done = index(home, status=1)
    assert b"another process builds the search index" in done.stderr
    fill(home, 1250, step=4)
    until(lambda: blocks(home) > (EVENTS + 100) // 256, "the relay has added what came", 240)
    assert uses(home, EVENTS + 98)
    assert found(home, "--text", "standing 17") == expected(home, text="standing 17")
    running.stop()
    index(home)
    deliver(one, 1)


def test_relay_once_builds_it(receiver):
    home = home_with(sink("out", url="http://127.0.0.1:9/"), relay=())
    receiver(home=home)
    fill(home, EVENTS // 4, step=4)
    for _ in range(50):
        assert home.cli("relay", "--once").returncode == 0
        if parts(home) == ["0"]:
            break
    assert parts(home) == ["0"] and uses(home, 77)


def test_a_small_spool_has_none(receiver):
    one = receiver(home=home_with(relay=()))
    fill(one.home, 2000)
    assert b"0 events were added" in index(one.home).stdout and parts(one.home) == []


@pytest.mark.parametrize("mode, directory, file", [(0o2770, 0o2770, 0o660), (0o700, 0o700, 0o600)])
def test_it_is_shared_as_the_spool_is(receiver, mode, directory, file):
    """Receiver and relay may be two users: each removes what the other made."""
    home = home_with(relay=())
    home.spool.dir.mkdir()
    own(home.spool.dir).chmod(mode)
    receiver(home=home)
    fill(home)
    index(home)
    where = home.spool.dir / "search"
    assert where.stat().st_mode & 0o7777 == directory and where.stat().st_gid == home.spool.dir.stat().st_gid
    assert {path.stat().st_mode & 0o7777 for path in where.iterdir()} == {file}


def test_without_the_option_the_relay_removes_it(indexed, relay):
    home = indexed.home
    home.configure(sink("out", url="http://127.0.0.1:9/"), endpoint(PATH), search_index=False)
    assert b"search-index = false" in index(home, status=1).stderr
    relay(home).ready()
    until(lambda: not (home.spool.dir / "search").exists(), "the relay has removed the index", 30)
    assert found(home, "--text", "standing 17") == expected(home, text="standing 17")


def test_searches_while_it_is_built_and_dropped(shared):
    home, want = shared, expected(shared.rows, text="standing 17")
    script = f"while :; do {BIN}/hookspool -c {home.conf} index; {BIN}/hookspool -c {home.conf} index --drop; done"
    loop = Child(["sh", "-c", script], home.dir / "loop.log")
    for _ in range(15):
        assert found(home, "--text", "standing 17") == want
    loop.end()
    index(home)
    assert uses(home, 77)


def test_killed_at_any_moment_it_is_built_again(receiver):
    one = receiver(home=home_with(relay=()))
    home = one.home
    fill(home)
    want = expected(home, text="standing 17")
    for tried in range(9):
        run(["timeout", "-s", "KILL", str(0.02 + 0.03 * tried), BIN / "hookspool", "-c", home.conf, "index"], user=USER)
        assert found(home, "--text", "standing 17") == want
        if tried % 3 == 2:
            index(home, "--drop")
    index(home)
    assert parts(home) == ["0"] and uses(home, 77)


# ---- what is deleted

@pytest.mark.parametrize("how", ["purge", "erase"])
def test_what_is_deleted_is_not_in_the_index(indexed, how):
    """Its part is gone when the command returns; built again, it knows nothing of the text."""
    home = indexed.home
    write(home, "UPDATE event SET body = ?, received_at = 1, sender_id = 'urn:p:gone' WHERE id = 300", message("300", text=f"a {NOWHERE}"))
    index(home, "--drop")
    index(home)
    with_it = (home.spool.dir / "search/0").read_bytes()
    done = home.cli("purge", "--older-than", "3650d") if how == "purge" else home.cli("erase", "--sender", "urn:p:gone")
    assert done.returncode == 0, done.stderr
    assert 300 not in ids(home) and parts(home) == []
    index(home)
    assert parts(home) == ["0"] and (home.spool.dir / "search/0").read_bytes() != with_it
    assert found(home, "--text", "standing 17") == expected(home, text="standing 17")
    write(home, "INSERT INTO event(id, received_at, endpoint, secret, event, headers, body) VALUES(300, 1, ?, 1, 'e', '', ?)",
          PATH, message("300", text=f"a {NOWHERE}"))
    assert found(home, "--text", NOWHERE) == [], "the index knows a deleted text"


def test_keep_removes_what_it_deletes_from_the_index(receiver):
    """The receiver deletes, in its sandbox."""
    home = home_with(relay=(), keep="2s")
    receiver(home=home)
    fill(home)
    index(home)
    until(lambda: not ids(home), "the receiver has deleted the events", 60)
    until(lambda: parts(home) == [], "the index is gone")


def test_deletion_while_the_relay_builds(receiver, relay):
    home = home_with(sink("out", url="http://127.0.0.1:9/"), relay=())
    receiver(home=home)
    fill(home)
    relay(home).ready()
    for at in range(100, EVENTS, 3000):
        write(home, "UPDATE event SET received_at = 1 WHERE id = ?", at)
        assert home.cli("purge", "--older-than", "3650d").stdout == b"1 event purged\n"
    until(lambda: blocks(home) > (EVENTS - 300) // 256, "the relay has built the index", 240)
    assert uses(home, EVENTS - 300)
    assert found(home, "--text", "standing 17") == expected(home, text="standing 17")


def test_a_restored_spool_has_none_of_the_old_index(shared):
    """The spool was moved away, and its index left: what it knows is of other events."""
    home = shared
    file, done = backup(home)
    assert done.returncode == 0
    new = another_home(home)
    new.spool.dir.mkdir(mode=0o700)
    shutil.copytree(home.spool.dir / "search", new.spool.dir / "search")
    run(["chown", "-R", "--reference", new.conf, new.spool.dir])
    assert restore(new, file).returncode == 0
    assert not (new.spool.dir / "search").exists()
    shutil.copytree(home.spool.dir / "search", new.spool.dir / "search")
    run(["chown", "-R", "--reference", new.conf, new.spool.dir])
    assert not uses(new, 77), "the index of another file is used"
    index(new)
    assert uses(new, 77) and found(new, "--text", "standing 17") == expected(new, text="standing 17")


def put_back(home, older):
    """As cp does: the file stays the same. None: returns what is in it."""
    file = home.spool.dir / "hookspool.db"
    db = sqlite3.connect(file, timeout=30)
    assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    db.close()
    if older:
        for other in ("-wal", "-shm"):
            file.with_name(file.name + other).unlink(missing_ok=True)
        file.write_bytes(older)
    return file.read_bytes()


def test_an_older_copy_uses_no_index_of_newer_events(receiver):
    """Other events have come under the ids that the index has."""
    one = receiver(home=home_with(relay=()))
    home = one.home
    fill(home, EVENTS - 400)
    one.stop()
    older = put_back(home, None)
    fill(home, 400)
    index(home)
    assert uses(home, EVENTS - 300)
    put_back(home, older)
    fill(home, 400)
    write(home, "UPDATE event SET received_at = received_at + 1 WHERE id > ?", EVENTS - 400)
    assert not uses(home, EVENTS - 300)
    index(home)
    assert uses(home, EVENTS - 300)


# ---- damage

@pytest.mark.parametrize("damage", ["zeros", "cut", "empty", "link", "directory", "pipe", "rubbish"])
def test_damage_changes_no_answer(damaged, damage):
    home, file = damaged, damaged.spool.dir / "search/0"
    whole = file.read_bytes()
    file.unlink()
    if damage == "link":
        file.symlink_to("/dev/zero")
    elif damage == "directory":
        file.mkdir()
    elif damage == "pipe":
        subprocess.run(["mkfifo", file], check=True)
    else:
        file.write_bytes({"zeros": whole[:4096] + bytes(len(whole) - 4096), "cut": whole[:len(whole) // 2], "empty": b"",
                          "rubbish": random.Random(1).randbytes(len(whole))}[damage])
        run(["chown", "--reference", home.conf, file])
    assert found(home, "--text", "standing 17") == expected(home.rows, text="standing 17")
    assert found(home, "--sender", "urn:p:77") == expected(home.rows, sender="urn:p:77")


@pytest.mark.parametrize("damage", ["file", "link"])
def test_a_directory_that_is_none_is_no_index(damaged, damage):
    home, where = damaged, damaged.spool.dir / "search"
    shutil.move(where, home.dir / f"elsewhere-{damage}")
    if damage == "link":
        where.symlink_to(home.dir / f"elsewhere-{damage}")
    else:
        where.write_text("x")
    assert not uses(home, 77)
    assert home.cli("purge", "--older-than", "3650d").returncode == 0
    assert index(home, status=75).stderr
