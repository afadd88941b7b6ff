# SPDX-License-Identifier: ISC
"""Sinks of the type amqp, on a real RabbitMQ: what a queue gets, whatever fails."""
import itertools
import os
import random
import re
import signal
import time

import pytest

import fcgi_client
import proc
from outcomes import expect
from place import run, until
from rabbit_server import LARGEST, PASSWORD, USER, Rabbit
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, errors_of, home_with, settled, sink, states

SOON = ["100ms", "200ms", "1h"]
NAMES = (f"queue{n}" for n in itertools.count(1))


@pytest.fixture(scope="module")
def rabbit():
    """One server for all: it takes seconds to start."""
    server = Rabbit()
    yield server
    server.child.end()


@pytest.fixture
def children(rabbit):
    """What a test started is ended after it, but for the server."""
    before = set(proc.LIVE)
    yield
    for child in set(proc.LIVE) - before - {rabbit.child}:
        child.end()


@pytest.fixture
def queue(rabbit, children):
    """The name of a new durable queue."""
    name = next(NAMES)
    rabbit.queue(name)
    return name


@pytest.fixture
def no_queue(rabbit, children):
    return next(NAMES)


def amqp_sink(server, key, name="out", **given):
    given.setdefault("url", server.url)
    if "@" in given["url"]:
        given.setdefault("password_file", "password")
    return sink(name, type="amqp", routing_key=key, allow_private=None, **given)


def home_of(*sinks, **given):
    return home_with(*sinks, files={"password": PASSWORD, "wrong": "wrong"}, **given)


