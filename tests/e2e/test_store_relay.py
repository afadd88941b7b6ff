# SPDX-License-Identifier: ISC
"""`store` with the real relay: the answer waits until a sink has acknowledged."""
import os
import pwd
import socket
import struct
import threading
import time

import pytest

import fcgi_client
from outcomes import expect
from place import ROOT, SLOW, USER, own, until
from receiver import Home, endpoint
from relaying import PATH, Relay, Target, settled, sink, states
from sender import message
from storing import OTHER, QUICK, Waiting, home_to, slow_target


@pytest.fixture
def running(receiver, children):
    """A function that starts the receiver and the relay of a home."""
    def start(home):
        one = receiver(home=home)
        expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")
        return one, Relay(home).ready()
    return start


def test_200_comes_after_the_sinks_answer(running, target):
    home = home_to(target)
    one, _ = running(home)
    slow_target(target, 1)
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    took = time.monotonic() - begin
    assert states(home) == [1], "the delivery is recorded when the answer comes"
    assert 1 <= took < 1 + QUICK
    assert one.until_entry(store="done")


def test_200_comes_at_once_from_a_quick_sink(running, target):
    home = home_to(target)
    one, _ = running(home)
    took = []
    for _ in range(20):
        begin = time.monotonic()
        expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
        took.append(time.monotonic() - begin)
        assert set(states(home)) == {1}
    assert sorted(took)[10] < 0.7, took


def test_pending_event_is_delivered_later(running, target):
    home = home_to(target, store_wait="500ms")
    one, _ = running(home)
    slow_target(target, 1.5)
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert 0.5 <= time.monotonic() - begin < 0.5 + QUICK
    assert one.until_entry(store="pending") and states(home) == [0]
    settled(home, 1)
    assert len(target.got) == 1


def test_required_is_503_until_the_sink_has_it(running, target):
    home = home_to(target, store_wait="500ms", store_required=True)
    one, _ = running(home)
    target.answers += [{"status": 500}]
    body = message()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "duplicate")
    assert time.monotonic() - begin < QUICK
    assert states(home) == [1] and len(target.got) == 2
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "duplicate")
    assert len(target.got) == 2, "what the sink has is not sent again"


def test_refused_by_the_sink_is_told_at_once(running, target):
    home = home_to(target, store_required=True)
    one, _ = running(home)
    target.answers += [{"status": 400}]
    body = message()
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    assert time.monotonic() - begin < QUICK
    assert one.until_entry(store="refused") and states(home) == [2]
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    assert home.cli("retry", "--sink", "out").returncode == 0
    settled(home, 1)
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "duplicate")


def test_relay_killed_while_the_sink_answers(running, target):
    home = home_to(target)
    one, relay = running(home)
    slow_target(target, 3)
    wait = Waiting(one.socket, message())
    target.until(1)
    relay.kill()
    expect(wait.get(), "stored")
    assert wait.took < 1 + QUICK
    assert one.until_entry(store="none")
    Relay(home).ready()
    settled(home, 1)


def test_relay_reloads_while_a_delivery_waits(running, target):
    home = home_to(target)
    one, relay = running(home)
    slow_target(target, 1)
    wait = Waiting(one.socket, message())
    target.until(1)
    relay.hup()
    expect(wait.get(), "stored")
    assert one.until_entry(store="done")
    relay.until(lambda: relay.text().count("relaying to") == 2, "the relay has reloaded")
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    until(lambda: [e["store"] for e in one.entries(outcome="stored") if "store" in e] == ["done", "done"], "both were acknowledged")


def test_waiting_delivery_goes_before_others(running, target):
    """The sink takes two events a second, and has 40 to do: one that is waited for is the next."""
    home = Home(sink("out", url=target.url, rate="2/s", rate_burst=1), endpoint(OTHER, relay=["out"]), endpoint(PATH, store=["out"]))
    one, _ = running(home)
    for _ in range(40):
        expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert time.monotonic() - begin < 10
    assert one.until_entry(store="done") and len(target.got) < 30


