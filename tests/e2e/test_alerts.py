# SPDX-License-Identifier: ISC
"""Alerts: events of our own tell of trouble once, and of its end once, whatever happens to the relay in between."""
import json
import re
import sqlite3
import time

import pytest

import fcgi_client
from examples import SinkExample
from place import ROOT, SLOW, SOURCE, own, run, until
from receiver import Home, endpoint
from relaying import PATH, Target, deliver, settled, sink
from sender import SECRET, SECRET2, message, sign

ALERTS = SOURCE / "conf-examples/alerts"


@pytest.fixture
def ops():
    """The target of the sink that is told."""
    one = Target()
    yield one
    one.close()


def watched(target, ops, *more, retry=("50ms", "100ms", "2s"), relay_to=("out",), given=None, **top):
    """A home whose sink `out` sends to target, and whose alerts go to ops."""
    top.setdefault("alert_after", "1s")
    return Home(sink("out", url=target.url, retry=list(retry)), sink("ops", url=ops.url, retry=["50ms", "200ms", "1h"]), *more,
                endpoint(PATH, relay=list(relay_to), **(given or {})), alert=["ops"], **top)


def signed_by(one, secret):
    body = message()
    return fcgi_client.deliver(one.socket, body, path=PATH, headers=[("X-Webhook-Signature", sign(body, secret))])


def told(ops, name=None):
    """The events that the target of alerts got, or those with that name."""
    got = [json.loads(body) for body in ops.bodies()]
    return [event for event in got if name in (None, event["event"])]


def until_told(ops, name, n=1):
    return until(lambda: len(told(ops, name)) >= n and told(ops, name), f"{n} of {name}: {told(ops)}", 60)


def own_events(home):
    return [row["event"] for row in home.spool.events(endpoint="hookspool")]


def test_dead_letter_is_told_once_and_its_end_once(receiver, relay, target, ops):
    home = watched(target, ops)
    target.answers = [{"status": 404}]
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    event, = until_told(ops, "hookspool.delivery.dead")
    assert event["object"] == "event" and event["data"]["sink"] == "out" and event["data"]["dead"] == 1
    assert event["data"]["body"].startswith("sink out: 1 delivery is dead") and event["data"]["sender"]["name"] == "hookspool"
    running.kill()
    running = relay(home).ready()
    time.sleep(1.5)
    assert own_events(home) == ["hookspool.delivery.dead"]
    assert home.cli("retry", "--sink", "out").returncode == 0
    end, = until_told(ops, "hookspool.delivery.dead.resolved")
    assert end["data"]["body"] == "sink out: no dead letters are left" and end["data"]["raised_at"] == event["data"]["raised_at"]
    running.stop()
    relay(home).ready()
    time.sleep(0.7)
    assert own_events(home) == ["hookspool.delivery.dead", "hookspool.delivery.dead.resolved"]


def test_dropped_by_hand_is_no_dead_letter(receiver, relay, target, ops):
    home = watched(target, ops)
    deliver(receiver(home=home), 2)
    assert home.cli("drop", "--sink", "out").returncode == 0
    relay(home).ready()
    time.sleep(1)
    assert not own_events(home)


def test_sink_that_is_down_and_comes_back(receiver, relay, target, ops):
    home = watched(target, ops, retry=["50ms", "300ms", "1h"])
    target.close()
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one, 3)
    event, = until_told(ops, "hookspool.sink.down")
    assert event["data"]["sink"] == "out" and event["data"]["failures"] >= 5
    running.kill()
    running = relay(home).ready()
    time.sleep(2)
    assert own_events(home) == ["hookspool.sink.down"], "a restart is no news"
    back = Target(target.port)
    until_told(ops, "hookspool.sink.down.resolved")
    running.stop()
    back.close()
    assert own_events(home) == ["hookspool.sink.down", "hookspool.sink.down.resolved"]


def test_short_trouble_is_not_told(receiver, relay, target, ops):
    home = watched(target, ops, retry=["20ms", "50ms", "1h"], alert_after="20s")
    target.answers = [{"status": 503}] * 6
    deliver(receiver(home=home))
    relay(home).ready()
    settled(home, 1)
    time.sleep(1)
    assert not own_events(home)


def test_alert_waits_until_its_own_sink_is_up(receiver, relay, target, ops):
    """The alert about the sink of alerts itself, too; and there is one of each."""
    home = watched(target, ops, retry=["50ms", "200ms", "1h"])
    target.answers = [{"status": 404}]
    ops.close()
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: len(own_events(home)) == 2, "both are stored", 20)
    assert sorted(own_events(home)) == ["hookspool.delivery.dead", "hookspool.sink.down"]
    time.sleep(1)
    assert len(own_events(home)) == 2
    back = Target(ops.port)
    until_told(back, "hookspool.sink.down.resolved")
    assert sorted(event["event"] for event in told(back)) == ["hookspool.delivery.dead", "hookspool.sink.down", "hookspool.sink.down.resolved"]
    back.close()


