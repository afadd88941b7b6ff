# SPDX-License-Identifier: ISC
"""The server tests' fixtures and end of session, one seed for all that is random, and the tally."""
import random
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]
pytest_plugins = ["e2e.conftest"]

import tally
from oracle import ROUNDS, SEED


def pytest_report_header():
    return f"crash: HOOKSPOOL_CRASH_ROUNDS={ROUNDS} HOOKSPOOL_CRASH_SEED={SEED}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        report.sections.append(("to repeat it", f"HOOKSPOOL_CRASH_SEED={SEED}"))


def pytest_sessionfinish(session):
    """One of several processes hands its tally to the one that prints it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = tally.all_rows()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    for rows, more in zip(tally.all_rows(), getattr(node, "workeroutput", {}).get("tally", [])):
        rows.update(more)  # a fault is tried in one file of tests, and so in one process


def pytest_terminal_summary(terminalreporter):
    if found := tally.tables(*tally.all_rows()):
        terminalreporter.section(f"crash tally, seed {SEED}")
        terminalreporter.write("\n".join(found.values()))
        tally.save(SEED)


@pytest.fixture
def rng(request):
    """The test's own random numbers: they depend on the seed and on its name only."""
    return random.Random(f"{SEED} {request.node.name}")
