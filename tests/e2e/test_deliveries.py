# SPDX-License-Identifier: ISC
"""What deliveries, retry, replay and drop say and do; and whose time counts when clocks are wrong."""
import json
import re
import sqlite3
import time
from pathlib import Path

import pytest

from place import SANITIZER, SLOW, until
from receiver import Home, endpoint
from relaying import PATH, Target, deliver, home_with, settled, sink, states

DAY = 86_400_000
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def change(home, sql):
    with sqlite3.connect(home.spool.dir / "hookspool.db", timeout=20) as db:
        db.execute(sql)
    db.close()


def listed(home, *args):
    done = home.cli("deliveries", "--json", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def down():
    """The URL of a target that is gone."""
    one = Target()
    one.close()
    return one.url


def test_dropped_replay_restores_the_former_state(receiver, target):
    """Delivered history doesn't become a dead letter, nor a dead one two."""
    target.answers = [{"status": 404}, {"status": 200}]
    home = home_with(sink("out", url=target.url, max_in_flight=1))
    one = receiver(home=home)
    deliver(one, 2)
    assert home.cli("relay", "--once").returncode == 0
    before = listed(home)
    assert [row["state"] for row in before] == ["dead", "delivered"]
    assert b"2 of 2 events are due for out\n" in home.cli("replay", "--sink", "out").stdout and states(home) == [0, 0]
    dropped = home.cli("drop", "--sink", "out")
    assert dropped.stdout == b"2 replays dropped; the deliveries are again what they were before\n" and dropped.returncode == 0
    assert listed(home) == before, "also what the dead one's last attempt gave"
    deliver(one)
    home.cli("replay", "--sink", "out", "--event", "message.received")
    assert home.cli("drop", "3", "2").stdout == b"1 delivery dropped\n1 replay dropped; the delivery is again what it was before\n"
    assert [row["state"] for row in listed(home)] == ["pending", "delivered", "dead"]


def test_replay_that_fails_is_dead(receiver, target):
    """A replay that was delivered can't be dropped."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one)
    for status, state in ((200, 1), (200, 1), (404, 2)):
        target.answers = [{"status": status}]
        home.cli("replay", "--sink", "out")
        assert home.cli("relay", "--once").returncode == 0 and states(home) == [state]
        assert home.cli("drop", "--sink", "out").returncode == 1 and states(home) == [state]


def test_retry_says_that_it_ended_a_pause(receiver, relay, down):
    """Of its own sink, and of no other; drop ends none; and a relay that ended leaves none behind."""
    home = home_with(sink("out", url=down, retry=["100ms", "100ms", "1h"]), sink("other", url=down, retry=["100ms", "100ms", "1h"]),
                     relay=("out", "other"))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one, 20)
    paused = lambda: {name.decode() for name in re.findall(rb"^sink (\w+) pauses until 20\S+, after \d+ failures in a row$",
                                                           home.cli("deliveries").stdout, re.M)}
    until(lambda: len(home.spool.query("SELECT * FROM pause WHERE failures > 6")) == 2, "both longer pauses", 30)
    until(lambda: paused() == {"out", "other"}, "both pauses", 20)
    shape = home.cli("deliveries", "--shape").stdout.decode().splitlines()
    assert all("paused until 20" in line for line in shape[2:]) and len(shape) == 4
    assert [row for row in listed(home) if row["paused_until"] > row.get("last_at", "")] == listed(home) != []
    replayed = home.cli("replay", "--sink", "out").stdout.decode()
    assert "sink out pauses until" in replayed and "hookspool retry --sink out ends the pause" in replayed and "other" not in replayed
    dropped = home.cli("drop", "1")
    assert b"pause" not in dropped.stdout
    other = home.spool.query("SELECT until FROM pause WHERE sink = 'other'")
    tries = "SELECT count(*) AS n FROM attempt JOIN relay ON relay.id = relay WHERE sink = 'out'"
    before = home.spool.query(tries)
    retried = home.cli("retry", "--sink", "out").stdout.decode()
    assert "the pause of sink out has ended\n" in retried
    until(lambda: home.spool.query(tries) != before, "an attempt at once")
    assert "other" not in retried and home.spool.query("SELECT until FROM pause WHERE sink = 'other'") == other
    running.stop()
    home.cli("drop", "--sink", "out")
    change(home, "INSERT OR REPLACE INTO pause VALUES('out', 9000000000000, 7)")
    alone = home.cli("retry", "--sink", "out")
    assert alone.returncode == 0 and b"the pause of sink out has ended" in alone.stdout
    change(home, "INSERT OR REPLACE INTO pause VALUES('out', 9000000000000, 7)")
    running = relay(home).ready()
    assert not home.spool.query("SELECT * FROM pause WHERE until = 9000000000000")


def test_pause_that_is_over_is_forgotten(receiver, relay, target):
    target.answers = [{"status": 503}] * 6
    home = home_with(sink("out", url=target.url, retry=["100ms", "100ms", "1h"]))
    one = receiver(home=home)
    deliver(one, 10)
    relay(home).ready()
    settled(home, 10)
    until(lambda: not home.spool.query("SELECT * FROM pause"), "no pause")
    assert b"pauses" not in home.cli("deliveries").stdout


def test_failing_deliveries_are_listed_first(receiver, target):
    """Under a header, with times; and the newest of each kind first."""
    home = home_with(sink("out", url=target.url, max_in_flight=1, retry=["1h", "1h", "3d"]))
    one = receiver(home=home)
    deliver(one, 6)
    target.answers = [{"status": status} for status in (500, 404, 200, 500, 404, 200)]
    assert home.cli("relay", "--once").returncode == 0
    deliver(one)
    head, *rows = home.cli("deliveries").stdout.decode().splitlines()
    assert head.split("  ")[-1] == "RESULT" and re.split(r"  +", head.strip()) == [
        "ID", "EVENT", "SINK", "STATE", "TRIES", "LAST TRY", "NEXT TRY", "RESULT"]
    cells = [re.split(r"  +", row.strip()) for row in rows]
    assert [(c[0], c[3]) for c in cells] == [("4", "pending"), ("1", "pending"), ("5", "dead"), ("2", "dead"), ("7", "pending"), ("6", "delivered"),
                                             ("3", "delivered")]
    assert all(re.fullmatch(r"20\S+Z", c[5]) for c in cells if c[0] != "7") and cells[4][5] == "-" and cells[4][7] == "-"
    assert [c[0] for c in cells if c[6] != "-"] == ["4", "1", "7"] and cells[0][7].startswith("500 in ")
    assert len(home.cli("deliveries", "-n", "2").stdout.splitlines()) == 3
    assert [row["id"] for row in listed(home)] == [1, 2, 3, 4, 5, 6, 7], "for programs, in the order of the ids"


def test_endpoint_name_is_listed(receiver, down):
    home = Home(sink("out", url=down), endpoint(PATH, relay=["out"], name="Lead → CRM"))
    one = receiver(home=home)
    deliver(one)
    assert listed(home)[0]["name"] == "Lead → CRM"


def test_sinks_of_store_are_marked_and_say_where_the_event_is(receiver, relay, down):
    home = Home(sink("kept", type="null", allow_private=None), sink("out", url=down, timeout="1s"), sink("program", type="exec", command=["echo", "x"], allow_private=None),
                endpoint(PATH, store=["kept"], relay=["out", "program"]))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 2)
    by_sink = {row["sink"]: row for row in listed(home)}
    assert {name: row["position"] for name, row in by_sink.items()} == {"kept": "store", "out": "relay", "program": "relay"}
    assert {name: row["place"] for name, row in by_sink.items()} == {"kept": "message 1", "out": None, "program": None}
    rows = {line.split()[2]: line for line in home.cli("deliveries").stdout.decode().splitlines() if line[:1] == " " and "SINK" not in line}
    assert rows["kept"].endswith(", message 1, store") and "store" not in rows["out"] + rows["program"]
    shown = home.cli("show", "1").stdout.decode()
    assert " to kept (store): delivered, 1 attempt, message 1\n" in shown and " to out: pending" in shown
    assert {row["sink"]: row["position"] for row in json.loads(home.cli("show", "--json", "1").stdout)["deliveries"]} == {"kept": "store", "out": "relay", "program": "relay"}


def test_summary_of_pending_deliveries(receiver, down):
    home = home_with(sink("out", url=down), sink("other", url=down), relay=("out", "other"))
    one = receiver(home=home)
    deliver(one, 6)
    for number, minutes in enumerate((1, 6, 39, 40, 1279, 1281), 1):
        change(home, f"UPDATE relay SET since = since - {minutes} * 60000 WHERE event = {number} AND sink = 'out'")
    head, *rows = home.cli("deliveries", "--shape").stdout.decode().splitlines()
    assert head.split() == ["SINK", "T", "5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+"]
    table = {cells[0]: list(map(int, cells[1:])) for cells in map(str.split, rows)}
    assert table["out"] == [6, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1] and table["other"] == [6, 6] + [0] * 9
    assert table["TOTAL"] == [12, 7, 1, 0, 1, 1, 0, 0, 0, 1, 1] and list(table) == ["TOTAL", "other", "out"]
    only, = [json.loads(line) for line in home.cli("deliveries", "--shape", "--sink", "out", "--json").stdout.splitlines()]
    assert (only["sink"], only["pending"], only["below_5_min"], only["from_1280_min"]) == ("out", 6, 1, 1)
    for wrong in (["--state", "dead"], ["1"], ["--event", "1"]):
        assert home.cli("deliveries", "--shape", *wrong).returncode == 64


# ---- time

def test_relay_that_was_off_gives_all_retries(receiver, relay, target):
    """The time counts from the first attempt, and what no relay ran in is no delivery's time."""
    target.answers = [{"status": 503}] * 2
    home = home_with(sink("out", url=target.url, retry=["100ms", "200ms", "3d"]))
    one = receiver(home=home)
    deliver(one, 2)
    change(home, f"UPDATE relay SET since = since - {30 * DAY}, due = due - {30 * DAY}")
    change(home, f"INSERT INTO attempt(relay, at, ms, status) SELECT 2, due, 1, 503 FROM relay WHERE id = 2")
    change(home, "UPDATE relay SET attempts = 1 WHERE id = 2")
    relay(home).ready()
    settled(home, 2)
    assert len(target.got) == 4


def test_retry_time_ends_although_the_relay_was_off(receiver, relay, target):
    """Where a relay did run: others were tried until a moment ago."""
    target.answers = [{"status": 503}]
    home = home_with(sink("out", url=target.url, max_in_flight=1, retry=["100ms", "200ms", "3d"]))
    one = receiver(home=home)
    deliver(one, 2)
    change(home, f"UPDATE relay SET since = since - {4 * DAY}, due = due - {4 * DAY}, attempts = 1 WHERE id = 1")
    change(home, "INSERT INTO attempt(relay, at, ms, status) SELECT 1, since, 1, 503 FROM relay WHERE id = 2")
    relay(home).ready()
    settled(home, 1, state=2)
    settled(home, 1)


def test_attempt_put_off_by_a_wrong_clock_is_due_now(receiver, relay, target):
    home = home_with(sink("out", url=target.url, retry=["100ms", "200ms", "3d"]))
    one = receiver(home=home)
    deliver(one, 4)
    change(home, f"UPDATE relay SET since = since + {2000 * DAY}, due = due + {2000 * DAY} WHERE id = 1")
    change(home, "UPDATE relay SET due = due + 7200000 WHERE id = 2")
    change(home, f"UPDATE relay SET due = due + {2000 * DAY}, attempts = 3 WHERE id = 3")
    change(home, "UPDATE relay SET due = due + 7200000, attempts = 3 WHERE id = 4")
    running = relay(home).ready()
    settled(home, 3)
    assert "2 deliveries were due later than any pause lasts" in running.text() and states(home) == [1, 1, 1, 0]


@pytest.mark.skipif(bool(SANITIZER), reason="libfaketime and a sanitizer don't go together")
@pytest.mark.parametrize("by", ["+20d", "-2000d", "-2d"])
def test_clock_that_is_set_while_the_relay_runs(receiver, relay, target, by):
    """Forward it kills nothing, backward it holds up nothing."""
    home = home_with(sink("out", url=target.url, retry=["100ms", "300ms", "1h"]))
    one = receiver(home=home)
    assert FAKETIME.exists(), f"{FAKETIME} is missing: apt-get install libfaketime"
    clock = home.write("clock", "+0d")
    target.answers = [{"status": 503}] * 4
    running = relay(home, env={"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                               "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}).ready()
    deliver(one)
    target.until(1)
    clock.write_text(by)
    running.until(lambda: "the clock was set by" in running.text(), "its word", 20 * SLOW)
    settled(home, 1)
    assert "outcome=dead" not in running.text() and len(target.got) == 5


@pytest.mark.skipif(bool(SANITIZER), reason="libfaketime and a sanitizer don't go together")
@pytest.mark.parametrize("by", ["+20d", "-2d"])
def test_pause_outlasts_a_clock_that_is_set(receiver, relay, target, by):
    """The spool says when the pause ends by the new clock, and retry of another sink ends none."""
    def pauses():
        return home.spool.query("SELECT * FROM pause")
    home = home_with(sink("out", url=target.url), sink("other", url=target.url), relay=("out", "other"))
    one = receiver(home=home)
    assert FAKETIME.exists(), f"{FAKETIME} is missing: apt-get install libfaketime"
    clock = home.write("clock", "+0d")
    target.answers = [{"status": 429, "headers": {"Retry-After": "3600"}}] * 2
    env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
           "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    running = relay(home, env=env).ready()
    deliver(one)
    until(lambda: len(pauses()) == 2, "the pauses")
    before = {row["sink"]: row["until"] for row in pauses()}
    clock.write_text(by)
    running.until(lambda: "the clock was set by" in running.text(), "its word", 20 * SLOW)
    days = int(by[:-1]) * 86400 * 1000
    until(lambda: len(pauses()) == 2, "the pauses again")
    assert all(abs(row["until"] - before[row["sink"]] - days) < 5000 for row in pauses())
    home.cli("retry", "--sink", "other", env=env)
    target.until(3)
    time.sleep(0.5)
    assert len(target.got) == 3 and "out" in [row["sink"] for row in pauses()]
