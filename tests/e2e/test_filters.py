# SPDX-License-Identifier: ISC
"""The events that a sink wants: by sender, text, the body's fields and first message."""
import gzip
import json
import random
import re
import sqlite3
import time
from pathlib import Path

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, SANITIZER, SLOW, until
from proc import Child
from receiver import Home, endpoint
from relaying import DEAD, DONE, PATH, PENDING, attempts, deliver, home_with, settled, sink, states, tried
from sender import message


def chosen(receiver, relay, home, wanted, unwanted):
    """Of these events, sent in turn, a sink gets the wanted ones only, and the others leave nothing behind."""
    one = receiver(home=home)
    running = relay(home).ready()
    for data in [item for pair in zip(unwanted, wanted) for item in pair]:
        expect(fcgi_client.deliver(one.socket, message(**data), path=PATH), "stored")
    settled(home, len(wanted))
    until(lambda: states(home) == [DONE] * len(wanted), f"the others are forgotten: {states(home)}")
    running.stop()


def test_senders(receiver, relay, target):
    home = home_with(sink("out", url=target.url, senders=["urn:li:fsd_profile:ACoAA1", "nováková"]))
    senders = [{"id": "urn:li:fsd_profile:ACoAA10", "name": "Eva"}, {"id": "urn:li:fsd_profile:ACoAA1", "name": "Jan"}, None,
               {"id": "x", "name": "EVA NOVÁKOVÁ"}]
    bodies = [json.dumps({"event": "message.received", "data": {"message_urn": f"urn:{i}", "sender": sender}}).encode()
              for i, sender in enumerate(senders)]
    one = receiver(home=home)
    relay(home).ready()
    for body in bodies:
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    target.until(2)
    until(lambda: states(home) == [DONE] * 2, "the others are forgotten")
    assert sorted(target.bodies()) == sorted([bodies[1], bodies[3]])


def test_retry_is_not_filtered_again(receiver, relay, target):
    """It may have arrived; a sink that wants others now doesn't make it unseen."""
    home = home_with(sink("out", url=target.url, texts=["Hey"], retry=["1s", "1s", "1h"]))
    target.answers = [{"status": 503}]
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    tried(home)
    home.configure(sink("out", url=target.url, texts=["never"], retry=["1s", "1s", "1h"]), endpoint(PATH, relay=["out"]))
    running.hup()
    settled(home, 1)
    assert len(target.got) == 2


def test_texts(receiver, relay, target):
    home = home_with(sink("out", url=target.url, texts=["pricing", "ÜBER"]))
    chosen(receiver, relay, home, [{"text": "Your PRICING?"}, {"text": "Hallo, über uns"}], [{"text": "price"}, {"text": ""}])
    assert len(target.got) == 2 and b"PRICING" in b"".join(target.bodies())


def test_text_regex(receiver, relay, target):
    home = home_with(sink("out", url=target.url, text_regex="^(hi|hello).* (price|d.mo)"))
    chosen(receiver, relay, home, [{"text": "Hello, what is the price?"}, {"text": "hi! a démo please"}], [{"text": "the price, hello"}, {"text": "hi"}])
    assert len(target.got) == 2


def test_where(receiver, relay, target):
    """All conditions must hold. A value that is missing differs from any text."""
    home = home_with(sink("out", url=target.url, where=["json:data.provider = LINKEDIN", "json:data.bot != true", "json:data.n ~ ^1"]))
    wanted = [{"n": 12, "bot": False}, {"n": "1 of 2", "text": None}]
    unwanted = [{"n": 12, "provider": "WHATSAPP"}, {"n": 1, "bot": True}]
    chosen(receiver, relay, home, wanted, unwanted)
    assert sorted(json.loads(body)["data"]["n"] == 12 for body in target.bodies()) == [False, True]


def test_where_reads_packed_bodies_and_json_alone(receiver, relay, target):
    home = Home(sink("out", url=target.url, where=["json:data.type != note"]),
                endpoint(PATH, relay=["out"], bodies=["json", "form"]))
    one = receiver(home=home)
    relay(home).ready()
    packed = [gzip.compress(json.dumps({"event": "e", "data": {"type": kind, "id": kind}}).encode()) for kind in ("note", "call")]
    for body in [*packed, b"data.type=call"]:
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    target.until(1)
    until(lambda: states(home) == [DONE], "the others are forgotten")
    assert target.bodies() == packed[1:]