def relayed(server, key, n=1, data=None, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_of(amqp_sink(server, key, **given))
    bodies = deliver(home.start(), n, **(data or {}))
    home.relay = Relay(home).ready()
    return home, bodies


def results(home):
    return home.spool.query("SELECT error FROM attempt ORDER BY id")


def error_of(home):
    return until(lambda: [str(row["error"]) for row in results(home)], "an attempt")[-1]


# ---- what arrives

def test_an_event_is_a_persistent_message(rabbit, queue):
    home, bodies = relayed(rabbit, queue, 3)
    settled(home, 3)
    messages = rabbit.messages(queue)
    assert [body for _, body in messages] == bodies
    first = messages[0][0]
    assert first.message_id.startswith("evt_") and first.delivery_mode == 2 and first.content_type == "application/json"
    assert first.type == "message.received" and first.app_id == "hookspool" and first.headers["endpoint"] == PATH
    assert len({properties.message_id for properties, _ in messages}) == 3
    assert f"routing key {queue}, delivery tag 1".encode() in home.cli("deliveries", "--json").stdout


def test_every_byte_arrives_with_a_stable_id(rabbit, queue):
    home = home_of(amqp_sink(rabbit, queue))
    one = home.start()
    for body in (b"Hello", bytes(range(256)) * 4, b"", b"\n\r\n", random.Random(1).randbytes(90_000)):
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    Relay(home).ready()
    settled(home, 5)
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    assert {properties.message_id: body for properties, body in rabbit.messages(queue)} == {
        f"evt_{name}_{row['id']}": row["body"] for row in home.spool.events()}


def test_relay_killed_within_batches(rabbit, queue):
    home = home_of(amqp_sink(rabbit, queue, max_in_flight=16))
    bodies = deliver(home.start(), 200)
    for _ in range(4):
        relay = Relay(home).ready()
        time.sleep(random.uniform(0, 0.06))
        relay.kill()
    Relay(home).ready()
    settled(home, 200)
    assert {body for _, body in rabbit.messages(queue)} == set(bodies)


def test_exchanges_and_templates(rabbit, queue):
    rabbit.do("exchange_declare", "hooks", "topic", durable=True)
    rabbit.do("queue_bind", queue, "hooks", "in.message.*")
    home, _ = relayed(rabbit, "in.{{hookspool.event}}", exchange="hooks", body='{"e":"{{hookspool.event}}"}')
    settled(home, 1)
    assert [body for _, body in rabbit.messages(queue)] == [b'{"e":"message.received"}']
    assert b"exchange hooks, routing key in.message.received" in home.cli("deliveries", "--json").stdout


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_queue_is_declared_and_bound(rabbit, no_queue, kind):
    rabbit.do("exchange_declare", "direct-hooks", "direct", durable=True)
    home, _ = relayed(rabbit, no_queue, queue=kind, exchange="direct-hooks", timeout="20s")
    settled(home, 1)
    assert len(rabbit.messages(no_queue)) == 1
    rabbit.queue(no_queue, **({"x_queue_type": "quorum"} if kind == "quorum" else {}))  # is an error for another kind


def test_an_answer_waits_for_the_queue(rabbit, queue):
    """store: the 200 comes when the queue has the event."""
    home = Home(amqp_sink(rabbit, queue), endpoint(PATH, store=["out"], store_wait="5s"), files={"password": PASSWORD})
    receiver = home.start()
    Relay(home).ready()
    for n in range(1, 6):
        deliver(receiver)
        assert rabbit.count(queue) == n
    assert {entry["store"] for entry in receiver.entries(outcome="stored")} == {"done"}


# ---- what is refused, and what is tried again

def test_no_queue_is_a_failure_with_the_fix(rabbit, no_queue):
    home, _ = relayed(rabbit, no_queue, retry=SOON)
    assert "no queue takes the routing key" in error_of(home) and states(home) == [0]
    until(lambda: home.spool.query("SELECT sink FROM pause"), "a pause: all events would fail")
    rabbit.queue(no_queue)
    settled(home, 1)
    assert len(rabbit.messages(no_queue)) == 1


def test_an_event_without_a_queue_does_not_hold_up_others(rabbit, queue):
    home = home_of(amqp_sink(rabbit, "{{hookspool.text}}"))
    receiver = home.start()
    for text in (queue, "nowhere", queue, "x" * 300, queue):
        deliver(receiver, text=text)
    Relay(home).ready()
    until(lambda: states(home) == [1, 0, 1, 2, 1], "the others have arrived")
    assert rabbit.count(queue) == 3 and "255 bytes" in str([row["error"] for row in results(home)])


def test_no_exchange(rabbit, queue):
    home, _ = relayed(rabbit, queue, exchange="nowhere")
    assert "no exchange 'nowhere'" in error_of(home) and states(home) == [0]


def test_a_queue_of_another_kind(rabbit, queue):
    home, _ = relayed(rabbit, queue, queue="quorum")
    assert "option queue" in error_of(home) and "x-queue-type" in error_of(home)


def test_a_full_queue_is_tried_again(rabbit, no_queue):
    rabbit.queue(no_queue, x_max_length=1, x_overflow="reject-publish")
    home, _ = relayed(rabbit, no_queue, 2, retry=SOON)
    settled(home, 1)
    until(lambda: "basic.nack" in str([row["error"] for row in results(home)]), "the second fails")
    rabbit.messages(no_queue)
    settled(home, 2)


def test_a_poison_event_is_refused_alone(rabbit, queue):
    """The server closes the channel at it, with all that are under way."""
    home = home_of(amqp_sink(rabbit, queue, retry=["1h", "1h", "3d"]))
    receiver = home.start()
    for text in ("a", "b", "x" * (LARGEST + 1), "c", "d"):
        deliver(receiver, text=text)
    Relay(home).ready()
    until(lambda: len(results(home)) == 5, "an attempt of each")
    home.cli("retry", "--sink", "out")  # all at once, again
    until(lambda: states(home) == [1, 1, 2, 1, 1], f"the others have arrived: {states(home)}", 20)
    assert "larger than configured max size" in str([row["error"] for row in results(home)])


# ---- ways to it

def test_wrong_credentials(rabbit, queue):
    home, _ = relayed(rabbit, queue, password_file="wrong")
    assert "ACCESS_REFUSED" in error_of(home) and states(home) == [0]
    home.relay.stop()
    assert PASSWORD not in home.relay.text()


def test_a_virtual_host_that_is_not_there(rabbit, queue):
    home, _ = relayed(rabbit, queue, url=f"{rabbit.url}/no%2fhost")
    assert "no/host" in error_of(home)


def test_a_host_that_is_not_known(rabbit, queue):
    home, _ = relayed(rabbit, queue, url="amqp://nowhere.invalid")
    assert "nowhere.invalid" in error_of(home) and states(home) == [0]


def test_tls_is_verified(rabbit, queue):
    url, ca = f"amqps://{USER}@localhost:{rabbit.tls_port}/", str(rabbit.certificates / "ca.pem")
    home = home_of(amqp_sink(rabbit, queue, url=url, ca_file=ca), amqp_sink(rabbit, queue, "stranger", url=url),
                   amqp_sink(rabbit, queue, "name", url=url.replace("localhost", "127.0.0.1"), ca_file=ca), relay=("out", "stranger", "name"))
    deliver(home.start())
    Relay(home).ready()
    errors = errors_of(home, 3)
    assert errors["out"] is None
    assert "verification" in errors["stranger"] and re.search("verification|hostname", errors["name"]), errors


# ---- servers that fail

def test_a_server_that_hangs_does_not_hold_up_others(rabbit, queue):
    home = home_of(amqp_sink(rabbit, queue, timeout="1s", retry=SOON, max_in_flight=64), sink("other", type="null", allow_private=None),
                   relay=("out", "other"))
    receiver = home.start()
    relay = Relay(home).ready()
    deliver(receiver)
    settled(home, 2)
    rabbit.signal(signal.SIGSTOP)
    try:
        bodies = deliver(receiver, 64, text="x" * 50_000)
        until(lambda: any("in time" in str(row["error"]) for row in results(home)), "a timeout")
        until(lambda: len(home.spool.query("SELECT id FROM relay WHERE sink = 'other' AND state = 1")) == 65, "the other has all")
        assert max(row["ms"] for row in home.spool.query("SELECT ms FROM attempt")) < 10_000
        start = time.monotonic()
        relay.stop()
        assert time.monotonic() - start < 20
    finally:
        rabbit.signal(signal.SIGCONT)
    Relay(home).ready()
    settled(home, 130)
    assert {body for _, body in rabbit.messages(queue)} >= set(bodies)


def connections(rabbit):
    """Those that clients have to the server."""
    return len(run(["ss", "-Htn", "state", "established", "dport", "=", f":{rabbit.port}"]).stdout.splitlines())


@pytest.mark.skipif(int(os.environ.get("HOOKSPOOL_KILL_ROUNDS") or 5) < 50, reason="a minute: in the long run only")
def test_a_connection_over_which_no_heartbeat_comes_is_given_up(rabbit, queue):
    home, _ = relayed(rabbit, queue)
    settled(home, 1)
    before = connections(rabbit)
    rabbit.signal(signal.SIGSTOP)
    try:
        until(lambda: connections(rabbit) < before, "the relay has closed its connection", 90)
    finally:
        rabbit.signal(signal.SIGCONT)
    deliver(home.start())
    settled(home, 2)


def test_an_answer_that_may_have_arrived_is_not_sent_again(rabbit, queue):
    answers = amqp_sink(rabbit, queue, "answers", body='{"text":"{{hookspool.reply}}"}', timeout="1s", retry=SOON)
    home = home_of(answers, sink("out", type="exec", command=["echo", "Hello"], reply="answers", allow_private=None))
    one = home.start()
    Relay(home).ready()
    deliver(one)
    settled(home, 2)
    rabbit.signal(signal.SIGSTOP)
    try:
        deliver(one)
        settled(home, 1, state=2)
    finally:
        rabbit.signal(signal.SIGCONT)
    until(lambda: rabbit.count(queue) == 2, "both have arrived, once")
    assert "may have arrived" in str([row["error"] for row in results(home)])


def rabbitmqctl(rabbit, *args):
    done = run(["/usr/lib/rabbitmq/bin/rabbitmqctl", *args], env=rabbit.env, user=proc.USER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_server_that_is_low_on_disk_is_tried_again(rabbit, queue):
    rabbitmqctl(rabbit, "set_disk_free_limit", "999GB")
    try:
        home, _ = relayed(rabbit, queue, retry=SOON)
        assert "takes no messages: low on disk" in error_of(home) and states(home) == [0]
    finally:
        rabbitmqctl(rabbit, "set_disk_free_limit", "1MB")
    settled(home, 1)


# ---- check

def checked(*sinks):
    home = home_of(*sinks)
    receiver = home.start()
    done = home.cli("check", "--socket", f"unix:{receiver.socket}")
    return [line for line in done.stdout.decode().splitlines() if "sink out" in line]


@pytest.mark.parametrize("durable, arguments, grade, finding", [
    (True, {}, "ok", "the queue is durable"),
    (True, {"x_queue_type": "quorum"}, "ok", "the queue is durable"),
    (False, {}, "warn", "the queue is not durable"),
])
def test_check_of_a_queue(rabbit, no_queue, durable, arguments, grade, finding):
    rabbit.queue(no_queue, durable, **arguments)
    assert [line for line in checked(amqp_sink(rabbit, no_queue)) if line.startswith(grade) and finding in line]


def test_check_of_what_is_missing(rabbit, no_queue):
    assert [line for line in checked(amqp_sink(rabbit, no_queue)) if line.startswith("warn") and "there is no queue" in line]
    assert [line for line in checked(amqp_sink(rabbit, no_queue, exchange="nowhere")) if line.startswith("warn") and "no exchange" in line]
    assert [line for line in checked(amqp_sink(rabbit, "{{hookspool.event}}")) if line.startswith("ok") and "does not tell which queues" in line]
    assert [line for line in checked(amqp_sink(rabbit, no_queue, url=f"amqp://{USER}@127.0.0.1:1")) if line.startswith("warn") and "no connection" in line]


@pytest.mark.parametrize("given, why", [
    ({"url": "http://127.0.0.1"}, "write it as"),
    ({"url": "amqp://user:secret@127.0.0.1"}, "password-file"),
    ({"url": "amqp://127.0.0.1:99999"}, "write it as"),
    ({"url": "amqp://user@127.0.0.1", "password_file": None}, "a user needs a password-file"),
    ({"routing_key": "{{"}, "routing-key"),
    ({"routing_key": "k" * 256}, "at most 255 bytes"),
    ({"routing_key": "{{hookspool.event}}", "queue": "quorum"}, "can't be declared"),
    ({"queue": "mirrored"}, "queue"),
    ({"exchange": "{{hookspool.event}}"}, "no template"),
])
def test_a_wrong_option(given, why):
    options = {"url": "amqp://127.0.0.1", "routing_key": "q", **given}
    home = home_of(sink("out", type="amqp", allow_private=None, **options))
    done = home.cli("check", "--socket", "none")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode != 0 and why in text and re.search(r"hookspool.conf:\d+: ", text) and "secret@" not in text
