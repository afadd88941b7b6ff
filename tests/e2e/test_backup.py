# SPDX-License-Identifier: ISC
"""Backup and restore, and an export of a damaged spool."""
import fcntl
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
import time

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, ROOT, SOURCE, USER, new_dir, own, run, until
from proc import Child
from receiver import Home, endpoint
from relaying import PATH, deliver, home_with, settled, sink, states
from sender import message
from test_retention import ids, now, write

pytestmark = pytest.mark.sqlite  # PostgreSQL has its own backups


def backup(home, name="copy.db", **how):
    file = home.dir / name
    return file, home.cli("backup", file, **how)


def restore(home, file, *args, **how):
    return home.cli("restore", *args, file, **how)


def another_home(home, *sections, **given):
    """Of a machine that has the configuration, and no spool."""
    new = Home(**given)
    new.conf.write_text(home.conf.read_text().replace(str(home.dir), str(new.dir)))
    return new


def rows(file, sql):
    db = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_backup_and_restore(receiver, target, relay):
    """Events, keys, also of purged events, refusals and counters are as they were; new ids follow at a distance."""
    home = home_with(sink("out", url=target.url), reject_bodies=True)
    one = receiver(home=home)
    purged = deliver(one, 1)[0]
    assert home.cli("purge", "--older-than", "1ms").returncode == 0
    bodies = deliver(one, 20, text="x" * 30_000)
    expect(fcgi_client.deliver(one.socket, b"{", path=PATH, headers={"X-Webhook-Signature": "sha256=00"}), "unauthorized")
    until(home.spool.rejects, "the refusal is written")
    running = relay(home).ready()
    settled(home, 20)
    running.stop()
    file, done = backup(home)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [name for name in os.listdir(home.dir) if name.startswith("copy")] == ["copy.db"]
    new = another_home(home)
    done = restore(new, file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"20 events restored to {new.spool.dir}, the newest of ".encode())
    assert done.stdout.endswith(b"\n0 pending deliveries: held as dead letters; hookspool retry sends them\n")
    columns = "SELECT id, received_at, endpoint, event, key, account, sender_id, conversation, headers, body, note FROM event"
    assert new.spool.query(columns) == home.spool.query(columns)
    assert [bytes(event["body"]) for event in new.spool.events()] == bodies
    assert len(new.spool.rejects()) == 1 and new.spool.counters() == home.spool.counters()
    two = receiver(home=new)
    for body in (purged, bodies[0], bodies[-1]):
        expect(fcgi_client.deliver(two.socket, body, path=PATH), "duplicate")
    deliver(two, 1)
    assert ids(new)[-1] == 10_000_022
    assert new.spool.sound() and stat.S_IMODE((new.spool.dir / "hookspool.db").stat().st_mode) == 0o600
    assert new.cli("list", "--json").stdout.count(b"\n") == 20


@pytest.mark.parametrize("pending, after", [("hold", [2, 2, 2]), ("send", [0, 0, 0]), ("drop", [])])
def test_pending_deliveries_of_a_restored_spool(receiver, target, relay, pending, after):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    bodies = deliver(one, 3)
    file, _ = backup(home)
    new = another_home(home)
    done = restore(new, file, *([] if pending == "hold" else ["--pending", pending]))
    assert done.returncode == 0 and b"\n3 pending deliveries: " in done.stdout
    assert states(new) == after
    receiver(home=new)
    running = relay(new).ready()
    if pending == "send":
        assert len(target.until(3)) == 3
        return
    time.sleep(1.5)
    assert not target.got
    if pending == "hold":
        assert b"held by restore" in new.cli("deliveries", "--json").stdout
        assert new.cli("retry", "--sink", "out").returncode == 0
    else:
        assert new.cli("replay", "--sink", "out", "--since", "1h").returncode == 0
    target.until(3)
    assert sorted(target.bodies()) == sorted(bodies)
    running.stop()


