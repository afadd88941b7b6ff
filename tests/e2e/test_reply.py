# SPDX-License-Identifier: ISC
"""hookspool reply: an answer that a person gives is sent once, as a program's."""
import json
import subprocess
import time

import pytest

from place import BIN, SLOW, until
from receiver import endpoint
from relaying import API, DEAD, PENDING, answering, attempts, deliver, home_with, settled, sink, states


def sending(target, **given):
    """A home with a sink that sends answers, and one that gets the events."""
    return home_with(sink("events", type="null", allow_private=None), sink("api", url=target.url, authorization_file="key", timeout="2s",
                     retry=["100ms", "1s", "1h"], **API), relay=["events"], files={"key": "Bearer abc"}, **given)


def reply(home, *args, status=0, **how):
    done = home.cli("reply", *args, **how)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return (done.stderr if status else done.stdout).decode()


def test_answer_is_sent_once(receiver, relay, target):
    home = sending(target)
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="Zoë")
    said = reply(home, "1", ' Thank "you" 👋\n')
    assert "is due for sink api" in said and "no relay" not in said
    _, method, _, headers, body = target.until(1)[0]
    assert method == "POST" and headers["Authorization"] == "Bearer abc"
    assert json.loads(body) == {"accountId": "acc-1", "conversationUrn": "urn:li:messagingThread:2-x", "message": 'Thank "you" 👋'}
    settled(home, 2)
    assert "answered already" in reply(home, "1", "once more", status=1)
    time.sleep(0.5)
    assert len(target.got) == 1
    reply(home, "--again", "1", "another one")
    assert json.loads(target.until(2)[1][4])["message"] == "another one"
    settled(home, 2)
    assert len(attempts(home)) == 3, "the attempts of the first answer stay"


def test_without_relay_it_waits(receiver, relay, target):
    home = sending(target)
    deliver(receiver(home=home))
    assert "no relay runs" in reply(home, "1", "-", stdin=b"  from a file\n")
    assert "pending already" in reply(home, "1", "other", status=1) and "pending already" in reply(home, "--again", "1", "other", status=1)
    relay(home).ready()
    assert json.loads(target.until(1)[0][4])["message"] == "from a file"
    settled(home, 2)


def test_concurrent_answers_are_one(receiver, relay, target):
    home = sending(target)
    deliver(receiver(home=home))
    running = [subprocess.Popen([BIN / "hookspool", "-c", home.conf, "reply", "1", f"answer {n}"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for n in range(8)]
    assert sorted(process.wait(20 * SLOW) for process in running) == [0] + 7 * [1]
    relay(home).ready()
    settled(home, 2)
    assert len(target.got) == 1


@pytest.mark.parametrize("answer", [{"status": 0}, {"status": 502}], ids=["broken off", "a gateway's error"])
def test_answer_in_doubt_is_not_sent_again(receiver, relay, target, answer):
    home = sending(target)
    target.answers = [answer]
    deliver(receiver(home=home))
    relay(home).ready()
    reply(home, "1", "once")
    settled(home, 1, state=DEAD)
    assert "dead letter" in reply(home, "1", "twice", status=1)
    assert len(target.got) == 1
    reply(home, "--again", "1", "twice")
    settled(home, 2)
    assert [json.loads(body)["message"] for body in target.bodies()] == ["once", "twice"]


def test_kill_of_the_relay_while_answers_are_sent(receiver, relay, target):
    home = sending(target)
    target.answers = [{"do": lambda handler: time.sleep(0.03)}] * 100
    deliver(receiver(home=home), 15)
    for n in range(1, 16):
        reply(home, str(n), f"answer {n}")
    for i in range(6):
        running = relay(home)
        time.sleep(0.05 + 0.02 * i)
        running.kill()
    relay(home).ready()
    until(lambda: PENDING not in states(home), "all are decided on", 60)  # over PostgreSQL a killed relay's lease ends after half a minute
    said = [json.loads(body)["message"] for body in target.bodies()]
    assert len(said) == len(set(said)) >= states(home).count(1) - 15


def test_program_of_an_answered_event_sends_nothing(receiver, relay, target):
    """The sink is that of the endpoint's program; an event has one answer by it."""
    home = answering(target, "#!/bin/sh\necho from the program\n")
    deliver(receiver(home=home))
    reply(home, "1", "from a person")
    relay(home).ready()
    settled(home, 2)
    time.sleep(0.5)
    assert [json.loads(body)["message"] for body in target.bodies()] == ["from a person"]


@pytest.mark.parametrize("args, status, said", [
    (["2", "x"], 1, "there is no event 2"), (["1", " \n"], 1, "empty"), (["1"], 64, "TEXT"), (["x", "x"], 64, "is no ID"), ([], 64, "is no ID"),
    (["1", "a", "b"], 64, "quotes"), (["--sink", "events", "1", "x"], 1, "sends no answers"), (["--sink", "none", "1", "x"], 1, 'no sink "none"'),
])
def test_wrong_use(receiver, target, args, status, said):
    home = sending(target)
    deliver(receiver(home=home))
    assert said in reply(home, *args, status=status)
    assert len(states(home)) == 1


def test_text_has_bounds(receiver, target):
    home = sending(target)
    deliver(receiver(home=home))
    assert "64 KiB" in reply(home, "1", "-", stdin=b"x" * 65537, status=1)
    assert "UTF-8" in reply(home, "1", "-", stdin=b"\xff", status=1)
    assert "NUL" in reply(home, "1", "-", stdin=b"a\0b", status=1)


def test_sink_must_be_clear(receiver, target):
    home = home_with(sink("one", url=target.url, **API), sink("two", url=target.url, **API), sink("out", url=target.url))
    deliver(receiver(home=home))
    assert "choose one with --sink: one two" in reply(home, "1", "x", status=1)
    reply(home, "--sink", "two", "1", "x")
    home.configure()
    assert "no sink sends answers" in reply(home, "1", "x", status=1)


def test_answer_goes_to_no_other_provider(receiver, relay, target):
    """The only sink that sends answers is that of the other endpoint's provider."""
    home = home_with(sink("api", url=target.url, **API), sink("out", type="null", allow_private=None), endpoint("/other", scheme="slack"), relay=["out"])
    deliver(receiver(home=home))
    assert "choose one with --sink: api" in reply(home, "1", "x", status=1)
    reply(home, "--sink", "api", "1", "x")


def test_event_without_conversation_is_not_answered(receiver, target):
    home = sending(target)
    deliver(receiver(home=home), conversation_id=None)
    assert "no conversation" in reply(home, "1", "x", status=1)
