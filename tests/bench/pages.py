# SPDX-License-Identifier: ISC
"""What receiving loses by open pages and a scraper."""
import contextlib
import json
import shutil
import subprocess
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

from place import SOURCE

OPEN = 10
CONNECTIONS = 64
WATCH = Path(__file__).with_name("watch.py")


@contextlib.contextmanager
def running_page(where):
    """The page of a home; gives its socket and its process id."""
    systems.program(where, "hookspool-page.fcgi", "hookspool-page.fcgi")
    (where / "page.sock").unlink(missing_ok=True)
    argv = [where / "hookspool-page.fcgi", "-c", where / "hookspool.conf", "--listen", f"unix:{where}/page.sock", "--files", SOURCE / "share/page"]
    with web.child(argv, where, where / "page.sock", name="page") as process:
        yield where / "page.sock", process.pid


@contextlib.contextmanager
def watched(where, took):
    """
    Open pages and a scraper, in a process of their own; `took` becomes how many answers of each kind they had, and the shares of a core
    that the page and that process took.
    """
    with running_page(where) as (socket, pid):
        watching = subprocess.Popen([sys.executable, WATCH, socket, str(OPEN)], stdout=subprocess.PIPE, text=True)
        try:
            watching.stdout.readline()
            begin, before = time.monotonic(), [measure.cpu([of]) for of in (pid, watching.pid)]
            yield
            page, watcher = [(measure.cpu([of]) - was) / (time.monotonic() - begin) / 1e6 for of, was in zip((pid, watching.pid), before)]
        finally:
            watching.terminate()
            text = watching.communicate(timeout=60)[0]
        took.update(json.loads(text), page=page, watcher=watcher)


def receive(seconds, beside):
    """What measure() finds, with what runs beside the receiver: a function of its home."""
    where = systems.home()
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
        with beside(where):
            found = measure.measure(running, 700, CONNECTIONS, seconds)
    shutil.rmtree(where)
    return found


def run(repeats, seconds):
    """The two of a round share the machine's hour, and take turns in being first: the row is the median of the rounds' ratios."""
    took, rounds = {}, []
    kinds = {"without": lambda where: contextlib.nullcontext(), "with": lambda where: watched(where, took)}
    for turn in range(repeats):
        names = sorted(kinds, reverse=turn % 2 == 0)
        rounds.append({name: receive(seconds, kinds[name]) for name in names})
        with_pages, without = (rounds[-1][name]["rate"] for name in ("with", "without"))
        print(f"{OPEN} open pages {with_pages:9.0f}/s, without {without:9.0f}/s: {with_pages / without:.3f}; {took}", flush=True)
    ratio = median(of["with"]["rate"] / of["without"]["rate"] for of in rounds)
    found = line(f"requests a second beside {OPEN} open pages and a scrape of /metrics a second ÷ without", ratio, ">=", 0.97)
    return [{**found, "errors": sum(s["errors"] for of in rounds for s in of.values()), "took": took}]
