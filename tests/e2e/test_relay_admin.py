# SPDX-License-Identifier: ISC
"""deliveries, retry, drop, purge: what the administrator does about pending deliveries."""
import json
import re
import time

import pytest

from place import SLOW, SOURCE, until
from receiver import endpoint
from relaying import PATH, Target, deliver, home_with, settled, sink, states


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


def test_retry_sends_now(waiting):
    """When a sink is repaired, retry sends before the next attempt is due, and ends the pause."""
    home, one, running, bodies, up = waiting
    until(lambda: len(home.spool.query("SELECT * FROM attempt")) >= 8, "a longer pause", 20)
    target = up()
    home.cli("retry", "--sink", "out")
    start = time.time()
    target.until(1)
    assert target.got[0][0] - start < 4
    settled(home, 40)


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


def test_answers_are_found_as_the_readme_says(receiver, target):
    commands = re.findall(r"^    hookspool (deliveries .*?) +#", (SOURCE / "README.md").read_text(), re.M)
    target.answers = [{"status": 404, "body": b"no such hook"}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one)
    assert home.cli("relay", "--once").returncode == 0
    listed, why = (home.cli(*command.split()).stdout for command in commands)
    assert listed.splitlines()[1].startswith(b"     1  ") and b"404" in listed and b"404  no such hook" in why


def test_unknown_sinks_are_errors(receiver, target):
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


def test_unknown_ids_are_errors(receiver, target):
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


def test_dropped_event_is_not_sent(waiting):
    """Though it was read ahead."""
    home, one, _, _, up = waiting
    assert home.cli("drop", "--sink", "out").stdout == b"40 deliveries dropped\n"
    new, target = deliver(one), up()
    settled(home, 1)
    time.sleep(0.5)
    assert states(home).count(2) == 40 and target.bodies() == new


def test_purge_counts_pending_deliveries(receiver, target):
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


def test_purged_event_is_not_sent_as_a_later_one(waiting):
    """Though the relays of new events have the ids of those that are gone."""
    home, one, _, _, up = waiting
    assert home.cli("purge", "--older-than", "1ms").stdout.startswith(b"40 events purged, and 40 deliveries with them")
    new, target = deliver(one, 5), up()
    settled(home, 5)
    assert sorted(target.bodies()) == sorted(new)


def test_retry_of_many_times(receiver, target):
    """Of a delivery that dies at once, the last ten attempts are kept."""
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one)
    for _ in range(13):
        target.answers = [{"status": 404}]
        assert home.cli("relay", "--once").returncode == 0
        assert home.cli("retry", "--sink", "out").stdout == b"1 delivery is due again\n"
    assert len(home.spool.query("SELECT * FROM attempt")) == 10


def test_another_spool_in_its_place(waiting):
    """The relay forgets what it read from the old spool: the new one's events have the same ids."""
    home, one, running, _, up = waiting
    home.spool.dir.rename(home.dir / "moved")
    new, target = deliver(one, 5), up()
    settled(home, 5)
    assert sorted(target.bodies()) == sorted(new) and "another spool is in the place" in running.text()
