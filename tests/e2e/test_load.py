# SPDX-License-Identifier: ISC
"""Many at once: concurrent duplicates over several processes, idle connections, more than may be in flight."""
import select
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import fcgi_client
import sender
from fcgi_client import Fcgi, opening, params, record, stdin, STDIN
from outcomes import expect
from place import SLOW, until
from receiver import Home, endpoint
from sender import message, new_urn
from servers import nginx


@pytest.mark.parametrize("round", range(3))
def test_200_identical_deliveries_over_4_processes(round):
    """One event, and every sender is told that it is safe."""
    home = Home()
    server = nginx(home, keep=True, receivers=4)
    try:
        urn = new_urn()
        body = message(urn)
        with ThreadPoolExecutor(200) as pool:
            replies = list(pool.map(lambda _: server.deliver("/webhook/linkedin", body), range(200)))
    finally:
        server.stop()
    codes = [reply.code for reply in replies]
    assert {reply.status for reply in replies} == {200}
    assert (codes.count("stored"), codes.count("duplicate")) == (1, 199)
    assert {reply.json["id"] for reply in replies} == {home.spool.event(key=urn)["id"]}
    assert sum(bool(receiver.entries(key=urn)) for receiver in server.receivers) > 1, "one process did it all"
    counters = home.spool.counters()
    assert counters[("/webhook/linkedin", "stored", 1)] == 1
    assert counters[("/webhook/linkedin", "duplicate", 1)] == 199


def test_different_deliveries_all_arrive(served):
    """300 events from 50 senders through kept connections: none is lost, none is mixed up."""
    site = served("nginx-kept", Home())
    bodies = {urn: message(urn, text="x" * (i * 40)) for i, urn in enumerate(new_urn() for _ in range(300))}
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda body: site.deliver("/webhook/linkedin", body), bodies.values()))
    assert {reply.code for reply in replies} == {"stored"}
    assert {event["key"].split()[0]: event["body"] for event in site.home.spool.events()} == bodies
    assert len({reply.json["id"] for reply in replies}) == 300


IDLE = {
    "after a request": lambda fcgi: expect(fcgi.deliver(message()), "stored"),
    "before any": lambda fcgi: None,
    "inside the parameters": lambda fcgi: fcgi.send(opening(params())[:60]),
}


@pytest.mark.parametrize("use", IDLE.values(), ids=IDLE)
def test_300_idle_connections_hold_no_worker(receiver, use):
    """A new delivery is answered at once."""
    one = receiver(max_in_flight=1)
    idle = [Fcgi(one.socket) for _ in range(300)]
    for fcgi in idle:
        use(fcgi)
    took = []
    for _ in range(5):
        start = time.monotonic()
        expect(fcgi_client.deliver(one.socket, message()), "stored")
        took.append(time.monotonic() - start)
    assert statistics.median(took) < 5
    if use is IDLE["after a request"]:  # they are all still good
        for fcgi in idle:
            expect(fcgi.deliver(message()), "stored")
    for fcgi in idle:
        fcgi.sock.close()


def test_too_many_late_bodies_are_answered_busy(receiver):
    """max-in-flight = 1: the second body that isn't there yet is turned away; whole requests are served at the same time."""
    one = receiver(max_in_flight=1)
    first, second = message(), message()
    with Fcgi(one.socket) as occupant, Fcgi(one.socket) as other:
        occupant.send(opening(params(body=first)) + stdin(first[:10]))
        other.send(opening(params(body=second)) + stdin(second[:10]))
        answered = first_answered(occupant, other)
        expect(answered.reply(), "busy")
        for _ in range(5):
            expect(fcgi_client.deliver(one.socket, message()), "stored")
        waiting, body = (other, second) if answered is occupant else (occupant, first)
        waiting.send(stdin(body[10:]) + record(STDIN))
        expect(waiting.reply(), "stored")
    assert len(one.home.spool.events()) == 6
    one.until_entry(outcome="busy")


def first_answered(*connections):
    ready = select.select([c.sock for c in connections], [], [], 10 * SLOW)[0]
    assert ready, "no request was answered"
    return next(c for c in connections if c.sock in ready)


def test_slow_senders_hold_no_worker(receiver):
    """More unfinished bodies than workers, and whole requests are still answered at once."""
    one = receiver(max_in_flight=2, body_timeout="30s")
    slow = [Fcgi(one.socket) for _ in range(20)]
    body = message()
    for fcgi in slow:
        fcgi.send(opening(params(body=body)) + stdin(body[:-1]))
    until(lambda: one.entries(outcome="busy"), "a slow sender is turned away")
    start = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    assert time.monotonic() - start < 15, "not after body-timeout"
    for fcgi in slow:
        fcgi.sock.close()


def test_busy_answer_through_nginx(served):
    """The first slow body holds the one worker it may; the second is turned away, a whole one is not."""
    site = served("nginx-streaming", Home(endpoint(), max_in_flight=1, body_timeout="5s"))
    body = message()
    head = sender.head("/webhook/linkedin", sender.signed_headers(body) + [("Content-Length", str(len(body)))])
    with site.connect() as first, site.connect() as second:
        for slow in (first, second):
            slow.send(head + body[:100])
        codes = {expect_slow(slow) for slow in (first, second)}
        assert codes == {"busy", "timeout"}
    expect(site.deliver("/webhook/linkedin", body), "stored")


def expect_slow(http):
    reply = http.reply()
    return expect(reply, reply.code).code


def test_large_bodies_wait_for_their_turn(served):
    """Passed on as they come, more at once than max-in-flight, and each is stored in little time: none is turned away."""
    site = served("mod_proxy_fcgi", Home(endpoint(), max_in_flight=2))
    start = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: site.deliver("/webhook/linkedin", message(text="x" * 200_000)), range(400)))
    assert Counter(reply.code for reply in replies) == {"stored": 400}
    assert time.monotonic() - start < 60
