# SPDX-License-Identifier: ISC
"""kill -9 of the server of a sink at random moments under load: what was delivered is there, and once where the server knows ids."""
import os
import signal
import time
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor

import pytest

import oracle
import tally
from place import until
from receiver import Home, endpoint
from redis_server import Redis
from relaying import DONE, PATH, Relay, deliver, states
from targets.amqp import AmqpTarget
from targets.kafka import KafkaTarget
from targets.nats import NatsTarget
from targets.postgresql import PostgresqlTarget
from targets.redis import RedisTarget

ROUNDS = int(os.environ.get("HOOKSPOOL_KILL_ROUNDS") or min(oracle.ROUNDS, 100))
EVENTS = 60     # of a round
LATEST = 0.08   # seconds from the first delivered event of a round to the kill; all take about as long


class QuorumTarget(AmqpTarget):
    """RabbitMQ writes down a second later that it has a quorum queue, and would forget a newer one's messages."""

    def declare(self):
        self.server.queue(self.queue, x_queue_type="quorum")
        time.sleep(3)


class KilledPostgresql(PostgresqlTarget):
    def down(self):
        self.server.kill(signal.SIGKILL)


class ForgetfulRedis(RedisTarget):
    def __init__(self):
        self.server = Redis("--appendonly", "no")


class Case:
    """Targets on one server, by the names that the tally has."""

    def __init__(self, **targets):
        self.classes = targets

    def begin(self):
        """A home whose events go to each of them, with a relay; gives the targets by the names of their sinks."""
        to = {f"out{number}": one() for number, one in enumerate(self.classes.values())}
        home = Home(*(one.section(name, timeout="5s", max_in_flight=64) for name, one in to.items()), endpoint(PATH, relay=list(to)))
        for one in to.values():
            one.prepare(home)
        return to, home


CASES = {
    "redis": Case(**{"Redis, appendfsync always": RedisTarget}),
    "amqp": Case(**{"RabbitMQ, durable classic queue": AmqpTarget, "RabbitMQ, quorum queue": QuorumTarget}),
    "nats": Case(**{"NATS JetStream, file storage": NatsTarget}),
    "postgresql": Case(**{"PostgreSQL, fsync on": KilledPostgresql}),
    "kafka": Case(**{"Kafka's mock, all brokers down": KafkaTarget}),
}


def delivered(home, sink):
    """The ids of the events that the relay has as delivered."""
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    return {f"evt_{name}_{row['event']}" for row in home.spool.query("SELECT event FROM relay WHERE sink = ? AND state = 1", sink)}


def strike(rng, home, to, receiver):
    """Kills the server while events come, when some of them are delivered."""
    before = states(home).count(DONE)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(deliver, receiver, EVENTS)
        until(lambda: states(home).count(DONE) > before, "some are delivered")
        time.sleep(rng.uniform(0, LATEST))
        next(iter(to.values())).down()
        coming.result()


def lost(home, sink, to):
    """What was delivered before the look, and is not there."""
    known = delivered(home, sink)
    return known - {id for id, _ in to.arrived()}


Found = namedtuple("Found", "title to repeats lost changed")


def kill_rounds(rng, case, rounds):
    """What was found at each target after that many kills of their server."""
    to, home = case.begin()
    start, missing = time.monotonic(), {sink: set() for sink in to}
    receiver, relay = home.start(), Relay(home).ready()
    for number in range(1, rounds + 1):
        strike(rng, home, to, receiver)
        next(iter(to.values())).up()
        for sink, one in to.items():
            missing[sink] |= lost(home, sink, one)
        home.cli("retry")
        for sink in to:
            until(lambda sink=sink: len(delivered(home, sink)) == number * EVENTS, f"all of round {number} are delivered to {sink}", 60)
    relay.stop()
    took, found = time.monotonic() - start, []
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    stored = {f"evt_{name}_{row['id']}": row["body"] for row in home.spool.events()}
    for title, (sink, one) in zip(case.classes, to.items()):
        there = one.arrived()
        times = Counter(id for id, _ in there)
        found.append(Found(title, one, sum(times.values()) - len(times), len(missing[sink] | (stored.keys() - times.keys())),
                           [id for id, body in there if stored[id] != body]))
        tally.add_killed(title, rounds, len(stored), found[-1].repeats, found[-1].lost, took)
    for one in to.values():
        one.close()
    return found


@pytest.mark.parametrize("name", CASES)
def test_kill_of_a_broker(rng, children, name):
    for of in kill_rounds(rng, CASES[name], ROUNDS):
        assert not of.lost and not of.changed, of
        assert not of.to.dedupes or not of.repeats, of


def test_a_broker_that_keeps_nothing_is_seen(rng, children):
    """The mutant: what a kill takes with it is reported."""
    of, = kill_rounds(rng, Case(**{"Redis, appendonly no: must lose": ForgetfulRedis}), 2)
    assert of.lost
