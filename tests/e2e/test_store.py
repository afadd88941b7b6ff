# SPDX-License-Identifier: ISC
"""`store`: the answer waits until a sink has acknowledged. The relay is the test's own; test_store_relay.py has the real one."""
import fcntl
import os
import signal
import sqlite3
import struct
import threading
import time

import pytest

import fcgi_client
from fcgi_client import Fcgi
from outcomes import expect
from place import until
from receiver import Home, endpoint
from relaying import PATH, Relay, sink
from sender import message
from storing import DELIVERED, OTHER, QUICK, REFUSED, UNKNOWN, FakeRelay, Waiting, home_with_store


@pytest.fixture
def home():
    return home_with_store()


@pytest.fixture
def fake():
    """A function that puts a relay of the test's own on a home whose receiver runs."""
    made = []

    def start(home):
        made.append(FakeRelay(home))
        return made[-1]
    yield start
    for one in made:
        try:
            one.close()
        except OSError:
            pass


def test_answer_comes_with_the_acknowledgement(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    relay.until(1)
    time.sleep(0.5)
    assert wait.reply is None
    assert [row["state"] for row in home.spool.query("SELECT state FROM relay")] == [0]
    relay.say_all()
    expect(wait.get(), "stored")
    entry = one.until_entry(outcome="stored")
    assert entry["store"] == "done" and float(entry["store_ms"]) >= 500


def test_at_the_deadline_the_event_is_pending(receiver, fake):
    home = home_with_store(store_wait="700ms")
    one = receiver(home=home)
    fake(home)
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert 0.7 <= time.monotonic() - begin < 0.7 + QUICK
    assert one.until_entry(outcome="stored")["store"] == "pending"


def test_required_and_not_acknowledged_is_503_until_it_is(receiver, fake):
    home = home_with_store(store_wait="500ms", store_required=True)
    one = receiver(home=home)
    relay = fake(home)
    body = message()
    reply = fcgi_client.deliver(one.socket, body, path=PATH)
    expect(reply, "unacknowledged")
    assert reply.headers["retry-after"] == "5"
    assert one.until_entry(outcome="unacknowledged")["store"] == "pending"
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    wait = Waiting(one.socket, body)
    relay.until(3)
    relay.say_all()
    expect(wait.get(), "duplicate")
    assert len({key for _, key in relay.asked}) == 1, "a duplicate asks for the delivery of its event"
    assert len(home.spool.events()) == 1


def test_duplicate_of_a_delivered_event_is_answered_at_once(receiver, fake):
    home = home_with_store(store_required=True)
    one = receiver(home=home)
    relay = fake(home)
    body = message()
    wait = Waiting(one.socket, body)
    relay.until(1)
    set_states(home, 1)
    relay.say_all()
    expect(wait.get(), "stored")
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "duplicate")
    assert time.monotonic() - begin < QUICK
    assert len(relay.asked) == 1
    assert one.until_entry(outcome="duplicate")["store"] == "done"


def set_states(home, state):
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.execute("UPDATE relay SET state = ?", (state,))


@pytest.mark.parametrize("required, code", [(False, "stored"), (True, "unacknowledged")])
@pytest.mark.parametrize("state, word", [(REFUSED, "refused"), (UNKNOWN, "none")])
def test_refused_is_told_at_once(receiver, fake, required, code, state, word):
    home = home_with_store(store_required=required)
    one = receiver(home=home)
    fake(home).answer = state
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), code)
    assert time.monotonic() - begin < QUICK
    assert one.until_entry(outcome=code)["store"] == word


def test_duplicate_of_a_refused_event_is_told_at_once(receiver, fake):
    home = home_with_store(store_required=True)
    one = receiver(home=home)
    relay = fake(home)
    relay.answer = REFUSED
    body = message()
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    set_states(home, 2)
    expect(fcgi_client.deliver(one.socket, body, path=PATH), "unacknowledged")
    assert len(relay.asked) == 1


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("required, code", [(False, "stored"), (True, "unacknowledged")])
def test_without_relay_it_is_told_at_once(receiver, fake, left, required, code):
    home = home_with_store(store_required=required)
    one = receiver(home=home)
    if left:
        fake(home).close()  # the socket's file is left
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), code)
    assert time.monotonic() - begin < QUICK
    assert one.until_entry(outcome=code)["store"] == "none"
    assert len(home.spool.events()) == 1


