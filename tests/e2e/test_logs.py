# SPDX-License-Identifier: ISC
"""The log: one line a delivery, in both formats, whatever strangers put into their requests; no secrets, no texts."""
import json
import re

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, in_own_mounts, need, run, until
from receiver import Home, endpoint
from sender import AUTHORIZATION, SECRET, SECRET2, message, new_urn, sign

TEXT = "the-text-of-the-message"
HOSTILE = 'evil" outcome=stored id=1\n time=2026 level=error msg="forged\r\n\x1b[2J\x7f\x9b31m \\ ‮ ü\u0085'


def lines(one, **where):
    """The log's entries in either format, that have these values."""
    entries = [json.loads(line) for line in one.text().splitlines()] if one.text().startswith("{") else one.entries()
    return [e for e in entries if where.items() <= {k: str(v) for k, v in e.items()}.items()]


def line(one, **where):
    until(lambda: lines(one, **where), f"a line with {where} in\n{one.text()[-1500:]}")
    found, = lines(one, **where)
    return found


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_each_delivery_has_one_log_line(receiver, form):
    one = receiver(endpoint(), endpoint("/webhook/auth", authorization_file=["auth"]), log_format=form)
    urn = new_urn()
    body = message(urn, text=TEXT)
    for code in ("stored", "duplicate"):
        reply = expect(fcgi_client.deliver(one.socket, body), code)
        entry = line(one, outcome=code)
        assert set(entry) == {"time", "level", "endpoint", "outcome", "id", "event", "key", "sender", "secret", "bytes", "ms", "remote"}
        assert (entry["level"], entry["endpoint"], entry["key"]) == ("info", "/webhook/linkedin", urn)
        assert (entry["event"], entry["sender"], entry["remote"]) == ("message.received", "Žofie Nováková 李", "127.0.0.1")
        assert [int(entry[name]) for name in ("id", "secret", "bytes")] == [reply.json["id"], 1, len(body)]
        assert 0 < float(entry["ms"]) < 20_000
        assert len(entry["time"]) == 24 and entry["time"].endswith("Z")
    expect(fcgi_client.deliver(one.socket, body, headers={"X-Webhook-Signature": sign(b"x")}), "unauthorized")
    expect(fcgi_client.deliver(one.socket, body, path="/webhook/auth", headers={"Authorization": "Bearer x"}), "unauthorized")
    until(lambda: len(lines(one, outcome="unauthorized")) == 2, "both refusals")
    assert [e["reason"] for e in lines(one, outcome="unauthorized")] == ["wrong signature", "wrong Authorization"]
    assert {e["level"] for e in lines(one, outcome="unauthorized")} == {"warning"}
    for never in (TEXT, SECRET, AUTHORIZATION, sign(body)[7:], "Bearer x"):
        assert never not in one.text()


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_hostile_values_cannot_forge_log_fields(receiver, form):
    """Path, event, key and sender's name can't end a line, make a field or move a terminal's cursor."""
    one = receiver(log_format=form)
    body = message("urn:" + HOSTILE, event="e" + HOSTILE, sender=HOSTILE)
    expect(fcgi_client.deliver(one.socket, body), "stored")
    entry = line(one, outcome="stored")
    assert (entry["sender"], entry["key"], entry["event"]) == (HOSTILE, "urn:" + HOSTILE, "e" + HOSTILE)
    expect(fcgi_client.deliver(one.socket, message(), path="/" + HOSTILE.encode().decode("latin-1")), "not_found")
    assert line(one, outcome="not_found")["path"] == "/" + HOSTILE
    expect(fcgi_client.deliver(one.socket, message(), path="/\xff\xfe"), "not_found")
    until(lambda: len(lines(one, outcome="not_found")) == 2, "the second path")
    log = one.log.read_bytes()
    log.decode()
    assert len(log.splitlines()) == 4 == len(log.split(b"\n")) - 1
    assert not [c for c in log.decode() if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]


@pytest.mark.parametrize("name", ["remote", "method", "type"])
def test_hostile_cgi_variables_cannot_forge_log_fields(receiver, name):
    one = receiver()
    given = {"remote": {"more": [("REMOTE_ADDR", "x\nremote=1")]}, "method": {"method": "PO\nST"},
             "type": {"headers": {"Content-Type": "x\ny"}}}[name]
    fcgi_client.deliver(one.socket, message(), **given)
    until(lambda: len(one.text().splitlines()) == 2, "a line")
    assert len(one.text().splitlines()) == 2


def test_bodies_are_logged_only_when_configured(receiver):
    one = receiver(log_bodies=True)
    body = message(text=TEXT)
    expect(fcgi_client.deliver(one.socket, body), "stored")
    assert one.until_entry(outcome="stored")["body"].encode() == body


@pytest.mark.parametrize("level, codes", [("error", []), ("warning", ["unauthorized"]), ("info", ["stored", "unauthorized"]),
                                          ("debug", ["stored", "unauthorized"])])
def test_log_level(receiver, level, codes):
    one = receiver(log_level=level)
    body = message()
    expect(fcgi_client.deliver(one.socket, body), "stored")
    expect(fcgi_client.deliver(one.socket, body, headers={"X-Webhook-Signature": sign(body, SECRET2)}), "unauthorized")
    one.stop()
    assert sorted(e["outcome"] for e in one.entries() if "outcome" in e) == codes


def test_scheme_none_is_warned_about(receiver):
    one = receiver(endpoint(scheme="none"))
    assert [e for e in one.entries(level="warning") if "none" in e["msg"]]
    expect(fcgi_client.deliver(one.socket, message(), headers={"X-Webhook-Signature": None}), "stored")
    assert one.home.spool.events()[0]["secret"] == 0


# What stands in for syslogd: it owns /dev/log in a /dev of its own, and prints what one delivery logs there.
SYSLOGD = """
import os, socket, subprocess, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
log.settimeout(20)
status = subprocess.run(sys.argv[1:]).returncode
print(log.recv(65536).decode())
sys.exit(status)
"""


def test_syslog():
    home = Home(endpoint("/webhook/linkedin", scheme="none"), log_to="syslog")
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "HOOKSPOOL_CONF": str(home.conf), "REQUEST_METHOD": "POST",
           "SCRIPT_NAME": "/webhook/linkedin", "CONTENT_TYPE": "application/json"}
    done = run([*in_own_mounts("mount -t tmpfs tmpfs /dev"), need("python3"), "-c", SYSLOGD, BIN / "hookspool.fcgi"], stdin=message("urn:1"), env=env)
    assert done.returncode == 0, done.stderr.decode()
    # facility daemon (3), severity info (6): RFC 3164 section 4.1.1
    assert re.search(r"<30>.* hookspool\[\d+\]: time=\S+ level=info endpoint=/webhook/linkedin outcome=stored", done.stdout.decode())
