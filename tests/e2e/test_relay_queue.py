# SPDX-License-Identifier: ISC
"""The queue of a sink: order, filters, rate, and the pauses of its circuit breaker."""
import os
import time

from place import SLOW, in_own_mounts, until
from relaying import Target, deliver, home_with, settled, sink, states


def test_sink_that_is_down_delays_no_other(receiver, relay, target):
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


def test_slow_name_resolution_delays_no_other_sink(receiver, relay, target):
    """The relay waits for no name server: neither while it runs, nor when it ends."""
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


def test_attempts_that_fail_together_are_one_failure(receiver, relay):
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
        assert back.got[0][0] - start < 20
    finally:
        back.close()


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


def test_success_ends_a_pause_in_the_spool(receiver, relay, target):
    """Once the pause is over."""
    target.answers = [{"status": 429, "headers": {"Retry-After": "1"}}]
    home = home_with(sink("out", url=target.url))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    until(lambda: home.spool.query("SELECT * FROM pause"), "the pause")
    settled(home, 1)
    assert not home.spool.query("SELECT * FROM pause")


def test_dropped_event_takes_nothing_of_the_rate(receiver, relay, target):
    home = home_with(sink("out", url=target.url, rate="30/m", rate_burst=1))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 40)
    target.until(1)
    assert home.cli("drop", "--sink", "out").returncode == 0
    new = deliver(one)
    until(lambda: new[0] in target.bodies(), "the one that was not dropped", 30)
    assert len(target.got) <= 3
