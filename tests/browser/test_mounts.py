# SPDX-License-Identifier: ISC
"""The same page behind Apache: mod_proxy_fcgi, mod_fcgid and CGI."""
import time

import pytest

from browser import USER
from mounted import FRONTS
from place import SLOW, until

ROW = "#rows .row"


@pytest.mark.parametrize("kind", FRONTS)
def test_page_behind(browser, mounted, kind):
    site = mounted(front=FRONTS[kind])
    site.deliver(text="before")
    site.open(browser)
    browser.until(ROW, "before")
    site.deliver(text="while it is open")
    before = time.monotonic()
    browser.until(ROW, "while it is open")
    assert time.monotonic() - before < 15, "by a poll that waits"
    browser.click(ROW, "before")
    assert "before" in browser.until("#detail .message")
    assert USER in site.get("summary.json").json["user"]
    browser.click("#home")
    until(lambda: "event" not in browser.url, "the way home")
    browser.shot(f"behind-{kind}")
