# SPDX-License-Identifier: ISC
"""The contract of sinks, the same test for each type: what is sent, once or more, whatever fails."""
import contextlib
import importlib
import inspect
import json
import pkgutil
import random
import threading
import time

import pytest

import fcgi_client
import targets
from outcomes import expect
from place import BIN, run, until
from receiver import Home, endpoint
from relaying import PATH, deliver, settled, sink, states
from sender import message, new_urn

BODIES = {"text": b"Hello", "binary": bytes(range(256)) * 4, "nothing": b"", "large": random.Random(1).randbytes(1 << 20),
          "escapes": '{"a":"\\u0000 \u009b31m \u202e \\" \\\\"}\n\n'.encode(), "line feeds": b"\n\r\n\n"}


def target_classes():
    """Each class of each file in targets."""
    modules = [importlib.import_module(f"targets.{found.name}") for found in pkgutil.iter_modules(targets.__path__)]
    return [value for module in modules for value in vars(module).values()
            if inspect.isclass(value) and value.__module__ == module.__name__ and issubclass(value, targets.SinkTarget)]


CLASSES = {one.type: one for one in target_classes()}


def those(**wanted):
    """The types whose targets can do that."""
    return [pytest.param(one, id=name) for name, one in sorted(CLASSES.items()) if all(getattr(one, key) == value for key, value in wanted.items())]


@pytest.fixture
def begin(receiver, relay, children):
    """A function that makes a target, a home whose events go to it, and a receiver."""
    made = []

    def start(kind, **given):
        to = kind()
        made.append(to)
        home = Home(to.section(**given), endpoint(PATH, relay=["out"]))
        to.prepare(home)
        return to, home, receiver(home=home)
    yield start
    for to in made:
        to.close()


def event_id(home, number):
    return f"evt_{home.spool.query('SELECT name FROM spool')[0]['name']}_{number}"


def stored(home):
    """The events by their stable ids."""
    return {event_id(home, row["id"]): row["body"] for row in home.spool.events()}


def delivered(home, name):
    return home.spool.query("SELECT count(*) AS n FROM relay WHERE sink = ? AND state = 1", name)[0]["n"]


def until_failed(home):
    until(lambda: home.spool.query("SELECT 1 FROM attempt WHERE error IS NOT NULL"), "an attempt that failed", 20)


def test_each_type_of_sink_has_a_target():
    done = run([BIN / "hookspool", "check", "--options", "--json"])
    kinds = [option for option in json.loads(done.stdout)["options"] if (option["section"], option["name"]) == ("sink", "type")]
    assert set(CLASSES) >= set(kinds[0]["choices"]), "a new type of sink needs a class in tests/e2e/targets"


@pytest.mark.parametrize("kind", those(keeps=True))
def test_every_byte_arrives_with_a_stable_id(begin, relay, kind):
    to, home, one = begin(kind)
    for body in BODIES.values():
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")  # what is signed right
    relay(home).ready()
    settled(home, len(BODIES))
    assert dict(to.arrived()) == stored(home) and sorted(stored(home).values()) == sorted(BODIES.values())


@pytest.mark.parametrize("kind", those(breaks=True, keeps=True))
def test_what_was_down_gets_all_when_it_is_up(begin, relay, kind):
    to, home, one = begin(kind)
    to.down()
    relay(home).ready()
    deliver(one, 10)
    until_failed(home)
    assert states(home) == [0] * 10
    to.up()
    home.cli("retry", "--sink", "out")
    settled(home, 10)
    assert dict(to.arrived()) == stored(home) and len(to.arrived()) == 10


@pytest.mark.parametrize("kind", those(keeps=True))
def test_relay_killed_within_batches(begin, relay, kind):
    """Every event arrives, none half. Where the target knows ids, none is there twice."""
    rng, n = random.Random(7), 300
    to, home, one = begin(kind, max_in_flight=16)
    deliver(one, n)
    for _ in range(6):
        running = relay(home)
        running.until(lambda: "relaying to" in running.text(), "the relay is ready")
        time.sleep(rng.random() * 0.06)
        running.kill()
    relay(home).ready()
    settled(home, n)
    arrived = to.arrived()
    assert dict(arrived) == stored(home)
    assert not to.dedupes or len(arrived) == n


