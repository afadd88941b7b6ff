# SPDX-License-Identifier: ISC
"""The rows that compare hookspool with a limit or a peer under the same load: both are measured in turn."""
from collections import namedtuple
from statistics import median

import load
import machine
from reach import line
from systems import BUILD

# name of the row: its text, ours, theirs, SIZE/CONNECTIONS, which number, better, goal
Pair = namedtuple("Pair", "text ours theirs at key sense goal")
EXPRESS, KEPT = "express-fdatasync", "hookspool-kept"
PAIRS = {
    "express-64k": Pair("64 KB, 64 kept connections: durable requests a second ÷ Express with fdatasync", KEPT, EXPRESS, "65536/64", "rate", ">=", 1.5),
    "express-16k": Pair("16 KB: the same", KEPT, EXPRESS, "16384/64", "rate", ">=", 2.2),
    "express-700": Pair("700 bytes: the same", KEPT, EXPRESS, "700/64", "rate", ">=", 4),
    "php-700": Pair("700 bytes, 64 kept connections: durable requests a second ÷ PHP-FPM with SQLite FULL", KEPT, "php-fpm-sqlite", "700/64", "rate", ">=", 14),
    "cpu-64k": Pair("64 KB: handler's CPU a request ÷ empty handler's", KEPT, "empty-kept", "65536/64", "cpu", "<=", 2.5),
    "written": Pair("64 KB: bytes written to the disk ÷ bytes of bodies", KEPT, None, "65536/64", "written", "<=", 1.3),
    "empty-kept": Pair("700 bytes: durable requests a second ÷ empty handler's, kept connections", KEPT, "empty-kept", "700/64", "rate", ">=", 0.95),
    "cpu-700": Pair("700 bytes: handler's CPU a request ÷ empty handler's, kept connections", KEPT, "empty-kept", "700/64", "cpu", "<=", 1.45),
    "empty-plain": Pair("700 bytes: durable requests a second ÷ empty handler's, plain connections", "hookspool-plain", "empty-plain", "700/64", "rate", ">=", 1),
    "p99": Pair("700 bytes: p99 ÷ empty handler's, kept connections", KEPT, "empty-kept", "700/64", "p99", "<=", 2),
    "memory": Pair("700 bytes: resident memory under load, MiB", KEPT, None, "700/64", "resident", "<=", 32),
    "p50": Pair("700 bytes, one connection: (p50 - empty handler's) ÷ one fdatasync", KEPT, "empty-kept", "700/1", "p50", "<=", 1.3),
}


def loads(names):
    """What is to be measured for these rows: (system, SIZE/CONNECTIONS), each once."""
    found = {}
    for pair in map(PAIRS.get, names):
        found.update({(system, pair.at): True for system in (pair.ours, pair.theirs) if system})
    return list(found)


def value(pair, found, fdatasync_us):
    ours = found[pair.ours][pair.at]
    theirs = found[pair.theirs][pair.at][pair.key] if pair.theirs else None
    if pair.key == "p50":
        return (ours["p50"] - theirs) / fdatasync_us
    if pair.key == "written":
        return ours["written"] / int(pair.at.split("/")[0]) if ours["written"] else None
    if pair.key == "resident":
        return ours["resident"] / 1024
    return ours[pair.key] / theirs


def run(names, repeats, seconds):
    """{name of a row: its lines}; and what was measured for them, as load.in_turn() has it."""
    disk = []

    def measure_disk():
        if "p50" in names:
            disk.append(machine.disk(BUILD / "tests/bench/append")["fdatasync_us"])

    found = load.in_turn(loads(names), repeats, seconds, measure_disk)
    fdatasync_us = median(disk) if disk else None
    return {name: [line(PAIRS[name].text, value(PAIRS[name], found, fdatasync_us), PAIRS[name].sense, PAIRS[name].goal)] for name in names}, found
