# SPDX-License-Identifier: ISC
"""Actions: done where the configuration allows them, else told as commands; never for another site."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from browser import USER
from mounted import PATH
from place import until
from receiver import endpoint
from relaying import sink, states, tried
from relaying import DEAD, DONE, PENDING

ROW = "#rows .row"


def failing(mounted, **given):
    """A page with an event whose delivery failed and waits a minute."""
    site = mounted(lambda target: sink("crm", url=target.url, retry=["1m", "1m", "3d"]), endpoint(PATH, relay=["crm"]), relay=True, **given)
    site.target.answers = [{"status": 503}]
    site.deliver(text="for the crm")
    tried(site.home)
    return site


def log_of(site):
    return [entry for entry in site.page_entries() if "action" in entry]


def test_retry_by_button(browser, mounted):
    site = failing(mounted, page_actions=True)
    site.open(browser, "event/1?tab=deliveries")
    browser.click("#part button", "retry")
    browser.until("#toast", "1 delivery due now")
    browser.until("#part", "delivered", within=30)
    assert states(site.home) == [DONE]
    entry = log_of(site)[-1]
    assert entry["action"] == "retry" and entry["user"] == USER


def test_retry_by_key(browser, mounted):
    site = failing(mounted, page_actions=True)
    site.open(browser, "event/1")
    browser.until("#detail h1", "event 1")
    browser.until("#status", "receiving")
    browser.type("r")
    until(lambda: states(site.home) == [DONE], "it is delivered")


def test_drop_asks_first(browser, mounted):
    site = failing(mounted, page_actions=True)
    site.open(browser, "event/1?tab=deliveries")
    browser.until("#status", "receiving")
    browser.click("#part button", "drop")
    browser.click("#dialog button", "Cancel")
    assert states(site.home) == [PENDING]
    browser.click("#part button", "drop")
    browser.click("#dialog button", "Drop")
    browser.until("#part", "given up")
    assert states(site.home) == [DEAD] and log_of(site)[-1]["action"] == "drop"


def test_replay_sends_again(browser, mounted):
    site = failing(mounted, page_actions=True)
    site.home.cli("retry", "--sink", "crm")
    until(lambda: states(site.home) == [DONE], "it is delivered")
    site.open(browser, "event/1")
    browser.until("#status", "receiving")
    browser.click("#detail .head button", "replay")
    browser.until("#toast", "1 delivery due again")
    until(lambda: len(tried(site.home)) == 3, "a third attempt")


def test_refused_delivery_is_accepted_once_the_secret_is_right(browser, mounted):
    site = mounted(page_actions=True)
    site.deliver(status=401, secret="the new secret of the provider", text="refused at first")
    site.home.write("secret", "the new secret of the provider\n")
    site.page.hup()
    site.open(browser, "event/r1")
    browser.until("#status", "receiving")
    browser.click("#detail .head button", "accept")
    browser.until(ROW, "refused at first")
    assert len(site.home.spool.events()) == 1 and not site.home.spool.rejects()


def test_without_permission_the_command_is_shown(browser, mounted):
    site = failing(mounted)
    site.open(browser, "event/1?tab=deliveries")
    browser.until("#status", "receiving")
    browser.click("#part button", "retry")
    delivery = site.home.spool.query("SELECT id FROM relay")[0]["id"]
    assert f"hookspool retry {delivery}" in browser.until("#dialog", "page-actions")
    browser.shot("command")
    browser.click("#dialog button", "Close")
    browser.click("#detail .head button", "replay")
    browser.until("#dialog", "hookspool replay 1")
    answer = site.get("action", method="POST", body=json.dumps({"action": "retry", "id": delivery}).encode(),
                      headers=[("Content-Type", "application/json"), ("X-Hookspool-Token", site.get("summary.json").json.get("token") or "x")])
    assert answer.status == 403 and states(site.home) == [PENDING]


@pytest.fixture
def elsewhere():
    """A web site of others, whose page sends what it likes."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><p>nice page</p>")

        def log_message(self, *_):
            pass
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


FORGED = """
const [url, body, done] = arguments;
fetch(url, {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": "text/plain"}, body})
    .then(() => done("sent"), (error) => done(String(error)));
"""


def test_another_site_cannot_act(browser, mounted, elsewhere):
    """The browser sends the user's password with what another site asks it to send."""
    site = failing(mounted, page_actions=True)
    site.open(browser)
    browser.until("#status", "receiving")
    delivery = site.home.spool.query("SELECT id FROM relay")[0]["id"]
    browser.expected = ["403", "Failed to load", "blocked", "CORS", "Cross-Origin", "NotSameOrigin"]
    browser.get(elsewhere)
    browser.driver.execute_async_script(FORGED, site.url + "action", json.dumps({"action": "retry", "id": delivery}))
    site.deliver(text="after it")
    assert states(site.home)[0] == PENDING and not log_of(site)


@pytest.mark.parametrize("headers", [
    [], [("X-Hookspool-Token", "0" * 64)], "guest", [("Origin", "https://evil.example")], [("Sec-Fetch-Site", "cross-site")]], ids=str)
def test_request_without_the_token_of_its_user_is_refused(mounted, headers):
    site = failing(mounted, page_actions=True)
    delivery = site.home.spool.query("SELECT id FROM relay")[0]["id"]
    token = site.get("summary.json", user="guest" if headers == "guest" else USER).json["token"]
    if headers == "guest":
        headers = [("X-Hookspool-Token", token)]
    elif headers and headers[0][0] != "X-Hookspool-Token":
        headers = [("X-Hookspool-Token", token), *headers]
    answer = site.get("action", method="POST", headers=[("Content-Type", "application/json"), *headers],
                      body=json.dumps({"action": "retry", "id": delivery}).encode())
    assert answer.status == 403 and states(site.home) == [PENDING]