def test_dead_alert_makes_no_alert(receiver, relay, target, ops):
    home = watched(target, ops)
    target.answers = [{"status": 404}]
    ops.answers = [{"status": 404}] * 10
    deliver(receiver(home=home))
    relay(home).ready()
    until(lambda: len(ops.got) == 1, "it is told", 20)
    time.sleep(2)
    assert own_events(home) == ["hookspool.delivery.dead"] and len(ops.got) == 1
    assert [row["state"] for row in home.spool.query("SELECT state FROM relay WHERE sink = 'ops'")] == [2]


def test_silent_endpoint(receiver, relay, target, ops):
    home = watched(target, ops, given={"expect": "2s"})
    one = receiver(home=home)
    relay(home).ready()
    event, = until_told(ops, "hookspool.endpoint.silent")
    assert event["data"]["endpoint"] == PATH and event["data"]["last_at"] is None and event["data"]["expect_seconds"] == 2
    assert event["data"]["body"] == f"endpoint {PATH}: no delivery yet; one is expected every 2s"
    deliver(one)
    until_told(ops, "hookspool.endpoint.silent.resolved")
    event = until_told(ops, "hookspool.endpoint.silent", 2)[1]
    assert "no delivery since 20" in event["data"]["body"]


def test_removed_subject_ends_its_alert(receiver, relay, target, ops):
    home = watched(target, ops, given={"expect": "1s"})
    receiver(home=home)
    running = relay(home).ready()
    until_told(ops, "hookspool.endpoint.silent")
    home.configure(sink("ops", url=ops.url), endpoint(PATH), alert=["ops"], alert_after="1s")
    running.hup()
    assert until_told(ops, "hookspool.endpoint.silent.resolved")[0]["data"]["body"].endswith("the configuration has changed")
    assert not home.spool.query("SELECT * FROM alert")


@pytest.mark.skipif(not ROOT, reason="mounts a file system")
def test_disk_that_fills(receiver, relay, target, ops):
    home = watched(target, ops, min_free="8m")
    home.spool.dir.mkdir(mode=0o700)
    assert run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=0777", "tmpfs", home.spool.dir]).returncode == 0
    try:
        own(home.spool.dir)
        one, running = receiver(home=home), relay(home).ready()
        (home.spool.dir / "other").write_bytes(bytes(20 << 20))
        event, = until_told(ops, "hookspool.spool.low")
        assert event["data"]["free_bytes"] < event["data"]["min_free_bytes"] == 8 << 20 and event["data"]["spool"] == str(home.spool.dir)
        (home.spool.dir / "other").unlink()
        until_told(ops, "hookspool.spool.low.resolved")
        running.stop()
        one.stop()
    finally:
        run(["umount", "-l", home.spool.dir])


def test_old_secrets(receiver, relay, target, ops):
    home = watched(target, ops, given={"secret_file": ["secret", "secret2"]})
    one = receiver(home=home)
    for secret in (SECRET, SECRET2):
        assert signed_by(one, secret).status == 200
    until(lambda: len(home.spool.query("SELECT 1 FROM counter WHERE code = 'stored'")) == 2, "both are counted", 30)
    day = 86400 * 1000

    def change(sql, *args):
        db = sqlite3.connect(home.spool.dir / "hookspool.db", timeout=10)
        with db:
            db.execute(sql, args)
        db.close()
    first = min(row["secret"] for row in home.spool.query("SELECT secret FROM counter WHERE secret <> 0"))
    running = relay(home).ready()
    time.sleep(0.5)
    assert not own_events(home)
    running.stop()
    change("UPDATE counter SET last_at = last_at - ? WHERE secret = ?", 4 * day, first)
    running = relay(home).ready()
    event, = until_told(ops, "hookspool.secret.old")
    assert event["data"]["endpoint"] == PATH and "can be removed" in event["data"]["body"]
    text = json.dumps(event)
    assert SECRET not in text and SECRET2 not in text and f"{first:x}" not in text
    change("UPDATE counter SET last_at = last_at + ? WHERE secret = ?", 4 * day, first)
    until_told(ops, "hookspool.secret.old.resolved")
    running.stop()
    change("UPDATE alert SET since = since - ? WHERE subject LIKE '% both'", 8 * day)
    relay(home).ready()
    assert "in use for a week" in until_told(ops, "hookspool.secret.old", 2)[1]["data"]["body"]


