# SPDX-License-Identifier: ISC
"""A spool of release 0.1: it migrates, and what it has stored or purged is known when it is delivered again."""
import base64
import hashlib
import hmac
import json
import sqlite3

import pytest

import fcgi_client
from outcomes import expect
from place import SOURCE, own, until
from receiver import Home, endpoint
from relaying import Relay, Target, sink
from sender import SECRET, message, sign
from test_identity import github

LINKEDIN = {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": [
    {"notificationId": 5001, "organizationalEntity": "urn:li:organization:1", "action": "COMMENT"}]}
APP = "the-secret-of-the-linkedin-app"
UNIPILE = {"event": "message_received", "account_id": "acc_U1", "message_id": "msg_U1", "message": "Hi", "chat_id": "c"}


def urn(number):
    return f"urn:li:messagingMessage:2-legacy{number}"


def linkedin(one, content):
    body = json.dumps(content).encode()
    signature = hmac.new(APP.encode(), b"hmacsha256=" + body, hashlib.sha256).hexdigest()
    return fcgi_client.deliver(one.socket, body, path="/li", headers={"X-Webhook-Signature": None, "X-LI-Signature": signature})


def unipile(one, **changed):
    body = json.dumps({**UNIPILE, **changed}).encode()
    return fcgi_client.deliver(one.socket, body, path="/uni", headers={"X-Webhook-Signature": None, "Unipile-Auth": SECRET})


def twilio_query(body):
    return "bodySHA256=" + hashlib.sha256(body).hexdigest()


def twilio_proof(body):
    return hmac.new(SECRET.encode(), f"https://hooks.example.com/tw?{twilio_query(body)}".encode(), hashlib.sha1).digest()


def twilio(one, body):
    headers = {"X-Webhook-Signature": None, "X-Twilio-Signature": base64.b64encode(twilio_proof(body)).decode()}
    listed = [pair for pair in fcgi_client.params("/tw", body, headers) if pair[0] != "QUERY_STRING"] + [("QUERY_STRING", twilio_query(body))]
    with fcgi_client.Fcgi(one.socket) as fcgi:
        fcgi.send(fcgi_client.whole(listed, body, keep=False))
        return fcgi.reply()


@pytest.fixture
def one(receiver):
    """A receiver on a spool in which 0.1 stored messages 2 to 6, and purged 1 and 2."""
    home = Home(endpoint(), endpoint("/gh", scheme="github"), endpoint("/li", scheme="linkedin", secret_file=["li"]),
                endpoint("/uni", scheme="unipile-v1"),
                endpoint("/tw", scheme="twilio", url="https://hooks.example.com/tw"), files={"li": APP})
    own(home.spool.dir.mkdir(mode=0o700) or home.spool.dir)
    db = sqlite3.connect(home.spool.dir / "hookspool.db")
    db.executescript((SOURCE / "tests/e2e/spool-0.1.sql").read_text())
    db.close()
    own(home.spool.dir / "hookspool.db").chmod(0o600)
    return receiver(home=home)


def test_old_spool_migrates_whole(one):
    before = {3: "/webhook/linkedin", 4: "/gh", 5: "/li", 6: "/uni"}
    assert expect(fcgi_client.deliver(one.socket, message()), "stored").json["id"] == 7
    assert {e["id"]: e["endpoint"] for e in one.home.spool.events() if e["id"] < 7} == before
    assert one.home.spool.query("PRAGMA user_version") == [{"user_version": 5}]
    assert one.home.spool.query("SELECT legacy_id FROM spool") == [{"legacy_id": 6}]
    assert one.home.spool.sound()


def test_event_stored_before_the_upgrade_is_a_duplicate(one):
    """The same event, whatever its key is called now: by a message's id, a delivery's, the bytes."""
    assert expect(fcgi_client.deliver(one.socket, message(urn(2))), "duplicate").json["id"] == 3
    assert expect(github(one, b'{"zen":"kept"}', "legacy-kept"), "duplicate").json["id"] == 4
    assert expect(linkedin(one, LINKEDIN), "duplicate").json["id"] == 5
    assert expect(unipile(one), "duplicate").json["id"] == 6
    assert expect(unipile(one, message="Hi, once more"), "duplicate").json["id"] == 6  # 0.1 has no account for it
    assert len(one.home.spool.events()) == 4


