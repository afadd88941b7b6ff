# SPDX-License-Identifier: ISC
"""What check and stats say of sinks and of their deliveries."""
import base64
import fcntl
import json
import os
import re
import sqlite3

import pytest

from place import own
from receiver import endpoint
from relaying import PATH, deliver, home_with, sink, states


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


def test_check_of_pending_and_dead_deliveries(receiver, target):
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
    def sinks(grade, what=""):
        return [re.search(r"sink (\w+): ", line)[1] for line in lines if line.startswith(grade) and what in line]

    assert (done.returncode, sinks("warn", "the body is no JSON"), sinks("FAIL", "private address")) == (2, ["comma", "bare"], ["private", "here"])
    assert sinks("FAIL") == ["program", "nowhere", "directory", "open", "key", "url", "private", "here"]


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
    failed = [line for line in done.stdout.decode().splitlines() if line.startswith("FAIL") and "sink out: " in line]
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
                     sink("both", url="https://a/", secret_file=["open", "gone"], ca_file="none"), sink("bad", url="https://a/", secret_file=["good", "bad"]),
                     relay=("gone", "open", "both", "bad"), files={"good": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "bad": "whsec_!!!"})
    home.write("open", "Bearer abc\n", 0o644)
    one = receiver(home=home)
    done = home.cli("check", "--socket", f"unix:{one.socket}")
    assert done.returncode == 2
    failed = [line for line in done.stdout.decode().replace(f"{home.dir}/", "").splitlines() if line.startswith("FAIL")]
    assert failed[:-1] == [
        "FAIL sink gone: url-file gone: there is no such file; make it, with the group of the service that reads it, and chmod 640",
        "FAIL sink open: authorization-file open: others may read it; chmod o= it",
        "FAIL sink both: secret-file open: others may read it; chmod o= it",
        "FAIL sink both: secret-file gone: there is no such file; make it, with the group of the service that reads it, and chmod 640",
        "FAIL sink both: ca-file none: there is no such file; make it, with chmod 644"]
    assert re.match(r"FAIL hookspool\.conf:\d+: sink bad: bad: ", failed[-1])


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)], ids=["directory", "pipe"])
def test_check_of_a_secret_that_is_no_regular_file(receiver, make):
    """chmod doesn't make it one."""
    home = home_with(sink("out", url="https://a/", authorization_file="token"))
    make(home.dir / "token")
    own(home.dir / "token")
    receiver(home=home)
    failed = [line for line in home.cli("check").stdout.decode().splitlines() if line.startswith("FAIL")]
    assert failed == [f"FAIL sink out: authorization-file {home.dir}/token: it is no regular file; write the secret's own file"]


def test_check_of_secret_urls(receiver):
    """A URL that can't be read is a FAIL, and is not printed."""
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
