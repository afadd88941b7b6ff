# SPDX-License-Identifier: ISC
"""No delivery leaves memory behind, whatever becomes of it: valgrind watches FastCGI, CGI and reload; and what admins run."""
import hmac
import signal
import time

import pytest

import fcgi_client
import place
from outcomes import expect
from place import BIN, SANITIZER, USER, need, run
from proc import Child
from receiver import Home, endpoint
from relaying import deliver, home_with, sink, states
from sender import SECRET, message, sign

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="valgrind doesn't run sanitized programs; they look for leaks themselves")

VALGRIND = ["--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
            "--error-exitcode=99"]


@pytest.fixture
def slowly(monkeypatch):
    """valgrind takes its time; the promise of 2 s is for the program by itself."""
    for module in (place, __import__("proc")):
        monkeypatch.setattr(module, "SLOW", 10)


def deliver_all(address):
    for i in range(5):
        body = message()
        expect(fcgi_client.deliver(address, body), "stored")
        expect(fcgi_client.deliver(address, body), "duplicate")
        expect(fcgi_client.deliver(address, body, headers={"X-Webhook-Signature": "sha256=00"}), "unauthorized")
        expect(fcgi_client.deliver(address, b"["), "stored" if i == 0 else "duplicate")
        expect(fcgi_client.deliver(address, body, path="/webhook/none"), "not_found")
        expect(fcgi_client.deliver(address, message(text="x" * 3000)), "too_large")