@pytest.mark.parametrize("wanted", [{"texts": ["price"]}, {"where": ["json:data.body ~ price"]}], ids=lambda wanted: next(iter(wanted)))
def test_event_that_the_sink_does_not_want_is_not_waited_for(running, target, wanted):
    home = Home(sink("out", url=target.url, **wanted), endpoint(PATH, store=["out"], store_required=True), endpoint(OTHER))
    one, _ = running(home)
    slow_target(target, 1)
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(text="Hello"), path=PATH), "stored")
    assert time.monotonic() - begin < QUICK
    expect(fcgi_client.deliver(one.socket, message(text="The price?"), path=PATH), "stored")
    assert time.monotonic() - begin > 1 and len(target.got) == 1


@pytest.mark.skipif(not ROOT, reason="only root can run the relay as another user")
def test_relay_may_be_another_user_of_the_group(receiver, target, children):
    home = home_to(target)
    home.spool.dir.mkdir()
    own(home.spool.dir).chmod(0o2770)
    home.conf.chmod(0o640)
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")
    relay = Relay(home, before=["setpriv", "--reuid=daemon", f"--regid={USER}", "--clear-groups"], user=None).ready()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert one.until_entry(store="done") and relay.alive()
    st = (home.spool.dir / "ack").stat()
    assert st.st_uid == pwd.getpwnam("daemon").pw_uid and st.st_mode & 0o777 == 0o660


def test_two_sinks_must_both_acknowledge(running, target):
    other = Target()
    home = Home(sink("a", url=target.url), sink("b", url=other.url), endpoint(PATH, store=["a", "b"]), endpoint(OTHER))
    one, _ = running(home)
    slow_target(other, 1)
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert time.monotonic() - begin >= 1 and states(home) == [1, 1]
    other.close()


def test_ordered_sink_acknowledges_in_its_order(running, target):
    home = Home(sink("out", url=target.url, ordered=True), endpoint(PATH, store=["out"]), endpoint(OTHER))
    one, _ = running(home)
    slow_target(target, 0.3, 3)
    bodies = [message() for _ in range(3)]
    waits = []
    for body in bodies:
        waits.append(Waiting(one.socket, body))
        time.sleep(0.1)
    for wait in waits:
        expect(wait.get(), "stored")
    assert target.bodies() == bodies
    until(lambda: len(one.entries(store="done")) == 3, "all were acknowledged")


def test_sink_that_the_relay_does_not_know_is_told_at_once(running, target):
    """The receiver has a newer configuration than the relay."""
    home = home_to(target)
    one, _ = running(home)
    home.configure(sink("new", url=target.url), endpoint(PATH, store=["new"]), endpoint(OTHER))
    one.hup()
    one.until(lambda: "reloaded" in one.text(), "the receiver has reloaded")
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert time.monotonic() - begin < QUICK
    assert one.until_entry(store="none")


def test_many_waiting_at_once_are_all_acknowledged(running, target):
    home = home_to(target)
    one, _ = running(home)
    waits = [Waiting(one.socket, message()) for _ in range(150)]
    for wait in waits:
        expect(wait.get(), "stored")
    until(lambda: len(one.entries(store="done")) == 150, "all were acknowledged")
    assert len(target.got) == 150 and states(home) == [1] * 150


