# SPDX-License-Identifier: ISC
"""One event or one refused delivery by its ID; help, suggestions and quiet output of the command line."""
import json

import pytest

import fcgi_client
from outcomes import expect
from place import until
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, home_with, settled, sink
from sender import SECRET2, message, sign


@pytest.fixture
def sent(receiver, target, children):
    """An event that sink "one" has got and sink "two" has refused; its home."""
    home = home_with(sink("one", url=target.url), sink("two", url=target.url + "/two"), sink("three", url=target.url),
                     relay=("one", "two"))
    target.answers = [{"status": 400, "body": b"no such thing"}, {"status": 400, "body": b"no such thing"}]
    deliver(receiver(home=home), 1)
    relay = Relay(home)
    until(lambda: home.spool.query("SELECT count(*) AS n FROM relay WHERE state <> 0")[0]["n"] == 2, "both are settled")
    relay.stop()
    return home


def test_show_tells_the_deliveries_of_an_event(sent):
    out = sent.cli("show", "1").stdout.decode()
    lines = [line for line in out.splitlines() if line.startswith("delivery ")]
    assert len(lines) == 2 and "to one: dead, 1 attempt, 400 in" in lines[0] and "to two: dead" in lines[1]
    shown = json.loads(sent.cli("show", "1", "--json").stdout)
    assert [(d["sink"], d["state"], d["attempts"], d["status"]) for d in shown["deliveries"]] == [
        ("one", "dead", 1, 400), ("two", "dead", 1, 400)]


def test_deliveries_of_one_event(sent, receiver):
    assert len([json.loads(line) for line in sent.cli("deliveries", "--event", "1", "--json").stdout.splitlines()]) == 2
    assert sent.cli("deliveries", "--event", "2", "--json").stdout == b""
    assert sent.cli("deliveries", "--event", "x").returncode == 64


def test_replay_of_one_event(sent, target):
    """By its ID: to its endpoint's sinks, or to the one that is named, also one that the endpoint does not name."""
    done = sent.cli("replay", "1", "--dry-run")
    assert done.returncode == 0 and done.stdout.count(b"would be sent to") == 2
    assert sent.spool.query("SELECT count(*) AS n FROM relay WHERE state = 0")[0]["n"] == 0
    done = sent.cli("replay", "1")
    assert done.returncode == 0 and b"event 1 is due for one" in done.stdout and b"event 1 is due for two" in done.stdout
    assert b"pending already for one" in sent.cli("replay", "--sink", "one", "1").stdout
    assert b"event 1 is due for three" in sent.cli("replay", "--sink", "three", "1").stdout
    relay = Relay(sent)
    settled(sent, 3)
    relay.stop()
    assert len(target.got) == 5
    assert sent.cli("replay", "7").returncode == 1
    assert sent.cli("replay", "x").returncode == 64
    assert sent.cli("replay", "1", "--since", "1h").returncode == 64


def test_one_rejected_delivery(receiver):
    """The list prints IDs; one of them in full, and verify --reject explains it."""
    one = receiver(reject_bodies=True)
    body = message()
    expect(fcgi_client.deliver(one.socket, body, headers={"X-Webhook-Signature": sign(body, SECRET2)}), "unauthorized")
    expect(fcgi_client.deliver(one.socket, b"", path="/nowhere"), "not_found")
    until(lambda: len(one.home.spool.rejects()) == 2, "both are noted")
    rows = {r["code"]: r["id"] for r in one.home.spool.rejects()}
    head, *listed = one.home.cli("rejects").stdout.decode().splitlines()
    assert sorted(int(line.split()[0]) for line in listed) == sorted(rows.values())
    assert head.split()[0] == "ID" and all(line.index("127.0.0.1") == head.index("FROM") for line in listed)
    wrong = str(rows["unauthorized"])
    full = one.home.cli("rejects", wrong).stdout.decode()
    assert "wrong signature" in full and "message.received" in full and sign(body, SECRET2) in full
    assert json.loads(one.home.cli("rejects", wrong, "--json").stdout)["body"].encode() == body
    explained = one.home.cli("verify", "--reject", wrong, "--explain")
    assert explained.returncode == 1 and b"wrong signature" in explained.stdout and sign(body)[7:].encode() in explained.stdout
    said = one.home.cli("rejects", str(rows["not_found"])).stdout
    assert b", not kept" in said and b"reject-bodies" not in said  # it is on
    assert b"not kept whole" in one.home.cli("verify", "--reject", str(rows["not_found"])).stderr
    assert one.home.cli("rejects", "99").returncode == 1
    assert one.home.cli("verify", "--reject", "99").returncode == 1
    assert one.home.cli("verify", "--reject", wrong, "--id", "1").returncode == 64
    one.home.configure(endpoint(secret_file=["secret", "secret2"]), reject_bodies=True)
    accepted = one.home.cli("rejects", wrong, "--accept")
    assert accepted.returncode == 0 and one.home.spool.event()["body"] == body


