# SPDX-License-Identifier: ISC
"""Kills at random moments over a spool of PostgreSQL: its server, receivers and relays of two machines behind one nginx, and a primary."""
import json
import os
import shutil
import signal
import time
from collections import Counter
from contextlib import contextmanager

import pytest

import oracle
import relayed
import sender
import tally
from machines import Machine, Pair, SharedSpool
from oracle import Sender, digest
from place import BIN, new_dir, own, until
from postgresql_server import PostgreSQL
from receiver import endpoint
from relaying import API, PATH, Relay, Target, program, script, sink
from servers import free_port, location, start_nginx, upstream
from service import ACTIVATE, Service, portions, rounds

ROUNDS = int(os.environ.get("HOOKSPOOL_KILL_ROUNDS") or min(oracle.ROUNDS, 100))
TALK = "/webhook/talk"  # a program answers its events
NULL = sink("out", type="null", allow_private=None)
RETRY = {"retry": ["100ms", "1s", "3d"]}
LEASE = 30  # seconds until another relay sends what a killed one had
IN_DOUBT = 2 * (relayed.IN_FLIGHT + relayed.BATCH)  # what a kill can make two relays send again


def deliver_slowly(port):
    """Each answer is a process that the relay starts."""
    def deliver(body):
        time.sleep(0.1)
        return sender.deliver(port, TALK, body)
    return deliver


class World:
    """Two machines with a receiver and a relay each, nginx before both, a sink, and an API that takes answers."""

    def __init__(self, server, rng):
        self.server, self.rng, self.kills = server, rng, 0
        self.out, self.api = relayed.Target("out", rng), Target()
        self.machines = [self.machine() for _ in range(2)]
        self.services = [Service(machine) for machine in self.machines]
        self.relays = [Relay(machine).ready() for machine in self.machines]
        self.spool = SharedSpool(server, self.machines[0])
        port = free_port()
        self.nginx = start_nginx(upstream(self.services, keep=True) + f"server {{ listen 127.0.0.1:{port}; {location(keep=True, buffered=True)} }}", port)

    def machine(self):
        api = sink("connectsafely", url=self.api.url, authorization_file="key", timeout="5s", **RETRY, **API)
        one = Machine(self.server, self.out.section(), api, program("assistant", "./program", reply="connectsafely", **RETRY), endpoint(PATH, relay=["out"]),
                      endpoint(TALK, relay=["out", "assistant"]), files={"key": "Bearer abc"})
        script(one, '#!/bin/sh\necho "answer to $HOOKSPOOL_ID"\n')
        return one

    def drawn(self):
        """An id that the server has given to an event, or to one that failed."""
        return int(self.server.one("SELECT last_value FROM event_id_seq"))

    def storing(self):
        """Waits until events reach the server, and not the overflow."""
        before = self.drawn()
        until(lambda: self.drawn() > before + 20, "the server stores events", 120)

    def kill_receiver(self):
        service = self.rng.choice(self.services)
        one = service.running[0]
        one.signal(signal.SIGKILL)
        one.wait(20)
        service.again(one)

    def kill_relay(self):
        number = self.rng.randrange(2)
        self.relays[number].kill()
        self.relays[number].end()
        self.relays[number] = Relay(self.machines[number])

    def waiting(self):
        return sum(row["n"] for machine in self.machines for row in machine.spool.query("SELECT count(*) AS n FROM event"))

    def pending(self):
        return int(self.server.one("SELECT count(*) FROM relay WHERE state = 0"))

    def settle(self):
        until(lambda: not self.waiting(), "the overflows are empty", 120)
        try:
            until(lambda: not self.pending(), "nothing is pending", 60 + 2 * LEASE)
        except AssertionError as error:
            left = self.spool.query("SELECT r.id, r.event, r.sink, r.due, r.attempts, r.holder, r.sending, r.conversation FROM relay AS r WHERE state = 0")
            relayers = self.spool.query("SELECT * FROM relayer")
            raise AssertionError(f"{error}; now {time.time()}, relayers {relayers}, {len(left)} left: {left[:5]}") from None

    def stop(self):
        for relay in self.relays:
            relay.stop()
        self.nginx.stop()
        for service in self.services:
            service.stop()
        self.out.close()
        self.api.close()


class ReceiverOf(Service):
    """A receiver of that directory of programs."""

    def __init__(self, programs, home):
        self.programs = programs
        super().__init__(home)

    def start(self):
        return self.home.start(argv=[self.programs / "hookspool.fcgi", "-c", self.home.conf], before=ACTIVATE, stdin=self.listening, number=self.number)


def compare(world, acknowledged):
    """Names every breach, and counts what the tally has."""
    rows = world.spool.events()
    stored = {row["key"]: digest(row["body"]) for row in rows}
    lost = {ack.key for ack in acknowledged if stored.get(ack.key) != ack.sha256}
    twice = [key for key, times in Counter(row["key"] for row in rows).items() if times > 1]
    half = [row["id"] for row in rows if set(oracle.mistakes(row)) - {"endpoint"}]
    sent = relayed.compare(world.spool, "out", world.out.notes, [], (world.kills + 1) * IN_DOUBT)
    answers = Counter(json.loads(body)["message"] for body in world.api.bodies())
    again = [text for text, times in answers.items() if times > 1]
    talk = {row["id"] for row in rows if row["endpoint"] == TALK}
    states = {row["event"]: row["state"] for row in world.spool.query("SELECT event, state FROM relay WHERE sink = 'connectsafely'")}
    name = world.spool.query("SELECT name FROM spool")[0]["name"]
    problems = [f"lost: {key}" for key in lost] + [f"twice: {key}" for key in twice] + [f"half-stored: {number}" for number in half] + sent.problems
    problems += [f"sent twice: {text}" for text in again] + [f"no answer: event {number}" for number in talk - states.keys()]
    problems += [f"never arrived: answer to {event}" for event, state in states.items() if state == 1 and f"answer to evt_{name}_{event}" not in answers]
    return problems, {"acknowledged": len({ack.key for ack in acknowledged}), "stored": len(rows), "losses": len(lost), "twice": len(twice),
                      "repeats": sent.repeats, "answers": len(answers), "again": len(again)}