def test_another_event_of_the_same_thing_is_stored(one):
    expect(fcgi_client.deliver(one.socket, message(urn(2), event="message.read")), "stored")
    expect(fcgi_client.deliver(one.socket, message(urn(2), account_id="acc-2")), "stored")
    expect(unipile(one, event="message_reaction"), "stored")
    expect(github(one, b'{"zen":"another"}', "legacy-kept"), "stored")
    expect(linkedin(one, {**LINKEDIN, "notifications": [{**LINKEDIN["notifications"][0], "notificationId": 5002}]}), "stored")


def test_event_that_can_happen_again_is_stored(one):
    """0.1 has no more than one reaction to a message; another one has other bytes."""
    db = sqlite3.connect(one.home.spool.dir / "hookspool.db", timeout=10)
    reaction = json.dumps({**UNIPILE, "event": "message_reaction", "reaction": "+1"}).encode()
    db.execute("UPDATE event SET event = 'message_reaction', body = ? WHERE id = 6", [reaction])
    db.commit()
    db.close()
    expect(unipile(one, event="message_reaction", reaction="+1"), "duplicate")
    expect(unipile(one, event="message_reaction", reaction="-1"), "stored")


def test_text_of_an_old_event_is_sent(one):
    """The text is stored with an event that needs it; release 0.1 stored none, and its events' bodies are read."""
    target = Target()
    one.home.configure(sink("out", url=target.url, body="{{hookspool.text}}", content_type="text/plain"), endpoint("/uni", scheme="unipile-v1", relay=["out"]))
    one.hup()
    until(lambda: "reloaded" in one.text(), "the new configuration is in force")
    expect(unipile(one, message="Hi, once more", message_id="msg_U2"), "stored")
    assert one.home.spool.query("SELECT id, text FROM event WHERE id > 5") == [{"id": 6, "text": None}, {"id": 7, "text": "Hi, once more"}]
    assert one.home.cli("replay", "--sink", "out", "6").returncode == 0
    assert Relay(one.home, "--once").wait(20) == 0
    assert sorted(target.bodies()) == [b"Hi", b"Hi, once more"]
    target.close()


@pytest.mark.parametrize("purged", [False, True])
def test_twilio_event_is_known_by_its_signature(one, purged):
    """0.1 knew Twilio's deliveries by that. Another one with the same id in it, and other bytes, may be another event."""
    body = json.dumps([{"id": "EZ1", "type": "com.twilio.messaging.message.sent", "data": {"accountSid": "AC1"}}]).encode()
    db = sqlite3.connect(one.home.spool.dir / "hookspool.db", timeout=10)
    db.execute("UPDATE event SET endpoint = '/tw', event = 'event', key = ?, body = ? WHERE id = 5", [twilio_proof(body).hex(), body])
    db.commit()
    db.close()
    if purged:
        done = one.home.cli("purge", "--older-than", "1s")
        until(lambda: one.home.cli("purge", "--older-than", "1s") and not one.home.spool.events(), f"the purge: {done}")
    assert expect(twilio(one, body), "duplicate").json["id"] == 5
    expect(twilio(one, body + b" "), "stored")


def test_event_purged_before_the_upgrade_is_a_duplicate(one):
    """An unsigned id is still known. What a message's id stands for is not, so that the delivery is kept."""
    assert expect(github(one, b'{"zen":"purged"}', "legacy-purged"), "duplicate").json["id"] == 2
    expect(fcgi_client.deliver(one.socket, message(urn(1))), "stored")


def test_old_events_are_known_after_a_purge_too(one):
    expect(fcgi_client.deliver(one.socket, message(urn(2))), "duplicate")
    done = one.home.cli("purge", "--older-than", "1s")
    until(lambda: one.home.cli("purge", "--older-than", "1s") and not one.home.spool.events(), f"the purge: {done}")
    assert expect(github(one, b'{"zen":"kept"}', "legacy-kept"), "duplicate").json["id"] == 4
    assert expect(unipile(one), "duplicate").json["id"] == 6
    assert expect(linkedin(one, LINKEDIN), "duplicate").json["id"] == 5
    expect(linkedin(one, {**LINKEDIN, "another": 1}), "stored")
    expect(unipile(one, event="message_reaction"), "stored")
