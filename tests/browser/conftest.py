# SPDX-License-Identifier: ISC
"""The server tests' fixtures and certain end, one browser for all tests, and no complaint of it unnoticed."""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "e2e"), str(TESTS)]
pytest_plugins = ["e2e.conftest"]

from browser import Browser
from mounted import Mounted


@pytest.fixture(scope="session")
def chromium():
    one = Browser()
    yield one
    one.quit()


@pytest.fixture
def browser(chromium):
    """The browser, as new; fails on a report of the content security policy and on any error in the console."""
    chromium.reset()
    yield chromium
    chromium.get("about:blank")
    complaints = chromium.complaints()
    assert not complaints


@pytest.fixture(scope="session")
def shared():
    """A page that tests only look at: events of all kinds, refused deliveries, a sink that is down."""
    one = Mounted.filled()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def mounted_once():
    """A page that the tests of a file share; each delivers what it needs."""
    one = Mounted()
    yield one
    one.stop()


@pytest.fixture
def mounted(request):
    """A function that starts a page of the test's own: Mounted(**options); stopped at the end, when the browser has left it."""
    started = []

    def start(*sections, **given):
        started.append(Mounted(*sections, **given))
        return started[-1]
    yield start
    if "browser" in request.fixturenames:
        request.getfixturevalue("browser").get("about:blank")
    for one in started:
        one.stop()
