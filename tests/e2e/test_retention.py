# SPDX-License-Identifier: ISC
"""Retention: keep, purge, a full disk, and that what is deleted is in no file any more."""
import fcntl
import itertools
import json
import re
import sqlite3
import threading
import time

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, SLOW, USER, run, until
from receiver import Home, endpoint
from relaying import PATH, deliver, home_with, sink
from sender import message, new_urn, sign
from test_storage import SmallDisk, fill

DAY = 86_400_000
HOUR = DAY // 24
MARKER = "MARKER-of-a-person-5c1d"


def write(home, sql, *args):
    """Changes the spool as no program does."""
    db = sqlite3.connect(home.spool.dir / "hookspool.db", timeout=10, isolation_level=None)
    try:
        db.execute(sql, args)
    finally:
        db.close()


def now():
    return int(time.time() * 1000)


def age(home, event, ms):
    write(home, "UPDATE event SET received_at = ? WHERE id = ?", now() - ms, event)


def ids(home):
    return [row["id"] for row in home.spool.query("SELECT id FROM event ORDER BY id")]


def traces(home, text=MARKER):
    """How often it is in each file of the spool's directory."""
    return {file.name: n for file in home.spool.dir.rglob("*") if file.is_file() and (n := file.read_bytes().count(text.encode()))}


def deleted(receiver):
    """How many events its log says that it has deleted."""
    return sum(int(entry["msg"].split()[1]) for entry in receiver.entries() if entry.get("msg", "").startswith("deleted "))


# ---- keep

def test_keep_deletes_old_events(receiver):
    home = Home(keep="2s")
    one = receiver(home=home)
    body = deliver(one, 3)[0]
    assert len(ids(home)) == 3
    until(lambda: not ids(home), "the events are gone", 30)
    until(lambda: deleted(one) == 3, "the log tells of them")
    expect(fcgi_client.deliver(one.socket, body), "duplicate")
    one.stop()
    assert home.spool.sound()


def test_keep_of_several_processes_on_one_spool(receiver):
    """As mod_fcgid has them: each event is deleted once, and deliveries to all of them go on."""
    home = Home(keep="2s")
    several = [receiver(home=home) for _ in range(3)]
    for one in several * 4:
        deliver(one, 1)
    until(lambda: not ids(home), "the events are gone", 30)
    until(lambda: sum(map(deleted, several)) == 12, "the logs tell of each")
    for one in several:
        deliver(one, 1)
        one.stop()
    assert home.spool.sound()


def test_keep_of_an_endpoint_overrides(receiver):
    home = Home(endpoint(PATH, keep="1s"), endpoint("/other", keep="forever"), endpoint("/third"), keep="1d")
    one = receiver(home=home)
    for path in (PATH, "/other", "/third"):
        expect(fcgi_client.deliver(one.socket, message(), path=path), "stored")
    until(lambda: [event["endpoint"] for event in home.spool.events()] == ["/other", "/third"], "only the first endpoint's is gone", 30)
    assert home.cli("purge").stdout == b"0 events purged\n"
    for event in ids(home):
        age(home, event, 2 * DAY)
    assert home.cli("purge").stdout == b"1 event purged\n"
    assert [event["endpoint"] for event in home.spool.events()] == ["/other"]


def test_keep_is_taken_by_a_reload(receiver):
    home = Home()
    one = receiver(home=home)
    deliver(one, 1)
    home.configure(keep="1s")
    one.hup()
    until(lambda: not ids(home), "the event is gone", 30)
    home.configure()
    one.hup()
    one.until(lambda: one.text().count("configuration reloaded") == 2, "the second reload")
    deliver(one, 1)
    time.sleep(2.5)
    assert len(ids(home)) == 1


def test_keep_spares_pending_deliveries(receiver):
    home = home_with(sink("out", url="http://127.0.0.1:9/"), keep="1s")
    one = receiver(home=home)
    deliver(one, 2)
    time.sleep(2.5)
    assert ids(home) == [1, 2]
    assert home.cli("purge", "--dry-run").stdout == b"0 events would be purged; 2 with pending deliveries stay, --pending purges them\n"
    assert home.cli("drop", "1").returncode == 0
    until(lambda: ids(home) == [2], "the event with a dead delivery is gone", 30)
    assert home.cli("purge", "--pending").stdout == b"1 event purged, and 1 delivery with it that was pending\n"


