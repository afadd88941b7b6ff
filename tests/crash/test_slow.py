# SPDX-License-Identifier: ISC
"""500 senders of a byte a second, straight at the receiver's socket: good deliveries don't notice, and each slow one is ended."""
import os
import re
import statistics
import time
from pathlib import Path

import pytest

from fcgi_client import STDIN, Fcgi, opening, params, record, stdin
from oracle import ROUNDS, SIZES, by_fcgi
from place import SANITIZER, SLOW, until
from receiver import Home
from sender import message
from service import Service, tried

CONNECTIONS = 500
TIMEOUT = 2  # of parameters and of a body, in seconds
BODY = message(text="x" * 5000)
SHORT = [size for size in SIZES if size < 100_000]  # a request above 128 KiB takes a worker while it arrives, as a slow one does
WHOLE = opening(params(body=BODY)) + stdin(BODY) + record(STDIN)
START = {"in the first header": 3, "in the parameters": 60, "in the body": len(opening(params(body=BODY))) + 100}


def trickle(connections, at, seconds):
    """Sends each of them one more byte every second, of the request that they have begun."""
    for step in range(seconds):
        for fcgi in connections:
            try:
                fcgi.send(WHOLE[at + step:at + step + 1])
            except OSError:
                pass  # it has been ended
        time.sleep(1)


def ended(fcgi):
    """Whether the receiver has closed the connection; its answers, if any, are read away."""
    fcgi.sock.setblocking(False)
    try:
        while fcgi.sock.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def descriptors(one):
    return len(os.listdir(f"/proc/{one.pid}/fd"))


def peak_memory(one):
    """In MiB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{one.pid}/status").read_text())[1]) / 1024


@pytest.mark.parametrize("at", START.values(), ids=START)
def test_slow_senders(rng, children, at):
    """Half of them fall silent. Good deliveries are stored at the first try, most of them within a quarter of a second."""
    for _ in range(-(-ROUNDS // 20)):
        service = Service(Home(params_timeout=f"{TIMEOUT}s", body_timeout=f"{TIMEOUT}s"))
        one = service.running[0]
        until(lambda: "receiving for" in one.text(), "the receiver has opened what it keeps open")
        before = descriptors(one)
        slow = []
        with tried("500 slow senders", service.home, by_fcgi(service.socket), rng, 1, threads=3, twins=1, sizes=SHORT) as load:
            for _ in range(CONNECTIONS):
                slow.append(Fcgi(service.socket))
                slow[-1].send(WHOLE[:at])
            until(lambda: descriptors(one) > CONNECTIONS, "the receiver has them all")
            trickle(slow[::2], at, TIMEOUT)
            until(lambda: all([ended(fcgi) for fcgi in slow]), "all of them are ended", 2 * TIMEOUT + 4)
            until(lambda: descriptors(one) <= before + 8, "their descriptors are free")
        for fcgi in slow:
            fcgi.sock.close()
        assert not load.failures, load.failures[:3]
        assert load.longest < 15 and statistics.median(load.seconds) < 1
        assert SANITIZER or peak_memory(one) < 48, f"{peak_memory(one):.0f} MiB"
        service.stop()
