# SPDX-License-Identifier: ISC
"""hookspool tail --forward: sends new or earlier events to a developer's own machine."""
import base64
import hmac
import re
import signal
import sqlite3

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, new_dir, until
from proc import Child
from receiver import Home, endpoint
from relaying import PATH, Target, deliver, home_with
from sender import AUTHORIZATION, SECRET, message, new_urn, sign
from sender import deliver as http_deliver


class Forward(Child):
    def __init__(self, home, url, *args):
        super().__init__([BIN / "hookspool", "-c", home.conf, "tail", "--forward", url, *args], new_dir("forward") / "forward.log")


@pytest.fixture
def ready(receiver):
    """A function that starts a receiver as `receiver` does, and waits for its spool: where there is none, tail ends."""
    def start(home):
        one = receiver(home=home)
        until(home.spool.is_made, "the spool is made")
        return one
    return start


def stopped(forward):
    forward.signal(signal.SIGINT)
    return forward.wait(20)


def test_forward_is_byte_identical_with_the_original_headers(ready, target, children):
    """The signature holds at the developer's machine: exact bytes, its header, the query, and what -H adds."""
    one = ready(home_with(relay=()))
    until(lambda: one.home.cli("stats").returncode == 0, "the spool is there")
    forward = Forward(one.home, target.url, "-H", f"Authorization: {AUTHORIZATION}", "--since", "1h")
    body = b' {"event":"message.received", "data":{"id":"urn:li:1","body":"\\u00fc\\ud83d\\ude00"}}\r\n'
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    [(_, method, path, headers, got)] = target.until(1)
    assert (method, path, got) == ("POST", "/hook", body)
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-webhook-signature"] == sign(body)
    assert headers["content-type"] == "application/json" and headers["authorization"] == AUTHORIZATION
    forward.until(lambda: "200 after" in forward.text(), "the line of the event")
    assert stopped(forward) == 0


def test_forward_sends_new_events_and_with_since_earlier_ones(ready, target, children):
    one = ready(home_with(relay=()))
    before = deliver(one, 2)
    forward = Forward(one.home, target.url, "--json")
    until(lambda: f"{forward.pid}" and open(f"/proc/{forward.pid}/status").read().split("SigCgt:")[1].split()[0][-4:] != "0000", "it has begun")
    assert one.home.cli("tail", "--forward", target.url, "--since", "2h ago", "--once").returncode == 0
    assert target.bodies() == before
    after = deliver(one, 2)
    target.until(4)
    assert target.bodies() == before + after


def test_forward_misses_no_event_while_the_target_is_down(ready, children):
    """Down, then 500 and 503, then up: each event is there once, in order, and the end names the id to go on from."""
    one = ready(home_with(relay=()))
    target = Target()
    port = target.port
    target.close()
    bodies = deliver(one, 3)
    forward = Forward(one.home, f"http://127.0.0.1:{port}/hook", "--since", "1h")
    forward.until(lambda: "sent again" in forward.text(), "the first failure")
    target = Target(port)
    target.answers = [{"status": 500}, {"status": 503}, {"status": 429}]
    try:
        target.until(6)
        assert target.bodies() == [bodies[0]] * 4 + bodies[1:]
        forward.until(lambda: "     3  " in forward.text(), "the line of the last event")
        assert stopped(forward) == 0
        assert "tail --forward URL --after 3 goes on behind it" in forward.text()
        more = deliver(one, 2)
        done = one.home.cli("tail", "--forward", target.url, "--after", "3", "--once")
        assert done.returncode == 0, done.stderr
        assert target.bodies()[6:] == more
    finally:
        target.close()


def test_forward_prints_no_url(ready, target):
    """It may have a token or a password, and the end's advice is copied into reports."""
    one = ready(home_with(relay=()))
    deliver(one)
    url = target.url.replace("http://", "http://me:pass-word@") + "?token=hidden"
    done = one.home.cli("tail", "--forward", url, "--since", "1h", "--once")
    assert done.returncode == 0 and b"tail --forward URL --after 1 goes on behind it" in done.stderr
    assert not re.search(b"pass-word|hidden", done.stdout + done.stderr)


