# SPDX-License-Identifier: ISC
"""Which deliveries are the same event: by a signed id, by an unsigned id with the bytes, by the bytes, or by nothing."""
import base64
import hashlib
import hmac
import json
import uuid

import pytest

import fcgi_client
from outcomes import expect
from place import until
from receiver import Home, endpoint
from sender import SECRET, SECRET2, message, new_urn, sign

PUSH = json.dumps({"zen": "x", "repository": {"full_name": "me/repo"}}).encode()


def github(one, body, delivery, event="push", secret=SECRET, path="/gh"):
    headers = {"X-Webhook-Signature": None, "X-Hub-Signature-256": sign(body, secret), "X-GitHub-Event": event, "X-GitHub-Delivery": delivery}
    return fcgi_client.deliver(one.socket, body, path=path, headers=headers)


def new_id():
    return str(uuid.uuid4())


@pytest.fixture
def gh(receiver):
    """A receiver with GitHub's endpoint, whose ids nothing signs."""
    return receiver(home=Home(endpoint("/gh", scheme="github", secret_file=["secret", "secret2"]),
                              endpoint("/day", scheme="github", replay_window="1d")))


def test_sender_cannot_take_the_id_of_another_event(gh):
    """The same unsigned id with other bytes is stored; with the same bytes it is a duplicate."""
    first, second = PUSH, PUSH.replace(b"me", b"you")
    stored = expect(github(gh, first, "id-42"), "stored").json["id"]
    other = expect(github(gh, second, "id-42", secret=SECRET2), "stored").json["id"]
    assert expect(github(gh, first, "id-42"), "duplicate").json["id"] == stored
    assert expect(github(gh, second, "id-42", secret=SECRET2), "duplicate").json["id"] == other
    events = gh.home.spool.export()
    assert [(e["key"], e["note"]) for e in events] == [("id-42", None)] * 2
    assert {e["key"] for e in gh.home.spool.events()} == {"id-42"}


def test_same_bytes_under_another_id_are_stored_and_noted(gh):
    first = expect(github(gh, PUSH, new_id()), "stored").json["id"]
    second = expect(github(gh, PUSH, new_id(), event="delete"), "stored").json["id"]
    note = f"same bytes as event {first}"
    assert [e["note"] for e in gh.home.spool.export()] == [None, note]
    assert json.loads(gh.home.cli("list", "--json").stdout.decode().splitlines()[-1])["note"] == note
    assert note in gh.home.cli("show", str(second)).stdout.decode()
    assert gh.until_entry(id=str(second))["note"] == note


def test_within_the_replay_window_they_are_duplicates(gh):
    """A captured delivery under other ids and names is stored once, and the log tells of it."""
    first = expect(github(gh, PUSH, new_id(), path="/day"), "stored").json["id"]
    for event in ("push", "delete", "release"):
        assert expect(github(gh, PUSH, new_id(), event=event, path="/day"), "duplicate").json["id"] == first
    assert f"same bytes as event {first}" in gh.until_entry(outcome="duplicate")["reason"]
    expect(github(gh, PUSH + b" ", new_id(), path="/day"), "stored")


def test_shopify_ids_follow_the_same_rule(receiver):
    one = receiver(home=Home(endpoint("/shop", scheme="shopify", replay_window="1d")))
    body = b'{"id":1,"total_price":"9999"}'
    proof = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    answers = [fcgi_client.deliver(one.socket, body, path="/shop", headers={
        "X-Webhook-Signature": None, "X-Shopify-Hmac-SHA256": proof, "X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": topic,
        "X-Shopify-Shop-Domain": "mine.myshopify.com"}).code for topic in ("orders/create", "orders/cancelled", "orders/create")]
    assert answers == ["stored", "duplicate", "duplicate"]


