# SPDX-License-Identifier: ISC
"""Sinks of the type kafka, on librdkafka's mock cluster: what a topic gets, and what errors mean."""
import random
import re
import signal
import socket
import ssl
import threading
import time

import pytest

from kafka_server import Kafka
from place import new_dir, until
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, home_with, settled, sink, states
from test_callers import make_certificates

SOON = ["100ms", "200ms", "1h"]
PRODUCE = 0
TOO_LARGE, UNKNOWN_TOPIC, NOT_ENOUGH_REPLICAS, UNAUTHORIZED = 10, 3, 19, 29


def kafka_sink(server, name="out", **given):
    given.setdefault("brokers", server.brokers)
    given.setdefault("topic", "events")
    return sink(name, type="kafka", allow_private=None, **given)


@pytest.fixture
def kafka(children):
    return Kafka()


def results(home):
    return home.spool.query("SELECT error FROM attempt ORDER BY id")


def relayed(server, n=1, files=None, data=None, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_with(kafka_sink(server, **given), files=files)
    bodies = deliver(home.start(), n, **(data or {}))
    home.relay = Relay(home).ready()
    return home, bodies


def error_of(home):
    return until(lambda: [str(row["error"]) for row in results(home) if row["error"]], "an attempt that failed", 20)[-1]


def pauses(home):
    return home.spool.query("SELECT sink FROM pause")


# ---- what arrives

def test_an_event_is_a_message_with_key_and_headers(kafka):
    home, bodies = relayed(kafka, 3)
    settled(home, 3)
    messages = kafka.messages()
    assert sorted(one["body"] for one in messages) == sorted(bodies)
    assert {one["key"] for one in messages} == {b"urn:li:messagingThread:2-x"} and len({one["partition"] for one in messages}) == 1
    assert all(one["headers"] == {"id": one["headers"]["id"], "event": "message.received", "endpoint": PATH, "content-type": "application/json"}
               for one in messages)
    ids = {one["headers"]["id"] for one in messages}
    assert len(ids) == 3 and all(one.startswith("evt_") for one in ids)


def test_deliveries_says_where_an_event_is(kafka):
    home, _ = relayed(kafka)
    settled(home, 1)
    one, = kafka.messages()
    assert f"partition {one['partition']} offset {one['offset']}".encode() in home.cli("deliveries", "--json").stdout


def test_topic_and_key_are_templates(kafka):
    kafka.do("topic", "in-message.received", 1, 3)
    home, _ = relayed(kafka, topic="in-{{hookspool.event}}", key="{{hookspool.account}}")
    settled(home, 1)
    assert [one["key"] for one in kafka.messages("in-message.received")] == [b"acc-1"]


def test_a_key_without_a_value_is_none(kafka):
    home, _ = relayed(kafka, key="{{data.nothing}}")
    settled(home, 1)
    assert [one["key"] for one in kafka.messages()] == [None]


def test_a_topic_that_is_no_name_is_refused(kafka):
    home, _ = relayed(kafka, topic="to-{{hookspool.text}}", data={"text": "a/b"})
    settled(home, 1, state=2)
    assert "letters of ASCII" in error_of(home)


def test_a_body_of_the_sink_is_sent(kafka):
    home, _ = relayed(kafka, body='{"e":"{{hookspool.event}}"}')
    settled(home, 1)
    assert [one["body"] for one in kafka.messages()] == [b'{"e":"message.received"}']


def test_properties_of_the_library(kafka):
    home, bodies = relayed(kafka, 50, options=["compression.codec = gzip", "linger.ms=20"])
    settled(home, 50)
    assert sorted(one["body"] for one in kafka.messages()) == sorted(bodies)


# ---- brokers that fail

def test_brokers_that_are_down_get_the_events_later(kafka):
    kafka.down()
    home, bodies = relayed(kafka, 5, retry=SOON)
    assert re.search("refused|disconnected|down", error_of(home)) and states(home) == [0] * 5
    until(lambda: pauses(home), "a pause: it is the brokers that fail, and not the event", 20)
    kafka.up()
    settled(home, 5)
    assert sorted(one["body"] for one in kafka.messages()) == sorted(bodies)


def test_brokers_that_stay_down_end_each_attempt_soon(kafka):
    """The library says only once that all are down."""
    kafka.down()
    home, _ = relayed(kafka, retry=SOON)
    until(lambda: len([row for row in results(home) if row["error"]]) >= 2, "two attempts that failed", 30)


def test_brokers_that_go_down_end_attempts_at_once(kafka):
    """The library would keep messages for the sink's whole timeout."""
    home, _ = relayed(kafka, retry=SOON)
    settled(home, 1)
    kafka.down()
    began = time.monotonic()
    deliver(home.start())
    assert error_of(home) and time.monotonic() - began < 25
    kafka.up()
    settled(home, 2)
    assert len(kafka.messages()) == 2


@pytest.mark.parametrize("error, why", [(NOT_ENOUGH_REPLICAS, "min.insync.replicas"), (UNAUTHORIZED, "Topic authorization failed")])
def test_an_error_of_the_brokers_is_tried_again(kafka, error, why):
    kafka.do("error", PRODUCE, error, 100)
    home, bodies = relayed(kafka, retry=SOON, timeout="2s")
    assert why in error_of(home) and states(home) == [0]
    kafka.do("clear", PRODUCE)
    settled(home, 1)
    assert [one["body"] for one in kafka.messages()] == bodies


def test_an_unknown_topic_waits(kafka):
    kafka.do("topic-error", "events", UNKNOWN_TOPIC)
    home, _ = relayed(kafka, retry=SOON, timeout="10s")
    assert "kafka-topics.sh --create" in error_of(home) and states(home) == [0]
    kafka.do("topic-error", "events", 0)
    settled(home, 1)


def test_brokers_that_hang_end_attempts_at_their_deadline(kafka):
    home, _ = relayed(kafka, timeout="1s", retry=SOON)
    settled(home, 1)
    kafka.child.signal(signal.SIGSTOP)
    deliver(home.start(), 3)
    assert error_of(home)
    took = [row["ms"] for row in home.spool.query("SELECT ms FROM attempt WHERE error IS NOT NULL")]
    assert max(took) < 10_000
    kafka.child.signal(signal.SIGCONT)
    settled(home, 4)
    assert len({one["headers"]["id"] for one in kafka.messages()}) == 4


def test_slow_brokers_end_attempts_at_their_deadline(kafka):
    kafka.rtt(3000)
    home, _ = relayed(kafka, 5, timeout="100ms", retry=SOON)
    until(lambda: len(results(home)) >= 5, "attempts that failed")
    assert max(row["ms"] for row in home.spool.query("SELECT ms FROM attempt")) < 700, "the library looks once a second"
    kafka.rtt(0)
    settled(home, 5)


def test_an_answer_waits_for_the_brokers(kafka):
    """store: the 200 comes when the topic has the event."""
    home = Home(kafka_sink(kafka), endpoint(PATH, store=["out"], store_wait="5s"))
    receiver = home.start()
    Relay(home).ready()
    for n in range(1, 4):
        deliver(receiver)
        assert len(kafka.messages()) == n
    assert {entry["store"] for entry in receiver.entries(outcome="stored")} == {"done"}


def test_brokers_that_hang_do_not_hold_up_others(kafka):
    other = Kafka()
    home = home_with(kafka_sink(kafka, timeout="1s", retry=SOON), kafka_sink(other, "other"), relay=("out", "other"))
    kafka.child.signal(signal.SIGSTOP)
    deliver(home.start(), 3)
    Relay(home).ready()
    until(lambda: states(home).count(1) == 3, "the other has all")
    kafka.child.signal(signal.SIGCONT)
    settled(home, 6)


# ---- one event of a batch

def test_an_event_that_is_too_large_is_refused_alone(kafka):
    home = home_with(kafka_sink(kafka, options=["message.max.bytes = 20000"]))
    receiver = home.start()
    bodies = [deliver(receiver, text=text)[0] for text in ("a", "b" * 30000, "c", "d")]
    Relay(home).ready()
    until(lambda: 0 not in states(home), "all have ended")
    assert states(home) == [1, 2, 1, 1] and "message.max.bytes" in error_of(home)
    assert sorted(one["body"] for one in kafka.messages()) == sorted(bodies[:1] + bodies[2:])


def test_events_of_a_batch_that_the_brokers_refuse_are_sent_alone(kafka):
    """A broker refuses the batch, and does not name the event that is too large."""
    kafka.do("error", PRODUCE, TOO_LARGE, 1)
    home, bodies = relayed(kafka, 20)
    settled(home, 20)
    assert sorted(one["body"] for one in kafka.messages()) == sorted(bodies)
    assert not [row for row in results(home) if row["error"]]


def test_an_event_that_the_brokers_refuse_twice_is_dead(kafka):
    """The first error is the batch's, the second the first event's alone."""
    kafka.do("error", PRODUCE, TOO_LARGE, 2)
    home, bodies = relayed(kafka, 20, options=["linger.ms = 100"], max_in_flight=64)
    until(lambda: 0 not in states(home), "all have ended", 20)
    assert sorted(states(home)) == [1] * 19 + [2] and "max.message.bytes" in error_of(home)
    assert len(kafka.messages()) == 19


def test_a_full_queue_of_the_library_is_no_error(kafka):
    home, bodies = relayed(kafka, 60, options=["queue.buffering.max.messages = 2"], max_in_flight=64, retry=SOON)
    settled(home, 60)
    assert not pauses(home) and "pauses" not in home.relay.text()
    assert sorted(one["body"] for one in kafka.messages()) == sorted(bodies)


def test_a_relay_that_is_killed_loses_nothing(kafka):
    rng = random.Random(3)
    home = home_with(kafka_sink(kafka, retry=SOON))
    bodies = deliver(home.start(), 300)
    for _ in range(5):
        running = Relay(home).ready()
        time.sleep(rng.random() * 0.05)
        running.kill()
    Relay(home).ready()
    settled(home, 300)
    assert {one["body"] for one in kafka.messages()} == set(bodies)


def test_a_relay_stops_while_brokers_are_down(kafka):
    kafka.down()
    home, _ = relayed(kafka, 3, retry=SOON)
    error_of(home)
    home.relay.stop()


# ---- check

def checked(*sinks, **given):
    home = home_with(*sinks, **given)
    receiver = home.start()
    done = home.cli("check", "--socket", f"unix:{receiver.socket}")
    return [line for line in done.stdout.decode().splitlines() if "sink out" in line]


def test_check_asks_for_replication(children):
    cluster = Kafka(brokers=1)
    lines = checked(kafka_sink(cluster))
    assert [line for line in lines if line.startswith("warn") and "replication factor of 1" in line], lines


def test_check_says_what_it_can_not_ask(kafka):
    """The mock has no DescribeConfigs."""
    lines = checked(kafka_sink(kafka))
    assert [line for line in lines if line.startswith("warn") and "min.insync.replicas=2" in line] and "replication factor" not in str(lines)


def test_check_of_an_unknown_topic(kafka):
    kafka.do("topic-error", "events", UNKNOWN_TOPIC)
    assert [line for line in checked(kafka_sink(kafka)) if line.startswith("FAIL") and "kafka-topics.sh --create" in line]


def test_check_of_brokers_that_are_down(kafka):
    kafka.down()
    assert [line for line in checked(kafka_sink(kafka)) if line.startswith("warn") and "can't be reached" in line]


@pytest.mark.parametrize("given, why", [
    ({"brokers": []}, "it needs brokers"),
    ({"brokers": ["a,b"]}, "a text of its own"),
    ({"topic": None}, "it needs a topic"),
    ({"topic": "a b"}, "letters of ASCII"),
    ({"topic": ".."}, 'no topic has the name'),
    ({"options": ["linger.ms"]}, "compression.codec = lz4"),
    ({"options": ["acks = 1"]}, "acks is all"),
    ({"options": ["request.required.acks=0"]}, "acks is all"),
    ({"options": ["enable.idempotence = true"]}, "it is off"),
    ({"options": ["message.timeout.ms = 1"]}, "the sink's timeout"),
    ({"options": ["sasl.password = s3cret"]}, "password-file"),
    ({"options": ["plugin.library.paths = /x.so"]}, "no other code"),
    ({"options": ["test.mock.num.brokers = 3"]}, "for tests"),
    ({"options": ["enable.ssl.certificate.verification = false"]}, "certificates are verified"),
    ({"options": ["sasl.username = u"]}, "needs a password"),
    ({"password_file": "p"}, "needs a user"),
    ({"password_file": "p", "options": ["sasl.username = u"]}, "security.protocol = SASL_SSL"),
    ({"options": ["no.such.property = 1"]}, "No such configuration property"),
    ({"options": ["linger.ms = soon"]}, "Invalid value"),
])
def test_a_wrong_option(kafka, given, why):
    home = home_with(kafka_sink(kafka, **given))
    done = home.cli("check", "--socket", "none")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode in (2, 78) and why in text and re.search(r"hookspool.conf:\d+: ", text) and "s3cret" not in text, text


def test_a_login_is_tried(kafka):
    """The mock has no SASL: the login fails, and the password is not in the log."""
    home, _ = relayed(kafka, files={"password": "s3cret word"}, password_file="password", retry=SOON, timeout="2s",
                      options=["security.protocol = SASL_PLAINTEXT", "sasl.mechanism = SCRAM-SHA-512", "sasl.username = hook"])
    assert error_of(home) and states(home) == [0]
    home.relay.stop()
    assert "s3cret" not in home.relay.text()


# ---- TLS, which the mock has not: a server that does the handshake alone

class Handshakes:
    """A server with a certificate for localhost, which ends each connection after the handshake; `done` counts those that the client agreed to."""

    def __init__(self):
        self.where, self.done = new_dir("ca"), 0
        make_certificates(self.where)
        for path in self.where.iterdir():
            path.chmod(0o644)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 the server is done before the client has looked
        self.context.load_cert_chain(self.where / "server.pem", self.where / "server.key")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                with self.socket.accept()[0] as one:
                    one.settimeout(5)
                    self.context.wrap_socket(one, server_side=True).close()
                    self.done += 1
            except ssl.SSLError:
                pass
            except OSError:
                if self.socket.fileno() < 0:
                    return


@pytest.mark.parametrize("host, authority, trusted", [("localhost", "ca.pem", True), ("127.0.0.1", "ca.pem", False), ("localhost", "other.pem", False)])
def test_tls_is_verified(children, host, authority, trusted):
    server = Handshakes()
    options = ["security.protocol = SSL", f"ssl.ca.location = {server.where}/{authority}"]
    server.brokers = [f"{host}:{server.port}"]
    home = home_with(kafka_sink(server, options=options, retry=SOON))
    deliver(home.start())
    home.relay = Relay(home).ready()
    error = error_of(home)
    assert (server.done > 0) == trusted and states(home) == [0]
    assert ("certificate verify failed" in error) == (not trusted), error
    server.socket.close()