def test_keep_ignores_a_clock_that_was_not_set(receiver):
    """Events of 1970 count as received when the next event was; older-than takes their time as it is."""
    home = Home(keep="30d")
    one = receiver(home=home)
    deliver(one, 3)
    write(home, "UPDATE event SET received_at = id * 1000 WHERE id < 3")
    assert home.cli("purge").stdout == b"0 events purged\n"
    age(home, 3, 40 * DAY)
    assert home.cli("purge").stdout == b"3 events purged\n"
    deliver(one, 1)
    write(home, "UPDATE event SET received_at = 1000")
    assert home.cli("purge", "--older-than", "30d").stdout == b"1 event purged\n"


def passed(home, ms):
    """As if the last pass had been that long ago, and over all events."""
    write(home, "UPDATE retention SET passed_at = ?1, whole_at = ?1", now() - ms)


def rows(home):
    return home.spool.query("SELECT passed_at, whole_at FROM retention")[0]


@pytest.mark.parametrize("hours", [3, 24 * 400])
def test_keep_deletes_nothing_while_the_clock_may_be_ahead(receiver, hours):
    """The first pass after a long time deletes nothing; the next one does, whatever the time between them."""
    home = Home(keep="1d")
    one = receiver(home=home)
    deliver(one, 3)
    until(lambda: rows(home)["passed_at"], "the first pass")
    one.stop()
    age(home, 1, 2 * DAY)
    passed(home, hours * HOUR)
    before = now()
    one = receiver(home=home)
    one.until(lambda: "keep: the last look for old events was at" in one.text(), "the log")
    assert rows(home)["passed_at"] >= before and rows(home)["whole_at"] == 0
    one.stop()
    assert ids(home) == [1, 2, 3]
    write(home, "UPDATE retention SET passed_at = ?", now() - hours * HOUR)
    one = receiver(home=home)
    until(lambda: ids(home) == [2, 3], "the old event is gone", 30)
    assert "this one deletes nothing" not in one.text()


def test_keep_deletes_while_the_clock_is_right(receiver):
    home = Home(keep="1d")
    one = receiver(home=home)
    deliver(one, 2)
    until(lambda: rows(home)["passed_at"], "the first pass")
    one.stop()
    age(home, 1, 2 * DAY)
    passed(home, 2 * HOUR)
    one = receiver(home=home)
    until(lambda: ids(home) == [2], "the old event is gone", 30)
    assert "this one deletes nothing" not in one.text()


def test_purge_without_keep_or_age_is_wrong_usage(receiver):
    one = receiver()
    deliver(one, 1)
    done = one.home.cli("purge")
    assert done.returncode == 64 and b"no keep; say how old with --older-than" in done.stderr
    assert ids(one.home) == [1]


@pytest.mark.parametrize("text", ["90", "0s", "soon", "4000d", ""])
def test_keep_of_another_form_is_refused(text):
    done = Home(keep=text).cli("list")
    assert done.returncode == 78 and b"is not an age; write \"90d\"" in done.stderr


# ---- purge

def test_purge_uses_the_time_of_each_event(receiver):
    """Young events between old ones stay, and stop nothing: thousands of them, in any order."""
    one = receiver()
    home = one.home
    deliver(one, 8)
    for event in (2, 3, 5, 8):
        age(home, event, 40 * DAY)
    write(home, "INSERT INTO event(id, received_at, endpoint, secret, event, headers, body) WITH RECURSIVE n(i) AS"
          " (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 3099) SELECT i, ?, '/w', 1, 'e', '', x'00' FROM n", now())
    write(home, "UPDATE event SET received_at = ? WHERE id IN (1500, 3099)", now() - 31 * DAY)
    assert home.cli("purge", "--older-than", "30d", "--dry-run").stdout == b"6 events would be purged\n"
    assert home.cli("purge", "--older-than", "30d").stdout == b"6 events purged\n"
    assert ids(home)[:5] == [1, 4, 6, 7, 100] and not {1500, 3099} & set(ids(home))


def test_purge_of_events_from_the_future(receiver):
    """An event that a clock ahead stored is as old as the next one."""
    one = receiver()
    home = one.home
    deliver(one, 4)
    for event, ms in ((1, -3650 * DAY), (2, -1 * DAY), (3, 40 * DAY), (4, -3650 * DAY)):
        age(home, event, ms)
    assert home.cli("purge", "--older-than", "30d").stdout == b"3 events purged\n"
    assert ids(home) == [4]


