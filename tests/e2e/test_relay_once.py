# SPDX-License-Identifier: ISC
"""hookspool relay --once: sends what is due, and ends."""
import fcntl
import signal
import sqlite3
import threading
import time

import pytest

from place import BIN, SLOW
from proc import Child
from relaying import Target, deliver, home_with, once, sink, states


def test_once_sends_what_is_due_and_ends(receiver, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)
    assert home.cli("relay", "--once").returncode == 0
    assert len(target.got) == 3 and states(home) == [1, 1, 1]
    assert home.cli("relay", "--once").returncode == 0 and len(target.got) == 3


def test_once_waits_for_rates(receiver, target):
    home = home_with(sink("out", url=target.url, rate="40/m", rate_burst=1))
    one = receiver(home=home)
    deliver(one, 4)
    assert once(home) >= 4.4 and states(home) == [1] * 4


def test_once_waits_for_no_rate_for_longer_than_a_minute(receiver, target):
    """The same while another sink's attempt runs."""
    slow = Target()
    slow.answers = [{"do": lambda handler: time.sleep(0.7)}] * 3
    home = home_with(sink("out", url=target.url, rate="60/h", rate_burst=2), sink("slow", url=slow.url, max_in_flight=1), relay=("out", "slow"))
    one = receiver(home=home)
    deliver(one, 3)
    assert once(home) < 40
    assert len(target.got) == 2 and len(slow.got) == 3 and sorted(states(home)) == [0] + [1] * 5
    slow.close()


@pytest.mark.parametrize("headers, rate", [({}, {}), ({"Retry-After": "9"}, {}), ({"Retry-After": "9"}, {"rate": "40/m", "rate_burst": 1})])
def test_once_waits_for_no_attempt_that_is_due_later(receiver, target, headers, rate):
    """The same for the end of a pause, while other deliveries are due."""
    target.answers = [{"status": 503, "headers": headers}]
    home = home_with(sink("out", url=target.url, max_in_flight=1, retry=["100s", "1h", "3d"], **rate))
    one = receiver(home=home)
    deliver(one, 3)
    assert once(home) < 8
    assert states(home).count(0) == (3 if headers else 1) and len(target.got) == (1 if headers else 3)


def test_once_leaves_events_that_come_during_it(receiver, target):
    """To the next run: else it would not end while events come."""
    home = home_with(sink("out", url=target.url, max_in_flight=1))
    one = receiver(home=home)
    target.answers = [{"do": lambda handler: deliver(one)}] * 300
    target.answers[0] = {"do": lambda handler: time.sleep(1.5)}
    deliver(one, 2)
    assert once(home) < 40
    assert len(target.got) < 100


def test_once_ends_when_results_cannot_be_written(receiver, target):
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    deliver(one, 3)

    def forbid(_):
        with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
            db.execute("ALTER TABLE attempt RENAME TO elsewhere")

    target.answers = [{"do": forbid}]
    done = home.cli("relay", "--once")
    assert done.returncode == 75 and b"no such table" in done.stderr and states(home) == [0] * 3 and len(target.got) == 3


def test_once_waits_for_the_lock(receiver, target):
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


def test_hangup_of_the_terminal_ends_once(receiver, target, children):
    target.answers = [{"do": lambda _: time.sleep(1)}]
    home = home_with(sink("out", url=target.url))
    deliver(receiver(home=home))
    running = Child([BIN / "hookspool", "-c", home.conf, "relay", "--once"], home.dir / "once.log")
    target.until(1)
    running.signal(signal.SIGHUP)
    assert running.wait(20) == 0 and "stopping" in running.text() and states(home) == [1]
