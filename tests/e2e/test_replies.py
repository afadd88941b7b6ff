# SPDX-License-Identifier: ISC
"""Replies: what a program prints is sent to the conversation, once."""
import json
import time

import pytest

from place import SLOW, until
from relaying import DEAD, PENDING, answering, attempts, deliver, settled, states, tried


def replies(home):
    return home.spool.query("SELECT * FROM relay WHERE sink = 'connectsafely' ORDER BY id")


def test_reply_is_sent(receiver, relay, target):
    """What the program prints is sent to the conversation, as the API wants it; what it says of itself is not."""
    home = answering(target, "#!/bin/sh\necho thinking >&2\nprintf '\\n Hello \"%s\"\\nand\\tbye 👋 \\n\\n' \"$HOOKSPOOL_SENDER_NAME\"\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="Zoë")
    _, method, _, headers, body = target.until(1)[0]
    assert method == "POST" and headers["Authorization"] == "Bearer abc" and headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"accountId": "acc-1", "conversationUrn": "urn:li:messagingThread:2-x", "message": 'Hello "Zoë"\nand\tbye 👋'}
    settled(home, 2)
    assert b"thinking" in attempts(home)[0]["answer"]


@pytest.mark.parametrize("text", ["#!/bin/sh\n", "#!/bin/sh\nprintf ' \\n\\t'\necho no >&2\n"], ids=["nothing", "blanks"])
def test_empty_output_is_no_reply(receiver, relay, target, text):
    home = answering(target, text)
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1)
    assert not replies(home) and not target.got


def test_failed_program_sends_no_reply(receiver, relay, target):
    home = answering(target, f"#!/bin/sh\nif [ $HOOKSPOOL_ATTEMPT = 1 ]; then echo half an answer; exit 1; fi\nhead -c 70000 /dev/zero | tr '\\0' x\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, state=DEAD)
    assert [attempt["error"] for attempt in attempts(home)] == ["exit status 1", "it printed more than an answer can have, 64 KiB"]
    assert not replies(home) and not target.got


def test_event_is_answered_once(receiver, relay, target):
    """Though its program runs again, and though the API refuses for a while."""
    home = answering(target, "#!/bin/sh\necho answer $$\n")
    target.answers = [{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 503}]
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    settled(home, 2)
    assert len(target.got) == 3 and len(set(target.bodies())) == 1
    assert target.got[1][0] - target.got[0][0] >= 0.9
    assert home.cli("replay", "--sink", "assistant").stdout == b"1 of 1 events are due for assistant\n"
    until(lambda: len([a for a in attempts(home) if a["relay"] == 1]) == 2, "the program's second run")
    settled(home, 2)
    time.sleep(0.5)
    assert len(target.got) == 3 and len(replies(home)) == 1
    refused = home.cli("replay", "--sink", "connectsafely")
    assert refused.returncode == 1 and b"answers" in refused.stderr
    running.stop()


@pytest.mark.parametrize("answer", [{"do": lambda handler: time.sleep(4 * SLOW), "status": 0}, {"status": 0}, {"status": 502}],
                         ids=["no answer", "broken off", "a gateway's error"])
def test_reply_in_doubt_is_not_sent_again(receiver, relay, target, answer):
    home = answering(target, "#!/bin/sh\necho answer\n")
    target.answers = [answer]
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, state=DEAD)
    assert attempts(home)[-1]["error"].endswith("it may have arrived")
    time.sleep(1)
    assert len(target.got) == 1
    assert home.cli("retry", "--sink", "connectsafely").returncode == 0
    settled(home, 2)
    assert len(target.got) == 2


def test_unsent_reply_is_retried(receiver, relay, target):
    home = answering(target, "#!/bin/sh\necho answer\n")
    target.close()
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    tried(home, 3)
    assert replies(home)[0]["state"] == PENDING
    back = type(target)(target.port)
    try:
        back.until(1)
        settled(home, 2)
    finally:
        back.close()


def test_kill_while_replies_are_sent(receiver, relay, target):
    """No event is answered twice, whenever the relay is killed; those that may have been sent are dead letters."""
    home = answering(target, "#!/bin/sh\necho answer $HOOKSPOOL_ID\n", max_in_flight=4)
    target.answers = [{"do": lambda handler: time.sleep(0.02)}] * 400
    one = receiver(home=home)
    deliver(one, 40)
    for i in range(12):
        running = relay(home)
        time.sleep(0.04 + 0.013 * i)
        running.kill()
    relay(home).ready()
    until(lambda: states(home).count(PENDING) == 0 and len(replies(home)) == 40, "all are decided on", 60)
    said = [json.loads(body)["message"] for body in target.bodies()]
    assert len(said) == len(set(said)) <= 40
    dead = [row for row in replies(home) if row["state"] == DEAD]
    assert 40 - len(dead) <= len(said) and all(row["sending"] == 0 for row in replies(home))
    for row in dead:
        attempt, = home.spool.query("SELECT * FROM attempt WHERE relay = ?", row["id"])
        assert attempt["error"] == "the relay ended meanwhile; it may have arrived"