@pytest.mark.parametrize("time_of_last", ["ahead", "right"])
def test_purge_looks_at_each_event_once(receiver, time_of_last):
    """Also where a clock ahead stored many events in a row, whose time is that of an event far behind them."""
    one = receiver()
    deliver(one, 2)
    write(one.home, "INSERT INTO event(id, received_at, endpoint, secret, event, headers, body) WITH RECURSIVE n(i) AS"
          " (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 120000) SELECT i, ?, '/w', 1, 'e', '', zeroblob(300) FROM n", now() + 9 * DAY)
    write(one.home, "UPDATE event SET received_at = ? WHERE id = 120000", now() + (9 if time_of_last == "ahead" else -31) * DAY)
    done = run(["sh", "-c", '"$@"; cat /proc/$$/io', "sh", BIN / "hookspool", "-c", one.home.conf, "purge", "--older-than", "30d", "--dry-run"], user=USER)
    purged = 0 if time_of_last == "ahead" else 120000 - 99
    assert done.stdout.startswith(b"%d events would be purged\n" % purged), done.stdout
    was_read = int(re.search(rb"rchar: (\d+)", done.stdout)[1])
    assert was_read < 3 * sum(f.stat().st_size for f in one.home.spool.dir.glob("hookspool.db*")), done.stdout


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_purge_leaves_nothing_in_any_file(receiver, target, relay, journal):
    """Bodies, answers, conversations, keys, refusals: also copies that SQLite made when it moved rows about."""
    home = home_with(sink("out", url=target.url), reject_bodies=True, reject_age="1s", journal=journal)
    one = receiver(home=home)
    target.answers += [{"body": MARKER.encode()}] * 20
    running = relay(home).ready()
    deliver(one, 20, id=MARKER, conversation_id=MARKER, text=MARKER * 300, sender=MARKER)
    numbers = itertools.count()
    for _ in range(600):
        urn = f"urn:li:m:{new_urn()[-12:]}-{MARKER}-{next(numbers)}"
        expect(fcgi_client.deliver(one.socket, message(urn, conversation_id=urn[::-1] + MARKER), path=PATH), "stored")
    expect(fcgi_client.deliver(one.socket, message(text=MARKER), path=PATH, headers={"X-Webhook-Signature": sign(b"other")}), "unauthorized")
    until(lambda: not home.spool.query("SELECT 1 FROM relay WHERE state = 0") and home.spool.rejects(), "all is sent", 30)
    running.stop()
    assert traces(home)
    time.sleep(1.1)
    done = home.cli("purge", "--older-than", "1ms")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"620 events purged\n"
    assert traces(home) == {}
    log = home.spool.dir / "hookspool.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    one.stop()
    assert traces(home) == {} and home.spool.sound()


