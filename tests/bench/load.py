# SPDX-License-Identifier: ISC
"""Systems under load: all of them one after the other, in each round."""
import shutil
from statistics import median

import measure
import web
from peers import PEERS
from systems import HOOKSPOOL, LIMITS

SYSTEMS = {**LIMITS, **HOOKSPOOL, **PEERS}
FEW = 16  # connections that systems get that have a process for each delivery under way
PROCESSES = ("empty-cgi", "hookspool-cgi", "hookspool-mod_fcgid", "fcgiwrap-sh", "webhook")


def one(name, size, connections, seconds):
    """A measurement of a system that starts for it with nothing stored, and leaves nothing."""
    with SYSTEMS[name]() as running:
        measure.check(name, running.port, verifies=name not in LIMITS)
        found = measure.measure(running, size, connections, seconds)
    remove_made()
    return found


def remove_made():
    for path in web.MADE:
        shutil.rmtree(path, ignore_errors=True)
    web.MADE.clear()


def middle(samples):
    """The median of each number; with the lowest and highest rate."""
    rates = [s["rate"] for s in samples]
    found = {key: None if samples[0][key] is None else median(s[key] for s in samples) for key in samples[0]}
    return {**found, "errors": sum(s["errors"] for s in samples), "lowest": min(rates), "highest": max(rates)}


def combine(names, sizes, connections):
    """All loads of these systems: (name, "SIZE/CONNECTIONS")."""
    return [(name, f"{size}/{c}") for size in sizes for c in connections for name in names if name not in PROCESSES or c <= FEW]


def in_turn(loads, repeats, seconds, each_round=lambda: None):
    """{system: {"SIZE/CONNECTIONS": numbers}}; it calls a function in each round."""
    samples = {}
    for turn in range(repeats):
        each_round()
        for name, at in loads:
            size, connections = map(int, at.split("/"))
            found = one(name, size, connections, seconds)
            samples.setdefault(name, {}).setdefault(at, []).append(found)
            print(f"{turn + 1}/{repeats} {name:26} {size:6} B {connections:4} connections"
                  f" {found['rate']:9.0f}/s p99 {found['p99'] / 1000:8.2f} ms {found['errors']} errors", flush=True)
    return {name: {at: middle(s) for at, s in of.items()} for name, of in samples.items()}
