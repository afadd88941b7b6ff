# SPDX-License-Identifier: ISC
"""Several events in one request of an HTTP sink: what it has, what a refusal means, and what such a sink does not take."""
import base64
import hashlib
import hmac
import json
import threading
import time

import pytest

from place import SLOW
from relaying import DEAD, DONE, PENDING, attempts, deliver, home_with, settled, sink, states, tried

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def batch_sink(target, name="out", **given):
    given.setdefault("retry", ["100ms", "1s", "1h"])
    given.setdefault("batch", 100)
    return sink(name, url=target.url, **given)


def events_of(body):
    return json.loads(body) if body[:1] == b"[" else [json.loads(line) for line in body.splitlines()]


def deliver_together(one, target, deliver_more, answers):
    """The first answer takes a second, in which the sink may send nothing else: the other events wait and go together."""
    target.answers = answers
    deliver(one)
    target.until(1)
    deliver_more()


def exported(home):
    return [json.loads(line) for line in home.cli("export").stdout.splitlines()]


@pytest.mark.parametrize("form, kind", [("json-array", "application/json"), ("json-lines", "application/x-ndjson")])
def test_backlog_goes_in_batches(receiver, relay, target, form, kind):
    """Each event once, as export prints it; the batch has a signature, and an id that is the hash of its events' ids."""
    home = home_with(batch_sink(target, batch_format=form, max_in_flight=1, secret_file="key", headers=["X-From: here"]), files={"key": KEY})
    one = receiver(home=home)
    deliver(one, 150, text="line 1\nline 2 👋")
    relay(home).ready()
    settled(home, 150)
    assert sorted((event for body in target.bodies() for event in events_of(body)), key=lambda event: event["id"]) == exported(home)
    assert len(target.got) < 30 and max(len(events_of(body)) for body in target.bodies()) > 10
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    for _, _, _, headers, body in target.got:
        assert headers["Content-Type"] == kind and headers["X-From"] == "here" and len(events_of(body)) <= 100
        assert form == "json-array" or body.endswith(b"}\n")
        ids = "".join(f"evt_{name}_{event['id']}\n" for event in events_of(body))
        assert headers["webhook-id"] == "batch_" + hashlib.sha256(ids.encode()).hexdigest()[:32]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = base64.b64encode(hmac.new(base64.b64decode(KEY[6:]), signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{right}"
    assert len({entry[3]["webhook-id"] for entry in target.got}) == len(target.got)


@pytest.mark.parametrize("form", ["json-array", "json-lines"])
def test_template_is_an_event_of_the_batch(receiver, relay, target, form):
    """On one line, though the template has several."""
    text = '{"id": "{{hookspool.id}}",\n "text": "{{hookspool.text}}"}'
    home = home_with(batch_sink(target, batch_format=form, max_in_flight=1)[:-2] + f"body = '{text}'\n}}\n")
    one = receiver(home=home)
    deliver(one, 20, text='two\nlines and "quotes"')
    relay(home).ready()
    settled(home, 20)
    sent = [event for body in target.bodies() for event in events_of(body)]
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    assert {event["id"] for event in sent} == {f"evt_{name}_{n}" for n in range(1, 21)} and len(sent) == 20
    assert {event["text"] for event in sent} == {'two\nlines and "quotes"'} and len(target.got) < 10


def test_event_that_is_no_json_is_a_dead_letter(receiver, relay, target):
    home = home_with(batch_sink(target)[:-2] + "body = '{\"n\": {{data.amount}}}'\n}\n")
    one = receiver(home=home)
    for n in (1, None, 2):
        deliver(one, amount=n)
    relay(home).ready()
    settled(home, 2)
    settled(home, 1, DEAD)
    assert sorted(event["n"] for body in target.bodies() for event in events_of(body)) == [1, 2]
    assert any("is no JSON" in (attempt["error"] or "") for attempt in attempts(home))


def test_poison_event_does_not_hold_up_its_batch(receiver, relay, target):
    """The events of a refused batch go again at once, one by one. The one that is refused alone is dead, the others are delivered."""
    home = home_with(batch_sink(target, max_in_flight=1))
    one = receiver(home=home)
    relay(home).ready()

    def more():
        deliver(one, 10)
        deliver(one, text="poison")
        deliver(one, 10)

    deliver_together(one, target, more, Poisoned(target))
    settled(home, 21)
    settled(home, 1, DEAD)
    assert len(attempts(home)) == 22 and states(home)[11] == DEAD
    assert [attempt["status"] for attempt in attempts(home) if attempt["relay"] == 12] == [422]
    refused = [events_of(body) for body in target.bodies() if b"poison" in body]
    assert [len(events) for events in refused[1:]] == [1] and len(refused[0]) > 1
    accepted = [event["id"] for body in target.bodies() if b"poison" not in body for event in events_of(body)]
    assert sorted(accepted) == [n for n in range(1, 23) if n != 12]


class Poisoned:
    """The answers of a target that never takes an event with the word poison; the first of them takes a second."""

    def __init__(self, target):
        self.target = target

    def __bool__(self):
        return True

    def pop(self, _):
        return {"do": self.answer, "status": 422 if b"poison" in self.target.got[-1][4] else 200}

    def answer(self, _):
        if len(self.target.got) == 1:
            time.sleep(SLOW)


def test_failed_batch_stays_pending(receiver, relay, target):
    """A server's error is of all events: they are tried again later until they are delivered."""
    home = home_with(batch_sink(target, max_in_flight=1))
    one = receiver(home=home)
    relay(home).ready()
    deliver_together(one, target, lambda: deliver(one, 4), [{"do": lambda _: time.sleep(SLOW)}, {"status": 503}])
    settled(home, 5)
    failed = [event["id"] for event in events_of(target.bodies()[1])]
    assert len(failed) > 1
    assert sorted((attempt["relay"], attempt["status"]) for attempt in attempts(home)) == \
        sorted([(n, 200) for n in range(1, 6)] + [(n, 503) for n in failed])


def test_requests_are_limited_and_what_waits_is_joined(receiver, relay, target):
    """While max-in-flight requests are on the way, new events wait for one of them to end, and go together."""
    home = home_with(batch_sink(target, max_in_flight=2))
    one = receiver(home=home)
    slow, now, most, lock = threading.Event(), [0], [0], threading.Lock()

    def wait(_):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        slow.wait(20)
        with lock:
            now[0] -= 1

    target.answers = [{"do": wait} for _ in range(40)]
    relay(home).ready()
    for _ in range(2):
        deliver(one)
        time.sleep(0.5)
    deliver(one, 30)
    time.sleep(1)
    assert len(target.got) == 2
    slow.set()
    settled(home, 32)
    assert most[0] <= 2 and len(target.got) <= 5


def test_wait_for_a_request_is_part_of_the_timeout(receiver, relay, target):
    """An attempt begins when the event begins to wait: its request gets what is left."""
    home = home_with(batch_sink(target, max_in_flight=1, timeout="3s", retry=["1m", "1h", "1d"]))
    one = receiver(home=home)
    hang = threading.Event()
    target.answers = [{"do": lambda _: hang.wait(20)} for _ in range(2)]
    relay(home).ready()
    deliver(one)
    target.until(1)
    time.sleep(0.5)
    deliver(one, 3)
    took = [attempt["ms"] for attempt in tried(home, 4)]
    hang.set()
    assert took[0] >= 2900 and all(ms < 2000 for ms in took[1:]) and states(home) == [PENDING] * 4 and len(target.got) == 2


class OnlyBatches:
    """The answers of a target that refuses batches, and hangs at a single event."""

    def __init__(self, target):
        self.target, self.end = target, threading.Event()

    def __bool__(self):
        return True

    def pop(self, _):
        if len(events_of(self.target.got[-1][4])) > 1:
            return {"status": 422}
        return {"do": lambda _: self.end.wait(60)}


def test_events_that_were_not_sent_in_time_stay_pending(receiver, relay, target):
    """The batch is refused, and the first of its events takes all of the timeout: nothing was sent of the others alone."""
    home = home_with(batch_sink(target, max_in_flight=1, timeout="1s", retry=["1m", "1h", "1d"]))
    one = receiver(home=home)
    deliver(one, 10)
    target.answers = OnlyBatches(target)
    relay(home).ready()
    errors = [attempt["error"] for attempt in tried(home, 10)]
    target.answers.end.set()
    assert all(errors) and any("all of the timeout" in error for error in errors) and states(home) == [PENDING] * 10


def test_events_wait_for_others_to_be_sent_with(receiver, relay, target):
    home = home_with(batch_sink(target, batch=3, batch_wait="2s"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 2)
    time.sleep(0.5)
    assert target.got == [], "two of three wait"
    deliver(one)
    target.until(1)
    start = time.monotonic()
    deliver(one)
    target.until(2)
    assert time.monotonic() - start > 1.5
    settled(home, 4, DONE)
    assert [[event["id"] for event in events_of(body)] for body in target.bodies()] == [[1, 2, 3], [4]]


def test_batch_of_one_is_a_batch(receiver, relay, target):
    """send --relay and a quiet time have the same form as a busy one."""
    home = home_with(batch_sink(target))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, DONE)
    assert [event["id"] for event in events_of(target.bodies()[0])] == [1] and target.bodies()[0][:1] == b"["
