# SPDX-License-Identifier: ISC
"""A spool of a PostgreSQL server: receivers of several machines, a server that fails, and the overflow."""
import json
import os
import signal
import threading
import time

import pytest

from fcgi_client import Fcgi
from place import until
from postgresql_server import PostgreSQL
from receiver import Home, endpoint
from relaying import PATH, Relay, Target, sink
from sender import message, new_urn

ROUNDS = int(os.environ.get("HOOKSPOOL_KILL_ROUNDS", "5"))


class Machine(Home):
    """A machine with a receiver of its own; its spool is the server's, and its overflow a directory."""

    def __init__(self, server, *sections, overflow=True, **given):
        given.setdefault("spool_wait", "2s")
        super().__init__(*sections, spool=server.url, overflow="none" if not overflow else "spool", **given)
        self.server, self.given = server, given
        self.spool.dir = self.dir / "spool"


@pytest.fixture
def server():
    return PostgreSQL(table=None)


def keys(server):
    """The ids of the events that the server has, in its order."""
    return [bytes.fromhex(row[0]).decode() for row in server.do("SELECT encode(key, 'hex') FROM event ORDER BY id")]


def send(receiver, body, **how):
    with Fcgi(receiver.socket) as client:
        return client.deliver(body, **how).status


def test_an_event_is_stored_once(server):
    receiver = Machine(server).start()
    urn = new_urn()
    assert [send(receiver, message(urn)) for _ in range(3)] == [200, 200, 200]
    assert keys(server) == [urn]
    assert len(receiver.entries(outcome="duplicate")) == 2
    until(lambda: server.one("SELECT coalesce(sum(n), 0) FROM counter") == "3", "the counters are written")
    assert server.one("SELECT count(*) FROM program WHERE role = 'receiver'") == "1"
    receiver.stop()


class Load:
    """Senders on connections of their own, until stop(); `acknowledged` has the ids that were answered 200, `late` the times of answers."""

    def __init__(self, receivers, senders=8, urns=None):
        self.acknowledged, self.times, self.statuses = [], [], []
        self.lock, self.stopped = threading.Lock(), False
        self.threads = [threading.Thread(target=self.run, args=(receivers[i % len(receivers)], urns)) for i in range(senders)]
        for thread in self.threads:
            thread.start()

    def run(self, receiver, urns):
        client = None
        while not self.stopped:
            urn = urns or new_urn()
            began = time.monotonic()
            try:
                client = client or Fcgi(receiver.socket)
                status = client.deliver(message(urn)).status
            except OSError:
                client, status = None, 0
            with self.lock:
                self.times.append(time.monotonic() - began)
                self.statuses.append(status)
                if status == 200:
                    self.acknowledged.append(urn)

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()