def test_relay_takes_no_more_than_it_knows(running, target):
    """A process that can write to the spool asks for what there is not, and sends what is no question."""
    home = home_to(target)
    one, relay = running(home)
    for packet in (b"", b"x", bytes(16 * 257), struct.pack("qq", 1, 1) * 256, struct.pack("qq", -1, -2**63), os.urandom(4096)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(5)
            sock.connect(str(home.spool.dir / "ack"))
            sock.send(packet)
            try:
                answer = sock.recv(65536)
            except ConnectionResetError:
                answer = b""
            assert len(answer) % 24 == 0
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert one.until_entry(store="done") and relay.alive() and len(target.got) == 1


@pytest.mark.parametrize("kind", ["nginx", "mod_fcgid", "mod_cgid"])
def test_every_web_server_waits_for_the_sink(served, target, kind, children):
    home = home_to(target)
    site = served(kind, home)
    expect(site.deliver(OTHER, message()), "stored")
    Relay(home).ready()
    slow_target(target, 1)
    begin = time.monotonic()
    expect(site.deliver(PATH, message()), "stored")
    assert time.monotonic() - begin >= 1 and states(home) == [1]
    until(lambda: [e for e in site.entries(outcome="stored") if e.get("store") == "done"], "the log's entry")


@pytest.mark.parametrize("section", [
    'type = "exec"\ncommand = {"sh", "-c", "sleep 1; cat >> DIR/got"}\n',
    'type = "null"\ndelay = "1s"\n',
], ids=["exec", "null"])
def test_every_type_of_sink_acknowledges(running, section):
    home = Home()
    home.configure('sink "out" {\n' + section.replace("DIR", str(home.dir)) + "}\n", endpoint(PATH, store=["out"]), endpoint(OTHER))
    one, _ = running(home)
    begin = time.monotonic()
    body = message()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    assert 1 <= time.monotonic() - begin < 1 + QUICK
    assert states(home) == [1]
    if "exec" in section:
        assert (home.dir / "got").read_bytes() == body


def test_refusing_and_failing_sinks_of_the_type_null(running):
    for result, wait, word in (("refused", 0, "refused"), ("retry", 0.5, "pending"), ("doubt", 0.5, "pending"), ("down", 0.5, "pending")):
        home = Home(f'sink "out" {{\ntype = "null"\nresult = "{result}"\n}}\n',
                    endpoint(PATH, store=["out"], store_wait="500ms", store_required=True), endpoint(OTHER))
        one, relay = running(home)
        begin = time.monotonic()
        expect(fcgi_client.deliver(one.socket, message(), path=PATH), "unacknowledged")
        assert wait <= time.monotonic() - begin < wait + QUICK
        assert one.until_entry(outcome="unacknowledged")["store"] == word
        relay.stop()


def test_200_means_that_the_sink_has_it(running, target):
    """The relay is killed again and again, and the sink fails now and then: with store-required no answer is ahead of the sink."""
    home = home_to(target, store_wait="300ms", store_required=True)
    one, relay = running(home)
    begin, wrong, counts = time.monotonic(), [], {"stored": 0, "duplicate": 0, "unacknowledged": 0}

    def goes_on():
        """For 8 s, and until each outcome was there: what a killed relay had claimed of a server is sent when its lease ends."""
        seen = counts["stored"] > 20 and counts["unacknowledged"] > 0 and counts["duplicate"] > 0
        return time.monotonic() < begin + (8 if seen else 180)

    def send():
        while goes_on():
            body, code = message(), "unacknowledged"
            while code == "unacknowledged" and goes_on():
                code = fcgi_client.deliver(one.socket, body, path=PATH).code
                counts[code] += 1
            if code != "unacknowledged" and body not in target.bodies():
                wrong.append(body)

    threads = [threading.Thread(target=send, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    while goes_on():
        with target.lock:  # more than the relays take would refuse each later try
            target.answers = target.answers or [{"status": 503}, {"status": 0}]
        time.sleep(0.6)
        relay.kill()
        relay = Relay(home).ready()
    for thread in threads:
        thread.join(10)
    assert not wrong
    assert counts["stored"] > 20 and counts["unacknowledged"] > 0 and counts["duplicate"] > 0, counts


def ask(home, keys):
    """Asks the relay itself; the answers by key, those that come within two seconds."""
    told = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as conn:
        conn.connect(str(home.spool.dir / "ack"))
        conn.settimeout(2)
        for at in range(0, len(keys), 256):
            conn.send(b"".join(struct.pack("qq", *key) for key in keys[at:at + 256]))
        try:
            while len(told) < len(keys):
                packet = conn.recv(65536)
                told |= {(row, event): state for row, event, state in struct.iter_unpack("qqq", packet)}
        except TimeoutError:
            pass
    return told


def keys_of(home, name):
    return [(row["id"], row["event"]) for row in home.spool.query(f"SELECT id, event FROM relay WHERE sink = '{name}'")]


def test_many_that_wait_for_a_sink_that_is_down_keep_no_other_from_being_told(running, target):
    home = Home(sink("down", url="http://127.0.0.1:9/"), sink("out", url=target.url), endpoint(PATH, relay=["down"]),
                endpoint(OTHER, relay=["out"]))
    one, _ = running(home)
    for _ in range(100):
        expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    done = keys_of(home, "out")
    until(lambda: home.spool.query("SELECT count(*) AS n FROM relay WHERE state = 1")[0]["n"] == len(done), "delivered")
    told = ask(home, keys_of(home, "down") + done)
    assert told == {key: 0 for key in done}


def test_sink_that_fails_at_once_is_not_tried_twice_at_once(running):
    """The attempt may have failed before the receiver asks the relay."""
    home = Home(sink("out", url="http://127.0.0.1:9/", retry=["1m", "1m", "1h"]), endpoint(PATH, relay=["out"]), endpoint(OTHER))
    one, _ = running(home)

    def attempts():
        return home.spool.query("SELECT attempts FROM relay")[0]["attempts"]

    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    until(lambda: attempts() == 1, "the first attempt has failed")
    assert ask(home, keys_of(home, "out")) == {} and attempts() == 1
    assert ask(home, keys_of(home, "out")) == {} and attempts() == 2, "the sender has come again"


def test_more_that_wait_than_are_read_ahead_go_before_others(running, target):
    """150 wait. A backlog of 300 is before them in the spool, which takes the sink 6 s."""
    home = Home(sink("out", url=target.url, rate="50/s", rate_burst=1), endpoint(PATH, store=["out"], store_wait="5s"),
                endpoint("/webhook/plain", relay=["out"]), endpoint(OTHER))
    one = receiver_with_backlog(running, home, 300)
    waits = [Waiting(one.socket, message()) for _ in range(150)]
    for wait in waits:
        expect(wait.get(), "stored")
    until(lambda: len(one.entries(store="done")) == 150, "all were acknowledged")


def receiver_with_backlog(running, home, n):
    one, _ = running(home)
    with fcgi_client.Fcgi(one.socket) as fcgi:
        for _ in range(n):
            expect(fcgi.deliver(message(), path="/webhook/plain"), "stored")
    return one


def test_event_of_a_new_spool_is_not_taken_for_one_of_the_old(running, target):
    """The ids begin anew: the relay's old spool has a delivery of the same ids, that is done."""
    home = home_to(target, store_required=True)
    home.configure(sink("out", url=target.url, retry=["1s", "1s", "1h"]), endpoint(PATH, store=["out"], store_wait="4s",
                   store_required=True), endpoint(OTHER, relay=["out"]))
    one, _ = running(home)
    until(lambda: set(states(home)) == {1}, "delivered")
    slow_target(target, 1)
    for path in home.spool.dir.glob("hookspool.db*"):
        path.unlink()
    body = message()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    assert [got[4] for got in target.got].count(body) == 1
    assert states(home) == [1]


def test_duplicate_is_sent_to_a_sink_that_store_names_since(running, target):
    """The administrator names another sink, as the first one is down. A 200 means that this one has the event."""
    body = message()
    home = Home(sink("down", url="http://127.0.0.1:9/"), sink("out", url=target.url),
                endpoint(PATH, store=["down"], store_wait="300ms", store_required=True), endpoint(OTHER))
    one, relay = running(home)
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    home.configure(sink("down", url="http://127.0.0.1:9/"), sink("out", url=target.url),
                   endpoint(PATH, store=["out"], store_wait="3s", store_required=True), endpoint(OTHER))
    one.hup()
    one.until(lambda: "reloaded" in one.text(), "the receiver has reloaded")
    slow_target(target, 0.5)
    for _ in range(2):
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "duplicate")
        assert [got[4] for got in target.got] == [body]
    assert sorted(states(home)) == [0, 1]
