# SPDX-License-Identifier: ISC
"""A spool of a PostgreSQL server: receivers of several machines, a server that fails, and the overflow."""
import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

from fcgi_client import Fcgi
from machines import Machine
from place import need, new_dir, own, until
from postgresql_server import PostgreSQL, program
from proc import Child
from receiver import accepts, endpoint
from relaying import PATH, Relay, Target, sink
from sender import Http, message, new_urn
from servers import free_port, nginx

NULL = sink("out", type="null", allow_private=None)
ROUNDS = int(os.environ.get("HOOKSPOOL_KILL_ROUNDS", "5"))


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
        self.receivers = list(receivers)
        self.threads = [threading.Thread(target=self.run, args=(i % len(receivers), urns)) for i in range(senders)]
        for thread in self.threads:
            thread.start()

    def run(self, number, urns):
        client = None
        while not self.stopped:
            urn = urns or new_urn()
            began = time.monotonic()
            try:
                client = client or Fcgi(self.receivers[number].socket)
                status = client.deliver(message(urn)).status
            except (OSError, EOFError):
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


def test_a_thousand_identical_deliveries_at_two_web_servers_are_one_event(server):
    servers = [nginx(Machine(server), keep=True) for _ in range(2)]
    body, statuses, lock, begin = message(new_urn()), [], threading.Lock(), threading.Barrier(50)

    def deliver(port):
        with Http(port) as client:
            begin.wait(60)
            mine = [client.deliver(PATH, body).status for _ in range(20)]
        with lock:
            statuses.extend(mine)

    threads = [threading.Thread(target=deliver, args=(servers[i % 2].port,)) for i in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 1000
    assert len(keys(server)) == 1
    for one in servers:
        one.stop()


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
    """Its lease ends after half a minute. What was on the way is sent once more, in a conversation before what follows it."""
    ordered, other = Target(), Target()
    for target in ordered, other:
        target.answers = [{"do": lambda handler: time.sleep(0.05)} for _ in range(40)]
    retry = ["10ms", "100ms", "1h"]
    sections = sink("ordered", url=ordered.url, ordered=True, retry=retry), sink("other", url=other.url, max_in_flight=4, retry=retry)
    both = [Machine(server, *sections, endpoint(PATH, relay=["ordered", "other"])) for _ in range(2)]
    receivers = [machine.start() for machine in both]
    for i in range(40):
        assert send(receivers[i % 2], message(text=str(i))) == 200
    first = Relay(both[0]).ready()
    ordered.until(5)
    second = Relay(both[1]).ready()
    first.kill()
    until(lambda: pending(server) == 0, "the other relay has sent all", 120)
    numbers = [int(number(entry)) for entry in ordered.got]
    assert numbers == sorted(numbers) and set(numbers) == set(range(40))
    assert {int(number(entry)) for entry in other.got} == set(range(40))
    for one in second, *receivers:
        one.stop()


def listeners(server):
    return int(server.one("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN hookspool'"))


def test_a_relay_hears_of_a_machine_without_one(server):
    """Its connection for that is made anew when it has ended."""
    target = Target()
    receiving, relaying = machines(server, sink("out", url=target.url))
    receiver, relay = receiving.start(), Relay(relaying)
    assert send(receiver, message(text="0")) == 200
    relay.ready()
    until(lambda: listeners(server) == 1, "the relay listens", 60)
    assert send(receiver, message(text="1")) == 200
    server.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN hookspool'")
    assert send(receiver, message(text="2")) == 200
    until(lambda: listeners(server) == 1, "the relay listens again", 60)
    for i in range(3, 20):
        assert send(receiver, message(text=str(i))) == 200
    until(lambda: pending(server) == 0, "all are delivered", 60)
    assert sorted(int(number(entry)) for entry in target.got) == list(range(20))
    relay.stop()
    assert listeners(server) == 0
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


def relayed_by(machine):
    """What a relay of that machine has said of the overflow when nothing is left in it."""
    relay = Relay(machine).ready()
    until(lambda: not machine.spool.events(), "the overflow is empty", 90)
    until(lambda: "from the overflow to the server" in relay.text(), "the relay says so")
    relay.stop()
    return relay.text()


def overflow_of(machine):
    found = json.loads(machine.cli("check", "--json", "--socket", "none").stdout)["checks"]
    return [f"{f['status']}: {f['message']}" for f in found if f["name"] in ("spool", "spool-overflow", "spool-disk")]


def test_check_and_log_tell_of_the_overflow(server):
    machine = Machine(server, NULL, endpoint(PATH, relay=["out"]))
    receiver = machine.start()
    assert send(receiver, message()) == 200
    server.kill(signal.SIGKILL)
    assert [send(receiver, message()) for _ in range(2)] == [200, 200]
    until(lambda: len(receiver.entries(outcome="stored", note="in the overflow; the id is that of the overflow")) == 2, "the log says so")
    server.start()
    found = overflow_of(machine)
    assert found[0].startswith("ok: overflow's disk: ") and found[1].startswith(f"ok: overflow {machine.spool.dir}: user ")
    assert found[2].startswith(f"warn: overflow {machine.spool.dir}: 2 events, since ") and found[2].endswith("; the relay moves them into the spool")
    assert "2 events moved from the overflow to the server" in relayed_by(machine)
    assert overflow_of(machine)[2] == f"ok: overflow {machine.spool.dir}: empty"
    receiver.stop()


def files_with(directory, text):
    """The files of that directory which have those bytes."""
    found = []
    for path in filter(Path.is_file, directory.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # a wipe removes files of bodies
            if text in path.read_bytes():
                found.append(path.name)
    return found


SECRETLY = {"short": "SECRETLY", "long": "SECRETLY " * 50_000}


def spill(server, text, *sections):
    """A machine whose overflow has two events with that text; its server is up again."""
    machine = Machine(server, *sections)
    receiver = machine.start()
    assert send(receiver, message()) == 200
    server.kill(signal.SIGKILL)
    assert [send(receiver, message(text=text)) for _ in range(2)] == [200, 200]
    assert files_with(machine.spool.dir, b"SECRETLY")
    server.start()
    return machine, receiver


@pytest.mark.parametrize("body", SECRETLY)
def test_no_file_of_the_overflow_has_what_was_moved(server, body):
    machine, receiver = spill(server, SECRETLY[body], NULL, endpoint(PATH, relay=["out"]))
    relay = Relay(machine).ready()
    until(lambda: not machine.spool.events(), "the overflow is empty", 90)
    until(lambda: not files_with(machine.spool.dir, b"SECRETLY"), "it is wiped", 90)
    assert server.one("SELECT count(*) FROM event") == "3"
    relay.stop()
    receiver.stop()


@pytest.mark.parametrize("args", [["erase", "--sender", "urn:li:fsd_profile:ACoAA1"], ["purge", "--older-than", "1d"]])
def test_a_deletion_wipes_the_overflow_too(server, args):
    """A relay that was killed has moved the events, and wiped nothing."""
    machine, receiver = spill(server, SECRETLY["long"])
    with contextlib.closing(sqlite3.connect(machine.spool.dir / "hookspool.db")) as db:
        db.execute("PRAGMA secure_delete = on")
        db.execute("DELETE FROM event")
        db.commit()
    assert files_with(machine.spool.dir, b"SECRETLY")
    assert machine.cli(*args).returncode == 0
    assert not files_with(machine.spool.dir, b"SECRETLY")
    receiver.stop()


def test_erase_tells_of_events_that_wait_in_the_overflow(server):
    machine, receiver = spill(server, SECRETLY["short"])
    found = machine.cli("erase", "--sender", "urn:li:fsd_profile:ACoAA1")
    assert found.returncode == 75 and re.search(rb"overflow \S+ has \d+ events? that (is|are) not in the spool yet", found.stderr)
    receiver.stop()


PINGS = 'scheme "pings" {\nlike = "connectsafely"\nbodies = {"any"}\nevent = {"text:ping"}\ndedupe-key = {"json:none"}\n}\n'


@pytest.mark.parametrize("mode", ["delays", "stops answers"])
def test_an_event_without_a_key_whose_commit_is_unknown_is_stored_once(server, mode):
    """Each delivery with an empty body is an event of its own. The server has committed it, and the receiver does not know."""
    proxy = Proxy(server)
    direct, server.url = server.url, proxy.url
    machine = Machine(server, PINGS, NULL, endpoint(PATH, scheme="pings", relay=["out"]))
    server.url = direct
    machine.spool.dir.mkdir(mode=0o700)
    own(machine.spool.dir)
    receiver = machine.start()
    # a relay that hears of events: otherwise the receiver tells others behind each of them, and the cut may come before that is answered
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.bind(str(machine.spool.dir / "relay"))
        (machine.spool.dir / "relay").chmod(0o666)
        assert [send(receiver, b"") for _ in range(2)] == [200, 200]
    proxy.become(mode)
    assert [send(receiver, b"") for _ in range(2)] == [200, 200]
    assert len(machine.spool.events()) == 2
    until(lambda: server.one("SELECT count(*) FROM event") != "2", "the server has committed one that the receiver gave up", 20)
    proxy.become("resets")
    proxy.become("forwards")
    relayed_by(machine)
    assert server.one("SELECT count(*) FROM event") == "4"
    receiver.stop()
    proxy.end()


def test_a_spool_of_its_own_is_no_overflow(server):
    """A configuration whose line `spool` was changed, and whose overflow is the old spool: that one keeps its events."""
    machine = Machine(server, NULL, endpoint(PATH, relay=["out"]))
    machine.configure(endpoint(PATH), spool="spool")
    old = machine.start()
    assert send(old, message()) == 200
    old.stop()
    machine.configure(NULL, endpoint(PATH, relay=["out"]), spool=server.url, overflow="spool", spool_wait="2s")
    refused = f"{machine.spool.dir}: a spool that has events of its own; name another directory as overflow"
    receiver, relay = machine.start(), Relay(machine).ready()
    receiver.until(lambda: f"overflow: {refused}" in receiver.text(), "the receiver says so")
    relay.until(lambda: f"the overflow can't be drained: overflow: {refused}" in relay.text(), "the relay says so")
    assert send(receiver, message()) == 200
    assert f"fail: overflow: {refused}" in overflow_of(machine)
    relay.stop()
    receiver.stop()
    moved = machine.cli("move", "--to", str(machine.dir / "other"))
    assert moved.returncode == 1 and refused in moved.stderr.decode()
    receiver = machine.start()
    server.kill(signal.SIGKILL)
    assert send(receiver, message()) == 503
    assert len(machine.spool.events()) == 1
    assert relay.text().count("the overflow can't be drained") == 1
    receiver.stop()


def test_the_first_of_several_hosts_that_can_be_written_is_used(server):
    """A standby, or a server that is down, may stand before it."""
    dead = new_dir("dead")
    direct, server.url = server.url, f"postgresql://postgres@/postgres?host={dead},{server.dir}&port=5432,{server.port}&target_session_attrs=read-write"
    target = Target()
    machine = machines(server, sink("out", url=target.url), n=1)[0]
    server.url = direct
    receiver = machine.start()
    assert send(receiver, message()) == 200
    relay = Relay(machine).ready()
    target.until(1)
    assert len(keys(server)) == 1 and b"message.received" in machine.cli("list").stdout
    relay.stop()
    receiver.stop()


def masks(pid):
    """The signals that each thread of a process blocks, without its first one."""
    return [int(re.search(r"SigBlk:\t(\w+)", task.read_text())[1], 16) for task in Path(f"/proc/{pid}/task").glob("*/status")
            if task.parent.name != str(pid)]


def test_threads_of_the_relay_take_no_signal(server):
    """One that waits for the server took SIGCHLD: the end of a program was seen when its time was up."""
    machine = Machine(server, NULL, endpoint(PATH, relay=["out"]))
    receiver, relay = machine.start(), Relay(machine)
    relay.ready()
    before = len(masks(relay.pid))
    server.do("ALTER SYSTEM SET default_transaction_read_only = on")
    server.do("SELECT pg_reload_conf()")
    until(lambda: send(receiver, message()) == 200 and machine.spool.events(), "the overflow has events", 60)
    until(lambda: len(masks(relay.pid)) > before, "the relay waits for the server", 60)
    assert all(mask & 1 << signal.SIGCHLD - 1 for mask in masks(relay.pid))
    relay.stop()
    receiver.stop()


# ---- a pooler

class Bouncer(Child):
    """pgbouncer in transaction mode: each transaction may have another server process."""

    def __init__(self, server):
        self.dir, self.port = own(new_dir("bouncer")), free_port()
        ini = self.dir / "pgbouncer.ini"
        ini.write_text(f"[databases]\npostgres = host={server.dir} port={server.port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
                       f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n"
                       "ignore_startup_parameters = extra_float_digits,options\n")
        own(ini)
        super().__init__([need("pgbouncer"), ini], self.dir / "log")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.until(lambda: accepts(("127.0.0.1", self.port)), "the pooler listens")


def test_a_pooler_in_transaction_mode(server):
    pooler, target = Bouncer(server), Target()
    direct = server.url
    server.url = pooler.url
    both = machines(server, sink("out", url=target.url))
    server.url = direct
    receivers = [machine.start() for machine in both]
    load = Load(receivers)
    until(lambda: len(load.acknowledged) > 300, "events are stored", 60)
    load.stop()
    assert set(load.statuses) == {200}
    stored = keys(server)
    assert len(stored) == len(set(stored)) == len(load.acknowledged)
    assert not both[0].spool.events() and not both[1].spool.events()
    relay = Relay(both[0]).ready()
    until(lambda: pending(server) == 0, "all are delivered", 60)
    assert listeners(server) == 0, "a connection of the pooler that listens stays in it"
    relay.stop()
    for receiver in receivers:
        receiver.stop()
    pooler.end()


# ---- a network that is cut

class Proxy:
    """TCP in front of the server's socket: it forwards, stops, resets, or delays each answer."""

    def __init__(self, server):
        self.path, self.port, self.mode, self.pairs = f"{server.dir}/.s.PGSQL.{server.port}", free_port(), "forwards", []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            if self.mode == "resets":
                client.close()
                continue
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(self.path)
            self.pairs += [client, behind]
            for one, other, answers in ((client, behind, False), (behind, client, True)):
                threading.Thread(target=self.forward, args=(one, other, answers), daemon=True).start()

    def forward(self, one, other, answers):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                while self.mode == "stops":
                    time.sleep(0.05)
                if self.mode == "delays" and answers:
                    time.sleep(3)
                if self.mode == "stops answers" and answers:
                    continue
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def become(self, mode):
        self.mode = mode
        if mode == "resets":
            for end in self.pairs:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def end(self):
        self.mode = "forwards"
        self.listener.close()


@pytest.mark.parametrize("mode", ["stops", "resets", "delays"])
def test_receiving_goes_on_while_the_network_is_cut(server, mode):
    proxy, target = Proxy(server), Target()
    direct, server.url = server.url, proxy.url
    machine = machines(server, sink("out", url=target.url), n=1)[0]
    server.url = direct
    receiver = machine.start()
    assert send(receiver, message()) == 200
    proxy.become(mode)
    load = Load([receiver], senders=4)
    time.sleep(6)
    load.stop()
    assert set(load.statuses) == {200}
    assert sorted(load.times)[int(len(load.times) * 0.99)] < 2.5, sorted(load.times)[-5:]
    assert machine.spool.events()
    proxy.become("forwards")
    relay = Relay(machine).ready()
    until(lambda: not machine.spool.events(), "the overflow is empty", 90)
    stored = keys(server)
    assert len(stored) == len(set(stored)) == len(load.acknowledged) + 1
    assert not set(load.acknowledged) - set(stored)
    relay.stop()
    receiver.stop()
    proxy.end()


# ---- the tests' own means

def test_a_killed_server_loses_what_was_not_flushed(server):
    """The kill of the tests above is one that shows: without synchronous commits it takes acknowledged rows with it."""
    server.do("CREATE TABLE row(n int)")
    lost = 0
    for _ in range(20):
        words = [program("psql"), "-X", "-q", "-A", "-t", "-d", server.url]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as client:
            client.stdin.write("SET synchronous_commit = off;\n")
            acknowledged = []
            for n in range(200):
                client.stdin.write(f"INSERT INTO row VALUES({n}) RETURNING n;\n")
                client.stdin.flush()
                acknowledged.append(int(client.stdout.readline()))
            server.kill(signal.SIGKILL)
            client.kill()
        server.start()
        lost = len(acknowledged) - int(server.one("SELECT count(*) FROM row"))
        server.do("TRUNCATE row")
        if lost:
            break
    assert lost > 0


def test_a_server_that_acknowledges_early_is_told_not_to(server):
    """The receiver's transactions are synchronous, whatever the database says."""
    server.do("ALTER DATABASE postgres SET synchronous_commit = off")
    receivers = [Machine(server, overflow=False).start()]
    load = Load(receivers)
    for _ in range(ROUNDS):
        before = len(load.acknowledged)
        until(lambda: len(load.acknowledged) > before + 50, "events are stored", 60)
        server.kill(signal.SIGKILL)
        server.start()
    load.stop()
    assert not set(load.acknowledged) - set(keys(server))
    receivers[0].stop()


def test_a_sink_of_store_that_another_relay_sends_to(server):
    """The receiver asks the relay of its machine, which looks until the other one has sent."""
    target = Target()
    both = [Machine(server, sink("out", url=target.url, max_in_flight=2), endpoint(PATH, store=["out"], store_required=True, store_wait="10s"))
            for _ in range(2)]
    receivers = [machine.start() for machine in both]
    relays = [Relay(machine).ready() for machine in both]
    load = Load(receivers, senders=8)
    until(lambda: len(load.acknowledged) > 100, "events are acknowledged", 60)
    load.stop()
    assert set(load.statuses) == {200}
    assert len(target.got) == len(load.acknowledged)
    for relay in relays:
        relay.stop()
    for receiver in receivers:
        receiver.stop()
