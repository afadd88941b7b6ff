# SPDX-License-Identifier: ISC
"""What receiving loses while a million events are purged, and how long the slowest delivery takes."""
import shutil
import subprocess
import time

import growth
import measure
import systems
from reach import line

CONNECTIONS = 64
SLICE = 5        # seconds of load at a time
LONGEST = 900    # seconds after which the load ends, and the purge with it


def load_until(running, ended, seconds):
    """Load, at least for some seconds, until a function gives true: {"rate", "max", "errors"} of all of it."""
    sums, slowest, errors, begin = [0, 0], 0, 0, time.monotonic()
    while time.monotonic() - begin < seconds or not (ended() or time.monotonic() - begin > LONGEST):
        found = measure.wrk(running.port, 700, CONNECTIONS, min(SLICE, seconds))
        sums = [sums[0] + found["requests"], sums[1] + found["microseconds"]]
        slowest, errors = max(slowest, found["max"]), errors + found["errors"]
    return {"rate": sums[0] / sums[1] * 1e6, "max": slowest, "errors": errors}


def run(events, seconds):
    """The events are a day older than those of the load, which stay."""
    where = growth.make(events)
    systems.program(where, "hookspool", "hookspool")
    argv = [where / "hookspool", "-c", where / "hookspool.conf", "purge", "--older-than", "12h"]
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
        measure.wrk(running.port, 700, CONNECTIONS, measure.WARM_UP)
        alone = load_until(running, lambda: True, seconds)
        begin, log = time.monotonic(), open(where / "purge.log", "wb")
        with log, subprocess.Popen(argv, stdout=log, stderr=log) as purge:
            beside = load_until(running, lambda: purge.poll() is not None, seconds)
            took, whole = time.monotonic() - begin, purge.poll() is not None
            if not whole:
                purge.terminate()
        if whole and (purge.returncode or f"{events} events purged".encode() not in (where / "purge.log").read_bytes()):
            raise RuntimeError((where / "purge.log").read_text())
    shutil.rmtree(where)
    print(f"purge of {events}: {took:.0f} s, {beside['rate']:9.0f}/s and at most {beside['max'] / 1000:.0f} ms; without"
          f" {alone['rate']:9.0f}/s and {alone['max'] / 1000:.0f} ms", flush=True)
    worst = line(f"purge of {events:,} events under load{'' if whole else f', in the first {LONGEST} s'}: the slowest delivery, ms", beside["max"] / 1000, "<=", 200, 0)
    rate = line("the same: requests a second ÷ without", beside["rate"] / alone["rate"], ">=", 0.9)
    return [{**worst, "errors": alone["errors"] + beside["errors"], "seconds": took}, rate]
