# SPDX-License-Identifier: ISC
"""One event or refused delivery: its parts, what can be copied, and the keyboard."""
import json
import re
import subprocess

import sender
from browser import PASSWORD, USER
from mounted import BROKEN
from place import until

ROW = "#rows .row"


def clipboard(browser):
    browser.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    return browser.driver.execute_async_script("const done = arguments[0]; navigator.clipboard.readText().then(done, done)")


def open_row(browser, site, contains):
    site.open(browser)
    browser.click(ROW, contains)
    browser.until("#detail h1")


def test_event_has_message_body_headers_and_deliveries(browser, shared):
    open_row(browser, shared, "behind nginx")
    assert "One more question: does it run behind nginx?" in browser.until("#detail .message")
    fields = browser.text("#detail .fields")
    assert "Jane Doe" in fields and "urn:li:fsd_profile:ACoAA1" in fields and "acc-1" in fields
    assert "the signature was right" in browser.until("#detail .verdict") and "Lead → CRM" in browser.text("#detail .facts")
    browser.click(".tabs a", "Headers")
    assert "sha256=" in browser.until("#detail .fields")
    browser.click(".tabs a", "Deliveries (3)")
    lines = browser.until("#part", "slack")
    assert "delivered" in lines and re.search(r"next attempt in \d+ s", lines) and "503" in lines and "upstream connect error" in lines
    assert "404" in lines and "no such channel" in lines
    browser.shot("deliveries")
    browser.back()
    assert browser.until(".tabs a[aria-current]") == "Headers"


def test_json_is_a_tree_whose_paths_are_copied(browser, shared):
    open_row(browser, shared, "behind nginx")
    browser.click(".tabs a", "Body")
    browser.until("#detail .json")
    browser.click(".json .key", "name")
    browser.until("#toast", "{{data.sender.name}}")
    assert clipboard(browser) == "{{data.sender.name}}"
    browser.click(".json .value", "acc-1")
    browser.until("#toast", "{{data.account_id}}")
    assert clipboard(browser) == "{{data.account_id}}"


def test_tree_keeps_numbers_order_and_double_keys(browser, mounted):
    site = mounted()
    deep = {"a": {"b": {"c": {"d": {"e": 1}}}}}
    body = sender.message(text="numbers").decode()[:-1] + (
        ', "zz": 12345678901234567890, "aa": 1.50, "with.dot": 1, "list": [[], {}, null, true], "zz2": {"x": 1, "x": 2}, "deep": %s}' % json.dumps(deep))
    site.deliver(body=body.encode())
    site.open(browser, "event/1?tab=body")
    tree = browser.until("#detail .json", "12345678901234567890")
    assert "1.50" in tree and tree.index("zz: ") < tree.index("aa: ") and tree.count("x:") == 2 and "null" in tree
    assert browser.js("return [...document.querySelectorAll('.json [aria-expanded=false]')].length") >= 1, "deep levels are closed"
    assert not browser.visible(".json .value.number[title*='a.b.c.d.e']")
    browser.click(".json .key", "with.dot")
    browser.until("#toast", "No template can name this value")


def test_place_of_a_syntax_error(browser, shared):
    open_row(browser, shared, "not JSON")
    browser.click(".tabs a", "Body")
    assert f"Line 1, column {BROKEN.index(b'}') + 1}" in browser.until("#detail .cause") and browser.text("#detail mark") == "}"
    browser.shot("syntax-error")


def test_exact_bytes(browser, mounted):
    site = mounted()
    body = b'{"event":"message.received","data":{"id":"x1",\r\n\t"body":"text"}}'
    site.deliver(body=body)
    site.deliver(body=b"\xff\xfe\x00binary")
    site.open(browser, "event/1?tab=body")
    browser.click("#part .bar button", "exact bytes")
    assert '"id":"x1",␍' in browser.until("#detail .bytes", "␍")
    site.open(browser, "event/2?tab=body")
    assert "ff fe 00 62 69 6e" in browser.until("#detail .bytes", "ff fe 00")


def test_refused_delivery_has_its_reason_and_the_command_that_mends_it(browser, shared):
    open_row(browser, shared, "401 wrong signature")
    assert "refused delivery" in browser.text("#detail h1")
    reason = browser.until("#part", "hookspool")
    assert "hookspool verify --explain --reject" in reason and "secret" in reason
    browser.shot("refused")


