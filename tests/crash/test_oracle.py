# SPDX-License-Identifier: ISC
"""The oracle can fail: each breach, made by hand in a copy of a good spool, is named, and nothing else is."""
import random
import re
import shutil
import sqlite3

import pytest

from oracle import Ack, Sender, by_fcgi, compare, verify
from place import new_dir, until
from receiver import Home
from spool import Spool


@pytest.fixture(scope="module")
def good():
    """A home with events in its spool, and their acknowledgements."""
    home = Home()
    one = home.start()
    with Sender(by_fcgi(one.socket), home.dir / "journal", random.Random(1)) as load:
        until(lambda: load.count > 100, "100 deliveries")
    one.stop()
    return home, load.acknowledged


def chosen(good):
    """The id of the event that the breaches are made in."""
    return good[1][50].id


@pytest.fixture
def copy(good):
    """A copy of the spool."""
    home = good[0]
    return Spool(home, shutil.copytree(home.spool.dir, new_dir("copy") / "spool"))


@pytest.fixture
def broken(good, copy):
    """A function that changes the copy with SQL and returns what the oracle finds in it."""
    def find(change):
        db = sqlite3.connect(copy.dir / "hookspool.db", isolation_level=None)
        db.executescript(change.replace("ID", str(chosen(good))))
        db.close()
        return compare(copy, good[1])
    return find


COLUMNS = "received_at, endpoint, secret, event, key, account, sender_id, sender_name, conversation, sent_at, remote_addr, headers, body"
COPY = f"INSERT INTO event(id, {COLUMNS}) SELECT (SELECT max(id) + 1 FROM event), {COLUMNS} FROM event WHERE id = ID"
ALL = None
BREACHES = {
    "a row removed": ("DELETE FROM event WHERE id = ID", ["lost: "], 1),
    "all rows removed": ("DELETE FROM event", ["lost: "], ALL),
    "a byte changed": ("UPDATE event SET body = CAST(replace(body, 'acc-1', 'acc-2') AS BLOB) WHERE id = ID",
                       ["changed: ", "half-stored, account headers: id ID"], 1),
    "half a body": ("UPDATE event SET body = substr(body, 1, length(body) / 2) WHERE id = ID",
                    ["changed: ", "half-stored, body: id ID"], 1),
    "an empty body": ("UPDATE event SET body = x'' WHERE id = ID", ["changed: ", "half-stored, body: id ID"], 1),
    "a body twice": (f"DROP INDEX event_key; {COPY}", ["2 times: ", r"answered with id ID, stored as \d+: "], 0),
    "another id": ("UPDATE event SET id = 999999 WHERE id = ID", ["answered with id ID, stored as 999999: "], 0),
    "a column of another event": ("UPDATE event SET conversation = 'x' WHERE id = ID", ["half-stored, conversation: id ID"], 0),
    "no signature": ("UPDATE event SET headers = '' WHERE id = ID", ["half-stored, headers: id ID"], 0),
    "no table": ("DROP TABLE event", ["lost: "], ALL),
}


@pytest.mark.parametrize("change, words, losses", BREACHES.values(), ids=BREACHES)
def test_a_breach_is_reported(good, broken, change, words, losses):
    found = broken(change)
    words = [word.replace("ID", str(chosen(good))) for word in words]
    assert all(any(re.match(word, problem) for word in words) for problem in found.problems), found.problems
    assert all(any(re.match(word, problem) for problem in found.problems) for word in words), found.problems
    assert found.losses == (found.acknowledged if losses is ALL else losses)


def test_a_damaged_file_is_reported(broken):
    found = broken("PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'event_key'")
    assert found.problems == ["integrity_check is not ok"]


def test_file_of_zeros_is_reported(good, copy):
    for file in copy.dir.glob("hookspool.db*"):
        file.write_bytes(bytes(file.stat().st_size))
    found = compare(copy, good[1])
    assert found.losses == found.acknowledged and "can't be read" in found.problems[0]


def test_acknowledgement_without_an_event_is_reported(good):
    home, acknowledged = good
    found = compare(home.spool, [*acknowledged, Ack("urn:li:messagingMessage:2-never", "0" * 64, 1)])
    assert found.problems == ["lost: urn:li:messagingMessage:2-never"] and found.losses == 1


def test_good_spool_is_not_reported(good):
    found = verify(*good)
    assert not found.problems and found.losses == 0
