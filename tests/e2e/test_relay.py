# SPDX-License-Identifier: ISC
"""After the 200: events reach their sinks at least once. When the relay starts, sends, reloads, stops and is killed."""
import os
import signal
import socket
import sqlite3
import statistics
import time

import pytest

from place import ROOT, SLOW, USER, new_dir, own
from receiver import Home, endpoint, options
from relaying import PATH, Target, deliver, home_with, settled, sink, states

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_pending_events_are_sent_at_start_and_when_woken(receiver, relay, target):
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


def test_second_relay_is_refused(receiver, relay, target):
    home = home_with(sink("out", url=target.url))
    receiver(home=home)
    relay(home).ready()
    second = home.cli("relay", "--once")
    assert second.returncode == 75 and b"another relay runs" in second.stderr


def test_unreadable_spool_is_read_later(receiver, relay, target):
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


def test_reload_and_stop(receiver, relay, target):
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


def test_kill_at_any_time_loses_nothing(receiver, relay, target):
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


def test_sigterm_after_sighup_stops_the_relay(receiver, relay, target):
    target.answers = [{"do": lambda handler: time.sleep(1)}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        running.signal(number)
        time.sleep(0.1)
    assert running.wait(20) == 0


@pytest.mark.skipif(not ROOT, reason="only root can get in another user's way")
def test_relay_started_by_root_leaves_no_file_of_root(receiver, relay, target):
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


def test_relay_waits_for_the_spool(receiver, relay, target):
    """For cron there is nothing to send; a service waits until there is."""
    home = home_with(sink("out", url=target.url))
    once = home.cli("relay", "--once")
    assert once.returncode == 0 and not once.stderr
    running = relay(home)
    word = "start the receiver; waiting" if hasattr(home.spool, "url") else "waiting until the receiver makes it"
    running.until(lambda: word in running.text(), "its word")
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
        assert time.monotonic() - start < 20 and "stopping" in running.text().splitlines()[-1]
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


def test_relay_needs_no_secret_of_an_endpoint(relay, target):
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
