# SPDX-License-Identifier: ISC
"""The headers of an attempt: those that name the event, and templates, whatever a stranger puts into them."""
import base64
import gzip
import hmac
import json

import pytest

import fcgi_client
from outcomes import expect
from place import until
from receiver import Home, endpoint
from relaying import PATH, deliver, home_with, settled, sink, states
from sender import AUTHORIZATION, SECRET, message, sign

GITHUB = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "d1"}


def github(receiver, body=b'{"a":1}', **headers):
    signed = {"X-Hub-Signature-256": sign(body), **GITHUB}
    expect(fcgi_client.deliver(receiver.socket, body, path="/gh", headers={**signed, **headers}), "stored")
    return signed


def test_headers_that_name_the_event_are_sent(receiver, relay, target):
    """With the event's own bytes, unless the sink says otherwise; nothing that is between two hosts, and no secret."""
    home = Home(sink("out", url=target.url + "/all"), sink("none", url=target.url + "/none", pass_headers=False),
                sink("own", url=target.url + "/own", headers=["x-github-event: mine"]),
                sink("body", url=target.url + "/body").replace("}", "body = '{}'\n}"),
                endpoint("/gh", scheme="github", authorization_file=["auth"], relay=["out", "none", "own", "body"]))
    one = receiver(home=home)
    relay(home).ready()
    sent = github(one, Authorization=AUTHORIZATION, Cookie="a=b")
    got = {entry[2].rpartition("/")[2]: entry[3] for entry in target.until(4)}
    assert {name: got["all"].get(name) for name in sent} == sent
    assert got["all"]["Host"] == f"127.0.0.1:{target.port}" and got["all"]["webhook-id"].startswith("evt_")
    assert not [name for headers in got.values() for name in headers if name in ("Authorization", "Cookie")]
    assert not [name for name in sent for which in ("none", "body") if name in got[which]]
    assert got["own"]["x-github-event"] == "mine" and "X-GitHub-Event" not in got["own"] and got["own"]["X-GitHub-Delivery"] == "d1"


def test_parameters_of_a_get_are_sent_as_a_form(receiver, relay, target):
    """Twilio's deliveries by GET have no body: a sink without "body" would get nothing of them."""
    url, query = "https://example.com/tw", "MessageSid=SM1&MessageStatus=sent&Body=a%20b%26c"
    home = Home(sink("out", url=target.url), endpoint("/tw", scheme="twilio", url=url, relay=["out"]))
    one = receiver(home=home)
    relay(home).ready()
    proof = base64.b64encode(hmac.digest(SECRET.encode(), f"{url}?{query}".encode(), "sha1")).decode()
    listed = dict(fcgi_client.params(path="/tw", method="GET", headers={"X-Webhook-Signature": None, "X-Twilio-Signature": proof}))
    with fcgi_client.Fcgi(one.socket) as fcgi:
        fcgi.send(fcgi_client.whole([*{**listed, "CONTENT_TYPE": "", "QUERY_STRING": query}.items()]))
        assert fcgi.reply().status == 200
    [(_, method, path, headers, body)] = target.until(1)
    assert (method, path, body) == ("POST", "/hook", query.encode())
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_secret_header_is_not_sent_on(receiver, relay, target):
    """Where the header is the secret itself, it is not kept and not sent; and webhook-id is the relay's own."""
    home = Home(sink("out", url=target.url), endpoint("/gl", scheme="gitlab", relay=["out"]))
    one = receiver(home=home)
    relay(home).ready()
    expect(fcgi_client.deliver(one.socket, b'{"object_kind":"push"}', path="/gl",
                               headers={"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Push Hook", "X-Gitlab-Event-UUID": "u1"}), "stored")
    headers = target.until(1)[0][3]
    assert headers["X-Gitlab-Event"] == "Push Hook" and SECRET not in str(headers)


def test_templates_in_headers(receiver, relay, target):
    home = home_with(sink("out", url=target.url, headers=["X-Kind: {{hookspool.event}}", "X-Text: a {{hookspool.text | truncate 3}} b",
                                                          "X-Name: {{data.sender.name | header}}", "X-None: {{data.nothing}}", "X-Fixed: 1"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="Zoë\r\nX-Evil: 1" + "ü" * 200, text="hello")
    headers = target.until(1)[0][3]
    assert headers["X-Kind"] == "message.received" and headers["X-Text"] == "a he… b".encode().decode("latin-1")
    assert headers["X-Fixed"] == "1" and "X-None" not in headers and "X-Evil" not in headers
    assert headers["X-Name"].startswith("=?UTF-8?B?") and headers["X-Name"].isascii()


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0b", "a\x7fb", "a\x01b", "x" * 9000])
def test_value_that_could_break_a_header_is_not_sent(receiver, relay, target, name):
    """The delivery is dead at once, with a reason that names the header, and others go on."""
    home = home_with(sink("out", url=target.url, headers=["X-Name: {{data.sender.name}}"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender=name)
    settled(home, 1, state=2)
    assert "the value of the header X-Name" in home.spool.query("SELECT error FROM attempt")[0]["error"] and not target.got
    assert json.loads(home.cli("deliveries", "--json").stdout)["state"] == "dead"
    deliver(one, sender="Zoë")
    target.until(1)
    until(lambda: states(home) == [2, 1], "the other")


def test_event_with_a_broken_header_value_is_no_success_of_the_sink(receiver, relay, target):
    """Nothing was sent: the failures before it and behind it are still in a row, and the fifth pauses the sink."""
    target.answers = [{"status": 503}] * 10
    home = home_with(sink("out", url=target.url, headers=["X-Name: {{data.sender.name}}"], max_in_flight=1, retry=["1h", "1h", "3d"]))
    one = receiver(home=home)
    deliver(one, 4)
    deliver(one, sender="a\r\nb")
    deliver(one)
    relay(home).ready()
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) == 6, "the attempts")
    assert states(home) == [0, 0, 0, 0, 2, 0] and len(target.got) == 5
    assert [row["failures"] for row in home.spool.query("SELECT * FROM pause")] == [5]


def test_event_with_a_broken_header_value_uses_no_rate(receiver, relay, target):
    home = home_with(sink("out", url=target.url, headers=["X-Name: {{data.sender.name}}"], rate="1/h", rate_burst=1))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="a\nb")
    settled(home, 1, state=2)
    deliver(one)
    settled(home, 1)
    assert len(target.got) == 1


def test_packed_bytes_keep_their_encoding(receiver, relay, target):
    """Also without the other headers; with a body of the sink's own they are not what is sent."""
    home = home_with(sink("none", url=target.url + "/none", pass_headers=False),
                     sink("body", url=target.url + "/body", pass_headers=True).replace("}", "body = '{{hookspool.event}}'\n}"), relay=("none", "body"))
    one = receiver(home=home)
    relay(home).ready()
    packed = gzip.compress(message())
    expect(fcgi_client.deliver(one.socket, packed, path=PATH, headers={"Content-Encoding": "gzip"}), "stored")
    got = {entry[2].rpartition("/")[2]: entry for entry in target.until(2)}
    assert got["none"][4] == packed and got["none"][3]["Content-Encoding"] == "gzip" and "X-Webhook-Signature" not in got["none"][3]
    assert got["body"][4] == b"message.received" and "Content-Encoding" not in got["body"][3] and "X-Webhook-Signature" in got["body"][3]