def test_identical_deliveries_at_two_receivers_are_one_event(server):
    receivers = [Machine(server).start() for _ in range(2)]
    body, statuses, lock = message(new_urn()), [], threading.Lock()

    def deliver(receiver):
        with Fcgi(receiver.socket) as client:
            mine = [client.deliver(body).status for _ in range(50)]
        with lock:
            statuses.extend(mine)

    threads = [threading.Thread(target=deliver, args=(receivers[i % 2],)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 1000
    assert len(keys(server)) == 1
    for receiver in receivers:
        receiver.stop()


def test_a_killed_server_loses_no_acknowledged_event(server):
    """Without an overflow: what is answered 200 is in PostgreSQL."""
    receivers = [Machine(server, overflow=False).start() for _ in range(2)]
    load = Load(receivers)
    for _ in range(ROUNDS):
        before = len(load.acknowledged)
        until(lambda: len(load.acknowledged) > before + 50, "events are stored", 60)
        server.kill(signal.SIGKILL)
        server.start()
    before = len(load.acknowledged)
    until(lambda: len(load.acknowledged) > before + 50, "events are stored again", 60)
    load.stop()
    stored = keys(server)
    assert len(stored) == len(set(stored))
    assert not set(load.acknowledged) - set(stored)
    assert set(load.statuses) <= {200, 503}
    for receiver in receivers:
        receiver.stop()


def test_one_event_that_the_server_refuses_fails_no_other(server):
    receiver = Machine(server).start()
    send(receiver, message())
    server.do("ALTER TABLE event ADD CHECK (position('poison' IN encode(body, 'escape')) = 0)")
    results = {}

    def deliver(name):
        results[name] = send(receiver, message(text=name))

    threads = [threading.Thread(target=deliver, args=("poison" if i == 7 else f"text {i}",)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name for name, status in results.items() if status != 200} == {"poison"} and results["poison"] == 503
    assert server.one("SELECT count(*) FROM event") == "16"
    receiver.stop()


def test_without_an_overflow_a_server_that_is_down_is_answered_503(server):
    receiver = Machine(server, overflow=False).start()
    server.kill(signal.SIGKILL)
    assert send(receiver, message()) == 503
    server.start()
    until(lambda: send(receiver, message()) == 200, "it is up again", 30)
    receiver.stop()


@pytest.mark.parametrize("how", ["killed", "stopped", "read-only"])
def test_events_go_to_the_overflow_in_time(server, how):
    machine = Machine(server)
    receiver = machine.start()
    send(receiver, message())
    if how == "killed":
        server.kill(signal.SIGKILL)
    elif how == "stopped":
        server.hang(True)
    else:
        server.do("ALTER SYSTEM SET default_transaction_read_only = on")
        server.do("SELECT pg_reload_conf()")
    load = Load([receiver], senders=4)
    time.sleep(6)
    load.stop()
    receiver.stop() # also while the server does not answer
    if how == "stopped":
        server.hang(False)
    assert set(load.statuses) == {200} and len(load.statuses) > 20
    assert sorted(load.times)[int(len(load.times) * 0.99)] < 2.5, sorted(load.times)[-5:]
    assert len(machine.spool.events()) > 0
    assert receiver.entries(level="error")


def test_a_receiver_that_starts_without_a_server_has_the_overflow(server):
    server.kill(signal.SIGKILL)
    machine = Machine(server)
    receiver = machine.start()
    assert send(receiver, message()) == 200
    assert len(machine.spool.events()) == 1
    server.start()
    until(lambda: send(receiver, message()) == 200 and server.psql("SELECT count(*) FROM event").stdout.strip() == b"1", "it makes its tables", 30)
    receiver.stop()


# ---- relays of several machines

def machines(server, *sections, n=2):
    """Machines whose endpoint is relayed to "out"."""
    return [Machine(server, *sections, endpoint(PATH, relay=["out"])) for _ in range(n)]


def number(entry):
    return json.loads(entry[4])["data"]["body"]


def pending(server):
    return int(server.one("SELECT count(*) FROM relay WHERE state = 0"))


def test_two_relays_share_the_deliveries(server):
    target = Target()
    both = machines(server, sink("out", url=target.url, max_in_flight=4))
    receivers = [machine.start() for machine in both]
    relays = [Relay(machine).ready() for machine in both]
    for i in range(200):
        assert send(receivers[i % 2], message(text=str(i))) == 200
    until(lambda: pending(server) == 0, "all are delivered", 60)
    assert sorted(map(int, map(number, target.got))) == list(range(200))
    assert all("outcome=delivered" in relay.text() for relay in relays)
    assert server.one("SELECT count(*) FROM relay WHERE holder <> 0") == "0"
    for relay in relays:
        relay.stop()
    assert server.one("SELECT count(*) FROM relayer") == "0"
    for receiver in receivers:
        receiver.stop()


def test_a_conversation_keeps_its_order_over_two_relays(server):
    target = Target()
    target.answers = [{"status": 503} if i % 5 == 0 else {} for i in range(60)]
    both = machines(server, sink("out", url=target.url, ordered=True, retry=["10ms", "100ms", "1h"]))
    receivers = [machine.start() for machine in both]
    for i in range(40):
        assert send(receivers[i % 2], message(text=str(i))) == 200
    relays = [Relay(machine).ready() for machine in both]
    until(lambda: pending(server) == 0, "all are delivered", 60)
    numbers = [int(number(entry)) for entry in target.got]
    assert numbers == sorted(numbers) and set(numbers) == set(range(40))
    for relay in relays:
        relay.stop()
    for receiver in receivers:
        receiver.stop()


def test_what_a_killed_relay_had_another_one_sends(server):
    """Its lease ends after half a minute."""
    slow, lock = threading.Event(), threading.Lock()
    held = []

    def hold(handler):
        with lock:
            held.append(handler)
        slow.wait(120)

    target = Target()
    target.answers = [{"do": hold} for _ in range(4)]
    both = machines(server, sink("out", url=target.url, max_in_flight=4, timeout="100s"))
    receiver = both[0].start()
    first = Relay(both[0]).ready()
    for i in range(12):
        assert send(receiver, message(text=str(i))) == 200
    until(lambda: len(held) == 4, "four are on the way", 30)
    first.kill()
    slow.set()
    second = Relay(both[1]).ready()
    until(lambda: pending(server) == 0, "the other relay has sent all", 90)
    assert {int(number(entry)) for entry in target.got} == set(range(12))
    second.stop()
    receiver.stop()


# ---- what is in the overflow

def test_the_overflow_is_drained_in_order_and_once(server):
    target = Target()
    machine = machines(server, sink("out", url=target.url, ordered=True), n=1)[0]
    receiver = machine.start()
    assert send(receiver, message(text="0")) == 200
    relay = Relay(machine).ready()
    known = message(text="known")
    assert send(receiver, known) == 200
    until(lambda: pending(server) == 0, "two are delivered", 30)
    server.kill(signal.SIGKILL)
    for i in range(1, 30):
        assert send(receiver, message(text=str(i))) == 200
    assert send(receiver, known) == 200
    assert len(machine.spool.events()) == 30
    server.start()
    until(lambda: not machine.spool.events(), "the overflow is empty", 60)
    assert server.one("SELECT count(*) FROM event") == "31"
    until(lambda: pending(server) == 0, "all are delivered", 60)
    # the last results may be lost with the server: what they were of is sent again, with the same id
    assert list(dict.fromkeys(number(entry) for entry in target.got)) == ["0", "known", *(str(i) for i in range(1, 30))]
    assert server.one("SELECT count(*) FROM relay") == "31"
    assert machine.spool.query("SELECT count(*) AS n FROM relay")[0]["n"] == 0
    relay.stop()
    receiver.stop()