@contextmanager
def tried(name, world, rng, number):
    """Load through nginx for that many rounds of a fault; at the end the spool and the targets are compared."""
    start, port, home = time.monotonic(), world.nginx.port, world.machines[0].dir
    with Sender(oracle.by_http(port), home / "journal", rng, threads=4) as load, Sender(deliver_slowly(port), home / "talk", rng, threads=1, twins=1) as talk:
        world.storing()
        yield load
    world.settle()
    world.problems, found = compare(world, load.acknowledged + talk.acknowledged)
    tally.add_server(name, rounds=number, failures=len(load.failures + talk.failures), seconds=time.monotonic() - start, **found)
    world.stop()


def server_stopped(world):
    world.storing()
    world.server.stop_immediately()
    world.server.start()


def server_killed(world):
    world.storing()
    world.server.end_now()
    world.server.start()


FAULTS = {
    "pg_ctl stop -m immediate": server_stopped,
    "SIGKILL of the postmaster": server_killed,
    "SIGKILL of a receiver": World.kill_receiver,
    "SIGKILL of a relay": World.kill_relay,
}
# few rounds of all share a world: each waits at its end until the leases of killed relays are over
CASES = {name: [name] for name in FAULTS} if ROUNDS > 10 else {"each of the kills in turn": list(FAULTS)}


def no_breach(world):
    assert not world.problems, f"{len(world.problems)} breaches:\n" + "\n".join(world.problems[:20])


def strike(world, fault):
    time.sleep(world.rng.uniform(0, 0.2))
    fault(world)
    world.kills += 1


@pytest.mark.parametrize("case", CASES)
def test_kill_over_two_machines(rng, children, case):
    for number in portions(ROUNDS):
        server = PostgreSQL("max_connections=60", table=None)
        world = World(server, rng)
        with tried(case, world, rng, number * len(CASES[case])) as load:
            for fault in CASES[case]:
                rounds(load, rng, lambda fault=fault: strike(world, FAULTS[fault]), number)
        server.child.end()
        no_breach(world)


def test_a_standby_takes_over(rng, children):
    """What was acknowledged is on both servers; the receivers and relays find the new primary by themselves."""
    def fault():
        world.storing()
        strike(world, lambda world: world.server.fail_over())

    for number in portions(ROUNDS):
        pair = Pair()
        world = World(pair, rng)
        with tried("SIGKILL of a primary, its synchronous standby is promoted", world, rng, number) as load:
            rounds(load, rng, fault, number)
        no_breach(world)
        for node in pair.primary, pair.standby:
            node.child.end()


def forgetful_programs():
    """The receiver with a module that asks the server for commits that do not wait for the disk, and takes the answer for a right one."""
    where = own(new_dir("forgetful"))
    for name in "hookspool", "hookspool.fcgi":
        shutil.copy(BIN / name, where)
    shutil.copytree(BIN / "modules", where / "modules")
    module = where / "modules" / "spool-postgresql.so"
    code, right = module.read_bytes(), b"pg_catalog.set_config('enable_mergejoin', 'off', true), pg_catalog.set_config('jit', 'off', true)"
    assert code.count(right) == 1
    module.write_bytes(code.replace(right, b"pg_catalog.set_config('synchronous_commit', 'off', true)".ljust(len(right))))
    return where


def test_commits_that_do_not_wait_are_seen(rng, children):
    """The mutant: a receiver with synchronous_commit = off loses what it acknowledged, and the oracle says so. No relay commits beside it."""
    start, server = time.monotonic(), PostgreSQL("wal_buffers=16MB", table=None)
    machine = Machine(server, NULL, endpoint(PATH, relay=["out"]))
    service, spool = ReceiverOf(forgetful_programs(), machine), SharedSpool(server, machine)

    def stop_log_writer():
        """It writes each full page of the log, which a killed server then has. It may have the log's lock just then: no commit ends."""
        writer = server.process("walwriter")
        os.kill(writer, signal.SIGCONT)
        os.kill(writer, signal.SIGSTOP)
        time.sleep(0.1)
        before = load.count
        time.sleep(2)
        return load.count > before

    def fault():
        until(stop_log_writer, "events are acknowledged", 60)
        before = load.count
        until(lambda: load.count > before + 50, "some are acknowledged", 60)
        server.stop_immediately()
        server.start()

    with Sender(oracle.by_fcgi(service.socket), machine.dir / "journal", rng, threads=2, twins=1, pause=0.2) as load:
        rounds(load, rng, fault, 1)
    service.stop()
    assert machine.cli("relay", "--once").returncode == 0
    found = oracle.compare(spool, load.acknowledged)
    tally.add_server("pg_ctl stop -m immediate, synchronous_commit = off: must lose", rounds=1, acknowledged=found.acknowledged, failures=len(load.failures),
                     stored=found.stored, losses=found.losses, twice=0, repeats=0, answers=0, again=0, seconds=time.monotonic() - start)
    assert found.losses and any(problem.startswith("lost: ") for problem in found.problems), found
    server.child.end()