def test_killed_at_any_time_it_is_told_once(receiver, relay, target, ops):
    home = watched(target, ops, alert_after="1s")
    target.answers = [{"status": 404}] * 100
    deliver(receiver(home=home), 3)
    for i in range(12):
        running = relay(home)
        time.sleep(0.03 + 0.02 * i)
        running.kill()
    relay(home).ready()
    until_told(ops, "hookspool.delivery.dead")
    time.sleep(1)
    assert own_events(home) == ["hookspool.delivery.dead"]


def test_once_tells_what_the_last_run_left(receiver, target, ops):
    home = watched(target, ops)
    target.answers = [{"status": 404}]
    deliver(receiver(home=home))
    for _ in range(2):
        assert home.cli("relay", "--once").returncode == 0
    assert [event["event"] for event in told(ops)] == ["hookspool.delivery.dead"]


def test_once_tells_of_a_sink_that_is_down(receiver, target, ops):
    home = watched(target, ops, retry=["50ms", "100ms", "1h"])
    target.close()
    deliver(receiver(home=home), 8)
    for _ in range(2):
        assert home.cli("relay", "--once").returncode == 0
        time.sleep(1)
    home.cli("relay", "--once")
    assert [event["event"] for event in told(ops)] == ["hookspool.sink.down"]


def test_commands_show_alerts(receiver, relay, target, ops):
    home = watched(target, ops)
    target.answers = [{"status": 404}]
    deliver(receiver(home=home))
    relay(home).ready()
    until_told(ops, "hookspool.delivery.dead")
    settled(home, 1)
    listed = home.cli("list").stdout.decode()
    assert re.search(r"hookspool\.delivery\.\S*\s+hookspool\s+sink out: 1 delivery is dead", listed), listed
    row = home.spool.export("--endpoint", "hookspool")[0]
    assert row["event"] == "hookspool.delivery.dead" and json.loads(row["body"])["data"]["sink"] == "out"
    assert row["source"] == "hookspool" and b"no signature: hookspool has made it" in home.cli("show", "2").stdout
    assert b"hookspool has made event 2" in home.cli("verify", "--id", "2").stdout
    assert b"ops" in home.cli("deliveries", "--event", "2").stdout
    assert b"belongs to no conversation" in home.cli("reply", "2", "x").stderr


def test_check_knows_the_sinks_of_alerts(receiver, target, ops):
    home = Home(sink("ops", url=ops.url), sink("api", url=target.url, body="{{hookspool.reply}}", content_type="text/plain"), endpoint(PATH), alert=["ops"])
    deliver(receiver(home=home))
    said = home.cli("check").stdout.decode()
    assert re.search(r"^warn relay: none", said, re.M), said
    assert "no endpoint names it" not in said


@pytest.mark.parametrize("top, said", [
    ({"alert": ["none"]}, 'there is no sink "none"'), ({"alert": ["out", "out"]}, "twice"), ({"alert": ["api"]}, "sends answers"),
    ({"alert": ["some"]}, "takes other events alone"),
])
def test_configuration_is_checked(target, top, said):
    home = Home(sink("out", url=target.url), sink("api", url=target.url, body='{{hookspool.reply}}'), sink("some", url=target.url, events=["x"]),
                endpoint(PATH, relay=["out"]), **top)
    done = home.cli("list")
    assert done.returncode == 78 and said in done.stderr.decode() and "hookspool.conf:" in done.stderr.decode(), done.stderr


@pytest.mark.parametrize("path", sorted(ALERTS.glob("*.conf")), ids=lambda path: path.name)
def test_example(path, receiver, relay, ops):
    text = path.read_text()
    text = re.sub(r'url-file = "[^"]*"', f'url = "{ops.url}"', text)
    mails = None
    home = SinkExample('alert-after = "1s"\n' + text + endpoint(PATH, expect="1s"), ops.url)
    if "sendmail" in text:
        mails = home.dir / "mails"
        home.write("sendmail", f"#!/bin/sh\ncat >> {mails}\n", 0o755)
        conf = home.conf.read_text().replace("/usr/sbin/sendmail", str(home.dir / "sendmail"))
        home.write("hookspool.conf", conf)
    receiver(home=home)
    relay(home).ready()
    if mails:
        until(lambda: mails.exists() and "no delivery yet" in mails.read_text(), "a mail", 30)
        assert re.search(r"^Subject: hookspool\.endpoint\.silent$", mails.read_text(), re.M), mails.read_text()
    else:
        until(lambda: ops.got, "a message", 30)
        assert "no delivery yet" in json.dumps(json.loads(ops.bodies()[0]))
