# SPDX-License-Identifier: ISC
"""After the 200: events reach their sinks, at least once and in time, whatever the sink does."""
import base64
import fcntl
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import sqlite3
import statistics
import struct
import threading
import time

import pytest

from http2 import Http2, answered, broken_off
from place import BIN, ROOT, SLOW, SOURCE, USER, in_own_mounts, new_dir, own, until
from proc import Child
from receiver import Home, endpoint, options
from relaying import PATH, Target, deliver, home_with, settled, sink, states
from servers import free_port, start_nginx
from test_callers import make_certificates

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


def test_what_is_stored_before_is_sent_at_once(receiver, relay, target):
    """At the start what is pending, then when the receiver's datagram comes; without its socket, when the relay looks each second."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    first = deliver(one, 5)
    relay(home).ready()
    target.until(5)

    def took(n):
        times = []
        for _ in range(n):
            sent, before = time.time(), len(target.got)
            deliver(one)
            times.append(target.until(before + 1)[-1][0] - sent)
        return statistics.median(times)

    woken = took(20)
    (home.spool.dir / "relay").unlink()
    looked = took(5)
    settled(home, 30)
    assert sorted(target.bodies()[:5]) == sorted(first)
    assert woken < looked / 2, "both are as slow as this machine, and only one of them waits for the next look"


def reset(handler):
    """Ends the connection with a RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def test_a_reset_is_tried_again(receiver, relay, target):
    target.answers = [{"do": reset, "status": 0}] * 2
    home = home_with(sink("out", url=target.url, retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    body, = deliver(one)
    settled(home, 1)
    assert target.bodies() == [body] * 3
    assert all("reset" in row["error"] for row in home.spool.query("SELECT * FROM attempt WHERE status = 0"))


@pytest.mark.parametrize("status, state", [(500, 0), (503, 0), (429, 0), (408, 0), (425, 0), (0, 0), (400, 2), (404, 2), (410, 2), (301, 2)])
def test_what_is_tried_again(receiver, relay, target, status, state):
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


def test_retry_after_is_heeded(receiver, relay, target):
    target.answers = [{"status": 429, "headers": {"Retry-After": "2"}}]
    home = home_with(sink("out", url=target.url, retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    first, second = target.until(2)
    assert second[0] - first[0] >= 1.9


def test_a_long_retry_after(receiver, relay, target):
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
    assert target.bodies()[1:] == wanted and 1.5 < target.got[1][0] - target.got[0][0] < 6 * SLOW
    row, = home.spool.query("SELECT * FROM relay WHERE id = 1")
    assert row["due"] == row["since"] + 3600_000


def test_tried_now(waiting):
    """Who has mended a sink need not wait for its next attempt, nor for the end of a pause."""
    home, one, running, bodies, up = waiting
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) >= 8, "a longer pause", 20)
    target = up()
    home.cli("retry", "--sink", "out")
    start = time.time()
    target.until(1)
    assert target.got[0][0] - start < 1.5 * SLOW
    settled(home, 40)


def test_given_up_at_last(receiver, relay, target):
    target.answers = [{"status": 500}] * 50
    home = home_with(sink("out", url=target.url, retry=["100ms", "200ms", "1s"]))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    settled(home, 1, state=2)
    assert "outcome=dead" in log.text()
    assert 1 < len(home.spool.query("SELECT * FROM attempt")) <= 10


def test_a_private_address_is_refused(receiver, relay, target):
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


def test_no_connection_of_another_sink_leads_to_a_private_address(receiver, relay, target):
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


def test_a_sink_that_is_down_holds_up_no_other(receiver, relay, target):
    """It is probed, not hammered: attempts are few, though many are due."""
    dead = Target()
    dead.close()
    home = home_with(sink("down", url=dead.url, retry=["100ms", "1h", "3d"]), sink("out", url=target.url), relay=("down", "out"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 100)
    target.until(100)
    time.sleep(1)
    tried = home.spool.query("SELECT count(*) AS n FROM attempt JOIN relay ON relay.id = relay WHERE sink = 'down'")[0]["n"]
    assert 1 <= tried <= 5 + 8 + 2
    back = Target(dead.port)
    try:
        back.until(100)
    finally:
        back.close()


def test_a_name_that_is_not_resolved_holds_up_no_other(receiver, relay, target):
    """Nor the end of the relay: what looks a name up waits for who doesn't answer, and the relay for neither."""
    home = home_with(sink("down", url="http://sink.example/", connect_timeout="500ms"), sink("out", url=target.url), relay=("down", "out"))
    hosts = home.dir / "hosts"
    os.mkfifo(hosts)  # no process writes to it
    one = receiver(home=home)
    running = relay(home, user=None, before=in_own_mounts(f"mount --bind {hosts} /etc/hosts")).ready()
    deliver(one)
    running.until(lambda: "Resolving timed out" in running.text(), "the end of the attempt")
    deliver(one)
    target.until(2)
    running.stop()


def test_many_that_fail_at_once_are_one_failure(receiver, relay):
    """A pause grows when a probe fails, and not by what was on the way when it began."""
    dead = Target()
    dead.close()
    home = home_with(sink("out", url=dead.url, max_in_flight=64, retry=["100ms", "200ms", "1h"]))
    one = receiver(home=home)
    deliver(one, 64)
    running = relay(home).ready()
    running.until(lambda: len(home.spool.query("SELECT * FROM attempt")) >= 16, "failures")
    back = Target(dead.port)
    try:
        start = time.time()
        back.until(1)
        assert back.got[0][0] - start < 4 * SLOW
    finally:
        back.close()


def test_a_second_relay_is_refused(receiver, relay, target):
    home = home_with(sink("out", url=target.url))
    receiver(home=home)
    relay(home).ready()
    second = home.cli("relay", "--once")
    assert second.returncode == 75 and b"another relay runs" in second.stderr


def test_once_for_cron(receiver, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)
    assert home.cli("relay", "--once").returncode == 0
    assert len(target.got) == 3 and states(home) == [1, 1, 1]
    assert home.cli("relay", "--once").returncode == 0 and len(target.got) == 3


def once(home):
    """How long it takes, in seconds."""
    start = time.monotonic()
    done = home.cli("relay", "--once")
    assert done.returncode == 0, done.stderr
    return time.monotonic() - start


def test_once_waits_for_rates(receiver, target):
    home = home_with(sink("out", url=target.url, rate="40/m", rate_burst=1))
    one = receiver(home=home)
    deliver(one, 4)
    assert once(home) >= 4.4 and states(home) == [1] * 4


def test_once_waits_for_no_rate_for_longer_than_a_minute(receiver, target):
    """Nor does it go on because others have something on the way."""
    slow = Target()
    slow.answers = [{"do": lambda handler: time.sleep(0.7)}] * 3
    home = home_with(sink("out", url=target.url, rate="60/h", rate_burst=2), sink("slow", url=slow.url, max_in_flight=1), relay=("out", "slow"))
    one = receiver(home=home)
    deliver(one, 3)
    assert once(home) < 10 * SLOW
    assert len(target.got) == 2 and len(slow.got) == 3 and sorted(states(home)) == [0] + [1] * 5
    slow.close()


@pytest.mark.parametrize("headers, rate", [({}, {}), ({"Retry-After": "9"}, {}), ({"Retry-After": "9"}, {"rate": "40/m", "rate_burst": 1})])
def test_once_waits_for_no_attempt_that_is_due_later(receiver, target, headers, rate):
    """Nor for the end of a pause, though others are due."""
    target.answers = [{"status": 503, "headers": headers}]
    home = home_with(sink("out", url=target.url, max_in_flight=1, retry=["100s", "1h", "3d"], **rate))
    one = receiver(home=home)
    deliver(one, 3)
    assert once(home) < 5 * SLOW
    assert states(home).count(0) == (3 if headers else 1) and len(target.got) == (1 if headers else 3)


def test_once_leaves_events_that_come_during_it(receiver, target):
    """To the next run: else it would not end while events come."""
    home = home_with(sink("out", url=target.url, max_in_flight=1))
    one = receiver(home=home)
    target.answers = [{"do": lambda handler: deliver(one)}] * 300
    target.answers[0] = {"do": lambda handler: time.sleep(1.5)}
    deliver(one, 2)
    assert once(home) < 10 * SLOW
    assert len(target.got) < 100


def test_once_ends_when_results_cannot_be_written(receiver, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)

    def forbid(_):
        with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
            db.execute("CREATE TRIGGER no BEFORE INSERT ON attempt BEGIN SELECT raise(ABORT, 'not today'); END")

    target.answers = [{"do": forbid}]
    done = home.cli("relay", "--once")
    assert done.returncode == 75 and b"not today" in done.stderr and states(home) == [0] * 3 and len(target.got) == 3


def test_once_waits_for_who_has_the_lock(receiver, target):
    """Results are written down when it is free again: what arrived is not sent once more."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)
    one.stop()
    with open(home.spool.dir / "lock", "r+b") as lock:
        target.answers = [{"do": lambda _: fcntl.flock(lock, fcntl.LOCK_EX)}]
        threading.Timer(4, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
        assert home.cli("relay", "--once").returncode == 0
    assert states(home) == [1] * 3 and len(target.got) == 3


def test_a_terminal_that_hangs_up_ends_once(receiver, target, children):
    target.answers = [{"do": lambda _: time.sleep(1)}]
    home = home_with(sink("out", url=target.url))
    deliver(receiver(home=home))
    running = Child([BIN / "hookspool", "-c", home.conf, "relay", "--once"], home.dir / "once.log")
    target.until(1)
    running.signal(signal.SIGHUP)
    assert running.wait(5) == 0 and "stopping" in running.text() and states(home) == [1]


def test_the_spool_cannot_be_read_for_a_while(receiver, relay, target):
    """What is on the way goes on, and so does the relay."""
    target.answers = [{"do": lambda handler: time.sleep(3)}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.execute("ALTER TABLE relay RENAME TO away")
        running.until(lambda: "sink out: the spool can't be used: spool: no such table: relay" in running.text(), "its word")
        db.execute("ALTER TABLE away RENAME TO relay")
    deliver(one)
    settled(home, 2)
    assert len(target.got) == 2


def test_ordered_conversations(receiver, relay, target):
    """The next of a conversation goes when the one before it has arrived; others are not held up."""
    target.answers = [{"status": 500}]
    home = home_with(sink("out", url=target.url, ordered=True, retry=["500ms", "1h", "3d"]))
    one = receiver(home=home)
    first = deliver(one, 3, conversation_id="urn:one")
    other = deliver(one, 1, conversation_id="urn:two")
    relay(home).ready()
    target.until(5)
    order = target.bodies()
    assert order.index(other[0]) < order.index(first[1])
    settled(home, 4)
    order = target.bodies()
    for before, after in zip(first, first[1:]):
        assert len(order) - order[::-1].index(before) <= order.index(after)


def test_filters(receiver, relay, target):
    home = home_with(sink("out", url=target.url, events=["message.received"], accounts=["acc-2"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, account_id="acc-1")
    deliver(one, event="message.sent", account_id="acc-2")
    wanted = deliver(one, account_id="acc-2")
    settled(home, 1)
    assert target.bodies() == wanted and len(states(home)) == 1


def test_rate(receiver, relay, target):
    home = home_with(sink("out", url=target.url, rate="5/s", rate_burst=2))
    one = receiver(home=home)
    deliver(one, 8)
    relay(home).ready()
    times = [entry[0] for entry in target.until(8)]
    assert times[-1] - times[0] >= 1.0, "two at once, then one every 200 ms"


def test_huge_answers_and_slow_ones(receiver, relay, target):
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


def test_reload_and_end(receiver, relay, target):
    other = Target()
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    home.write("hookspool.conf", home.conf.read_text().replace(target.url, other.url))
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
    deliver(one)
    other.until(1)
    before = home.conf.read_text()
    home.write("hookspool.conf", "nonsense\n")
    running.hup()
    running.until(lambda: "reload failed" in running.text(), "the refusal")
    deliver(one)
    other.until(2)
    home.write("hookspool.conf", before.replace('sink "out" {', 'sink "out" {\nsecret-file = "none"'))
    running.hup()
    running.until(lambda: "none: No such file" in running.text() and running.text().count("reload failed") == 2, "the second refusal")
    deliver(one)
    other.until(3)
    running.stop()
    other.close()
    settled(home, 4)


@pytest.mark.parametrize("broken", ("", "no URL"))
def test_reload_with_a_broken_secret_file(receiver, relay, target, broken):
    """What was read at the start is used on: one sink's file must not stop them all."""
    home = home_with(sink("out", url_file="out.url"))
    home.write("out.url", target.url)
    one = receiver(home=home)
    running = relay(home).ready()
    home.write("out.url", broken)
    running.hup()
    running.until(lambda: "reload failed" in running.text(), "the refusal")
    deliver(one)
    target.until(1)
    home.write("out.url", target.url)
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
    running.stop()


def test_killed_at_any_time(receiver, relay, target):
    """Every event arrives; what arrives twice has the same id."""
    home = home_with(sink("out", url=target.url, max_in_flight=32))
    one = receiver(home=home)
    bodies = []
    for i in range(8):
        running = relay(home)
        bodies += deliver(one, 25)
        time.sleep(0.01 * i)
        running.kill()
    relay(home).ready()
    settled(home, 200)
    ids = {}
    for _, _, _, headers, body in target.got:
        ids.setdefault(body, set()).add(headers["webhook-id"])
    assert set(ids) == set(bodies) and all(len(each) == 1 for each in ids.values())


def test_deliveries_retry_and_drop(receiver, relay, target):
    target.answers = [{"status": 404, "body": b"no such hook"}, {"status": 200}, {"status": 404}]
    home = home_with(sink("out", url=target.url, max_in_flight=1), sink("idle", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)
    assert home.cli("relay", "--once").returncode == 0
    assert states(home) == [2, 1, 2]

    def listed(*args):
        done = home.cli("deliveries", "--json", *args)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    first, second, third = listed()
    assert (first["state"], first["sink"], first["status"], first["answer"], first["attempts"]) == ("dead", "out", 404, "no such hook", 1)
    assert second["state"] == "delivered" and [row["id"] for row in listed("--state", "dead")] == [first["id"], third["id"]]
    assert [row["id"] for row in listed("-n", "2")] == [second["id"], third["id"]]
    assert b"404 in" in home.cli("deliveries").stdout
    one_of_them, attempt = listed(str(first["id"]))
    assert one_of_them == first and (attempt["status"], attempt["answer"]) == (404, "no such hook") and attempt["at"] == first["last_at"]
    lines = home.cli("deliveries", str(first["id"])).stdout.decode().splitlines()
    assert len(lines) == 3 and lines[0].split()[0] == "ID" and lines[2].endswith(" 404  no such hook")
    for others in (["999"], ["--sink", "idle", str(first["id"])], ["--state", "pending", str(first["id"])]):
        unknown = home.cli("deliveries", *others)
        assert unknown.returncode == 1 and not unknown.stdout and f"no delivery {others[-1]}".encode() in unknown.stderr

    assert home.cli("retry", str(first["id"])).returncode == 0
    assert [row["state"] for row in listed()] == ["pending", "delivered", "dead"]
    assert home.cli("retry", str(second["id"])).returncode == 1, "it isn't dead"
    assert home.cli("drop", str(first["id"])).stdout == b"1 delivery dropped\n"
    assert [(row["state"], row["error"]) for row in listed(str(first["id"]))[:1]] == [("dead", "dropped by hand")]
    assert home.cli("deliveries", str(first["id"])).stdout.splitlines()[-1].endswith(b"  0 ms  dropped by hand")
    assert home.cli("retry", "--sink", "out").stdout == b"2 deliveries are due again\n"
    relay(home).ready()
    settled(home, 3)
    assert len(target.got) == 5
    deliver(one)
    settled(home, 4)
    for wrong in (["retry"], ["drop"], ["retry", "x"], ["retry", "--sink", "a", "1"], ["deliveries", "--state", "lost"], ["deliveries", "x"], ["deliveries", "1", "2"]):
        assert home.cli(*wrong).returncode == 64


def test_the_readme_leads_to_what_was_answered(receiver, target):
    commands = re.findall(r"^    hookspool (deliveries .*?) +#", (SOURCE / "README.md").read_text(), re.M)
    target.answers = [{"status": 404, "body": b"no such hook"}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one)
    assert home.cli("relay", "--once").returncode == 0
    listed, why = (home.cli(*command.split()).stdout for command in commands)
    assert listed.splitlines()[1].startswith(b"     1  ") and b"404" in listed and b"404  no such hook" in why


def test_sinks_that_there_are_not(receiver, target):
    """They are no sinks without deliveries, and are said to be none; one that was removed is one as long as it has deliveries."""
    home = home_with(sink("out", url=target.url), sink("idle", url=target.url))
    one = receiver(home=home)
    deliver(one)
    replayed = home.cli("replay", "--sink", "typo")
    for command in ("deliveries", "retry", "drop"):
        refused = home.cli(command, "--sink", "typo")
        assert (refused.returncode, refused.stdout, refused.stderr) == (1, b"", b'hookspool: the configuration has no sink "typo"\n')
        assert refused.stderr == replayed.stderr and refused.returncode == replayed.returncode
    assert home.cli("deliveries", "--sink", "idle").returncode == 0 and b"nothing to do" in home.cli("retry", "--sink", "idle").stderr
    home.configure(endpoint(PATH))
    assert home.cli("deliveries", "--sink", "out").stdout and home.cli("drop", "--sink", "out").stdout == b"1 delivery dropped\n"
    assert home.cli("retry", "--sink", "out").stdout == b"1 delivery is due again\n"
    assert home.cli("purge", "--older-than", "1ms").returncode == 0
    assert home.cli("drop", "--sink", "out").stderr == b'hookspool: the configuration has no sink "out"\n'


def test_ids_that_there_are_not(receiver, target):
    """Each is named, and the others are seen to."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 2)
    for command, did, state in (("drop", b"dropped", 2), ("retry", b"due again", 0)):
        partly = home.cli(command, "9998", "1", "9999", "2")
        assert partly.returncode == 1 and partly.stdout.endswith(did + b"\n") and states(home) == [state] * 2
        assert partly.stderr == b"hookspool: there is no delivery 9998\nhookspool: there is no delivery 9999\n"
        alone, again = home.cli(command, "9999"), home.cli(command, "1")
        assert (alone.returncode, alone.stdout, alone.stderr) == (1, b"", b"hookspool: there is no delivery 9999\n")
        assert (again.returncode, again.stdout) == (1, b"") and again.stderr.startswith(b"hookspool: nothing to do; ")


@pytest.fixture(scope="module")
def certificates():
    where = new_dir("ca")
    make_certificates(where)
    for path in where.iterdir():
        path.chmod(0o644)
    return where


def front(certificates, target):
    """A real web server before the target: TLS, and HTTP/2; and what protocol each attempt came by."""
    port, log = free_port(), new_dir("tls") / "access.log"
    server = start_nginx(f"""
log_format got '$server_protocol $http_webhook_id';
server {{
  listen 127.0.0.1:{port} ssl http2;
  ssl_certificate {certificates}/server.pem;
  ssl_certificate_key {certificates}/server.key;
  access_log {log} got;
  location / {{ proxy_pass http://127.0.0.1:{target.port}; }}
}}
""", port)
    return server, log


def test_tls_and_http2(receiver, relay, target, certificates):
    server, log = front(certificates, target)
    url = f"https://localhost:{server.port}/"
    home = home_with(sink("out", url=url, ca_file=str(certificates / "ca.pem")), sink("stranger", url=url),
                     sink("name", url=url.replace("localhost", "127.0.0.1"), ca_file=str(certificates / "ca.pem")),
                     relay=("out", "stranger", "name"))
    one = receiver(home=home)
    relay(home).ready()
    bodies = deliver(one, 20)
    settled(home, 20)
    assert sorted(target.bodies()) == sorted(bodies)
    got = log.read_text().splitlines()
    assert len(got) == 20 and all(line.startswith("HTTP/2.0 evt_") for line in got)
    until(lambda: len(home.spool.query("SELECT DISTINCT sink FROM attempt JOIN relay ON relay.id = relay"
                                       " WHERE error LIKE '%ertificate%'")) == 2, "both refusals of the certificate")
    server.stop()


def test_no_redirect_takes_the_encryption_away(receiver, relay, target, certificates):
    server, _ = front(certificates, target)
    plain = Target()
    target.answers = [{"status": 307, "headers": {"Location": plain.url}}, {"status": 307, "headers": {"Location": f"https://localhost:{server.port}/again"}}]
    home = home_with(sink("out", url=f"https://localhost:{server.port}/", ca_file=str(certificates / "ca.pem"), follow_redirects=True,
                          retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1)
    assert [row["error"] for row in home.spool.query("SELECT error FROM attempt ORDER BY at")] == ["a redirect from https to another protocol", None]
    assert [entry[2] for entry in target.got] == ["/", "/", "/again"] and not plain.got
    plain.close()
    server.stop()


LONG = "x" * 100_000  # a body of which not all is sent before the other side has said that it may be


@pytest.mark.parametrize("status", [200, 204])
def test_answers_that_do_not_wait_for_the_body(receiver, relay, certificates, status):
    """A real web server answers in full, and resets the stream: that is an answer, and no error."""
    port = free_port()
    server = start_nginx(f"""
server {{
  listen 127.0.0.1:{port} ssl http2;
  ssl_certificate {certificates}/server.pem;
  ssl_certificate_key {certificates}/server.key;
  location / {{ return {status}; }}
}}
""", port)
    home = home_with(sink("out", url=f"https://localhost:{port}/", ca_file=str(certificates / "ca.pem"), max_in_flight=16,
                          timeout="2s", retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    deliver(one, 200)
    relay(home).ready()
    until(lambda: 0 not in states(home), "all deliveries", 30)
    assert states(home) == [1] * 200
    tried = {row["status"]: row["n"] for row in home.spool.query("SELECT status, count(*) AS n FROM attempt GROUP BY 1")}
    # libcurl keeps the header to itself, now and then, when it reads the reset at once with it
    assert tried.pop(status) == 200 and tried.pop(0, 0) <= 10 and not tried
    server.stop()


def test_what_a_reset_stream_says(receiver, relay, certificates):
    """What was answered before it counts, Retry-After too; 1xx is no answer."""
    server = Http2(certificates, [broken_off(103), answered(429, retry_after=2), broken_off(204)])
    home = home_with(sink("out", url=f"https://localhost:{server.port}/", ca_file=str(certificates / "ca.pem"), retry=["100ms", "1h", "3d"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, text=LONG)
    settled(home, 1)
    attempts = home.spool.query("SELECT * FROM attempt ORDER BY at")
    assert [row["status"] for row in attempts] == [0, 429, 204] and server.requests == 3
    assert attempts[2]["at"] - attempts[1]["at"] >= 1900
    server.answers = [answered(400)]
    deliver(one, text=LONG)
    settled(home, 1, state=2)
    server.close()


def raw(text):
    def send(handler):
        handler.wfile.write(text)
    return {"do": send, "status": 0}


def test_answers_that_are_cut_off(receiver, relay, target):
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


def test_purge_during_attempts(receiver, relay, target):
    """An event that is purged while it is on its way leaves nothing behind; the relay goes on with another spool in its place."""
    target.answers = [{"do": lambda handler: time.sleep(2)}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    log = relay(home).ready()
    deliver(one)
    target.until(1)
    time.sleep(0.1)
    assert home.cli("purge", "--older-than", "10ms").returncode == 0
    log.until(lambda: "outcome=delivered" in log.text(), "the answer")
    time.sleep(0.5)
    assert not home.spool.query("SELECT id FROM relay UNION ALL SELECT id FROM attempt")
    home.spool.dir.rename(home.dir / "moved")
    deliver(one, 2)
    target.until(3)
    settled(home, 2)


@pytest.fixture
def waiting(receiver, relay):
    """A relay with 40 events read ahead for a sink that is down; and a function that has the sink up again."""
    away, back = Target(), []
    away.close()
    home = home_with(sink("out", url=away.url, retry=["100ms", "200ms", "1h"]))
    one = receiver(home=home)
    running = relay(home).ready()
    bodies = deliver(one, 40)
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) >= 5, "the breaker")

    def up():
        back.append(Target(away.port))
        return back[0]
    yield home, one, running, bodies, up
    for target in back:
        target.close()


def test_retry_ends_a_pause(receiver, relay, target):
    """Also where what is due only waits for the pause."""
    target.answers = [{"status": 503, "headers": {"Retry-After": "3600"}}]
    home = home_with(sink("out", url=target.url, max_in_flight=1))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    running.until(lambda: "sink out pauses until" in running.text(), "the pause")
    deliver(one)
    home.cli("retry", "2")
    settled(home, 1)
    assert len(target.got) == 2


def test_retry_ends_a_pause_after_a_success(receiver, relay, target):
    """The pause holds after the success of a delivery that was on the way: the spool tells of it, and retry ends it."""
    def pauses():
        return home.spool.query("SELECT * FROM pause")
    target.answers = [{"status": 429, "headers": {"Retry-After": "3600"}, "do": lambda _: target.until(2)},
                      {"do": lambda _: until(pauses, "the pause")}]
    home = home_with(sink("out", url=target.url, max_in_flight=2))
    one = receiver(home=home)
    deliver(one, 2)
    relay(home).ready()
    settled(home, 1)
    deliver(one)
    assert len(pauses()) == 1 and b"sink out pauses until" in home.cli("deliveries").stdout
    assert b"the pause of sink out has ended" in home.cli("retry", "--sink", "out").stdout
    settled(home, 3)
    assert len(target.got) == 4 and not pauses()


def test_a_success_ends_what_the_spool_says_of_a_pause(receiver, relay, target):
    """Once the pause is over."""
    target.answers = [{"status": 429, "headers": {"Retry-After": "1"}}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: home.spool.query("SELECT * FROM pause"), "the pause")
    settled(home, 1)
    assert not home.spool.query("SELECT * FROM pause")


def test_what_is_dropped_is_not_sent(waiting):
    """Though it was read ahead."""
    home, one, _, _, up = waiting
    assert home.cli("drop", "--sink", "out").stdout == b"40 deliveries dropped\n"
    new, target = deliver(one), up()
    settled(home, 1)
    time.sleep(0.5)
    assert states(home).count(2) == 40 and target.bodies() == new


def test_what_is_dropped_takes_nothing_of_the_rate(receiver, relay, target):
    home = home_with(sink("out", url=target.url, rate="30/m", rate_burst=1))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 40)
    target.until(1)
    assert home.cli("drop", "--sink", "out").returncode == 0
    new = deliver(one)
    until(lambda: new[0] in target.bodies(), "the one that was not dropped", 10)
    assert len(target.got) <= 3


def test_purge_says_what_was_still_to_be_sent(receiver, target):
    """Of the events it deletes, in all its batches."""
    home = home_with(sink("out", url=target.url), sink("more", url=target.url), relay=("out", "more"))
    one = receiver(home=home)

    def purged(*args):
        return home.cli("purge", "--older-than", "1ms", *args).stdout
    deliver(one, 505)
    assert home.cli("drop", *map(str, range(1, 1009))).returncode == 0
    assert purged("--dry-run") == b"505 events would be purged, and 2 deliveries with them that were pending\n"
    assert purged() == b"505 events purged, and 2 deliveries with them that were pending\n"
    deliver(one)
    assert home.cli("drop", "--sink", "out").returncode == 0
    assert purged() == b"1 event purged, and 1 delivery with it that was pending\n"
    assert purged() == b"0 events purged\n"


def test_what_is_purged_is_not_sent_for_what_comes_after_it(waiting):
    """Though the relays of new events have the ids of those that are gone."""
    home, one, _, _, up = waiting
    assert home.cli("purge", "--older-than", "1ms").stdout.startswith(b"40 events purged, and 40 deliveries with them")
    new, target = deliver(one, 5), up()
    settled(home, 5)
    assert sorted(target.bodies()) == sorted(new)


def test_another_spool_in_its_place(waiting):
    """What was read from the one before is none of the new one's, whose events have the same numbers."""
    home, one, running, _, up = waiting
    home.spool.dir.rename(home.dir / "moved")
    new, target = deliver(one, 5), up()
    settled(home, 5)
    assert sorted(target.bodies()) == sorted(new) and "another spool is in the place" in running.text()


def test_a_term_after_a_hup_ends_it(receiver, relay, target):
    target.answers = [{"do": lambda handler: time.sleep(1)}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        running.signal(number)
        time.sleep(0.1)
    assert running.wait(5) == 0


def test_retried_again_and_again(receiver, target):
    """Of a delivery that dies at once, the last ten attempts are kept."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one)
    for _ in range(13):
        target.answers = [{"status": 404}]
        assert home.cli("relay", "--once").returncode == 0
        assert home.cli("retry", "--sink", "out").stdout == b"1 delivery is due again\n"
    assert len(home.spool.query("SELECT * FROM attempt")) == 10


@pytest.mark.skipif(not ROOT, reason="only root can get in another user's way")
def test_a_relay_of_roots_leaves_nothing_of_roots(receiver, relay, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one)
    assert home.cli("relay", "--once", user=None).returncode == 0
    assert {path.owner() for path in home.spool.dir.iterdir()} == {USER}
    os.chown(home.spool.dir / "relay.lock", 0, 0)
    assert f"FAIL {home.spool.dir}/relay.lock: belongs to user root" in home.cli("check").stdout.decode()
    own(home.spool.dir / "relay.lock")
    relay(home).ready()
    deliver(one)
    target.until(2)


def test_check_and_stats(receiver, target):
    home = home_with(sink("out", url=target.url, authorization_file="token"), sink("idle", url=target.url), files={"token": "Bearer abc"})
    one = receiver(home=home)
    deliver(one, 2)

    def check():
        done = home.cli("check", "--socket", f"unix:{one.socket}")
        return done.returncode, [line for line in done.stdout.decode().splitlines() if "sink" in line or "token" in line]
    status, lines = check()
    assert status == 1 and [line[:4] for line in lines] == ["ok  ", "ok  ", "warn"] and "no endpoint names it" in lines[2]
    (home.dir / "token").unlink()
    status, lines = check()
    assert status == 2 and lines[1].startswith("FAIL") and "there is no such file" in lines[1]
    assert home.cli("relay", "--once").returncode == 78, "it can't go without"
    assert json.loads(home.cli("stats", "--json").stdout)["sinks"] == [{"sink": "out", "state": "pending", "deliveries": 2}]
    assert "sink out\n  pending" in home.cli("stats").stdout.decode()
    home.configure(endpoint(PATH))
    status, lines = check()
    assert status == 1 and "2 deliveries are pending, and there is no such sink any more" in lines[0]
    assert home.cli("drop", "--sink", "out").returncode == 0 and not check()[1]


def test_check_of_what_waits_and_of_what_is_dead(receiver, target):
    """Where no relay runs, nor ran a moment ago: cron's has a rate to heed, and may have more to send than that."""
    home = home_with(sink("out", url=target.url, rate="1/h", rate_burst=1), sink("other", url=target.url), relay=("out", "other"))
    one = receiver(home=home)

    def check():
        files = sorted(home.spool.dir.iterdir())
        done = home.cli("check", "--socket", f"unix:{one.socket}")
        assert done.returncode == 1 and sorted(home.spool.dir.iterdir()) == files
        return [line for line in done.stdout.decode().splitlines() if line.startswith("warn sink")]

    def earlier(column, table):
        with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
            db.execute(f"UPDATE {table} SET {column} = {column} - 121000")
    deliver(one, 2)
    assert home.cli("drop", "2").returncode == 0 and check() == ["warn sink other: 1 delivery is dead; hookspool deliveries --sink other --state dead shows it"]
    assert home.cli("drop", "4").returncode == 0
    dead = check()
    assert dead == ["warn sink other: 2 deliveries are dead; hookspool deliveries --sink other --state dead shows them"]
    earlier("due", "relay")
    assert check() == dead, "the drop was a moment ago"
    earlier("at", "attempt")
    since = home.spool.query("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', min(due) / 1000.0, 'unixepoch') AS t FROM relay WHERE state = 0")[0]["t"]
    late = [f"warn sink out: 2 deliveries are due since {since}, and no relay has run since; start hookspool relay"]
    assert check() == dead + late
    with open(own(home.write("spool/relay.lock", "")), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert check() == dead
    assert check() == dead + late
    assert home.cli("relay", "--once").returncode == 0 and states(home) == [1, 2, 0, 2]
    assert check() == dead
    earlier("at", "attempt")
    assert check()[-1].startswith("warn sink out: 1 delivery is due since ")
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE relay SET conversation = 'c', due = iif(id = 3, due, 9e15), state = 0 WHERE sink = 'out'")
    assert check() == dead, "it waits for the one before it"


def test_check_of_programs_and_bodies(receiver):
    home = home_with(sink("right", url="https://a/", body='{"a":"{{x}}","b":{{y | default "0"}},"c":{{{raw}}}}'),
                     sink("comma", url="https://a/", body='{"a":"{{x}}" "b":1}'), sink("bare", url="https://a/", body='{"a":{{x}}}'),
                     sink("text", url="https://a/", body="{{x}}", content_type="text/plain"),
                     sink("program", type="exec", command=["./program"], allow_private=None),
                     sink("nowhere", type="exec", command=["no-such-program"], allow_private=None),
                     sink("directory", type="exec", command=["/tmp/"], allow_private=None),
                     sink("open", url="https://a/", authorization_file="open"), sink("key", url="https://a/", secret_file="key"),
                     sink("url", url_file="url", url=None), sink("private", url="http://[::1]:1/", allow_private=None),
                     sink("here", url="http://A.LocalHost.:1/", allow_private=None), sink("there", url="http://notlocalhost:1/", allow_private=None),
                     relay=("right", "comma", "bare", "text", "program", "nowhere", "directory", "open", "key", "url", "private", "here", "there"),
                     files={"key": "whsec_!!!", "url": "https://a b/"})
    home.write("open", "Bearer abc\n", 0o644)
    home.write("program", "#!/bin/sh\n", 0o600)
    one = receiver(home=home)
    done = home.cli("check", "--socket", f"unix:{one.socket}")
    lines = [line for line in done.stdout.decode().splitlines() if "sink" in line]
    warned = [line.split()[2] for line in lines if line.startswith("warn") and "the body is no JSON" in line]
    failed = [line.split()[2] for line in lines if line.startswith("FAIL")]
    private = [line.split()[2] for line in lines if line.startswith("FAIL") and "private address" in line]
    assert (done.returncode, warned, private) == (2, ["comma:", "bare:"], ["private:", "here:"])
    assert failed == ["program:", "nowhere:", "directory:", "open:", "key:", "url:", "private:", "here:"]


@pytest.mark.parametrize("text, wrong", [
    ("no certificate", "no certificate in PEM"), ("", "no certificate in PEM"),
    ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "no certificate in PEM"),
    ("-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n", "no certificate in PEM"), (None, "o such file"), ("fifo", "not a regular file")])
def test_check_of_certificates(receiver, relay, target, text, wrong):
    """By check, when a relay starts, and when it reads its configuration again: then it goes on with the one before."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    running = relay(home).ready()
    before = home.conf.read_text()
    home.write("hookspool.conf", before.replace('sink "out" {', 'sink "out" {\nca-file = "ca.pem"'))
    if text == "fifo":
        os.mkfifo(home.dir / "ca.pem", 0o644)
        (home.dir / "ca.pem").chmod(0o644)
    elif text is not None:
        home.write("ca.pem", text, 0o644)
    done = home.cli("check", "--socket", f"unix:{one.socket}")
    failed = [line for line in done.stdout.decode().splitlines() if line.startswith("FAIL sink out: ")]
    assert done.returncode == 2 and len(failed) == 1 and "ca.pem: " in failed[0] and wrong in failed[0], done.stdout.decode()
    running.hup()
    running.until(lambda: "reload failed" in running.text(), "the refusal")
    deliver(one)
    target.until(1)
    running.stop()
    refused = home.cli("relay", "--once")
    assert refused.returncode == 78 and wrong in refused.stderr.decode()


def test_check_of_files(receiver):
    """Each is told once: the sink, its option, and what makes it right for a service whose files are root's."""
    home = home_with(sink("gone", url_file="gone", url=None), sink("open", url="https://a/", authorization_file="open"),
                     sink("both", url="https://a/", secret_file="open", ca_file="none"), sink("bad", url="https://a/", secret_file="bad"),
                     relay=("gone", "open", "both", "bad"), files={"bad": "whsec_!!!"})
    home.write("open", "Bearer abc\n", 0o644)
    one = receiver(home=home)
    done = home.cli("check", "--socket", f"unix:{one.socket}")
    assert done.returncode == 2
    failed = [line for line in done.stdout.decode().replace(f"{home.dir}/", "").splitlines() if line.startswith("FAIL")]
    assert failed[:-1] == [
        "FAIL sink gone: url-file gone: there is no such file; make it, with the group of the service that reads it, and chmod 640",
        "FAIL sink open: authorization-file open: others may read it; chmod o= it",
        "FAIL sink both: secret-file open: others may read it; chmod o= it",
        "FAIL sink both: ca-file none: there is no such file; make it, with chmod 644"]
    assert failed[-1].startswith("FAIL sink bad: bad: ")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)], ids=["directory", "pipe"])
def test_check_of_a_secret_that_is_no_file(receiver, make):
    """chmod doesn't make it one."""
    home = home_with(sink("out", url="https://a/", authorization_file="token"))
    make(home.dir / "token")
    own(home.dir / "token")
    receiver(home=home)
    failed = [line for line in home.cli("check").stdout.decode().splitlines() if line.startswith("FAIL")]
    assert failed == [f"FAIL sink out: authorization-file {home.dir}/token: it is no regular file; write the secret's own file"]


def test_check_of_urls_that_are_secrets(receiver):
    """What cannot be read as one is said, and the URL is not."""
    home = home_with(sink("out", url_file="url", url=None), files={"url": "https://example.com:99999/secret"})
    one = receiver(home=home)
    done = home.cli("check", "--socket", f"unix:{one.socket}")
    assert done.returncode == 2 and b"it can't be read as a URL" in done.stdout and b"99999" not in done.stdout
    home.configure(sink("out", url="http://ada:pass@word@host/"), endpoint(PATH, relay=["out"]))
    done = home.cli("check", "--socket", f"unix:{one.socket}")
    assert done.returncode == 2 and b"sink out: url: it can't be read as a URL" in done.stdout and b"pass" not in done.stdout


def test_urls_with_a_password(receiver, relay, target):
    """It is sent, and neither printed nor logged; an @ elsewhere is no end of it."""
    hidden = target.url.replace("://", "://ada:p%40ss@") + "/@me?to=a@b"
    home = home_with(sink("out", url=hidden), sink("bare", url="http://ada@[::1]:1", allow_private=True), relay=("out", "bare"))
    one = receiver(home=home)
    check = home.cli("check", "--socket", f"unix:{one.socket}").stdout.decode()
    sent = home.cli("send", "--relay", "out").stdout.decode()
    assert f"ok   sink out: POST to {target.url}/@me?to=a@b\n" in check and f"POST {target.url}/@me?to=a@b\n" in sent
    assert "ok   sink bare: POST to http://[::1]:1\n" in check
    running = relay(home).ready()
    deliver(one)
    target.until(2)
    assert {entry[3]["Authorization"] for entry in target.got} == {"Basic " + base64.b64encode(b"ada:p@ss").decode()}
    running.stop()
    deliveries = home.cli("deliveries", "--json").stdout.decode()
    assert not any("p%40ss" in text or "p@ss" in text for text in (check, sent, running.text(), one.text(), deliveries))


def test_no_spool_yet(receiver, relay, target):
    """For cron there is nothing to send; a service waits until there is."""
    home = home_with(sink("out", url=target.url))
    once = home.cli("relay", "--once")
    assert once.returncode == 0 and not once.stderr
    running = relay(home)
    running.until(lambda: "waiting until the receiver makes it" in running.text(), "its word")
    one = receiver(home=home)
    running.ready()
    deliver(one)
    target.until(1)


def test_signals_while_there_is_no_spool(receiver, relay, target):
    """At the start, and after a reload; one that leads to another spool is refused, as the receiver refuses it."""
    home = home_with(sink("out", url=target.url))
    right = home.conf.read_text()
    path = own(new_dir("notify")) / "sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        own(path)
        notify.settimeout(10 * SLOW)
        running = relay(home, env={"NOTIFY_SOCKET": str(path)})
        running.until(lambda: running.text().count("no spool in") == 1, "its word")
        assert notify.recv(4096) == b"READY=1"
        running.hup()
        running.until(lambda: running.text().count("no spool in") == 2, "the reload")
        assert notify.recv(4096) == b"READY=1"
        assert running.text().splitlines()[-1].count(f"no spool in {home.spool.dir} yet") == 1
        refusals = 0
        for wrong in ("nonsense\n", right.replace(str(home.spool.dir), str(home.dir / "away"))):
            home.write("hookspool.conf", wrong)
            running.hup()
            refusals += 1
            running.until(lambda: running.text().count("reload failed") == refusals, "the refusal")
        assert "spool can't change on a reload; restart" in running.text()
        home.write("hookspool.conf", right)
        running.hup()
        running.until(lambda: running.text().count("no spool in") == 3, "the reload")
        assert notify.recv(4096) == b"READY=1"
        start = time.monotonic()
        running.stop()
        assert time.monotonic() - start < 2 * SLOW and "stopping" in running.text().splitlines()[-1]
        assert notify.recv(4096) == b"STOPPING=1"
        running = relay(home, env={"NOTIFY_SOCKET": str(path)})
        assert notify.recv(4096) == b"READY=1"
        deliver(receiver(home=home))
        target.until(1)
        assert notify.recv(4096) == b"READY=1"


def test_replay(receiver, relay, target):
    """To a sink that was added later, once more, and only what is asked for; the ids stay."""
    home = Home(endpoint(PATH))
    one = receiver(home=home)
    bodies = deliver(one, 600) + deliver(one, 1, sender="Grace Hopper")
    home.write("hookspool.conf", options({"spool": str(home.spool.dir)}) + sink("out", url=target.url, max_in_flight=32) + endpoint(PATH, relay=["out"]))
    assert home.cli("replay", "--sink", "out", "--dry-run").stdout == b"601 events would be sent to out\n" and not states(home)
    assert home.cli("replay", "--sink", "out", "--sender", "hopper").stdout == b"1 of 1 events are due for out\n"
    running = relay(home).ready()
    settled(home, 1)
    assert home.cli("replay", "--sink", "out").stdout == b"601 of 601 events are due for out\n"
    settled(home, 601)
    target.until(602)
    assert sorted(target.bodies()) == sorted([*bodies, bodies[-1]])
    ids = [entry[3]["webhook-id"] for entry in target.got if entry[4] == bodies[-1]]
    assert len(ids) == 2 and ids[0] == ids[1]
    running.stop()
    assert home.cli("replay", "--sink", "out", "--since", "2h").returncode == 0
    assert home.cli("replay", "--sink", "out").stdout == b"0 of 601 events are due for out\n", "they are pending"
    assert home.cli("replay", "--sink", "none").returncode == 1 and home.cli("replay").returncode == 64


def test_the_relay_needs_no_secret_of_an_endpoint(relay, target):
    """They are the receiver's alone: neither their files nor their variables have to be there."""
    home = home_with(sink("out", url=target.url), endpoint("/other", scheme="svix", secret_file=["svix"], secret_env=["HS_ONLY_OF_THE_RECEIVER"]),
                     files={"svix": KEY})
    one = home.start(env={"HS_ONLY_OF_THE_RECEIVER": KEY})
    for name in ("svix", "secret"):
        (home.dir / name).unlink()
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
