# SPDX-License-Identifier: ISC
"""What many idle connections cost, and many endpoints and sinks in the configuration."""
import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import measure
import systems
import web
from reach import line

tempfile.tempdir = "/var/tmp"  # what the server tests' code makes is on the disk of all that is measured
sys.path.append(str(Path(__file__).parents[1] / "e2e"))

from fcgi_client import END, Fcgi, params, whole

CONNECTIONS = 64
RELOADS = 9
SINK = """sink "sink-{n}" {{
	url = "https://sink-{n}.example/events"
	events = {{"message.received"}}
}}
"""
OTHER = """endpoint "{path}/{n}" {{
	secret-file = {{"secret-{n}"}}
	relay = {{"sink-{sink}"}}
}}
"""


@contextlib.contextmanager
def receiving(where):
    """The receiver of a home, behind nginx; gives what runs."""
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
        yield running


def receive(seconds, set_up, beside=lambda where: contextlib.nullcontext()):
    """What measure() finds, with a home that was set up, and with what is there beside the load."""
    where = systems.home()
    set_up(where)
    with receiving(where) as running, beside(where):
        found = measure.measure(running, 700, CONNECTIONS, seconds)
    shutil.rmtree(where)
    return found


def kept_connection(address):
    """A connection that had a request, and waits for its next one."""
    fcgi = Fcgi(address)
    fcgi.send(whole(params(path="/nowhere", method="GET")))
    while fcgi.record()[0] != END:
        pass
    return fcgi


@contextlib.contextmanager
def idle(n, where):
    """So many idle connections to the receiver's socket, as a web server keeps them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as kept:
        for _ in range(n):
            kept.enter_context(kept_connection(where / "handler.sock"))
        yield


def run_idle(n, repeats, seconds):
    alone, beside = [], []
    for _ in range(repeats):
        alone.append(receive(seconds, lambda where: None))
        beside.append(receive(seconds, lambda where: None, lambda where: idle(n, where)))
        print(f"{n} idle connections {beside[-1]['rate']:9.0f}/s, {beside[-1]['resident'] / 1024:.0f} MiB, without {alone[-1]['rate']:9.0f}/s", flush=True)
    ratio = median(s["rate"] for s in beside) / median(s["rate"] for s in alone)
    rate = line(f"{n:,} idle kept connections: requests a second at {CONNECTIONS} others ÷ without them", ratio, ">=", 0.95)
    memory = line("the same: resident memory, MiB", median(s["resident"] for s in beside) / 1024, "<=", 64)
    return [{**rate, "errors": sum(s["errors"] for s in alone + beside)}, memory]


def configure(where, endpoints, sinks):
    """So many endpoints with a secret each, of which the last is the one that is asked, and so many sinks."""
    text = "".join(SINK.format(n=n) for n in range(sinks))
    for n in range(endpoints - 1):
        text += OTHER.format(path=web.PATH, n=n, sink=n % sinks)
        (where / f"secret-{n}").write_text(f"{web.SECRET}-{n}\n")
        systems.place(where / f"secret-{n}")
    (where / "hookspool.conf").write_text(text + systems.CONF % web.PATH)


def reload_ms(where, pid):
    """Milliseconds from SIGHUP to the log's line that the new configuration serves."""
    log = where / "handler.log"
    before, begin = log.stat().st_size, time.monotonic()
    os.kill(pid, signal.SIGHUP)
    while b"configuration reloaded" not in log.read_bytes()[before:]:
        if time.monotonic() - begin > 30:
            raise TimeoutError("the reload")
        time.sleep(0.0005)
    return (time.monotonic() - begin) * 1000


def reload_median(endpoints, sinks):
    where = systems.home()
    configure(where, endpoints, sinks)
    with receiving(where) as running:
        found = median(reload_ms(where, running.pids()[0]) for _ in range(RELOADS))
    shutil.rmtree(where)
    return found


def run_endpoints(endpoints, sinks, repeats, seconds):
    few, many = [], []
    for _ in range(repeats):
        few.append(receive(seconds, lambda where: configure(where, 1, 0)))
        many.append(receive(seconds, lambda where: configure(where, endpoints, sinks)))
        print(f"{endpoints} endpoints {many[-1]['rate']:9.0f}/s, one {few[-1]['rate']:9.0f}/s", flush=True)
    took = reload_median(endpoints, sinks)
    print(f"{endpoints} endpoints: reload {took:.0f} ms", flush=True)
    ratio = median(s["rate"] for s in many) / median(s["rate"] for s in few)
    rate = line(f"{endpoints:,} endpoints and {sinks} sinks in the configuration: requests a second ÷ with one endpoint", ratio, ">=", 0.97)
    return [{**rate, "errors": sum(s["errors"] for s in few + many)}, line("the same: reload, ms", took, "<=", 100, 1)]