@pytest.mark.parametrize("once", [["--once"], []], ids=["once", "goes on"])
def test_forward_skips_no_event_that_it_cannot_send(ready, target, once):
    """A URL beyond what libcurl takes (8 MB) fails as a lack of memory does."""
    one = ready(home_with(relay=()))
    bodies = deliver(one, 3)
    with sqlite3.connect(one.home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE event SET headers = ':query: ' || ? WHERE id = 2", ("a" * 9_000_000,))
    done = one.home.cli("tail", "--forward", target.url, "--after", "0", *once)
    assert done.returncode == 75 and target.bodies() == bodies[:1], done
    assert b"event 2: memory is short" in done.stderr and b"--after 1 goes on behind it" in done.stderr


def test_forward_goes_on_after_a_refusal(ready, target):
    """A 400 is the developer's own answer: it is shown, the next event follows, and the status is 1."""
    one = ready(home_with(relay=()))
    bodies = deliver(one, 2)
    target.answers = [{"status": 400}]
    done = one.home.cli("tail", "--forward", target.url, "--since", "1h", "--once")
    assert done.returncode == 1 and b"400 after" in done.stdout and b"refused" in done.stdout
    assert target.bodies() == bodies


def test_forward_sends_the_events_that_pass_the_filter(ready, target):
    one = ready(Home(endpoint(PATH), endpoint("/webhook/other")))
    deliver(one)
    body = message(new_urn())
    expect(fcgi_client.deliver(one.socket, body, path="/webhook/other"), "stored")
    assert one.home.cli("tail", "--forward", target.url, "--after", "0", "--once", "--endpoint", "/webhook/other").returncode == 0
    assert target.bodies() == [body]


def test_forward_keeps_the_signed_query(served, target):
    """A scheme that signs the URL: its query comes along."""
    home = Home('scheme "s" { header = "X-S" signs = "{url}{body}" }\n', endpoint(PATH, scheme="s", url="https://example.com/w"))
    site = served("nginx", home)
    body = message()
    expect(http_deliver(site.port, PATH + "?a=1&b=%20", body, headers={
        "X-S": sign(b"https://example.com/w?a=1&b=%20" + body, prefix="")}), "stored")
    assert home.cli("tail", "--forward", target.url, "--after", "0", "--once").returncode == 0
    assert target.got[0][2] == "/hook?a=1&b=%20"


def test_forward_of_a_get_is_a_get(served, target):
    """Twilio delivers by GET where the number says so; what it signs is the URL. The next event is a POST again."""
    url = "https://example.com/w"
    home = Home(endpoint(PATH, scheme="twilio", url=url))
    site = served("nginx", home)
    query, form = "MessageSid=SM1&MessageStatus=sent&Body=a%20b", b"MessageSid=SM2"
    mac = lambda text: base64.b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha1")).decode()
    headers = {"X-Webhook-Signature": None, "Content-Type": None, "X-Twilio-Signature": mac(f"{url}?{query}")}
    assert http_deliver(site.port, f"{PATH}?{query}", b"", headers=headers, method="GET").status == 200
    headers = {"X-Webhook-Signature": None, "Content-Type": "application/x-www-form-urlencoded",
               "X-Twilio-Signature": mac(f"{url}MessageSidSM2")}
    assert http_deliver(site.port, PATH, form, headers=headers).status == 200
    assert home.cli("tail", "--forward", target.url, "--after", "0", "--once").returncode == 0
    assert [sent[1:3] + sent[4:] for sent in target.got] == [("GET", f"/hook?{query}", b""), ("POST", "/hook", form)]
    assert "X-Twilio-Signature" in target.got[0][3] and "Content-Type" not in target.got[0][3]


@pytest.mark.parametrize("args", [["--forward", "ftp://x/"], ["--forward", "x"], ["--after", "1"], ["--once"], ["-H", "A: b"],
                                  ["--forward", "http://x/", "-H", "no colon"], ["--forward", "http://x/", "--after", "-1"]], ids=" ".join)
def test_forward_wrong_use(args):
    assert Home().cli("tail", *args).returncode == 64