def test_refused_delivery_is_explained(browser, mounted):
    """The sender signs the body with a line feed behind it."""
    site = mounted()
    body = sender.message(text="explained")
    site.deliver(body=body, headers={"X-Webhook-Signature": sender.sign(body + b"\n")}, status=401)
    site.open(browser, "event/r1")
    browser.until("#part .cause", "a line feed is missing at the end of the body")


def test_copied_curl_delivers_the_same_bytes(browser, mounted, tmp_path):
    """Also hostile ones: nothing of the body runs in the shell."""
    site = mounted()
    mark = tmp_path / "ran"
    for text in ("plain", f"it's $(touch {mark}) `touch {mark}` \" \\ !! 李 😀", f"'; touch {mark}; '", f"\u202e\u0007 tab\t \u001b[201~ touch {mark}\n"):
        site.deliver(text=text)
    for n in range(1, 5):
        site.open(browser, f"event/{n}")
        browser.until("#detail h1", f"event {n}")
        browser.type("y")
        browser.until("#toast", "as curl")
        command = clipboard(browser)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", command)
        assert "put the secret here" in command and sender.SECRET not in command
        command = command.replace("put the secret here", sender.SECRET).replace("https://127.0.0.1/", f"http://127.0.0.1:{site.server.port}/")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20)
        assert done.stdout.startswith('{"status":"duplicate"'), (n, command[-700:], done.stderr)
    assert not mark.exists() and len(site.home.spool.events()) == 4


def test_command_that_would_steer_a_terminal_is_not_copied(browser, shared):
    """Web servers refuse such headers, so the function is asked by itself."""
    shared.open(browser)
    ask = "import(arguments[0]).then((shell) => arguments[1](['a b\\n', 'a\\u001b[A', 'a\\tb', 'a\\u202eb', 'a\\rb', 'a\\u009bb'].map(shell.pastes)))"
    assert browser.driver.execute_async_script(ask, f"{shared.at}static/shell.js") == [True, False, False, False, False, False]


def test_other_copies(browser, shared):
    open_row(browser, shared, "behind nginx")
    number = browser.text("#detail h1").split()[1]
    for label, check in (("as hookspool replay", lambda text: text == f"hookspool replay {number}"), ("link", lambda text: text == f"{shared.url}event/{number}"),
                         ("as JSON", lambda text: json.loads(text)["sender"] == "Jane Doe")):
        browser.click("#detail .menu summary")
        browser.click("#detail .menu button", label)
        browser.until("#toast", "Copied")
        assert check(clipboard(browser)), clipboard(browser)
        browser.js("document.getElementById('toast').replaceChildren()")


def test_json_is_at_the_same_address(browser, shared):
    open_row(browser, shared, "behind nginx")
    address = browser.js("return document.querySelector('.json-link').href")
    assert address == browser.url.split("?")[0] + ".json"
    answer = shared.get(address[len(shared.url):])
    assert answer.status == 200 and answer.json["sender"] == "Jane Doe" and answer.json["received_at"].endswith("Z")


def test_keyboard(browser, mounted):
    site = mounted()
    for n in range(1, 4):
        site.deliver(text=f"number {n}")
    site.open(browser)
    browser.until(ROW, "number 1")
    browser.type("j")
    browser.type("j")
    assert "number 2" in browser.js("return document.activeElement.innerText")
    assert browser.js("return getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus is visible"
    browser.type("\n")
    browser.until("#detail h1", "event 2")
    browser.type("j")
    browser.type("k")
    browser.type("k")
    browser.type("\n")
    browser.until("#detail h1", "event 3")
    browser.type("y")
    browser.until("#toast", "Copied")
    browser.type("?")
    assert "search in texts" in browser.until("#dialog", "Keys")
    browser.click("#dialog button", "Close")
    browser.gone("#dialog")
    browser.type("/")
    browser.type("number jk?")
    assert browser.js("return document.getElementById('text').value") == "number jk?", "letters are text in a field"


def test_password_in_the_address(browser, mounted):
    """A user may open the page by a URL with the password in it."""
    site = mounted()
    site.deliver(text="with a password")
    browser.get(site.url.replace("//", f"//{USER}:{PASSWORD.replace(' ', '%20')}@"))
    browser.until(ROW, "with a password")


def test_deleted_event_is_told(browser, shared):
    browser.expected = ["404"]
    shared.open(browser, "event/999999")
    browser.until("#detail .note", "no event 999999")
    until(lambda: browser.all(ROW), "the list is there all the same")
