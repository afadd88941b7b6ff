# SPDX-License-Identifier: ISC
"""Texts from strangers: shown as text, bounded, with what is invisible made visible, and nothing of them acts."""
import json
import time

import sender
from place import SLOW, until

ROW = "#rows .row"
SCRIPTS = ["<script>window.hit = 1</script>", "<img src=x onerror='window.hit = 1'>", "\"><svg onload=window.hit=1>", "{{constructor.constructor('hit=1')()}}",
           "javascript:window.hit=1", "</script><script>hit=1</script>", "<base href=//evil.example>", "<style>*{display:none}</style>", "https://evil.example/click?<a>"]


def untouched(browser):
    """Nothing that was text became an element, a link or a request."""
    return browser.js("""return window.hit === undefined && document.scripts.length === 1 && !document.querySelector("img, iframe, base, style, object, embed")
        && [...document.querySelectorAll("a")].every((link) => link.origin === location.origin && link.protocol.startsWith("http"))
        && performance.getEntriesByType("resource").every((entry) => entry.name.startsWith(location.origin))""")


def walk(browser, site, path, tabs):
    """Opens it, and each tab, as a reader does."""
    site.open(browser, path)
    for tab in tabs:
        browser.click(".tabs a", tab)
        browser.until(".tabs a[aria-current]", tab)
        assert untouched(browser), tab
    assert browser.all(ROW)


def test_markup_is_text(browser, mounted):
    site = mounted()
    for text in SCRIPTS:
        site.deliver(text=text, sender=text, event=text, account_id=text, conversation_id=text)
    site.open(browser)
    browser.until(ROW, SCRIPTS[0])
    for text, row in zip(reversed(SCRIPTS), browser.all(ROW), strict=True):
        assert row.count(text[:20]) >= 2
    for number, text in enumerate(SCRIPTS, 1):
        walk(browser, site, f"event/{number}", ["Body", "Headers", "Deliveries", "Message"])
        assert text in browser.until("#detail .message") and untouched(browser)


def test_markup_of_a_refused_delivery_is_text(browser, mounted):
    site = mounted()
    text = "<img/src=x/onerror=hit=1>"
    site.deliver(f"/webhook/{text}", status=404, headers={"Content-Type": text, "X-Webhook-Signature": text})
    site.deliver(status=401, headers={"X-Webhook-Signature": text}, body=f'{{"{text}": "{text}"}}'.encode())
    for number in (1, 2):
        walk(browser, site, f"event/r{number}", ["Body", "Headers", "Reason"])


CONTROLS = [chr(c) for c in [*range(0x20), *range(0x7f, 0xa0)]]
DIRECTIONS = [chr(c) for c in (0x200e, 0x200f, *range(0x202a, 0x202f), *range(0x2066, 0x206a), 0x061c)]
BLANK = ["\u00ad", "\u034f", "\u115f", "\u1160", "\u180e", "\u200b", "\u2028", "\u2029", "\u2060", "\u2064", "\u206f", "\u2800", "\u3164", "\ufeff", "\uffa0",
         "\ufff9", "\U000e0041", "\U000e0101"]


def test_every_control_character_is_seen(browser, mounted_once):
    site = mounted_once
    hidden = CONTROLS + DIRECTIONS + BLANK
    text = "".join(f"a{c}b" for c in hidden)
    number = site.deliver(text=text, sender=text)
    site.open(browser, f"event/{number}")
    shown = browser.until("#detail .message", "b")
    left = [hex(ord(c)) for c in hidden if c in shown and c not in "\t\n"]
    assert not left
    assert "a␀b" in shown and "a␛b" in shown and "a␡b" in shown and "a[RLO]b" in shown and "a[ZWSP]b" in shown and "a[U+0085]b" in shown
    row = browser.all(ROW)[0]
    assert not [hex(ord(c)) for c in hidden if c in row.replace("\n", "")]
    assert browser.js("return document.querySelector('.ctl').title").startswith("U+")
    browser.shot("controls")


def test_emoji_and_scripts_stay_whole(browser, mounted_once):
    text = "👨‍👩‍👧 👍🏽 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f می‌خواهم हिन्दी ✌️"
    number = mounted_once.deliver(text=text)
    mounted_once.open(browser, f"event/{number}")
    assert browser.until("#detail .message") == text


def test_direction_of_one_text_does_not_reach_another(browser, mounted_once):
    number = mounted_once.deliver(sender="\u202egnp.exe", text="שלום 123")
    mounted_once.open(browser, f"event/{number}")
    browser.until("#detail .message", "שלום")
    assert browser.js("return [...document.querySelectorAll('#rows .row > span')].every((cell) => !cell.innerText.trim() || cell.querySelector('bdi, time'))")
    assert "[RLO]gnp.exe" in browser.all(ROW)[0]
    assert browser.js("return getComputedStyle(document.querySelector('#detail .message bdi')).direction") == "rtl"


def test_large_text_is_bounded_and_can_be_expanded(browser, mounted):
    site = mounted()
    size = 900_000
    number = site.deliver(text="w" * size)
    many = site.deliver(text="\u0001a" * 140_000)
    site.open(browser, f"event/{number}")
    assert len(browser.until("#detail .message", "show all 900,000")) < 3000 and max(map(len, browser.all(ROW))) < 1000
    browser.click("#detail .message button", "show all")
    until(lambda: browser.js("return document.querySelector('#detail .message').textContent.length") >= size, "all of it")
    assert browser.js("return document.getElementById('detail').scrollWidth <= document.getElementById('detail').clientWidth"), "wrapped"
    browser.click(".tabs a", "Body")
    assert len(browser.until("#detail .json", "show all")) < 6000
    site.open(browser, f"event/{many}")
    browser.until("#detail .message", "show all 280,000")
    before = time.monotonic()
    browser.click("#detail .message button", "show all")
    until(lambda: browser.js("return document.querySelector('#detail .message').textContent.length") >= 280_000, "all of it")
    assert time.monotonic() - before < 20, "a text of many fonts is laid out in parts"


def test_large_and_deep_json_is_bounded(browser, mounted):
    site = mounted()
    number = site.deliver(body=sender.message()[:-1] + b', "list": [' + b"1," * 100_000 + b"1]}")
    deep = site.deliver(body=b"[" * 100_000)
    site.open(browser, f"event/{number}?tab=body")
    browser.until("#detail .json", "more of")
    assert browser.js("return document.querySelectorAll('#detail *').length") < 2000
    browser.click("#detail .json button", "more of")
    until(lambda: len(browser.all("#detail .json .value")) >= 200, "a hundred more")
    site.open(browser, f"event/{deep}?tab=body")
    browser.until("#detail .cause", "deeper than")


def test_hidden_bodies_are_nowhere(browser, mounted):
    site = mounted(page_bodies=False)
    site.deliver(text="the secret text", sender="Secret Name")
    site.open(browser)
    browser.until(ROW, "message.received")
    browser.click(ROW)
    for tab in ("Message", "Body", "Headers", "Deliveries"):
        browser.click(".tabs a", tab)
        browser.until("#part")
        page = browser.text("body")
        assert "the secret text" not in page and "Secret Name" not in page
    assert not browser.visible("[name=sender]") and not browser.visible("#search")
    text = json.dumps(site.get("event/1.json").json) + json.dumps(site.get("events.json").json)
    assert "the secret text" not in text and "Secret Name" not in text