def test_text_regex_on_hostile_text(receiver, relay, target):
    """It is tried on a bounded part of it."""
    home = home_with(sink("out", url=target.url, text_regex="(a*)*b|(x+x+)+y$"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, text="a" * 300_000)
    deliver(one, text="x" * 300_000)
    wanted = deliver(one, text="ab")
    target.until(1)
    until(lambda: states(home) == [DONE], "the others are forgotten", 30)
    assert target.bodies() == wanted


def test_hostile_texts_delay_no_other_sink(receiver, relay, target):
    """Each takes a while; others get their turn between them, and so does a signal."""
    home = home_with(sink("picky", url=target.url, text_regex="(a|b)+[^c]*d"), sink("out", url=target.url), relay=("picky", "out"))
    one = receiver(home=home)
    deliver(one, 64, text="ab" * 10 + "aé" * 4000)
    running = relay(home).ready()
    target.until(64)
    assert states(home).count(PENDING) > 32, "the hostile ones are being looked at"
    start = time.monotonic()
    running.stop()
    assert time.monotonic() - start < 10


def test_first_messages(receiver, relay, target):
    """Of conversations also from before there was such a sink; what is asked for by hand is sent whatever it is."""
    home = home_with(relay=())
    one = receiver(home=home)
    deliver(one, conversation_id="urn:old")
    deliver(one, 1200, conversation_id="urn:many")
    home.configure(sink("out", url=target.url, first_message=True), endpoint(PATH, relay=["out"]))
    one.hup()
    one.until_entry(msg=f"configuration reloaded from {home.conf}")
    running = relay(home).ready()
    deliver(one, conversation_id="urn:old")
    wanted = deliver(one, conversation_id="urn:new")
    deliver(one, 2, conversation_id="urn:new")
    deliver(one, conversation_id=None)
    wanted += deliver(one, conversation_id="urn:newer")
    target.until(2)
    until(lambda: states(home) == [DONE] * 2, "the others are forgotten")
    assert sorted(target.bodies()) == sorted(wanted)
    running.stop()
    assert home.spool.query("SELECT count(*) AS n FROM conversation") == [{"n": 4}]
    assert home.cli("purge", "--older-than", "1ms").returncode == 0
    assert not home.spool.query("SELECT * FROM conversation")


def test_first_messages_while_they_come(receiver, relay, target):
    """An event that is stored while the relay finds out which were the first is not taken for a later one."""
    home = home_with(sink("out", url=target.url, first_message=True))
    one = receiver(home=home)
    relay(home).ready()
    wanted = [deliver(one, conversation_id=f"urn:{i}")[0] for i in range(400)]
    settled(home, 400)
    assert sorted(target.bodies()) == sorted(wanted)


@pytest.fixture
def unreadable(receiver):
    """Three stored events for a sink that asks for first messages, and which those are can't be read."""
    home = home_with(sink("out", url="http://127.0.0.1:1/", first_message=True))
    one = receiver(home=home)
    for i in range(3):
        deliver(one, conversation_id=f"urn:{i}")
    one.stop()
    file = home.spool.dir / "hookspool.db"
    with sqlite3.connect(file) as db:
        db.execute("UPDATE spool SET conversations = (SELECT max(id) FROM event)")
        root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'conversation'").fetchone()
        size, = db.execute("PRAGMA page_size").fetchone()
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(file, "r+b") as pages:
        pages.seek((root - 1) * size)
        pages.write(bytes(size))
    return home


def test_event_that_cannot_be_filtered_is_kept(unreadable, relay):
    """The relay says so, and goes on trying; --once ends."""
    running = relay(unreadable).ready()
    running.until(lambda: running.text().count("sink out: the spool can't be used") == 2, "its word")
    running.stop()
    done = unreadable.cli("relay", "--once")
    assert done.returncode == 75 and b"malformed" in done.stderr
    assert states(unreadable) == [PENDING] * 3 and not attempts(unreadable)


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer takes the address space")
def test_short_memory_loses_no_event(receiver, relay, target):
    """A regular expression that needs more for a text than there is has not said that the text is unwanted."""
    home = home_with(sink("picky", url=target.url, text_regex="(x|a)*x(x|a){20}y"), sink("out", url=target.url), relay=("picky", "out"))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    peak = int(re.search(r"VmPeak:\s+(\d+) kB", Path(f"/proc/{running.pid}/status").read_text())[1])
    running.stop()
    rng = random.Random(1)
    deliver(one, text="".join(rng.choice("xa") for _ in range(8000)) + "x" * 22 + "y")
    limited = Child(["sh", "-c", f'ulimit -v {peak + 16 * 1024}; exec "$@"', "sh", BIN / "hookspool", "-c", home.conf, "relay", "--once"], home.dir / "once.log")
    assert limited.wait(30) == 75 and "sink picky: not all that is due could be read and judged: memory is short" in limited.text()
    assert sorted(states(home)) == [PENDING, DONE, DONE]
    assert home.cli("relay", "--once").returncode == 0 and states(home) == [DONE] * 3


def test_event_of_a_removed_endpoint_is_a_dead_letter(receiver, relay, target):
    """Its endpoint, which knew where the text stands, is gone from the configuration, and release 0.1 stored no text with it."""
    section = sink("out", url=target.url, texts=["Hey"])
    home = home_with(section)
    one = receiver(home=home)
    deliver(one)
    expect(fcgi_client.deliver(one.socket, b'{"event":"e","data":{"message_urn":"urn:1"}}', path=PATH), "stored")
    one.stop()
    db = sqlite3.connect(home.spool.dir / "hookspool.db")
    db.execute("UPDATE event SET text = NULL")
    db.commit()
    db.close()
    home.configure(section, endpoint("/other", relay=["out"]))
    running = relay(home).ready()
    settled(home, 1)
    settled(home, 1, state=DEAD)
    assert len(target.got) == 1 and sum("no longer configured" in (attempt["error"] or "") for attempt in attempts(home)) == 1
    assert home.cli("retry", "--sink", "out").returncode == 0
    until(lambda: len(attempts(home)) == 3, "it is judged again")
    settled(home, 1, state=DEAD)
    home.configure(section, endpoint(PATH, relay=["out"]))
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
    assert home.cli("retry", "--sink", "out").returncode == 0
    until(lambda: states(home) == [DONE], "it is forgotten")
    assert len(attempts(home)) == 1, "nor is there anything left that could be taken for another's"


def test_text_of_an_event_of_a_removed_endpoint_is_filtered(receiver, relay, target):
    """The text, or that there is none, is stored with the event."""
    section = sink("out", url=target.url, texts=["Hey"])
    home = home_with(section)
    one = receiver(home=home)
    deliver(one)
    expect(fcgi_client.deliver(one.socket, b'{"event":"e","data":{"message_urn":"urn:1"}}', path=PATH), "stored")
    one.stop()
    home.configure(section, endpoint("/other", relay=["out"]))
    relay(home).ready()
    until(lambda: states(home) == [DONE], "one is sent, and the other one forgotten")
    assert len(target.got) == 1


def test_replayed_event_is_not_filtered(receiver, relay, target):
    home = home_with(sink("out", url=target.url, texts=["never"]))
    one = receiver(home=home)
    relay(home).ready()
    body = deliver(one)
    until(lambda: one.entries(outcome="stored") and not states(home), "it is forgotten")
    assert home.cli("replay", "--sink", "out").stdout == b"1 of 1 events are due for out\n"
    target.until(1)
    assert target.bodies() == body


def test_many_unwanted_events(receiver, relay, target):
    """They don't wait in memory, nor for the sink's rate."""
    home = home_with(sink("out", url=target.url, texts=["wanted"], rate="1/m"))
    one = receiver(home=home)
    deliver(one, 500)
    wanted = deliver(one, text="wanted")
    relay(home).ready()
    target.until(1)
    until(lambda: states(home) == [DONE], "the others are forgotten")
    assert target.bodies() == wanted


def test_many_unwanted_events_delay_no_other_sink(receiver, relay, target):
    home = home_with(sink("picky", url="http://127.0.0.1:1/", texts=["wanted"]), sink("out", url=target.url), relay=("picky", "out"))
    one = receiver(home=home)
    deliver(one)
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.executemany("INSERT INTO relay(event, sink, state, since, due, attempts, judge) SELECT event, sink, 0, since, due, 0, 1"
                       " FROM relay WHERE id = ?", [(1,)] * 20000)
    left = []
    target.answers = [{"do": lambda _: left.append(states(home).count(PENDING))}]
    relay(home).ready()
    until(lambda: left, "the other sink's turn", 20)
    assert left[0] > 1000