@pytest.mark.parametrize("kind", those(poisons=True))
def test_poison_event_holds_up_no_others(begin, relay, kind):
    to, home, one = begin(kind)
    deliver(one, 8)
    poison = event_id(home, 4)
    ends = to.poison(poison)
    relay(home).ready()
    settled(home, 7)
    until(lambda: len(home.spool.query("SELECT 1 FROM attempt")) >= 8, "an attempt of each event")
    assert states(home) == [1, 1, 1, ends, 1, 1, 1, 1]
    assert {id for id, _ in to.arrived()} == set(stored(home)) - {poison}


def test_null_refuses_one_of_a_batch(begin, relay):
    to, home, one = begin(CLASSES["null"], result="refused", every=4)
    deliver(one, 8)
    relay(home).ready()
    until(lambda: 0 not in states(home), "all have ended")
    assert states(home) == [1, 1, 1, 2, 1, 1, 1, 2]


@pytest.mark.parametrize("kind", those(in_order=True, keeps=True, breaks=True))
def test_ordered_conversations_stay_in_order(begin, relay, kind):
    """Also when the first attempts fail."""
    to, home, one = begin(kind, ordered=True)
    for i in range(20):
        fcgi_client.deliver(one.socket, message(new_urn(), conversation_id=f"c{i % 2}"), path=PATH)
    to.down()
    relay(home).ready()
    until_failed(home)
    to.up()
    settled(home, 20)
    numbers = [int(id.rpartition("_")[2]) for id, _ in to.arrived()]
    for parity in (0, 1):
        of_one = [number for number in numbers if number % 2 == parity]
        assert of_one == sorted(of_one) and len(of_one) == 10


@pytest.mark.parametrize("kind", those(hangs=True, keeps=True))
def test_silent_target_is_left_at_the_deadline(receiver, relay, kind):
    """The attempt fails then, and another one delivers; a second sink goes on."""
    to = kind()
    home = Home(to.section(timeout="500ms"), sink("other", type="null", allow_private=None), endpoint(PATH, relay=["out", "other"]))
    to.prepare(home)
    one = receiver(home=home)
    to.hang()
    relay(home).ready()
    start = time.monotonic()
    deliver(one, 3)
    until(lambda: delivered(home, "other") == 3, "the other sink has all")
    until_failed(home)
    assert 0.4 < time.monotonic() - start < 25
    to.unhang()
    home.cli("retry", "--sink", "out")
    settled(home, 6)
    assert dict(to.arrived()) == stored(home)
    to.close()


@contextlib.contextmanager
def slow(to):
    """The target answers nothing for most of the time."""
    ended = threading.Event()

    def alternate():
        while not ended.is_set():
            to.hang()
            time.sleep(0.15)
            to.unhang()
            time.sleep(0.1)

    thread = threading.Thread(target=alternate)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("kind", those(hangs=True, keeps=True))
def test_slow_target_gets_all_and_receiving_goes_on(begin, relay, kind):
    to, home, one = begin(kind)
    relay(home).ready()
    with slow(to):
        start = time.monotonic()
        deliver(one, 40)
        received = time.monotonic() - start
        settled(home, 40)
    assert received < 5 and dict(to.arrived()) == stored(home)


@pytest.mark.parametrize("kind", those(replies=True))
def test_answer_that_may_have_arrived_is_not_sent_again(receiver, relay, kind):
    to = kind()
    to.breaking = True
    answers = to.section("answers", body='{"text":"{{hookspool.reply}}"}')
    home = Home(answers, sink("out", type="exec", command=["echo", "Hello"], reply="answers", allow_private=None), endpoint(PATH, relay=["out"]))
    to.prepare(home)
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, state=2)
    time.sleep(1)
    assert [body for _, body in to.arrived()] == [b'{"text":"Hello"}']
    assert "may have arrived" in home.spool.query("SELECT error FROM attempt WHERE error IS NOT NULL")[0]["error"]
    to.close()
