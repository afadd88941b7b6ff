# SPDX-License-Identifier: ISC
"""Sinks over HTTP: what is sent, where it may go, and what an answer means."""
import base64
import hashlib
import hmac
import json
import socket
import struct
import time

import pytest

from place import SLOW, until
from receiver import Home, endpoint
from relaying import Target, deliver, home_with, settled, sink, states, tried
from servers import free_port, nginx

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_bytes_and_signature(receiver, relay, target):
    home = home_with(sink("out", url=target.url, secret_file="key", authorization_file="token", headers=["X-From: here"]),
                     files={"key": KEY, "token": "Bearer abc"})
    one = receiver(home=home)
    relay(home).ready()
    body, = deliver(one)
    at, method, path, headers, got = target.until(1)[0]
    assert (method, path, got) == ("POST", "/hook", body)
    assert headers["Content-Type"] == "application/json" and headers["Authorization"] == "Bearer abc" and headers["X-From"] == "here"
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    assert headers["webhook-id"] == f"evt_{name}_{home.spool.event()['id']}"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(base64.b64decode(KEY[6:]), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{right}" and abs(at - int(headers["webhook-timestamp"])) < 10
    settled(home, 1)
    attempt = home.spool.query("SELECT * FROM attempt")[0]
    assert (attempt["status"], attempt["error"], attempt["answer"]) == (200, None, b"ok")


def test_signatures_of_two_secrets(receiver, relay):
    """While a secret is changed, a receiver that knows the new or the old one accepts the event, and others do not."""
    secrets = {"new": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "old": KEY, "other": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"}
    theirs = Home(*(endpoint(f"/{name}", scheme="standard-webhooks", secret_file=[name]) for name in secrets), files=secrets)
    front = nginx(theirs)
    home = home_with(*(sink(name, url=f"http://127.0.0.1:{front.port}/{name}", secret_file=["new", "old"]) for name in secrets),
                     relay=tuple(secrets), files=secrets)
    one = receiver(home=home)
    relay(home).ready()
    body, = deliver(one)
    settled(home, 2)
    tried(home, 3)
    answers = home.spool.query("SELECT sink, status FROM attempt JOIN relay ON relay.id = attempt.relay")
    assert {row["sink"]: row["status"] for row in answers} == {"new": 200, "old": 200, "other": 401}
    assert [row["body"] for row in theirs.spool.query("SELECT body FROM event")] == [body, body]
    front.stop()


def test_template(receiver, relay, target):
    text = '{"text":"*{{data.sender.name | mrkdwn}}*: {{hookspool.text | truncate 12}}","id":"{{hookspool.id}}"}'
    home = home_with(sink("out", url=target.url, method="PUT").replace("}", f"body = '{text}'\n}}"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender='Zoë "Z" <b>', text="line 1\nline 2 👋")
    _, method, _, headers, got = target.until(1)[0]
    assert method == "PUT" and headers["Content-Type"] == "application/json"
    sent = json.loads(got)
    assert sent["text"] == '*Zoë "Z" &lt;b&gt;*: line 1\nline…' and sent["id"] == headers["webhook-id"]


def test_condition_of_a_list(receiver, relay, target):
    home = home_with(sink("out", url=target.url).replace("}", "body = '{{#if data.attachments}}with{{else}}without{{/if}}'\n}"))
    one = receiver(home=home)
    relay(home).ready()
    for attachments, what in (([{"type": "image"}], b"with"), ([], b"without"), ({"a": None}, b"with"), ({}, b"without"), (None, b"without")):
        before = len(target.got)
        deliver(one, attachments=attachments)
        assert target.until(before + 1)[-1][4] == what


def reset(handler):
    """Ends the connection with a RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def test_reset_connection_is_retried(receiver, relay, target):
    target.answers = [{"do": reset, "status": 0}] * 2
    home = home_with(sink("out", url=target.url, retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    body, = deliver(one)
    settled(home, 1)
    assert target.bodies() == [body] * 3
    assert all("reset" in row["error"] for row in home.spool.query("SELECT * FROM attempt WHERE status = 0"))


@pytest.mark.parametrize("status, state", [(500, 0), (503, 0), (429, 0), (408, 0), (425, 0), (0, 0), (400, 2), (404, 2), (410, 2), (301, 2)])
def test_status_decides_on_a_retry(receiver, relay, target, status, state):
    target.answers = [{"status": status, "body": b"because " * 1000}]
    home = home_with(sink("out", url=target.url, retry=["1s", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: home.spool.query("SELECT * FROM attempt"), "the attempt", 20)
    attempt, = home.spool.query("SELECT * FROM attempt LIMIT 1")
    assert attempt["status"] == status and (attempt["error"] is None) == (status != 0)
    assert len(attempt["answer"] or b"") == (1024 if status else 0)
    if state == 2:
        settled(home, 1, state=2)
        assert len(target.got) == 1
        return
    first, second = target.until(2)[:2]
    assert first[3]["webhook-id"] == second[3]["webhook-id"] and first[4] == second[4]
    assert 0.1 <= second[0] - first[0]
    settled(home, 1)


def test_retry_after_is_respected(receiver, relay, target):
    target.answers = [{"status": 429, "headers": {"Retry-After": "2"}}]
    home = home_with(sink("out", url=target.url, retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    first, second = target.until(2)
    assert second[0] - first[0] >= 1.9


def test_long_retry_after_is_cut(receiver, relay, target):
    """It doesn't silence a sink for longer than the longest pause, nor an event for longer than it is worth sending; the log tells."""
    target.answers = [{"status": 503, "headers": {"Retry-After": "999999"}}]
    home = home_with(sink("out", url=target.url, retry=["1s", "2s", "1h"]))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    running.until(lambda: "sink out pauses until" in running.text(), "its word")
    wanted = deliver(one)
    target.until(2)
    assert target.bodies()[1:] == wanted and 1.5 < target.got[1][0] - target.got[0][0] < 30
    row, = home.spool.query("SELECT * FROM relay WHERE id = 1")
    assert row["due"] == row["since"] + 3600_000


def test_event_is_dead_when_its_time_for_retries_is_over(receiver, relay, target):
    target.answers = [{"status": 500}] * 50
    home = home_with(sink("out", url=target.url, retry=["100ms", "200ms", "1s"]))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    settled(home, 1, state=2)
    assert "outcome=dead" in log.text()
    assert 1 < len(home.spool.query("SELECT * FROM attempt")) <= 10


def test_private_address_is_refused(receiver, relay, target):
    home = home_with(sink("out", url=target.url, allow_private=False), sink("name", url=f"http://localhost:{target.port}/", allow_private=False),
                     relay=("out", "name"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) == 2, "the attempts")
    assert all("private address" in row["error"] for row in home.spool.query("SELECT * FROM attempt")) and not target.got


def test_private_addresses_by_other_names(receiver, relay):
    """As numbers of IPv4, and as the addresses of IPv6 that lead there: RFC 4291 section 2.5.5, RFC 6052, RFC 3056."""
    hosts = ["2130706433", "0x7f.1", "0.0.0.0", "[::]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::10.0.0.1]",
             "[64:ff9b::169.254.169.254]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00::1]", "[ff02::1]", "[fec0::1]",
             "[2001:0:7f00:1::]", "[100::1]", "[::ffff:0:10.0.0.1]", "192.88.99.1"]
    home = home_with(*(sink(f"s{i}", url=f"http://{host}:1/", allow_private=False) for i, host in enumerate(hosts)),
                     sink("public", url="http://[64:ff9b::192.0.2.1]:1/", allow_private=False, connect_timeout="1s"),
                     relay=[*(f"s{i}" for i in range(len(hosts))), "public"])
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) > len(hosts), "the attempts")
    reached = home.spool.query("SELECT sink FROM attempt JOIN relay ON relay.id = relay WHERE error NOT LIKE 'a private address%'")
    assert [row["sink"] for row in reached] == ["public"]


def test_connection_of_another_sink_leads_to_no_private_address(receiver, relay, target):
    """libcurl keeps connections for all sinks: one that another sink may use, and has open, is none for this one."""
    home = home_with(sink("may", url=target.url, headers=["X-Sink: may"]),
                     sink("may-not", url=target.url, headers=["X-Sink: may-not"], allow_private=False, retry=["50ms", "50ms", "1h"]),
                     relay=("may", "may-not"))
    one = receiver(home=home)
    relay(home).ready()
    for _ in range(10):
        deliver(one)
        target.until(len(states(home)) // 2)
    refused = "SELECT * FROM attempt AS a JOIN relay AS r ON r.id = a.relay WHERE r.sink = 'may-not'"
    until(lambda: len(home.spool.query(refused)) >= 7, "the refusals", 20)
    assert {row["error"] for row in home.spool.query(refused)} == {"a private address; allow-private permits it"}
    assert {entry[3]["X-Sink"] for entry in target.got} == {"may"}


def test_redirects(receiver, relay, target):
    """Followed when asked for, a POST as a POST, and without what was for the first address only."""
    other = Target()
    target.answers = [{"status": status, "headers": {"Location": other.url}} for status in (301, 302, 307)]
    home = home_with(sink("out", url=target.url, follow_redirects=True, authorization_file="token", max_in_flight=1), files={"token": "Bearer abc"})
    one = receiver(home=home)
    relay(home).ready()
    bodies = deliver(one, 3)
    other.until(3)
    settled(home, 3)
    assert other.bodies() == bodies == target.bodies() and {entry[1] for entry in other.got} == {"POST"}
    assert all("Authorization" not in entry[3] for entry in other.got) and all("Authorization" in entry[3] for entry in target.got)
    target.answers = [{"status": 302, "headers": {"Location": target.url}}] * 20
    deliver(one)
    until(lambda: home.spool.query("SELECT * FROM attempt WHERE error LIKE '%redirects%'"), "the end of a circle")
    other.close()


def test_huge_and_slow_answers(receiver, relay, target):
    def flood(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        try:
            for _ in range(1 << 14):
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass
    target.answers = [{"do": flood, "status": 0}]
    home = home_with(sink("out", url=target.url, timeout="1s", retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    settled(home, 1)
    assert len(target.got) == 1, "its status says that it was taken"
    target.answers = [{"do": lambda handler: time.sleep(3 * SLOW), "status": 0}]
    deliver(one)
    settled(home, 2)
    assert len(target.got) == 3 and "imed out" in log.text()


def raw(text):
    def send(handler):
        handler.wfile.write(text)
    return {"do": send, "status": 0}


def test_incomplete_answers(receiver, relay, target):
    """The status decides once its header is whole; that of a redirect that was to be followed, and could not be, doesn't."""
    target.answers = [raw(b"HTTP/1.1 200 OK\r\nContent-Le"), raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
                      {"status": 307, "headers": {"Location": f"http://127.0.0.1:{free_port()}/"}},
                      raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbecaus")]
    home = home_with(sink("out", url=target.url, follow_redirects=True, retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1)
    attempts = home.spool.query("SELECT * FROM attempt ORDER BY at")
    assert [row["status"] for row in attempts] == [0, 0, 0, 200] and attempts[3]["answer"] == b"becaus"
    assert all(row["error"] for row in attempts[:3]) and "before its header did" in attempts[0]["error"]
    assert len(target.got) == 4
