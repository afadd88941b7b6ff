# SPDX-License-Identifier: ISC
"""Sinks of the type null: what a delivery goes through, without a target."""
import pytest

from place import until
from relaying import Relay, deliver, home_with, settled, sink, states


def null(**given):
    return sink("out", type="null", allow_private=None, **given)


def attempts(home):
    return home.spool.query("SELECT error, answer FROM attempt ORDER BY id")


def relayed(n, **given):
    """Stores n events for a null sink with these options, and starts a relay for them."""
    home = home_with(null(**given))
    deliver(home.start(), n)
    Relay(home).ready()
    return home


def test_null_delivers():
    home = relayed(3)
    settled(home, 3)
    assert [row["answer"] for row in attempts(home)] == [b"message 1", b"message 2", b"message 3"]


def test_check_tells_that_nothing_is_sent():
    """Events that a null sink takes are nowhere else than in the spool, so that its name must not hide what it is."""
    done = home_with(null()).cli("check", "--socket", "none")
    assert b'ok   sink out: sends nothing, as its type is "null"\n' in done.stdout


def test_null_refuses_each_third():
    home = relayed(6, result="refused", every=3)
    until(lambda: 0 not in states(home), "all have ended")
    assert states(home) == [1, 1, 2, 1, 1, 2]


@pytest.mark.parametrize("result, pauses", [("retry", 0), ("doubt", 1), ("down", 1)])
def test_null_fails(result, pauses):
    """After five failures in a row a target that is down pauses; an event that fails says nothing of the target."""
    home = relayed(6, result=result)
    until(lambda: len(attempts(home)) >= 5, "five attempts")
    until(lambda: len(home.spool.query("SELECT sink FROM pause")) == pauses, "the pause")
    assert set(states(home)) == {0}


def test_null_delays():
    home = relayed(1, delay="700ms")
    settled(home, 1)
    assert home.spool.query("SELECT ms FROM attempt")[0]["ms"] >= 700


def test_null_does_not_answer_within_its_timeout():
    home = relayed(1, delay="60s", timeout="300ms")
    until(lambda: attempts(home), "an attempt")
    assert states(home) == [0] and "doesn't answer" in str(attempts(home)[0]["error"])


def test_send_tries_a_null_sink():
    home = home_with(null(result="refused"))
    tried = home.cli("send", "--relay", "out")
    assert tried.returncode == 1 and b"null\n" in tried.stdout and b"the null sink refuses" in tried.stdout
