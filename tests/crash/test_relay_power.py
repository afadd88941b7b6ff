# SPDX-License-Identifier: ISC
"""Power cuts while the relay sends answers: none is lost, and none that had arrived is sent once more."""
import time
from collections import Counter

import pytest

import tally
from fcgi_client import deliver
from oracle import ENDPOINT, ROUNDS
from place import SANITIZER
from power import Recording, cuts
from relayed import RETRY, Relayed, Target
from relaying import Relay, home_with, sink
from sender import message

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer's library must be the first that is loaded")

CUTS = max(20, ROUNDS)  # of each recording
EVENTS = 40
BODY = '{"message":"{{hookspool.reply}}"}'


class Api(Target):
    """Where answers go: each is acknowledged in the recording before the relay is told."""
    recording = None

    def status(self, note):
        if self.recording:
            self.recording.acknowledge(note.id.encode())
        return super().status(note)


def home_for(api, **given):
    """A home whose program answers each event."""
    home = home_with(sink("api", url=api.url, body=BODY, **RETRY),
                     sink("program", type="exec", command=["./program"], reply="api", allow_private=None, **RETRY),
                     relay=["program"], **given)
    home.write("program", "#!/bin/sh\necho answer\n", 0o755)
    return home


def record(api, journal, mutant):
    home = home_for(api, journal=journal)
    one = home.start()
    for _ in range(EVENTS):
        assert deliver(one.socket, message(), path=ENDPOINT).status == 200
    one.stop()
    api.recording = Recording(home, journal, mutant)
    relay = Relay(home, before=["env", *api.recording.env])
    relay.until(lambda: len(api.notes) == EVENTS, "all are answered")
    relay.kill()
    recording, api.recording = api.recording, None
    return recording


def look(api, left, arrived, journal):
    """What a relay makes of what is left after a power cut, when these answers had arrived."""
    api.notes = []
    done = home_for(api, spool=str(left.dir), journal=journal).cli("relay", "--once")
    assert done.returncode == 0, done.stderr
    arrived = Counter([*arrived, *(note.id for note in api.notes)])
    events = {row["id"] for row in left.query("SELECT 'evt_' || name || '_' || id AS id FROM spool, event")}
    doubtful = {row["id"] for row in left.query("SELECT 'evt_' || name || '_' || event AS id FROM spool, relay, attempt ON"
                                                " attempt.relay = relay.id WHERE sink = 'api' AND state = 2 AND"
                                                " error LIKE '%it may have arrived'")}
    lost = events - doubtful - arrived.keys()
    problems = [f"lost: {name}" for name in lost]
    problems += [f"arrived {times} times: {name}" for name, times in arrived.items() if times > 1]
    return Relayed(len(events), arrived.total(), arrived.total() - len(arrived), len(lost), problems)


def examine(name, rng, journal, mutant="", number=CUTS):
    """Returns the breaches after that many power cuts."""
    start, api = time.monotonic(), Api("api", rng)
    recording = record(api, journal, mutant)
    found = [look(api, left, arrived, journal) for left, arrived in cuts(recording, rng, number, False, ack=bytes.decode)]
    api.close()
    *counts, problems = zip(*found)
    total = Relayed(*map(sum, counts), [problem for some in problems for problem in some])
    tally.add_relayed(name, [total], number, time.monotonic() - start)
    return total.problems


@pytest.mark.parametrize("journal", ("wal", "delete"))
def test_answers_after_a_power_cut(rng, children, journal):
    wrong = examine(f"power cut while answers are sent, journal {journal}", rng, journal)
    assert not wrong, f"{len(wrong)} breaches:\n" + "\n".join(wrong[:20])


def test_mark_without_a_sync_is_seen(rng, children):
    """Without the sync before an answer is sent the same test must fail."""
    wrong = examine("power cut while answers are sent with synchronous=NORMAL: must repeat", rng, "wal", "normal")
    assert wrong and all(problem.startswith("arrived 2 times: ") for problem in wrong), wrong[:20]
