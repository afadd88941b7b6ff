# SPDX-License-Identifier: ISC
"""A clock that was wrong: what was stored with its time does no harm, and is told of."""
import sqlite3

import fcgi_client
from outcomes import expect
from relaying import PATH, deliver, home_with, settled, sink
from sender import message

FUTURE = 1925078410000  # 2031, in ms


def move(home, at):
    """As if the clock had shown that when all of the spool was stored."""
    db = sqlite3.connect(home.spool.dir / "hookspool.db", timeout=10)
    db.execute("UPDATE event SET received_at = ?", [at])
    db.execute("UPDATE relay SET since = ?, due = ?", [at, at])
    db.commit()
    db.close()


def test_event_of_the_future_is_relayed_now(receiver, relay, target):
    home = home_with(sink("out", url=target.url, retry=["1s", "2s", "3d"]))
    one = receiver(home=home)
    bodies = deliver(one, 2)
    move(home, FUTURE)
    target.answers = [{"status": 503}]
    sending = relay(home)
    target.until(3)
    settled(home, 2)
    assert set(target.bodies()) == set(bodies)
    assert "2 deliveries were due later than any pause lasts" in sending.text()


def test_clock_set_back_is_logged(receiver):
    """At the receiver's start, while it runs, and by check; events go on being stored."""
    home = home_with(sink("out", url="https://example.com/"))
    one = receiver(home=home)
    deliver(one)
    assert "the clock:" not in one.text()
    assert "from the future" not in home.cli("check").stdout.decode()
    move(home, FUTURE)
    one.stop()
    again = receiver(home=home)
    expect(fcgi_client.deliver(again.socket, message(), path=PATH), "stored")
    assert "the clock: the newest event is of 2031-01-" in again.text()
    again.stop()
    assert "warn 1 of the newest 1000 events is from the future, up to 2031-01-" in home.cli("check").stdout.decode()
    last = receiver(home=home)
    expect(fcgi_client.deliver(last.socket, message(), path=PATH), "stored")
    assert "the clock:" not in last.text()
