# SPDX-License-Identifier: ISC
"""The page's server: access, the list and its filters, long polling, detail, actions, what is hidden, and its bounds."""
import base64
import json
import sqlite3
import subprocess
import threading
import time

import pytest

import sender
from fcgi_client import Fcgi, deliver, whole
from page import Page, read_answer, variables
from place import SLOW
from receiver import Home, endpoint
from relaying import Relay, Target, sink

pytestmark = pytest.mark.usefixtures("children")
LINKEDIN = "/webhook/linkedin"


def send(receiver, text="Hey", urn=None, path=LINKEDIN, **more):
    body = sender.message(urn or sender.new_urn(), text=text, **more)
    answer = deliver(receiver.socket, body, path=path)
    assert answer.status == 200, answer
    return body


def refuse(receiver, body=b'{"event":"x"}', path=LINKEDIN):
    """A delivery with a wrong signature."""
    answer = deliver(receiver.socket, body, path=path, headers=[("X-Webhook-Signature", sender.sign(body, "wrong"))])
    assert answer.status in (401, 404), answer
    return answer


@pytest.fixture
def shown(receiver):
    """A receiver and a page of its home; pages are stopped and checked at the end."""
    pages = []

    def start(*endpoints, home=None, **given):
        one = receiver(*endpoints, home=home, **given)
        pages.append(Page(one.home))
        return one, pages[-1]
    yield start
    for page in pages:
        if page.alive():
            page.stop()


# ---- access

@pytest.mark.parametrize("path", ["/", "/events.json", "/event/1", "/event/1.json", "/static/style.css", "/summary.json", "/sinks.json",
                                  "/secrets.json", "/callers.json", "/action", "/nothing"])
def test_page_is_closed_without_a_user(shown, path):
    _, page = shown()
    for user in (None, ""):
        answer = page.get(path, user=user, method="POST" if path == "/action" else "GET")
        assert answer.status == 403 and b"REMOTE_USER" in answer.body and b"page-access" in answer.body


def test_headers_of_a_client_do_not_open_the_page(shown):
    _, page = shown()
    assert page.get("/events.json", user=None, headers={"Remote-User": "jo", "SSL-Client-Verify": "SUCCESS", "Authorization": "Basic am86am8="}).status == 403


def test_verified_certificate_opens_the_page(shown):
    _, page = shown()
    for word, status in (("SUCCESS", 200), ("NONE", 403), ("GENEROUS", 403), ("FAILED:expired", 403), ("", 403)):
        assert page.get("/events.json", user=None, server={"SSL_CLIENT_VERIFY": word}).status == status
    answer = page.get("/summary.json", user=None, server={"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=jo"})
    assert answer.json["user"] == "CN=jo"


def test_page_access_open(shown):
    _, page = shown(page_access="open")
    assert page.get("/events.json", user=None).status == 200
    assert page.get("/summary.json", user=None).json["user"] is None


def test_headers_of_every_answer(shown):
    _, page = shown()
    for path, user in (("/", "jo"), ("/events.json", "jo"), ("/events.json", None), ("/nothing", "jo"), ("/static/style.css", "jo")):
        headers = page.get(path, user=user).headers
        assert "default-src 'none'" in headers["content-security-policy"] and "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == ("private, no-cache" if path.startswith("/static/") else "no-store")


# ---- URLs and methods

def test_methods_and_unknown_urls(shown):
    _, page = shown()
    assert page.get("/nothing").status == 404 and page.get("/static/.hidden").status == 404 and page.get("/static/nothing.js").status == 404
    for path in ("/event/", "/event/x", "/event/0", "/event/1x", "/event/-1", "/event/rr1", "/event/99999999999999999999.json"):
        assert page.get(path).status in (200, 404), path  # the first is the page itself
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        answer = page.get("/events.json", method=method)
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"
    answer = page.get("/action")
    assert answer.status == 405 and answer.headers["allow"] == "POST"


def test_head_has_no_body(shown):
    _, page = shown()
    answer = page.get("/events.json", method="HEAD")
    assert answer.status == 200 and answer.body == b"" and int(answer.headers["content-length"]) > 0


def test_long_and_malformed_queries_are_refused(shown):
    _, page = shown()
    assert page.get("/events.json", text="x" * 5000).status == 414
    for query in ({"after": "1"}, {"before": "x.1"}, {"after": "1.1", "before": "1.1"}, {"since": "yesterday"}, {"after": "1.1.1"}):
        assert page.get("/events.json", **query).status == 400, query


def test_page_works_below_any_path(shown):
    receiver, page = shown()
    send(receiver)
    for mount in ("", "/a/b", "/event", "/static"):
        with Fcgi(page.socket) as connection:
            connection.send(whole(variables(mount + "/event/1"), keep=False))
            answer = read_answer(connection)
        assert b'href="../static/style.css"' in answer.body
        with Fcgi(page.socket) as connection:
            connection.send(whole(variables(mount + "/"), keep=False))
            assert b'href="./static/style.css"' in read_answer(connection).body


def test_static_files_are_packed_and_revalidated(shown):
    _, page = shown()
    plain = page.get("/static/style.css")
    packed = page.get("/static/style.css", headers={"Accept-Encoding": "gzip, br"})
    assert plain.status == 200 and plain.headers["content-type"].startswith("text/css")
    assert packed.headers["content-encoding"] == "gzip" and len(packed.body) < len(plain.body)
    again = page.get("/static/style.css", headers={"If-None-Match": plain.headers["etag"]})
    assert again.status == 304 and again.body == b""


# ---- the list

def test_list_has_events_and_refused_deliveries(shown):
    receiver, page = shown()
    send(receiver, "first")
    refuse(receiver)
    send(receiver, "second")
    found = page.until(lambda: len(page.ids()) == 3 and page.events(), "all are there")
    rows = {row["id"]: row for row in found["events"]}
    assert [row["id"] for row in found["events"] if row["kind"] == "event"] == ["2", "1"]
    assert rows["1"]["text"] == "first" and rows["1"]["outcome"] == "stored" and rows["1"]["sender"] and rows["1"]["event"] == "message.received"
    assert rows["r1"]["outcome"] == "unauthorized" and rows["r1"]["reason"] and rows["r1"]["remote_addr"] == "127.0.0.1"
    assert rows["r1"]["endpoint"] == LINKEDIN and found["complete"] and not found["more"]
