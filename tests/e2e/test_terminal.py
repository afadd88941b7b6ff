# SPDX-License-Identifier: ISC
"""Output on a terminal, unlike on a pipe: local time, colours, and NO_COLOR."""
import os
import pty
import re
import subprocess

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, until
from relaying import Target, deliver, home_with, sink
from sender import message


def on_terminal(home, *args, **env):
    """The output of a command that runs on a terminal of its own."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "TZ": "Asia/Kolkata", **env}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in env or not env["NO_COLOR"] else None
    child = subprocess.Popen([BIN / "hookspool", "-c", home.conf, *args], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    out = b""
    try:
        while data := os.read(ours, 65536):
            out += data
    except OSError:
        pass  # the other side is closed
    child.wait(20)
    os.close(ours)
    return out.decode()


@pytest.fixture
def seen(receiver):
    """A receiver with an event and a refused delivery."""
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    expect(fcgi_client.deliver(one.socket, b"{}", headers={"X-Webhook-Signature": "sha256=" + "0" * 64}), "unauthorized")
    until(lambda: one.home.spool.rejects(), "the refusal")
    return one


@pytest.mark.parametrize("command", [["list"], ["show", "1"], ["rejects"], ["stats"]], ids=" ".join)
def test_local_time_on_a_terminal(seen, command):
    """India's offset has half an hour; a pipe gets UTC, and --since reads what the terminal showed."""
    out = on_terminal(seen.home, *command)
    local = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+05:30", out)
    assert local, out
    piped = seen.home.cli(*command).stdout.decode()
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", piped) and "+05:30" not in piped
    assert len(seen.home.cli("list", "--json", "--since", local[0]).stdout.splitlines()) == 1


def test_colour_on_a_terminal(seen):
    assert "\x1b[32mok" in on_terminal(seen.home, "check")
    assert "\x1b[33munauthorized" in on_terminal(seen.home, "rejects")
    assert "\x1b[33m" not in on_terminal(seen.home, "rejects", NO_COLOR="1")
    assert "\x1b[33m" not in on_terminal(seen.home, "rejects", TERM="dumb")
    assert b"\x1b" not in seen.home.cli("rejects").stdout


def test_states_of_deliveries_have_colours(receiver):
    """A dead delivery is red, and a failed one that is retried is yellow."""
    target = Target()
    target.answers = [{"status": 404}, {"status": 503}, {"status": 200}]
    one = receiver(home=home_with(sink("out", url=target.url, max_in_flight=1)))
    deliver(one, 3)
    assert one.home.cli("relay", "--once").returncode == 0
    target.close()
    deliver(one)
    rows = {row.split()[0]: row for row in on_terminal(one.home, "deliveries").splitlines() if re.match(r" *\d", row)}
    assert "\x1b[31mdead" in rows["1"] and "\x1b[33mpending" in rows["2"], rows
    assert "\x1b[" not in rows["3"] + rows["4"], "delivered, and not tried yet"
    assert "\x1b" not in on_terminal(one.home, "deliveries", NO_COLOR="1")
    assert b"\x1b" not in one.home.cli("deliveries").stdout