def test_tail_with_zero_events(receiver):
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    assert one.home.cli("tail", "-n", "0", "--json").stdout == b""
    assert len(one.home.cli("list", "-n", "0", "--json").stdout.splitlines()) == 1
    assert len(one.home.cli("list", "--since", "2h ago", "--json").stdout.splitlines()) == 1


def test_quiet_prints_errors(served):
    site = served("nginx", Home())
    url = f"http://127.0.0.1:{site.port}/webhook/linkedin"
    done = site.home.cli("send", url, "--quiet", "--bad-signature")
    assert done.returncode == 1 and done.stdout == b"" and b"401 unauthorized" in done.stderr
    done = site.home.cli("send", url, "--quiet", "--count", "3", "--bad-signature")
    assert done.returncode == 1 and b"3 not accepted: 401" in done.stderr
    done = site.home.cli("send", url, "--quiet")
    assert done.returncode == 0 and not done.stdout + done.stderr


@pytest.mark.parametrize("scheme", ["connectsafely", "hubspot-v3", "twilio", "telegram"])
def test_test_events_carry_a_mark(served, scheme):
    """An event of hookspool send can be told from a genuine one, whatever the provider."""
    site = served("nginx", Home(endpoint(scheme=scheme, **({"url": "http://localhost/webhook/linkedin"} if scheme in ("hubspot-v3", "twilio") else {}))))
    assert site.home.cli("send", f"http://127.0.0.1:{site.port}/webhook/linkedin").returncode == 0
    body = site.home.spool.event()["body"]
    assert body.endswith(b"&hookspool_test=true") if scheme == "twilio" else b'"hookspool_test":true' in body
    if scheme != "twilio":
        json.loads(body)


def test_help_of_a_subcommand():
    home = Home()
    assert home.cli("help").stdout == home.cli("--help").stdout
    assert home.cli("help", "tail").stdout == home.cli("tail", "--help").stdout
    assert home.cli("help", "nothing").returncode == 64


@pytest.mark.parametrize("typed, meant", [("tial", "tail"), ("lst", "list"), ("reject", "rejects"), ("delivery", "deliveries"), ("replya", "replay")])
def test_misspelt_subcommand_gets_a_suggestion(typed, meant):
    done = Home().cli(typed)
    assert done.returncode == 64 and f"did you mean {meant}?".encode() in done.stderr


def test_unknown_word_gets_no_suggestion():
    done = Home().cli("frobnicate")
    assert done.returncode == 64 and b"did you mean" not in done.stderr


def test_type_of_a_refused_delivery_is_shown_once(served):
    """nginx passes the Content-Type both as a variable of CGI and as a header."""
    site = served("nginx", Home(reject_bodies=True))
    expect(site.deliver("/webhook/linkedin", message(), {"X-Webhook-Signature": "sha256=" + "0" * 64}), "unauthorized")
    until(lambda: site.home.spool.rejects(), "it is noted")
    row, = site.home.spool.rejects()
    assert row["headers"].lower().count("content-type:") == 1, row["headers"]
    full = site.home.cli("rejects", str(row["id"])).stdout.decode()
    assert full.lower().count("content-type") == 1, full
