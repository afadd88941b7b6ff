# SPDX-License-Identifier: ISC
"""hookspool erase: deletes the data of a person, also from the files of the spool, and no other data."""
import gzip
import json
import sqlite3
import threading
import time
from urllib.parse import quote

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, USER, run, until
from receiver import Home, endpoint
from relaying import PATH, deliver, home_with, sink
from sender import message, new_urn, sign
from test_retention import ids, now, traces, write

PERSON = "urn:li:fsd_profile:ACoAAperson-7c"
OTHER = "urn:li:fsd_profile:ACoAAperson-7cd"



def send(one, person, conversation="c1", **data):
    body = json.loads(message(conversation_id=conversation, **data))
    body["data"]["sender"]["id"] = person
    body = json.dumps(body).encode()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    return body


def erase(home, *args, person=PERSON):
    return home.cli("erase", "--sender", person, *args)


def counts(home, *args, **how):
    done = erase(home, "--json", *args, **how)
    return done.returncode, {name: n for name, n in json.loads(done.stdout).items() if n and name != "status"}


def test_erase_a_person(receiver, target, relay):
    """Events, deliveries, attempts, answers, conversations, refusals; those of others stay, also with a longer id."""
    home = home_with(sink("out", url=target.url, first_message=True), sink("down", url="http://127.0.0.1:9/"), relay=("out", "down"),
                     reject_bodies=True)
    one = receiver(home=home)
    target.answers += [{"body": f"thanks {PERSON}".encode()}]
    running = relay(home).ready()
    first = send(one, PERSON, "only-theirs-" + PERSON)
    send(one, PERSON, "shared")
    send(one, OTHER, "shared")
    send(one, OTHER, "others")
    for text in (PERSON, OTHER):
        expect(fcgi_client.deliver(one.socket, message(text=text), path=PATH, headers={"X-Webhook-Signature": sign(b"x")}), "unauthorized")
    until(lambda: len(home.spool.rejects()) == 2 and len(home.spool.query("SELECT 1 FROM conversation")) == 3, "all is noted")
    until(lambda: len(home.spool.query("SELECT 1 FROM attempt WHERE status = 200")) == 3, "all is sent")
    running.stop()
    dry = counts(home, "--dry-run")
    assert len(ids(home)) == 4
    status, erased = counts(home)
    assert (status, erased) == dry
    assert status == 0 and erased.pop("attempts") >= 2 and erased.pop("deliveries") >= 3 and erased.pop("pending") == 2
    assert erased == {"events": 2, "conversations": 1, "rejected": 1}
    assert traces(home, PERSON + '"') == {} and traces(home, "thanks") == {} and traces(home, "only-theirs") == {}
    assert traces(home, OTHER)
    assert [event["sender_id"] for event in home.spool.events()] == [OTHER, OTHER] and len(home.spool.rejects()) == 1
    assert {row["conversation"] for row in home.spool.query("SELECT * FROM conversation")} == {"shared", "others"}
    expect(fcgi_client.deliver(one.socket, first, path=PATH), "duplicate")
    assert erase(home).returncode == 1, "there is nothing of that sender"
    send(one, PERSON)
    assert counts(home) == (0, {"events": 1, "deliveries": 2, "pending": 2})
    one.stop()
    assert home.spool.sound() and traces(home, PERSON + '"') == {}


def test_erase_prints_counts(receiver):
    home = home_with(sink("out", url="http://127.0.0.1:9/"))
    one = receiver(home=home)
    send(one, PERSON)
    send(one, OTHER, text=f"ask {PERSON}.")
    mentions = b"1 event of another sender mentions the ID and stays; --mentions erases it\n"
    assert erase(home, "--dry-run").stdout == (b"1 event, 1 delivery, 0 attempts, 0 conversations, 0 rejected deliveries would be erased\n"
                                               + mentions)
    assert erase(home).stdout == b"1 event, 1 delivery, 0 attempts, 0 conversations, 0 rejected deliveries erased\n" + mentions
    assert erase(home, "--mentions").stdout.startswith(b"1 event, 1 delivery")
    assert not ids(home) and traces(home, PERSON) == {}


@pytest.mark.parametrize("written", [
    PERSON, quote(PERSON, safe=""), quote(PERSON, safe="").replace("%3A", "%3a"), "".join(f"\\u{ord(c):04x}" for c in PERSON),
    "".join(f"\\u{ord(c):04X}" for c in PERSON), quote("".join(f"\\u{ord(c):04x}" for c in PERSON))], ids=range(6))
