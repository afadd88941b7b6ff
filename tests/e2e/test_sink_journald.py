# SPDX-License-Identifier: ISC
"""Sinks of the type journald, on a real systemd-journald: the fields of entries, and a journald that is away or does not read."""
import re
import time

import pytest

import fcgi_client
from journald_server import Journald
from outcomes import expect
from place import BIN, run, until
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, home_with, settled, sink, states
from sender import message

SOON = ["100ms", "200ms", "1h"]


def journald_sink(name="out", **given):
    return sink(name, type="journald", allow_private=None, **given)


@pytest.fixture
def journald(children):
    return Journald()


def attempts(home):
    return [str(row["error"]) for row in home.spool.query("SELECT error FROM attempt ORDER BY id")]


def error_of(home):
    return until(lambda: attempts(home), "an attempt")[-1]


def relayed(server, n=1, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_with(journald_sink(**given))
    home.relay_in = server.relay_in()
    bodies = deliver(home.start(), n)
    home.relay = Relay(home).ready()
    return home, bodies


def check(server, home):
    done = run([*server.inside(), BIN / "hookspool", "-c", home.conf, "check", "--socket", "none"])
    return [line for line in done.stdout.decode().splitlines() if "sink out" in line]


# ---- what arrives

def test_an_event_is_an_entry_of_structured_fields(journald):
    home, bodies = relayed(journald, 3)
    settled(home, 3)
    entries = journald.until_entries(3, SYSLOG_IDENTIFIER="hookspool")
    assert [entry["BODY"] for entry in entries] == bodies
    first, name = entries[0], home.spool.query("SELECT name FROM spool")[0]["name"]
    assert first["MESSAGE"] == f"message.received evt_{name}_1".encode() and first["HOOKSPOOL_ID"] == f"evt_{name}_1".encode()
    assert (first["PRIORITY"], first["HOOKSPOOL_SINK"], first["HOOKSPOOL_ENDPOINT"]) == (b"6", b"out", PATH.encode())
    assert first["HOOKSPOOL_SENDER_NAME"] == "Žofie Nováková 李".encode() and first["HOOKSPOOL_TEXT"] == "Hey — saw your post 👋".encode()
    assert first["HOOKSPOOL_CONTENT_TYPE"] == b"application/json" and first["HOOKSPOOL_ACCOUNT"] == b"acc-1"
    assert "CODE_FILE" not in first and "HOOKSPOOL_REPLY" not in first
    assert f"HOOKSPOOL_ID=evt_{name}_1" in home.cli("deliveries", "--json").stdout.decode()
    assert len(journald.entries(HOOKSPOOL_ID=f"evt_{name}_2")) == 1


def test_message_fields_and_body_are_templates(journald):
    home, _ = relayed(journald, message="{{data.sender.name}} wrote", fields=["LEAD_ID = {{data.sender.id}}", "EMPTY = {{data.nothing}}"],
                      body='{"e":"{{hookspool.event}}"}', priority="crit", identifier="lead")
    settled(home, 1)
    entry = journald.until_entries(1, SYSLOG_IDENTIFIER="lead")[0]
    assert entry["MESSAGE"] == "Žofie Nováková 李 wrote".encode() and entry["LEAD_ID"] == b"urn:li:fsd_profile:ACoAA1"
    assert entry["PRIORITY"] == b"2" and entry["BODY"] == b'{"e":"message.received"}' and "EMPTY" not in entry


def test_a_stranger_makes_no_field_and_no_entry(journald):
    """A line feed in a value would begin a field in the protocol's short form, and an empty line an entry."""
    text = "a\nPRIORITY=0\nHOOKSPOOL_ID=evt_of_another\n\nMESSAGE=forged\n"
    home = home_with(journald_sink(message="{{hookspool.text}}", fields=["COPY = {{hookspool.text}}"]))
    home.relay_in = journald.relay_in()
    deliver(home.start(), text=text)
    Relay(home).ready()
    settled(home, 1)
    entry, = journald.until_entries(1)
    assert entry["MESSAGE"] == entry["COPY"] == entry["HOOKSPOOL_TEXT"] == text.encode() and entry["PRIORITY"] == b"6"


def test_a_body_of_any_bytes_and_one_beyond_a_datagram(journald):
    home = Home(journald_sink(), 'scheme "any" {\nlike = "connectsafely"\nbodies = {"any"}\nevent = {"json:event", "text:any"}\n}\n',
                endpoint(PATH, scheme="any", relay=["out"], max_body="8m"))
    home.relay_in = journald.relay_in()
    receiver = home.start()
    bodies = [b"a=\0\xff\xc3\n", b"x" * 5_000_000]
    for body in bodies:
        expect(fcgi_client.deliver(receiver.socket, body, path=PATH, headers={"Content-Type": "text/plain"}), "stored")
    Relay(home).ready()
    settled(home, 2)
    assert [entry["BODY"] for entry in journald.until_entries(2)] == bodies


# ---- what is no delivery

def test_without_a_socket_the_event_waits(journald):
    """The library itself says that all is well."""
    journald.remove_socket()
    home, bodies = relayed(journald, retry=SOON)
    assert "journald is not there: /run/systemd/journal/socket: No such file" in error_of(home) and states(home) == [0]
    journald.start()
    settled(home, 1)
    assert [entry["BODY"] for entry in journald.until_entries(1)] == bodies


def test_a_journald_that_was_killed_gets_the_event_later(journald):
    home, _ = relayed(journald, retry=SOON)
    settled(home, 1)
    journald.until_entries(1)  # what is in its queue goes with it
    journald.kill()
    deliver(home.start(), 3)
    until(lambda: any("Connection refused" in error for error in attempts(home)), "a failed attempt")
    assert states(home) == [1, 0, 0, 0]
    journald.start()
    settled(home, 4)
    assert len({entry["HOOKSPOOL_ID"] for entry in journald.until_entries(4)}) == 4


def test_a_journald_that_does_not_read_holds_up_no_others(journald):
    home = home_with(journald_sink(timeout="500ms", retry=SOON), sink("other", type="null", allow_private=None), relay=("out", "other"))
    home.relay_in = journald.relay_in()
    receiver = home.start()
    journald.hang()
    relay = Relay(home).ready()
    bodies = deliver(receiver, 3)
    settled(home, 3)
    until(lambda: any("in time" in error for error in attempts(home)), "a timeout")
    journald.unhang()
    settled(home, 6)
    assert {entry["BODY"] for entry in journald.until_entries(3)} == set(bodies)
    journald.hang()
    deliver(receiver)
    start = time.monotonic()
    relay.stop()
    assert time.monotonic() - start < 20


def test_a_200_of_store_means_that_it_is_with_journald(journald):
    home = Home(journald_sink(), endpoint(PATH, store=["out"], store_required=True, store_wait="5s"))
    home.relay_in = journald.relay_in()
    receiver = home.start()
    Relay(home).ready()
    body = message()
    expect(fcgi_client.deliver(receiver.socket, body, path=PATH), "stored")
    assert [entry["BODY"] for entry in journald.until_entries(1)] == [body]


# ---- check

def test_check_of_a_journald(journald):
    lines = check(journald, home_with(journald_sink()))
    assert lines[0].endswith("sink out: logs to journald as hookspool") and lines[1].startswith("ok") and "acknowledges nothing" in lines[1]
    journald.remove_socket()
    assert any(line.startswith("warn") and "journald is not there" in line for line in check(journald, home_with(journald_sink())))


def test_check_of_a_journal_in_memory(children):
    lines = check(Journald(persistent=False), home_with(journald_sink()))
    assert any(line.startswith("warn") and "Storage=persistent" in line for line in lines), lines


@pytest.mark.parametrize("given, why", [
    ({"fields": ["a = {{x}}"]}, "A to Z"),
    ({"fields": ["_PID = 1"]}, "begins with a letter"),
    ({"fields": ["HOOKSPOOL_ID = 1"]}, "the sink's own"),
    ({"fields": ["BODY = 1"]}, "the sink's own"),
    ({"fields": ["A ="]}, "write"),
    ({"fields": ["A = {{x"]}, "1"),
    ({"fields": ["A = 1", "A = 2"]}, "twice"),
    ({"fields": [f"A{n} = 1" for n in range(65)]}, "64 are the most"),
    ({"identifier": "a b"}, "without blanks"),
    ({"priority": "loud"}, "notice"),
    ({"message": ""}, "empty"),
    ({"url": "redis://127.0.0.1"}, "not for a sink of the type"),
])
def test_a_wrong_option(children, given, why):
    done = home_with(journald_sink(**given)).cli("check", "--socket", "none")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode != 0 and why in text and re.search(r"hookspool.conf:\d+: ", text)