def reader_of(home):
    """A connection that reads, until it is closed."""
    reader = sqlite3.connect(f"file:{home.spool.dir}/hookspool.db?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    return reader


def test_purge_waits_for_a_reader(receiver):
    one = receiver()
    deliver(one, 5, text=MARKER)
    reader, ended = reader_of(one.home), []
    purge = threading.Thread(target=lambda: ended.append(one.home.cli("purge", "--older-than", "1ms")))
    purge.start()
    until(lambda: not ids(one.home), "the events are deleted")
    time.sleep(0.5)  # a checkpoint waits 0.05 s
    reader.close()
    purge.join()
    assert ended[0].returncode == 0, ended[0].stderr
    assert traces(one.home) == {}


def test_purge_says_that_a_reader_keeps_what_it_deleted(receiver):
    one = receiver()
    deliver(one, 5, text=MARKER)
    reader, ended = reader_of(one.home), []
    assert reader.execute("SELECT count(*) FROM event").fetchone() == (5,)
    purge = threading.Thread(target=lambda: ended.append(one.home.cli("purge", "--older-than", "1ms")))
    purge.start()
    until(lambda: not ids(one.home), "the events are deleted")
    for _ in range(20):
        started = time.monotonic()
        deliver(one, 1)
        assert time.monotonic() - started < 8, "deliveries wait for the reader"
    purge.join()
    assert ended[0].returncode == 75 and b"another process reads it; run this again" in ended[0].stderr
    reader.close()
    assert one.home.cli("purge", "--older-than", "1ms").returncode == 0
    assert traces(one.home) == {}


def test_purge_of_many_holds_up_no_delivery(receiver):
    one = receiver()
    home = one.home
    deliver(one, 1)
    write(home, "INSERT INTO event(id, received_at, endpoint, secret, event, key, headers, body) WITH RECURSIVE n(i) AS"
          " (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 60009) SELECT i, ?, '/w', 1, 'e', 'k' || i, '', randomblob(700) FROM n",
          now() - 40 * DAY)
    longest, ended = 0, []
    purge = threading.Thread(target=lambda: ended.append(home.cli("purge", "--older-than", "30d")))
    purge.start()
    while purge.is_alive():
        started = time.monotonic()
        deliver(one, 1)
        longest = max(longest, time.monotonic() - started)
    assert ended[0].stdout == b"60000 events purged\n", ended[0].stderr
    assert longest < 4
    assert home.spool.sound()


def test_purge_killed_at_any_moment(receiver):
    """The spool opens, is sound, and has all that is not old."""
    one = receiver()
    home = one.home
    young = [json.loads(body)["data"]["id"] for body in deliver(one, 20)]
    for tried in range(8):
        write(home, "INSERT INTO event(received_at, endpoint, secret, event, key, headers, body) WITH RECURSIVE n(i) AS"
              " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT ?, '/w', 1, 'e', ? || i, '', randomblob(900) FROM n",
              now() - 40 * DAY, f"{tried}-")
        run(["timeout", "-s", "KILL", str(0.01 + 0.03 * tried), BIN / "hookspool", "-c", home.conf, "purge", "--older-than", "30d"], user=USER)
    assert home.cli("purge", "--older-than", "30d").returncode == 0
    assert len(ids(home)) == 20 and home.spool.sound()
    deliver(one, 1)
    assert all(urn in str(home.spool.events()) for urn in young)


# ---- a full disk

@pytest.mark.parametrize("size", ["8m", "12m", "40m"])
def test_purge_on_a_full_disk(children, size):
    """Full of events or of others' files; afterwards deliveries are taken, and there is a reserve again."""
    disk = SmallDisk(size)
    one = disk.start()
    big = message(text="x" * 100_000)
    expect(fcgi_client.deliver(one.socket, big), "stored")
    assert (disk.outside / "spool" / "reserve").stat().st_size >= 256 << 10
    while fcgi_client.deliver(one.socket, message(text="x" * 100_000)).status == 200:
        pass
    fill(disk.outside / "ballast")
    time.sleep(0.1)
    done = disk.cli("purge", "--older-than", "10ms")
    assert done.returncode == 0, done.stderr
    assert not disk.spool().events()
    expect(fcgi_client.deliver(one.socket, message(text="x" * 100_000)), "stored")
    assert (disk.outside / "spool" / "reserve").exists()
    one.stop()
    assert disk.spool().sound()


@pytest.mark.parametrize("command", [("purge", "--older-than", "10ms"), ("erase", "--sender", "urn:li:fsd_profile:ACoAA1")])
def test_full_disk_without_a_reserve(children, command):
    """The error names the first step, and after it the command works."""
    disk = SmallDisk("12m")
    one = disk.start()
    while fcgi_client.deliver(one.socket, message(text="x" * 100_000)).status == 200:
        pass
    (disk.outside / "spool" / "reserve").unlink()
    fill(disk.outside / "ballast")
    time.sleep(0.1)
    done = disk.cli(*command)
    assert done.returncode == 75 and b"free some MiB on the spool's disk, then run this again" in done.stderr, done.stderr
    with open(disk.outside / "ballast", "r+b") as ballast:
        ballast.truncate(1 << 20)
    done = disk.cli(*command)
    assert done.returncode == 0, done.stderr
    assert not disk.spool().events()
    expect(fcgi_client.deliver(one.socket, message(text="x")), "stored")
    one.stop()
    assert disk.spool().sound()


# ---- copies in pages

def store_some_old(home, size):
    """SQLite splits pages by copying rows. Keys in no order split many, and the events between the old ones stay."""
    write(home, "INSERT INTO event(received_at, endpoint, secret, event, key, conversation, headers, body) WITH RECURSIVE n(i) AS"
          " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT iif(i % 9, ?1, ?1 - ?2), ?4, 1, 'e',"
          " 'urn:li:messagingMessage:2-' || lower(hex(randomblob(8))) || iif(i % 9, 'stays', ?3) || i, '', '', iif(i % 9, 'stays', ?3) || randomblob(?5) FROM n",
          now(), 40 * DAY, MARKER, PATH, size)


def test_purge_of_some_leaves_no_copies_in_pages(receiver):
    one = receiver()
    home = one.home
    deliver(one, 1)
    store_some_old(home, 200)
    done = home.cli("purge", "--older-than", "30d")
    assert (done.returncode, done.stdout) == (0, b"2222 events purged\n"), done.stderr
    assert traces(home) == {} and home.spool.sound()
    assert len(ids(home)) == 17779
    deliver(one, 3)
    one.stop()
    assert traces(home) == {} and home.spool.sound()


def leave_copies(home):
    """In the unused part of all leaves of indexes, as SQLite leaves them: https://sqlite.org/fileformat2.html, section 1.6."""
    leaf, header, size = 10, 8, 16384
    with open(home.spool.dir / "hookspool.db", "r+b") as file:
        for at in range(0, file.seek(0, 2), size):
            file.seek(at)
            page = file.read(header)
            cells, content = int.from_bytes(page[3:5], "big"), int.from_bytes(page[5:7], "big")
            place = header + 2 * cells + 300  # deliveries write the pointers of some more cells below
            if page[0] == leaf and place + len(MARKER) < content:
                file.seek(at + place)
                file.write(MARKER.encode())


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_purge_leaves_no_copies_in_what_a_receiver_writes_meanwhile(receiver, journal):
    """The receiver must not write a page from its cache, whose copies the purge has overwritten in the file."""
    one = receiver(home=Home(journal=journal))
    home, purged = one.home, threading.Event()
    deliver(one, 1)
    store_some_old(home, 2000)
    one.stop()
    write(home, "PRAGMA wal_checkpoint(TRUNCATE)")
    leave_copies(home)
    assert traces(home)["hookspool.db"] > 50
    one = receiver(home=home)
    thread = threading.Thread(target=lambda: [deliver(one, 10) for _ in iter(purged.is_set, True)])
    thread.start()
    try:
        done = home.cli("purge", "--older-than", "30d")
    finally:
        purged.set()
        thread.join()
    assert (done.returncode, done.stdout) == (0, b"2222 events purged\n"), done.stderr
    one.stop()
    assert traces(home) == {} and home.spool.sound()


def test_purge_ends_while_the_spool_grows(receiver):
    """It looks for copies in the pages that there were, not in those which are added meanwhile, as fast as it looks."""
    one = receiver()
    home, purged = one.home, threading.Event()
    deliver(one, 1)

    def grow():
        db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None)
        with open(home.spool.dir / "lock", "rb") as lock:
            while not purged.wait(0.1) and db.execute("PRAGMA page_count").fetchone()[0] < 80_000:
                fcntl.flock(lock, fcntl.LOCK_EX)
                db.execute("INSERT INTO event(received_at, endpoint, secret, event, key, headers, body) WITH RECURSIVE n(i) AS"
                           " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT ?, '/w', 1, 'e', hex(randomblob(400)), '', zeroblob(20000) FROM n", [now()])
                fcntl.flock(lock, fcntl.LOCK_UN)
        db.close()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        until(lambda: len(ids(home)) > 600, "the spool grows")
        assert home.cli("purge", "--older-than", "1h").returncode == 0
        assert thread.is_alive(), "the purge ended before the spool had 1.3 GB"
    finally:
        purged.set()
        thread.join()