def test_backup_while_receiving(receiver):
    """A moment of the spool: all that was acknowledged before, none half; deliveries hardly wait."""
    one = receiver()
    home = one.home
    deliver(one, 5)
    write(home, "INSERT INTO event(received_at, endpoint, secret, event, key, headers, body) WITH RECURSIVE n(i) AS"
          " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT ?, '/w', 1, 'e', 'k' || i, '', randomblob(900) FROM n", now())
    ended, longest = [], 0
    thread = threading.Thread(target=lambda: ended.append(backup(home)))
    thread.start()
    sent = 0
    while thread.is_alive():
        started = time.monotonic()
        deliver(one, 1)
        sent += 1
        longest = max(longest, time.monotonic() - started)
    file, done = ended[0]
    assert done.returncode == 0, done.stderr
    assert 60005 <= rows(file, "SELECT count(*) FROM event")[0][0] <= 60005 + sent
    assert rows(file, "PRAGMA integrity_check") == [("ok",)]
    assert longest < 1, "deliveries wait for the backup"


def test_backup_with_a_rollback_journal(receiver):
    home = Home(journal="delete")
    one = receiver(home=home)
    deliver(one, 20)
    file, done = backup(home)
    assert done.returncode == 0, done.stderr
    new = another_home(home)
    assert restore(new, file).returncode == 0
    assert len(ids(new)) == 20
    deliver(receiver(home=new), 1)


def test_backup_replaces_a_backup_and_no_other_file(receiver):
    one = receiver()
    deliver(one, 1)
    file, done = backup(one.home)
    deliver(one, 1)
    assert done.returncode == 0 and backup(one.home)[1].returncode == 0
    assert rows(file, "SELECT count(*) FROM event") == [(2,)]
    own(file).write_text("a letter to a friend, and no backup at all")
    done = backup(one.home)[1]
    assert done.returncode == 75 and b"there is another file of that name" in done.stderr
    assert file.read_text().startswith("a letter")
    file.unlink()
    file.symlink_to(one.home.conf)
    assert backup(one.home)[1].returncode == 75
    assert "spool" in one.home.conf.read_text()


def test_backup_does_not_replace_a_spool(receiver):
    """Other files than a backup: the live database, a restored one, another program's SQLite database."""
    one = receiver()
    deliver(one, 2)
    file, done = backup(one.home)
    new = another_home(one.home)
    assert done.returncode == 0 and restore(new, file).returncode == 0
    other = sqlite3.connect(one.home.dir / "other.db")
    other.execute("CREATE TABLE letter(text)")
    other.close()
    own(one.home.dir / "other.db")
    for database in (one.home.spool.dir / "hookspool.db", new.spool.dir / "hookspool.db", one.home.dir / "other.db"):
        before = database.stat().st_ino
        done = one.home.cli("backup", database)
        assert done.returncode == 75 and b"there is another file of that name" in done.stderr
        assert database.stat().st_ino == before
    deliver(one, 1)
    assert len(ids(one.home)) == 3


