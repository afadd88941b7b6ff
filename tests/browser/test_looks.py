# SPDX-License-Identifier: ISC
"""How the page looks and behaves for all: phone, dark, print, screen reader, size; and what it says when there is nothing."""
import gzip
import json
import os
import re
import shutil
import subprocess

import pytest

from mounted import PATH
from place import BASE, SLOW, SOURCE, need, until
from receiver import endpoint
from relaying import sink

PAGE = SOURCE / "share/page"
ROW = "#rows .row"
LIMIT = 100 * 1000  # bytes, compressed


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, the version that is locked."""
    where = BASE / "axe"
    where.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / "tests/browser" / name, where)
    done = subprocess.run([need("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=where, capture_output=True, text=True,
                          env={**os.environ, "npm_config_cache": str(BASE / "npm")})
    assert done.returncode == 0, done.stderr
    return (where / "node_modules/axe-core/axe.min.js").read_text()


def findings(browser, axe, css="html"):
    """Serious and critical findings; contrast is one of them."""
    browser.js(axe)
    result = browser.driver.execute_async_script("axe.run(document.querySelector(arguments[0]), {resultTypes: ['violations']}).then(arguments[1])", css)
    return [(found["id"], found["impact"], [node["html"][:200] + " " + node["failureSummary"] for node in found["nodes"]][:3])
            for found in result["violations"] if found["impact"] in ("serious", "critical")]


PLACES = {"list": "", "event": "event/1", "body": "event/1?tab=body", "deliveries": "event/1?tab=deliveries", "refused": "event/r1", "headers": "event/r1?tab=headers",
          "filtered": "?outcome=refused&sender=x", "charts": "?charts=day"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_for_screen_readers_and_contrast(browser, shared, axe, scheme):
    if scheme == "dark":
        browser.dark()
    found = {}
    for name, path in PLACES.items():
        shared.open(browser, path)
        browser.until("#status", "receiving")
        if "event" in path:
            browser.until("#detail h1")
        else:
            browser.until("#detail h2")
        if name == "charts":
            browser.until("#charts h2")
        found[name] = findings(browser, axe, "#detail" if "event" in path else "html")
        browser.shot(f"{scheme}-{name}")
    browser.type("?")
    browser.until("#dialog")
    found["help"] = findings(browser, axe)
    assert not any(found.values()), json.dumps(found, indent=1, ensure_ascii=False)


def test_phone_has_two_steps(browser, shared, axe):
    browser.size(360, 740)
    shared.open(browser)
    browser.until(ROW, "Jane Doe")
    assert not browser.visible("#detail") and browser.js("return document.documentElement.scrollWidth") <= 360
    assert not findings(browser, axe)
    browser.shot("phone-list")
    browser.click(ROW, "behind nginx")
    browser.until("#detail h1", "event")
    assert not browser.visible("#list") and browser.js("return document.documentElement.scrollWidth") <= 360
    browser.shot("phone-detail")
    for tab in ("Body", "Headers", "Deliveries"):
        browser.click(".tabs a", tab)
        browser.until(".tabs a[aria-current]", tab)
        assert browser.js("return document.getElementById('panes').scrollWidth") <= 360
    browser.click(".back")
    browser.until(ROW, "Jane Doe")
    assert browser.visible("#list") and not browser.visible("#detail")
    browser.back()
    until(lambda: browser.visible("#detail"), "Back leads to the detail")


def test_phone_keeps_its_place_in_the_list(browser, mounted):
    browser.size(360, 640)
    site = mounted()
    for n in range(40):
        site.deliver(text=f"number {n}.")
    site.open(browser)
    browser.until(ROW, "number 39.")
    browser.js("document.getElementById('list').scrollTop = 900")
    top = "return document.querySelector('#rows li[data-id=\"25\"]').getBoundingClientRect().top"
    before = browser.js(top)
    browser.click(ROW, "number 24.")
    browser.until("#detail h1", "event 25")
    site.deliver(text="while it is read")
    until(lambda: browser.js("return document.title") == "(1) hookspool", "the new row is held back")
    browser.click(".back")
    until(lambda: browser.visible("#list"), "the list")
    assert abs(browser.js(top) - before) < 10, "heights of rows that were not drawn yet are estimates"
    browser.click("#new", "1 new")
    browser.until(ROW, "while it is read")


def test_lines_of_the_detail_are_not_too_long(browser, shared):
    browser.size(2560, 1200)
    shared.open(browser, "event/1")
    browser.until("#detail .inner")
    assert browser.js("""const zero = document.createElement("span"); zero.textContent = "0".repeat(90); zero.className = "sr";
        document.querySelector("#detail .inner").append(zero); zero.className = ""; const most = zero.getBoundingClientRect().width;
        return document.querySelector("#detail #part").getBoundingClientRect().width <= most * 1.03""")


def test_print_has_the_detail_alone(browser, shared):
    shared.open(browser, "event/1")
    browser.until("#detail .message")
    browser.cdp("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.visible("#detail .message") and not browser.visible("#list") and not browser.visible("#top") and not browser.visible("#filters")
    assert not browser.visible("#detail button")
    browser.shot("print")


def test_empty_list_teaches(browser, mounted):
    site = mounted().open(browser)
    text = browser.until("#end", "hookspool send")
    origin = site.url[:-len(site.at)]
    assert f"{origin}{PATH}" in text and f"hookspool send {origin}{PATH}" in text
    assert "No sink is configured" in browser.until("#detail", "sink") and 'sink "slack"' in browser.text("#detail")
    browser.shot("empty")


def test_command_of_the_empty_list_works(browser, mounted):
    site = mounted().open(browser)
    browser.until("#end", "hookspool send")
    command = browser.js("return [...document.querySelectorAll('#end code')].map((node) => node.textContent).find((text) => text.startsWith('hookspool send'))")
    assert site.home.cli(*command.split()[1:]).returncode == 0
    browser.until(ROW, "message.received")


def test_stopped_programs_are_told_with_the_command_that_starts_them(browser, mounted):
    site = mounted(lambda target: sink("crm", url=target.url), endpoint(PATH, relay=["crm"]))
    site.deliver(text="waits")
    site.open(browser)
    assert "no relay runs" in browser.until("#status", "relay")
    assert "systemctl start hookspool-relay.service" in browser.until("#detail", "No relay runs")
    browser.click(ROW, "waits")
    browser.click(".tabs a", "Deliveries")
    browser.until("#part", "The relay is not running")
    site.receiver.stop()
    browser.until("#status", "no receiver runs", within=30)
    browser.click("#home")
    assert "systemctl start hookspool.socket" in browser.until("#detail", "No receiver runs")
    browser.shot("stopped")


def test_first_paint_is_quick(browser, shared):
    """The best of seven, because other tests run beside."""
    paints = []
    for _ in range(7):
        shared.open(browser)
        browser.until(ROW, "Jane Doe")
        paints.append(browser.js("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"))
    print("first contentful paint, ms:", sorted(paints))
    assert sorted(paints)[0] < 300 * SLOW, paints


def test_first_view_asks_for_little(browser, shared):
    """Charts and their library are loaded when they are asked for."""
    shared.open(browser)
    browser.until(ROW, "Jane Doe")
    loaded = "return performance.getEntriesByType('resource').map((entry) => entry.name.split('/').pop())"
    assert "uplot.js" not in browser.js(loaded) and "style.css" in browser.js(loaded)
    browser.click("#filters .today")
    browser.until("#charts canvas")
    assert "uplot.js" in browser.js(loaded) and "charts=day" in browser.url
    browser.click("#charts .group a", "hour")
    until(lambda: "charts=hour" in browser.url, "the span is in the URL")
    browser.click("#charts button", "close")
    until(lambda: not browser.visible("#charts"), "they are closed")


def click_on_the_newest_point(browser, chart):
    place = browser.js("const box = document.querySelectorAll('#charts .u-over')[arguments[0]].getBoundingClientRect(); return [box.right - 2, box.top + box.height / 2]", chart)
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        browser.cdp("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="none" if kind == "mouseMoved" else "left", clickCount=1)


def test_point_of_a_chart_leads_to_its_rows(browser, mounted):
    site = mounted()
    site.deliver(text="one")

    def newest_point_has_the_refusal():
        """False when the chart was drawn in a later step than the refusal: its newest point is empty then."""
        site.refuse()
        site.open(browser, "?charts=hour")
        browser.until("#charts canvas")
        click_on_the_newest_point(browser, 1)
        until(lambda: "outcome=refused" in browser.url and "since=" in browser.url and "until=" in browser.url, "the point's filters")
        until(lambda: not [text for text in browser.all(ROW) if "401" not in text], "refused deliveries alone")
        return browser.all(ROW)

    until(newest_point_has_the_refusal, "a point that leads to its row")


def test_page_is_small_when_compressed():
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 6)) for path in PAGE.iterdir() if path.suffix in (".js", ".css", ".html", ".svg")}
    assert len(sizes) > 10 and sum(sizes.values()) < LIMIT, sizes


def test_sources_have_no_inline_code_and_no_html_from_text():
    """A strict policy would stop both; neither is tried."""
    for path in PAGE.iterdir():
        text = path.read_text()
        if path.suffix == ".js":
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setHTML|createContextualFragment", text), path.name
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|(?:src|href)=\"(?:/|\w+:)", text), path.name


def test_licence_of_the_library_is_there():
    assert "MIT" in (PAGE / "uplot.LICENSE").read_text() and "uPlot" in (PAGE / "uplot.js").read_text()[:600]