def test_erase_finds_a_refusal_however_it_is_encoded(receiver, written):
    one = receiver(home=Home(reject_bodies=True))
    for text in (written, written + "x", "x" + written):
        body = message(text="TEXT").replace(b"TEXT", text.encode())
        expect(fcgi_client.deliver(one.socket, body, path=PATH, headers={"X-Webhook-Signature": sign(b"x")}), "unauthorized")
    until(lambda: len(one.home.spool.rejects()) == 3, "the refusals are written")
    assert counts(one.home) == (0, {"rejected": 1})
    assert [row["id"] for row in one.home.spool.rejects()] == [2, 3]


def test_erase_reads_compressed_bodies(receiver):
    one = receiver()
    for text in (PERSON, PERSON + "x"):
        body = gzip.compress(message(text=text))
        expect(fcgi_client.deliver(one.socket, body, path=PATH, headers={"Content-Encoding": "gzip"}), "stored")
    assert counts(one.home, "--dry-run") == (1, {"mentioned": 1})
    assert counts(one.home, "--mentions") == (0, {"events": 1})
    assert ids(one.home) == [2]


@pytest.mark.parametrize("args", [[], ["--sender", ""], ["--sender"], ["--sender", "a", "b"], ["--nobody"]], ids=" ".join)
def test_wrong_use(args):
    assert Home().cli("erase", *args).returncode == 64


def test_erase_without_a_spool():
    assert erase(Home()).returncode == 66


def test_erase_of_many_events_of_a_large_spool(receiver):
    """Keys in no order: SQLite's copies of rows go too. Deliveries go on during it."""
    one = receiver()
    home = one.home
    deliver(one, 1)
    write(home, "INSERT INTO event(received_at, endpoint, secret, event, key, conversation, sender_id, headers, body)"
          " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
          " SELECT ?1, '/w', 1, 'e', hex(randomblob(8)) || iif(i % 7, 'x', ?2) || i, hex(randomblob(8)) || iif(i % 7, 'x', ?2),"
          " iif(i % 7, 'x', ?2), '', iif(i % 7, 'x', ?2) || hex(randomblob(300)) FROM n", now(), PERSON)
    write(home, "INSERT INTO conversation SELECT endpoint, conversation, id, received_at FROM event WHERE endpoint = '/w'")
    write(home, "UPDATE spool SET conversations = (SELECT max(id) FROM event)")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(counts(home)))
    thread.start()
    longest = 0
    while thread.is_alive():
        started = time.monotonic()
        deliver(one, 1)
        longest = max(longest, time.monotonic() - started)
    assert ended == [(0, {"events": 2857, "conversations": 2857})]
    assert longest < 2
    one.stop()
    assert traces(home, PERSON) == {} and home.spool.sound()
    assert len(home.spool.query("SELECT 1 FROM event WHERE sender_id = 'x'")) == 17143


def test_erase_killed_at_any_moment(receiver):
    """The next run finishes it. Events of other senders stay."""
    one = receiver()
    home = one.home
    deliver(one, 5)
    for tried in range(6):
        write(home, "INSERT INTO event(received_at, endpoint, secret, event, key, conversation, sender_id, headers, body)"
              " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
              " SELECT ?1, '/w', 1, 'e', ?2 || i, ?2 || i, ?2, '', ?2 || hex(randomblob(300)) FROM n", now(), f"{PERSON}:{tried}")
        write(home, "INSERT OR IGNORE INTO conversation SELECT endpoint, conversation, id, received_at FROM event WHERE endpoint = '/w'")
        write(home, "UPDATE event SET sender_id = ?1 WHERE endpoint = '/w'", PERSON)
        run(["timeout", "-s", "KILL", str(0.02 + 0.03 * tried), BIN / "hookspool", "-c", home.conf, "erase", "--sender", PERSON], user=USER)
        assert home.spool.sound()
    erase(home)
    assert len(ids(home)) == 5 and traces(home, PERSON) == {}
    assert not home.spool.query("SELECT 1 FROM conversation WHERE endpoint = '/w'")


def test_erase_waits_for_readers_with_a_limit(receiver):
    one = receiver()
    send(one, PERSON)
    reader = sqlite3.connect(f"file:{one.home.spool.dir}/hookspool.db?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    done = erase(one.home)
    assert done.returncode == 75 and b"run this again" in done.stderr
    reader.close()
    assert erase(one.home).returncode == 1
    assert traces(one.home, PERSON) == {}