def test_killed_backups_do_not_pile_up(receiver):
    """The next backup overwrites the incomplete file of a killed one."""
    one = receiver()
    for _ in range(40):
        deliver(one, 1, text="x" * 500_000)
    started = 0
    for pause in (0, 0.01, 0.02, 0.03, 0.05, 0.08):
        child = subprocess.Popen([BIN / "hookspool", "-c", one.home.conf, "backup", one.home.dir / "copy.db"],
                                 user=USER if ROOT else None, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        child.kill()
        child.wait()
        started += (one.home.dir / "copy.db.incomplete").exists()
    assert started
    file = one.home.dir / "copy.db"
    until(lambda: backup(one.home)[1].returncode == 0, "the copying process of a killed backup ends, and the next backup goes on")
    assert [name for name in os.listdir(one.home.dir) if name.startswith("copy.db")] == ["copy.db"]
    assert rows(file, "SELECT count(*) FROM event") == [(40,)]


def test_incomplete_copy_of_another_kind_is_not_written_to(receiver):
    one = receiver()
    deliver(one, 1)
    letter = one.home.write("letter", "a letter to a friend")
    for make in (lambda at: at.symlink_to(letter), lambda at: os.link(letter, at), os.mkdir, os.mkfifo):
        at = one.home.dir / "copy.db.incomplete"
        make(at)
        done = backup(one.home)[1]
        assert done.returncode == 75 and b"copy.db.incomplete" in done.stderr
        assert letter.read_text() == "a letter to a friend"
        at.rmdir() if at.is_dir() else at.unlink()
    with open(one.home.dir / "copy.db.incomplete", "w") as other:
        own(one.home.dir / "copy.db.incomplete")
        fcntl.flock(other, fcntl.LOCK_EX)
        done = backup(one.home)[1]
        assert done.returncode == 75 and b"another backup to that file is being made" in done.stderr
    assert backup(one.home)[1].returncode == 0


def test_backup_that_fails_leaves_nothing(receiver):
    one = receiver()
    deliver(one, 1)
    assert one.home.cli("backup", one.home.dir / "none" / "copy.db").returncode == 75
    assert Home().cli("backup", one.home.dir / "copy.db").returncode == 66
    assert not [name for name in os.listdir(one.home.dir) if name.startswith("copy")]


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_root_backs_up_and_restores(receiver):
    """Root's file, where only root may write; the spool is read and written as its owner."""
    one = receiver()
    deliver(one, 3)
    place = new_dir("roots")
    shutil.chown(place, 0, 0)
    place.chmod(0o700)
    file = place / "copy.db"
    done = one.home.cli("backup", file, user=None)
    assert done.returncode == 0, done.stderr
    assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode), os.listdir(place)) == (0, 0o600, ["copy.db"])
    new = another_home(one.home)
    done = new.cli("restore", file, user=None)
    assert done.returncode == 0, done.stderr
    owners = {path.stat().st_uid for path in [new.spool.dir, *new.spool.dir.iterdir()]}
    assert owners == {new.dir.stat().st_uid}
    assert len(new.spool.events()) == 3
    deliver(receiver(home=new), 1)


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_restore_as_root_names_both_ways_to_make_the_directory(receiver):
    """With the units, two users share the directory; without them it is one user's. Check names both ways, too."""
    one = receiver()
    deliver(one, 1)
    assert one.home.cli("backup", one.home.dir / "copy.db").returncode == 0
    new = another_home(one.home)
    ways = lambda text: b"systemd-tmpfiles --create" in text and b"install -d -m 700 -o " in text
    place = new.dir / "roots"
    new.configure(spool=str(place / "spool"))
    assert ways(new.cli("check", user=None).stdout), "the directory above is missing"
    place.mkdir()
    place.chmod(0o755)
    for user in (USER, None):
        assert ways(new.cli("check", user=user).stdout), user
    done = new.cli("restore", one.home.dir / "copy.db", user=None)
    assert done.returncode == 0 and ways(done.stderr), done.stderr
    new.configure(spool=str(new.dir / "other"))
    done = new.cli("restore", one.home.dir / "copy.db", user=None)
    assert done.returncode == 0 and not done.stderr, "the owner of the directory above is the user"


def test_restore_over_a_spool_is_refused(receiver):
    one = receiver()
    deliver(one, 2)
    file, _ = backup(one.home)
    deliver(one, 1)
    done = restore(one.home, file)
    assert done.returncode == 1 and b"there is a spool; stop the receiver, move the directory away" in done.stderr
    assert len(ids(one.home)) == 3 and one.home.spool.sound()
    deliver(one, 1)


