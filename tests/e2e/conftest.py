# SPDX-License-Identifier: ISC
"""Fixtures; the session's beginning and its certain end; no sanitizer report goes unnoticed."""
import os
import shutil
import sys
from contextlib import ExitStack

sys.dont_write_bytecode = True
os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
os.environ.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1")
os.environ.setdefault("TSAN_OPTIONS", "second_deadlock_stack=1")

import pytest

import engine
import place
import proc
from receiver import REPORT, Home, endpoint
from relaying import Relay, Target
from sender import VECTORS
from servers import KINDS, serving

SEEN = {}  # log file: bytes already looked at
STAY = set()  # directories of fixtures of the whole session


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: what the continuous integration runs over PostgreSQL")
    config.addinivalue_line("markers", "sqlite: a spool in a directory alone has what is tested")
    proc.take_interrupts()
    proc.adopt_orphans()
    place.stage()


# Each takes a minute or more. Of two processes that share the tests, none is left with one of them at the end.
LONG = ["test_bootstrap.py", "test_packages.py", "test_contract.py", "test_sink_amqp.py", "test_catch_up_day.py", "test_bench.py", "test_static.py",
        "test_ports.py", "test_postgresql_spool.py", "test_web_servers.py", "test_check.py", "test_leaks.py", "test_retention.py", "test_signers.py"]


def pytest_unconfigure():
    proc.end_all()


def pytest_report_header():
    return f"hookspool: build {place.find_build()}, source {place.SOURCE}, sanitizer {place.SANITIZER or 'none'}"


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
    for item in items:
        if item.path.name in engine.QUICK:
            item.add_marker("quick")
    if os.environ.get("HOOKSPOOL_ENGINE") == "postgresql":
        left_out = [item for item in items if not engine.runs_over_postgresql(item)]
        items[:] = [item for item in items if item not in set(left_out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(fixturedef):
    before = len(place.MADE)
    yield
    if fixturedef.scope == "session":
        STAY.update(place.MADE[before:])


@pytest.fixture(scope="module", autouse=True)
def room():
    """The directories of the file of tests before this one go: those of all files would fill a disk, and each look reads them."""
    if not os.environ.get("HOOKSPOOL_KEEP"):
        look()
        for path in set(place.MADE) - STAY:
            shutil.rmtree(path, ignore_errors=True)
    place.MADE.clear()


def new_text():
    """What was written to any log since the last look, by file."""
    news = {}
    for log in sorted(place.BASE.glob("*/*.log")):
        data = log.read_bytes()
        news[log] = data[SEEN.get(log, 0):].decode(errors="replace")
        SEEN[log] = len(data)
    return {log: text for log, text in news.items() if text}


def look():
    """New log text; fails on a sanitizer's report in it."""
    news = new_text()
    for log, text in news.items():
        found = REPORT.search(text)
        assert not found, f"{log}:\n{text[found.start():found.start() + 6000]}"
    return news


@pytest.fixture(autouse=True)
def no_reports():
    yield
    look()


@pytest.fixture(scope="session", autouse=True)
def no_reports_at_the_end():
    yield
    proc.end_all()
    look()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the log of each server from the start of the test."""
    report = (yield).get_result()
    if report.failed:
        for log in sorted(place.BASE.glob("*/*.log")):
            text = log.read_bytes()[SEEN.get(log, 0):].decode(errors="replace")
            if text:
                report.sections.append((str(log.relative_to(place.BASE)), text[-3000:]))


def site_home():
    """A home with an endpoint for each outcome."""
    return Home(
        endpoint("/webhook/linkedin"),
        endpoint("/webhook/auth", authorization_file=["auth"]),
        endpoint("/webhook/far", allow=["192.0.2.0/24"]),
        endpoint("/webhook/near", allow=["127.0.0.0/8", "::1/128"]),
        endpoint("/webhook/filtered", events=["message.received"], accounts=["acc-1"]),
        endpoint("/webhook/rotating", secret_file=["secret", "secret2"]),
        endpoint("/webhook/small", max_body="2k"),
        endpoint("/webhook/github", scheme="github"),
        endpoint("/webhook/dropbox", scheme="dropbox"),
        endpoint("/webhook/open", scheme="none"),
        *(endpoint(f"/webhook/{name}", scheme=v.scheme, secret_file=[name]) for name, v in VECTORS.items()),
        files={name: v.secret for name, v in VECTORS.items()}, body_timeout="2s")


@pytest.fixture(scope="session", params=KINDS)
def site(request):
    """Each web server in turn, in front of a home with an endpoint for each outcome."""
    with serving(request.param, site_home()) as server:
        yield server


@pytest.fixture
def served():
    """A function that puts a web server of the named kind in front of a home; stopped and checked at the end."""
    with ExitStack() as started:
        yield lambda kind, home: started.enter_context(serving(kind, home))


@pytest.fixture
def receiver():
    """A function that starts a receiver (in a home of its own unless given one); stopped and checked at the end."""
    started = []

    def start(*endpoints, home=None, args=(), **given):
        started.append((home or Home(*endpoints, **given)).start(*args))
        return started[-1]
    yield start
    for one in started:
        if one.alive():
            one.stop()


@pytest.fixture
def children():
    """Whatever a test started is ended after it."""
    before = set(proc.LIVE)
    yield
    for child in set(proc.LIVE) - before:
        child.end()


@pytest.fixture
def target():
    """An HTTP server that sinks send to."""
    one = Target()
    yield one
    one.close()


@pytest.fixture
def relay(children):
    """A function that starts a relay on a home; ended after the test."""
    return Relay