def test_relay_killed_while_waiting_is_told_soon(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    relay.until(1)
    relay.close()
    expect(wait.get(), "stored")
    assert wait.took < 1 + QUICK
    assert one.until_entry(outcome="stored")["store"] == "none"


def test_relay_that_is_back_soon_is_asked_again(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    relay.until(1)
    relay.close()
    time.sleep(0.3)
    relay.answer = DELIVERED
    relay.open()
    expect(wait.get(), "stored")
    assert one.until_entry(outcome="stored")["store"] == "done"
    assert relay.asked[0][1] == relay.asked[1][1]


def test_relay_that_closes_each_connection_is_not_asked_too_often(receiver, fake):
    """As a relay with too many connections does."""
    home = home_with_store(store_wait="2s")
    one = receiver(home=home)
    relay = fake(home)
    relay.read = lambda conn: (relay.asked.append((conn, None)), conn.close())
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert one.until_entry(store="pending") and 2 <= len(relay.asked) <= 25


def test_sigterm_answers_those_that_wait(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    waits = [Waiting(one.socket, message()) for _ in range(20)]
    relay.until(20)
    begin = time.monotonic()
    one.stop()
    assert time.monotonic() - begin < 8
    for wait in waits:
        expect(wait.get(), "stored")
    assert {e["store"] for e in one.entries(outcome="stored")} == {"pending"}


def test_sigterm_answers_them_while_a_body_still_arrives(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    with Fcgi(one.socket) as late:
        late.send(fcgi_client.opening(fcgi_client.params(OTHER, b"{}", size=100)))
        time.sleep(1.3)  # so that a worker waits for the rest
        wait = Waiting(one.socket, message())
        relay.until(1)
        time.sleep(0.2)
        begin = time.monotonic()
        one.signal(signal.SIGTERM)
        expect(wait.get(), "stored")
        assert wait.began + wait.took - begin < 8
        late.sock.close()
        assert one.wait(20) == 0


def test_acknowledgement_during_sigterm_counts(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    relay.until(1)
    stopping = threading.Thread(target=one.stop)
    stopping.start()
    time.sleep(0.2)
    relay.say_all()
    expect(wait.get(), "stored")
    stopping.join()
    assert one.until_entry(outcome="stored")["store"] == "done"


def test_sighup_while_waiting_keeps_the_request(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    relay.until(1)
    home.configure(endpoint(PATH))
    for _ in range(3):
        one.hup()
        time.sleep(0.1)
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    relay.say_all()
    expect(wait.get(), "stored")
    until(lambda: sorted(e.get("store") or "" for e in one.entries(outcome="stored")) == ["", "done"], "both entries")


def test_waiting_requests_hold_up_no_others(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    waits = [Waiting(one.socket, message()) for _ in range(200)]
    relay.until(200)
    for _ in range(20):
        begin = time.monotonic()
        expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")
        assert time.monotonic() - begin < QUICK / 2
    assert all(wait.reply is None for wait in waits)
    relay.say_all()
    for wait in waits:
        expect(wait.get(), "stored")
    until(lambda: len(one.entries(store="done")) == 200, "200 entries")


def test_too_many_waiting_are_answered_as_at_the_deadline(receiver, fake):
    home = home_with_store(store_wait="10s")
    one = receiver(home=home)
    relay = fake(home)
    waits = [Waiting(one.socket, message()) for _ in range(512)]
    relay.until(512)
    begin = time.monotonic()
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    assert time.monotonic() - begin < QUICK
    one.until_entry(store="pending")
    relay.say_all()
    for wait in waits:
        wait.get()


def test_sender_that_leaves_is_not_waited_for(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    with Fcgi(one.socket) as fcgi:
        body = message()
        fcgi.send(fcgi_client.whole(fcgi_client.params(PATH, body), body))
        relay.until(1)
    entry = one.until_entry(outcome="stored")
    assert entry["store"] == "pending" and float(entry["store_ms"]) < 1000 * QUICK


def test_kept_connection_goes_on(receiver, home, fake):
    one = receiver(home=home)
    fake(home).answer = DELIVERED
    with Fcgi(one.socket) as fcgi:
        for _ in range(5):
            expect(fcgi.deliver(message(), path=PATH), "stored")
            expect(fcgi.deliver(message(), path=OTHER), "stored")


def test_late_body_waits_too(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    body = message()
    with Fcgi(one.socket) as fcgi:
        fcgi.send(fcgi_client.opening(fcgi_client.params(PATH, body)))
        time.sleep(1.3)  # so that a worker reads it as it comes
        fcgi.send(fcgi_client.stdin(body[:10]))
        time.sleep(0.2)
        fcgi.send(fcgi_client.stdin(body[10:]) + fcgi_client.record(fcgi_client.STDIN))
        relay.until(1)
        relay.say_all()
        expect(fcgi.reply(), "stored")
        expect(fcgi.deliver(message(), path=OTHER), "stored")
    one.until_entry(store="done")


@pytest.mark.parametrize("packet", [b"", b"x", bytes(24 * 257), struct.pack("qqq", 1, 1, 3), struct.pack("qqq", 1, 1, -1)])
def test_malformed_answers_end_the_connection_to_the_relay(receiver, home, fake, packet):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    relay.until(1)
    relay.conns[0].send(packet)
    relay.until(2)  # on a new connection
    relay.say(*relay.asked[1], DELIVERED)
    expect(wait.get(), "stored")
    one.until_entry(store="done")


def test_answers_for_others_count_for_nothing(receiver, home, fake):
    one = receiver(home=home)
    relay = fake(home)
    wait = Waiting(one.socket, message())
    conn, (row, event) = relay.until(1)[0]
    for key in ((row + 1, event), (row, event + 1), (event, row + 5), (0, 0), (-1, -1), (2**63 - 1, 2**63 - 1)):
        for state in (DELIVERED, REFUSED, UNKNOWN):
            relay.say(conn, key, state)
    time.sleep(0.5)
    assert wait.reply is None
    relay.say_all()
    relay.say_all()
    expect(wait.get(), "stored")
    expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")


def test_other_users_cannot_answer(receiver, home):
    """The socket that the receiver connects to is in a directory that only the spool's users can write to."""
    receiver(home=home)
    st = os.stat(home.spool.dir)
    assert st.st_mode & 0o007 == 0


@pytest.mark.parametrize("kind", ["nginx", "nginx-kept", "mod_fcgid", "mod_proxy_fcgi", "mod_cgid"])
def test_every_web_server_waits(served, fake, kind):
    home = home_with_store(store_wait="3s")
    site = served(kind, home)
    expect(site.deliver(OTHER, message()), "stored")  # makes the spool where the server starts the program
    relay = fake(home)
    relay.answer = None
    done = []
    thread = threading.Thread(target=lambda: done.append(site.deliver(PATH, message())))
    thread.start()
    relay.until(1)
    time.sleep(0.5)
    assert not done
    relay.say_all()
    thread.join(10)
    expect(done[0], "stored")
    begin = time.monotonic()
    expect(site.deliver(PATH, message()), "stored")
    assert 3 <= time.monotonic() - begin < 3 + QUICK
    relay.close(remove=True)
    begin = time.monotonic()
    expect(site.deliver(PATH, message()), "stored")
    assert time.monotonic() - begin < QUICK
    until(lambda: sorted(e["store"] for e in site.entries(outcome="stored") if "store" in e) == ["done", "none", "pending"],
          "three entries")


def hold_lock(home):
    lock = open(home.spool.dir / "lock", "r+b")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def deliver_slowly(one, seconds, body):
    """Returns the reply and the time from the first byte to it."""
    with Fcgi(one.socket) as fcgi:
        begin = time.monotonic()
        fcgi.send(fcgi_client.opening(fcgi_client.params(PATH, body)))
        for at in range(len(body)):
            if time.monotonic() - begin < seconds:
                time.sleep(0.1)
                fcgi.send(fcgi_client.stdin(body[at:at + 1]))
            else:
                fcgi.send(fcgi_client.stdin(body[at:]))
                break
        fcgi.send(fcgi_client.record(fcgi_client.STDIN))
        return fcgi.reply(), time.monotonic() - begin


def test_body_lock_and_store_share_one_deadline(receiver, fake):
    """12 s: the body takes 7 s and the spool's lock 3 s, and the sink never acknowledges within store-wait."""
    home = home_with_store(store_wait="10s")
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")
    relay = fake(home)
    lock = hold_lock(home)
    threading.Timer(10, lock.close).start()
    reply, took = deliver_slowly(one, 7, message())
    expect(reply, "stored")
    assert len(relay.asked) == 1 and 11.5 < took < 12 + QUICK / 2, took
    assert one.until_entry(store="pending")


def test_lock_that_is_never_free_is_told_by_the_deadline(receiver, home):
    """The body takes 9 s: 3 s of the lock's 8 s are left."""
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message(), path=OTHER), "stored")
    with hold_lock(home):
        reply, took = deliver_slowly(one, 9, message())
    expect(reply, "unavailable")
    assert 11.5 < took < 12 + QUICK / 2, took


def test_check_says_that_no_relay_runs(receiver):
    for required, grade, words in ((False, "warn", "events are pending"), (True, "FAIL", "deliveries are answered 503")):
        home = home_with_store(store_required=required)
        expect(fcgi_client.deliver(receiver(home=home).socket, message(), path=OTHER), "stored")
        done = home.cli("check")
        said = [line for line in done.stdout.decode().splitlines() if "no relay runs that its store" in line]
        assert len(said) == 1 and said[0].startswith(grade) and PATH in said[0] and words in said[0], done.stdout
        relay = Relay(home).ready()
        assert b"no relay runs that its store" not in home.cli("check").stdout
        relay.stop()


def test_check_says_that_the_path_is_too_long_for_a_socket(receiver):
    home = home_with_store(store_required=True)
    long = home.dir / ("d" * 100)
    home.conf.write_text(home.conf.read_text().replace(str(home.spool.dir), str(long)))
    expect(fcgi_client.deliver(receiver(home=home).socket, message(), path=PATH), "unacknowledged")
    said = [line for line in home.cli("check").stdout.decode().splitlines() if "too long for the relay's socket" in line]
    assert len(said) == 1 and said[0].startswith("FAIL") and PATH in said[0], said


def test_store_names_eight_sinks_at_most():
    sinks = [f"s{i}" for i in range(9)]
    home = Home(*(sink(name, url="http://127.0.0.1:9/") for name in sinks), endpoint(PATH, store=sinks))
    assert b"store names 9 sinks; name 8 at most" in home.cli("check").stderr + home.cli("check").stdout


def test_replay_sends_to_store_too(receiver):
    home = home_with_store()
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, message(), path=PATH), "stored")
    set_states(home, 1)
    assert home.cli("replay", "1").returncode == 0
    assert [row["state"] for row in home.spool.query("SELECT state FROM relay")] == [0]


@pytest.mark.parametrize("kind", ["mod_fcgid", "mod_cgid"])
def test_programs_of_the_web_server_ask_a_relay_that_is_back_soon(served, fake, kind):
    home = home_with_store()
    site = served(kind, home)
    expect(site.deliver(OTHER, message()), "stored")
    relay = fake(home)
    done = []
    thread = threading.Thread(target=lambda: done.append(site.deliver(PATH, message())))
    thread.start()
    relay.until(1)
    relay.close()
    time.sleep(0.3)
    relay.answer = DELIVERED
    relay.open()
    thread.join(10)
    expect(done[0], "stored")
    until(lambda: [e for e in site.entries(outcome="stored") if e.get("store") == "done"], "the log's entry")
    begin = time.monotonic()
    relay.close()
    expect(site.deliver(PATH, message()), "stored")
    assert time.monotonic() - begin < QUICK