def damaged(file):
    data = bytearray(file.read_bytes())
    for page in range(3, len(data) // 16384):
        data[page * 16384:page * 16384 + 5000] = b"\xaa" * 5000
    return bytes(data)


@pytest.mark.parametrize("make, why", [
    (damaged, b"damaged"), (lambda file: file.read_bytes()[:200_000], b"damaged"), (lambda file: b"", b"no SQLite database"),
    (lambda file: b"SQLite format 3\0", b""), (lambda file: b"x" * 100_000, b"no SQLite database")],
    ids=["damaged", "cut", "empty", "header", "other"])
def test_restore_of_a_file_that_is_no_backup_is_refused(receiver, make, why):
    one = receiver()
    deliver(one, 30, text="x" * 20_000)
    file, _ = backup(one.home)
    file.write_bytes(make(file))
    new = another_home(one.home)
    done = restore(new, file)
    assert done.returncode == 1 and why in done.stderr, done.stderr
    assert not new.spool.dir.exists() or os.listdir(new.spool.dir) == []
    assert one.home.cli("restore", file.with_name("none")).returncode == 1


def test_restore_of_another_programs_database_is_refused(receiver):
    home, file = Home(), new_dir("other") / "other.db"
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE event(id INTEGER PRIMARY KEY)")
    db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()
    file.chmod(0o644)
    done = restore(home, file)
    assert done.returncode == 1 and b"no spool of hookspool" in done.stderr
    for change, why in (("PRAGMA user_version = 99", b"a newer hookspool made it"),
                        ("CREATE TRIGGER t AFTER INSERT ON event BEGIN SELECT 1; END", b"triggers or views")):
        one = receiver()
        deliver(one, 1)
        copy, _ = backup(one.home)
        db = sqlite3.connect(copy)
        db.execute(change)
        db.commit()
        db.close()
        done = restore(home, copy)
        assert done.returncode == 1 and why in done.stderr


def test_restore_of_a_spool_in_use_is_refused(receiver):
    one = receiver()
    deliver(one, 3)
    new = another_home(one.home)
    done = restore(new, one.home.spool.dir / "hookspool.db")
    assert done.returncode == 1 and b"hookspool backup makes one" in done.stderr


def test_restore_of_an_older_spool(receiver):
    """A copy of one that 0.1 made, and stopped: the receiver brings it up to date, with all it has."""
    home, file = Home(endpoint(), endpoint("/gh", scheme="github")), new_dir("old") / "hookspool.db"
    db = sqlite3.connect(file)
    db.executescript((SOURCE / "tests/e2e/spool-0.1.sql").read_text())
    before = db.execute("SELECT id, headers, body FROM event").fetchall()
    db.close()
    own(file).chmod(0o600)
    done = restore(home, file)
    assert done.returncode == 0, done.stderr
    assert b"made by an older hookspool" in home.cli("list").stderr
    one = receiver(home=home)
    assert expect(fcgi_client.deliver(one.socket, message()), "stored").json["id"] > 10_000_000
    assert [(e["id"], e["headers"], e["body"]) for e in home.spool.events()][:-1] == before
    assert home.spool.query("PRAGMA user_version") == [{"user_version": 5}] and home.spool.sound()


def test_restored_spool_can_be_read_before_the_receiver_starts(receiver):
    one = receiver()
    deliver(one, 2)
    file, _ = backup(one.home)
    new = another_home(one.home)
    assert restore(new, file).returncode == 0
    assert [new.cli(*args).returncode for args in (["list"], ["export"], ["stats"], ["deliveries"], ["purge", "--older-than", "1h"])] == [0] * 5
    assert new.cli("list", "--json").stdout.count(b"\n") == 2


def test_restored_spool_does_not_name_the_programs_of_the_copied_one(receiver, target, relay):
    """They run on: a reload of the restored spool is not for them, nor is a pause of a sink that it has not tried."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 1)
    running = relay(home).ready()
    settled(home, 1)
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.execute("INSERT INTO pause VALUES('out', ?, 3)", (now() + 3_600_000,))
    file, _ = backup(home)
    assert {row[0] for row in rows(file, "SELECT role FROM program")} == {"receiver", "relay"}
    new = another_home(home)
    assert restore(new, file).returncode == 0
    for table in ("program", "pause"):
        assert not rows(new.spool.dir / "hookspool.db", f"SELECT * FROM {table}")
    for user in (USER, None):
        done = new.cli("reload", user=user)
        assert done.returncode == 1 and b"nothing was sent" in done.stderr, done.stderr
        assert str(one.pid).encode() not in new.cli("check", user=user).stdout
    assert "configuration reloaded" not in one.text() + running.text()


def test_restore_killed_at_any_moment(receiver):
    """There is either no spool or the complete one."""
    one = receiver()
    deliver(one, 3)
    write(one.home, "INSERT INTO event(received_at, endpoint, secret, event, key, headers, body) WITH RECURSIVE n(i) AS"
          " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT ?, '/w', 1, 'e', 'k' || i, '', randomblob(900) FROM n", now())
    file, _ = backup(one.home)
    new = another_home(one.home)
    for tried in range(8):
        run(["timeout", "-s", "KILL", str(0.005 + 0.02 * tried), "setsid", "-w", BIN / "hookspool", "-c", new.conf, "restore", file], user=USER)
        time.sleep(0.5)  # a child may go on
        if new.spool.query("SELECT 1 FROM event LIMIT 1"):
            assert len(ids(new)) == 9003 and new.spool.sound()
            shutil.rmtree(new.spool.dir)
    assert restore(new, file).returncode == 0 and len(ids(new)) == 9003


@pytest.mark.parametrize("args", [["-f"], ["--forward", "http://127.0.0.1:9/"]], ids=" ".join)
def test_tail_ends_where_the_spool_was_replaced(receiver, children, args):
    """New events go to the restored spool: a tail of the old one would wait for ever."""
    one = receiver()
    deliver(one, 1)
    file, done = backup(one.home)
    assert done.returncode == 0
    tail = Child([BIN / "hookspool", "-c", one.home.conf, "tail", *args], new_dir("tail") / "tail.log")
    time.sleep(0.5)
    assert tail.alive()
    one.stop()
    one.home.spool.dir.rename(one.home.dir / "moved")
    assert restore(one.home, file).returncode == 0
    assert tail.wait(20) == 75 and "the spool was moved or replaced" in tail.text()


@pytest.mark.parametrize("args", [["backup"], ["backup", "a", "b"], ["backup", "--to", "a"], ["backup", "-"], ["restore"], ["restore", "--pending", "x", "a"],
                                  ["restore", "a", "b"]], ids=" ".join)
def test_wrong_use_of_backup_and_restore(args):
    assert Home().cli(*args).returncode == 64


# ---- export

def page_of(file, text):
    return file.read_bytes().index(text) // 16384


@pytest.mark.parametrize("which", [0, 1, 30, 58, 59])
def test_export_continues_after_a_damaged_page(receiver, which):
    one = receiver()
    home = one.home
    for i in range(60):
        deliver(one, 1, text=f"number-{i:02}-" + "y" * 3000)
    assert home.cli("purge", "--older-than", "1h").returncode == 0  # all is in the database file
    one.stop()
    database = home.spool.dir / "hookspool.db"
    page = page_of(database, f"number-{which:02}-".encode())
    with open(database, "r+b") as file:
        file.seek(page * 16384)
        file.write(b"\0" * 16384)
    done = home.cli("export")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    left = 60 - len(lines)
    assert done.returncode == 1 and 0 < left < 10
    assert f"hookspool: {left} event".encode() in done.stderr and b"check --deep" in done.stderr
    assert sorted(set(range(1, 61)) - {line["id"] for line in lines})[0] <= which + 1
    assert all("X-Webhook-Signature" in line["headers"] or "x-webhook-signature" in line["headers"].lower() for line in lines)


def test_export_has_the_headers(receiver):
    one = receiver()
    body = deliver(one, 1)[0]
    line = one.home.spool.export()[0]
    assert line["body"].encode() == body and "x-webhook-signature: sha256=" in line["headers"].lower()
