# SPDX-License-Identifier: ISC
"""What the relay sends to each type of sink from a backlog, and what an answer costs that waits for one. The servers are the tests' own."""
import contextlib
import importlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

import measure
import relay
import systems
import web

tempfile.tempdir = "/var/tmp"  # the servers' directories, on the disk of all that is measured
sys.path.append(str(Path(__file__).parents[1] / "e2e"))

import proc
import pytest
from place import SOURCE

TYPES = ("file", "dir", "redis", "nats", "kafka", "amqp", "postgresql", "mqtt", "journald")
BUILT_IN = ("file", "dir")
STORE = "redis"    # the type of the sink that answers wait for
LOADS = (1, 64)    # connections
ANSWERS = {         # when an answer comes, and how the server flushes
    "plain": (),
    "store": ("--appendonly", "yes", "--appendfsync", "always"),
    "everysec": ("--appendonly", "yes", "--appendfsync", "everysec"),
}
CONF = """spool = "spool"
{section}endpoint "{path}" {{
	secret-file = {{"secret"}}
	authorization-file = {{"authorization"}}
	{sinks}
}}
"""


class Place:
    """A home of the bench's, as the targets of the tests want one."""

    def __init__(self, where):
        self.dir, self.relay_in = where, {}

    def write(self, name, text, mode=0o600):
        (self.dir / name).write_text(text)
        return systems.place(self.dir / name, mode)


def make(events):
    """A home with so many events, and the modules beside the program."""
    where = relay.make(events)
    if (systems.BUILD / "modules").exists():
        shutil.copytree(systems.BUILD / "modules", where / "modules", ignore=shutil.ignore_patterns(".*"))
    return where


def in_flight(kind):
    """As the type's example has it; nothing where that has the default."""
    found = re.search(r"^\tmax-in-flight = (\d+)$", (SOURCE / f"conf-examples/sinks/{kind}.conf").read_text(), re.M)
    return {"max_in_flight": int(found[1])} if found else {}


@contextlib.contextmanager
def running_target(kind, where, *options):
    """A server of the type; gives it, the sink's section, and the arguments of a relay that reaches it."""
    module, home = importlib.import_module(f"targets.{kind}"), Place(where)
    to = next(value for value in vars(module).values() if getattr(value, "type", None) == kind)(*options)
    to.prepare(home)
    try:
        yield to, to.section(**in_flight(kind), retry=["1s", "1h", "3d"]), home.relay_in
    finally:
        to.close()
        for child in list(proc.LIVE):
            child.end()


def configure(where, section, sinks):
    (where / "hookspool.conf").write_text(CONF.format(section=section, path=web.PATH, sinks=sinks))


def work_off(where, kind, pending):
    """What relay.work_off() measures, for a sink of this type."""
    shutil.rmtree(where / "out", ignore_errors=True)
    (where / "out.jsonl").unlink(missing_ok=True)
    with running_target(kind, where) as (_, section, relay_in):
        configure(where, section, 'relay = {"out"}')
        return relay.work_off_pending(where, pending, **relay_in)


def runs_here(kind):
    """Whether the build has the type; journald wants mounts of its own, too."""
    if kind not in BUILT_IN and not (systems.BUILD / f"modules/{kind}.so").exists():
        return False
    if kind == "journald":
        try:
            with running_target(kind, web.new_dir("journald")):
                return True
        except (AssertionError, pytest.fail.Exception):
            return False
    return True


def backlogs(pending, repeats):
    """{type: numbers}, the types in turn; without those that do not run here."""
    where, samples = make(pending), {kind: [] for kind in TYPES if runs_here(kind)}
    for _ in range(repeats):
        for kind, of in samples.items():
            of.append(work_off(where, kind, pending))
            print(f"{kind:>16} sink    {of[-1]['rate']:9.0f}/s, {of[-1]['cpu']:.0f} us", flush=True)
    shutil.rmtree(where)
    return {kind: relay.middle(of) for kind, of in samples.items()}


def receive(answer, connections, seconds):
    """
    What measure() finds for a receiver that answers at once, or when a sink of the type STORE has acknowledged; and "missing": how many
    events were answered 200, and are not at the server when the load ends.
    """
    where = make(0)
    with running_target(STORE, where, *ANSWERS[answer]) as (server, section, relay_in):
        configure(where, section, 'store = {"out"}\n\tstore-required = true\n\tstore-wait = "10s"' if ANSWERS[answer] else "")
        with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running, relay.running_relay(where, **relay_in):
            found = measure.measure(running, 700, connections, seconds)
            found["missing"] = max(0, found["answered"] - server.held()) if ANSWERS[answer] else 0
    shutil.rmtree(where)
    return found


def storing(seconds, repeats):
    """{"plain/1": numbers, "store/64": numbers, ...}, in turn. An event that is missing is an error."""
    samples = {}
    for _ in range(repeats):
        for connections in LOADS:
            for name in ANSWERS:
                found = receive(name, connections, seconds)
                samples.setdefault(f"{name}/{connections}", []).append(found)
                print(f"{name:>16} {connections:3} connections {found['rate']:9.0f}/s, p50 {found['p50'] / 1000:.2f} ms", flush=True)
    return {name: {**relay.middle(of), "errors": sum(s["errors"] + s["missing"] for s in of)} for name, of in samples.items()}


def run(pending, repeats, seconds):
    try:
        return {"backlogs": backlogs(pending, repeats), "storing": storing(seconds, repeats) if runs_here(STORE) else {}}
    finally:
        proc.end_all()