def deliver_schemes(address):
    for _ in range(3):
        body = b'{"id":"evt_%d","type":"t"}' % time.time_ns()
        at = str(int(time.time()))
        signature = hmac.new(SECRET.encode(), at.encode() + b"." + body, "sha256").hexdigest()
        given = {"path": "/stripe", "headers": {"X-Webhook-Signature": None, "Stripe-Signature": f"t={at},v1=00,v1={signature}"}}
        expect(fcgi_client.deliver(address, body, **given), "stored")
        given["headers"]["Stripe-Signature"] = f"t={at},v1={'00' * 32},v1={signature}"
        expect(fcgi_client.deliver(address, body, **given), "duplicate")
        expect(fcgi_client.deliver(address, body + b" ", **given), "unauthorized")
        form = b"payload=%%7B%%22a%%22%%3A1%%7D&b=%d" % time.time_ns()
        headers = {"X-Webhook-Signature": None, "X-Hub-Signature-256": sign(form), "X-GitHub-Event": "push",
                   "Content-Type": "application/x-www-form-urlencoded"}
        expect(fcgi_client.deliver(address, form, path="/github", headers=headers), "stored")
        hello = b'{"type":"url_verification","challenge":"abc"}'
        slack = hmac.new(SECRET.encode(), b"v0:" + at.encode() + b":" + hello, "sha256").hexdigest()
        headers = {"X-Webhook-Signature": None, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": "v0=" + slack}
        assert fcgi_client.deliver(address, hello, path="/slack", headers=headers).body == b"abc"


def test_schemes_and_quarantine_leak_nothing(slowly, children):
    home = Home(*(endpoint(f"/{name}", scheme=name, rate="1000/s") for name in ("stripe", "github", "slack")), reject_bodies=True)
    one = home.start(argv=[need("valgrind"), *VALGRIND, BIN / "hookspool.fcgi", "-c", home.conf,
                           "--listen", f"unix:{home.dir}/sock1"])
    deliver_schemes(one.socket)
    one.stop()
    assert "ERROR SUMMARY: 0 errors" in one.text(), one.text()
    (home.dir / "body").write_bytes(b"{}")
    for command in (["rejects", "--verify"], ["rejects", "--accept", "--json"], ["stats"], ["check"], ["show", "1"],
                    ["verify", "--id", "1", "--endpoint", "/stripe", "--explain"],
                    ["verify", "--endpoint", "/github", "--explain", "-H", "X-Hub-Signature-256: sha256=" + "0" * 64, home.dir / "body"]):
        done = run([need("valgrind"), *VALGRIND, BIN / "hookspool", "-c", home.conf, *command], user=USER)
        assert done.returncode != 99 and b"ERROR SUMMARY: 0 errors" in done.stderr, done.stderr.decode()


def test_relay_leaks_nothing(slowly, children, target):
    """HTTP, programs, answers, what is not wanted, retries, a reload and the end; and what admins run with it."""
    home = home_with(sink("answers", url=target.url, body="{{hookspool.reply}}"),
                     sink("program", type="exec", command=["./program"], reply="answers", allow_private=None),
                     sink("out", url=target.url, body='{"a":"{{hookspool.text | truncate 9}}"}', secret_file="key", ordered=True),
                     sink("some", url=target.url, texts=["wanted"], text_regex="wanted$", first_message=True),
                     relay=("program", "out", "some"), files={"key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    home.write("program", "#!/bin/sh\necho $HOOKSPOOL_TEXT\n", 0o755)
    one = home.start()
    target.answers = [{"status": 500}, {"status": 404}]
    relay = Child([need("valgrind"), *VALGRIND, BIN / "hookspool", "-c", home.conf, "relay"], home.dir / "relay.log")
    deliver(one, 5, text="wanted")
    relay.until(lambda: states(home).count(1) >= 14, f"it is relayed: {states(home)}", 30)
    relay.signal(signal.SIGHUP)
    relay.until(lambda: relay.text().count("relaying to") == 2, "the reload", 30)
    deliver(one)
    relay.until(lambda: states(home).count(1) >= 16, f"it is relayed: {states(home)}", 30)
    relay.signal(signal.SIGTERM)
    assert relay.wait(20) == 0 and "ERROR SUMMARY: 0 errors" in relay.text(), relay.text()[-3000:]
    for command in (["deliveries"], ["deliveries", "1", "--json"], ["retry", "--sink", "out"], ["replay", "--sink", "out"], ["check"],
                    ["drop", "--sink", "out"], ["send", "--relay", "program"], ["send", "--relay", "out"], ["relay", "--once"]):
        done = run([need("valgrind"), *VALGRIND, BIN / "hookspool", "-c", home.conf, *command], user=USER)
        assert done.returncode != 99 and b"ERROR SUMMARY: 0 errors" in done.stderr, done.stderr.decode()
    one.stop()


def test_fastcgi_leaks_nothing(slowly, children):
    home = Home(endpoint(), max_body="2k")
    one = home.start(argv=[need("valgrind"), *VALGRIND, BIN / "hookspool.fcgi", "-c", home.conf,
                           "--listen", f"unix:{home.dir}/sock1"])
    deliver_all(one.socket)
    with fcgi_client.Fcgi(one.socket) as kept:
        for _ in range(3):
            expect(kept.deliver(message()), "stored")
        one.hup()
        one.until_entry(msg=f"configuration reloaded from {home.conf}")
        home.configure("nonsense\n")
        one.hup()
        one.until_entry(msg="reload failed; the configuration stays as it was")
        expect(kept.deliver(message()), "stored")
    one.stop()
    assert "ERROR SUMMARY: 0 errors" in one.text(), one.text()


def test_cgi_leaks_nothing(slowly):
    home = Home(endpoint())
    body = message()
    env = {name: value for name, value in fcgi_client.params(body=body)}
    env |= {"GATEWAY_INTERFACE": "CGI/1.1", "HOOKSPOOL_CONF": str(home.conf)}
    done = run([need("valgrind"), *VALGRIND, BIN / "hookspool.fcgi"], stdin=body, env=env, user=USER)
    assert done.returncode == 0 and b"Status: 200" in done.stdout, done.stderr.decode()
    assert b"ERROR SUMMARY: 0 errors" in done.stderr, done.stderr.decode()