def test_other_bytes_under_a_signed_id_are_logged(receiver):
    """A duplicate, answered as one; a line in the log and a counter of its own tell of it."""
    one = receiver()
    urn = new_urn()
    first = expect(fcgi_client.deliver(one.socket, message(urn)), "stored").json["id"]
    expect(fcgi_client.deliver(one.socket, message(urn)), "duplicate")
    assert expect(fcgi_client.deliver(one.socket, message(urn, text="another text")), "duplicate").json["id"] == first
    assert one.until_entry(outcome="duplicate", level="warning")["reason"] == f"other bytes than event {first} has under this id"
    assert not any("reason" in e for e in one.entries(outcome="duplicate", level="info"))
    until(lambda: sum(one.home.spool.counters().values()) == 3, "the counters")
    counted = {code: n for (_, code, _), n in one.home.spool.counters().items()}
    assert counted == {"stored": 1, "duplicate": 1, "altered": 1}
    assert "altered" in one.home.cli("stats").stdout.decode()


def test_without_an_id_the_bytes_decide(receiver):
    one = receiver()
    body = b'{"event":"connection.accepted","object":"event","data":{"account_id":"a"}}'
    expect(fcgi_client.deliver(one.socket, body), "stored")
    for _ in range(3):
        expect(fcgi_client.deliver(one.socket, body), "duplicate")
    expect(fcgi_client.deliver(one.socket, body.replace(b'"a"', b'"b"')), "stored")


def test_identity_rules_hold_after_a_purge(gh):
    expect(github(gh, PUSH, "one", path="/day"), "stored")
    until(lambda: gh.home.cli("purge", "--older-than", "1s") and not gh.home.spool.events(), "the purge")
    expect(github(gh, PUSH, "one", path="/day"), "duplicate")
    expect(github(gh, PUSH, "two", path="/day"), "duplicate")
    expect(github(gh, PUSH + b" ", "one", path="/day"), "stored")


def test_check_warns_of_unsigned_identity(receiver):
    home = Home(endpoint("/gh", scheme="github"), endpoint("/w", secret_file=["secret2"]), endpoint("/b", scheme="bearer", secret_file=["auth"]))
    lines = home.cli("check").stdout.decode().splitlines()
    assert any(line.startswith("ok   endpoint /gh: nothing signs event, dedupe-key;") for line in lines), lines
    assert any(line.startswith("ok   endpoint /w: all fields come from what the sender proves;") for line in lines), lines
    assert sum("must belong to one sender" in line for line in lines) == 3
    assert any(line.startswith("ok   endpoint /b: nothing is signed, its secret alone proves the sender;") for line in lines), lines


def test_endpoint_name_is_printed_in_every_list(receiver):
    """In the log, the listings and their JSON, and what check says; the path stays what an option takes."""
    name, path = "Lead → CRM", "/webhook/linkedin"
    out = 'sink "out" { url = "https://example.com/" }\n'
    home = Home(out, endpoint(name=name, relay=["out"]), endpoint("/other", secret_file=["secret2"]))
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    expect(fcgi_client.deliver(one.socket, b"not JSON", headers=[("X-Webhook-Signature", None)]), "unauthorized")
    assert one.until_entry(outcome="stored")["name"] == name
    until(lambda: sum(home.spool.counters().values()) == 2, "the counters")
    for command in (["list"], ["show", "1"], ["stats"], ["rejects"], ["deliveries"], ["check"]):
        assert name in home.cli(*command).stdout.decode(), command
    for command in (["list", "--json"], ["show", "--json", "1"], ["rejects", "--json"], ["deliveries", "--json"], ["export"]):
        printed = json.loads(home.cli(*command).stdout.decode().splitlines()[0])
        assert (printed["name"], printed["endpoint"]) == (name, path), command
    assert {c["name"] for c in json.loads(home.cli("stats", "--json").stdout.decode())["counters"]} == {name}
    home.configure(endpoint(), endpoint("/other", secret_file=["secret2"]))
    assert json.loads(home.cli("list", "--json").stdout.decode())["name"] is None