def test_purge_of_a_spool_without_auto_vacuum(receiver):
    """As one from a dump is: it gets it with the first purge, gives room back, and keeps no copies."""
    one = receiver()
    home = one.home
    deliver(one, 100, text=MARKER + "x" * 20_000)
    one.stop()
    write(home, "PRAGMA wal_checkpoint(TRUNCATE)")
    write(home, "PRAGMA journal_mode=DELETE")
    db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None)
    db.executescript("PRAGMA auto_vacuum=NONE; VACUUM")
    db.close()
    assert home.spool.query("PRAGMA auto_vacuum") == [{"auto_vacuum": 0}]
    one = receiver(home=home)
    assert home.cli("purge", "--older-than", "1ms").returncode == 0
    assert home.spool.query("PRAGMA auto_vacuum") == [{"auto_vacuum": 2}]
    assert traces(home) == {} and (home.spool.dir / "hookspool.db").stat().st_size < 1_000_000
    deliver(one, 1)
    assert home.spool.sound()


def test_purge_and_erase_with_nothing_old_on_a_full_disk(children):
    disk = SmallDisk("12m")
    one = disk.start()
    while fcgi_client.deliver(one.socket, message(text="x" * 100_000)).status == 200:
        pass
    fill(disk.outside / "ballast")
    done = disk.cli("purge", "--older-than", "1h")
    assert (done.returncode, done.stdout) == (0, b"0 events purged\n"), done.stderr
    done = disk.cli("erase", "--sender", "urn:li:fsd_profile:ACoAA1")
    assert done.returncode == 0, done.stderr
    assert not disk.spool().events()
    one.stop()
