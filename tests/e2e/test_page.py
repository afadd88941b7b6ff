# SPDX-License-Identifier: ISC
"""The page's server: access, the list and its filters, long polling, detail, actions, what is hidden, and its bounds."""
import base64
import hmac
import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

import sender
from fcgi_client import Fcgi, deliver, whole
from page import Page, read_answer, variables
from place import SLOW, until
from receiver import Home, endpoint
from relaying import Relay, alive, sink

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
        one.until(lambda: one.home.spool.query("SELECT 1 FROM sqlite_master WHERE name = 'event'"), "the receiver has made the spool")
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


def test_check_warns_of_actions_for_all():
    home = Home(page_access="open", page_actions=True)
    assert b"page-access" in home.cli("check").stdout
    home.configure(page_actions=True)
    assert b"page-access" not in home.cli("check").stdout


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


@pytest.mark.parametrize("path", ["/events.json", "/event/1.json", "/event/r1.json", "/summary.json", "/sinks.json", "/secrets.json", "/callers.json", "/metrics"])
def test_data_is_for_no_page_of_another_site(shown, path):
    """It can't read an answer, but can measure how long a search takes."""
    receiver, page = shown()
    send(receiver)
    refuse(receiver)
    page.until(lambda: page.ids(outcome="refused"), "it is there")
    for site, status in (("cross-site", 403), ("same-site", 403), ("", 403), ("same-origin", 200), ("none", 200)):
        assert page.get(path, headers={"Sec-Fetch-Site": site}).status == status, site
    for linked in ("/", "/event/1", "/health", "/ready"):
        assert page.get(linked, headers={"Sec-Fetch-Site": "cross-site"}).status == 200, linked


def test_redirect_leads_to_no_other_host(shown):
    _, page = shown()
    for script, status in (("/a/page", 302), ("//evil.example", 404), ("/\t/evil.example", 404), ("/\\evil.example", 404), ("/ /evil.example", 404),
                           ("/a\r\nX: y", 404), ("evil.example", 404)):
        answer = page.get("", server={"SCRIPT_NAME": script, "PATH_INFO": ""})
        assert (answer.status, answer.headers.get("location")) == (status, script + "/" if status == 302 else None), script


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


def test_empty_spool_and_missing_spool(shown):
    home = Home()
    page = Page(home)
    assert page.get("/events.json").status == 503 and "spool" in page.get("/events.json").json["error"]
    receiver = home.start()
    page.until(lambda: page.get("/events.json").status == 200, "the page has found the spool")
    assert page.events()["events"] == []
    page.until(lambda: page.get("/summary.json").json["receiver"] == "up", "the receiver has told of itself")
    receiver.stop()
    assert page.get("/summary.json").json["receiver"] == "down"
    page.stop()


def insert(home, n, first_at=1_700_000_000_000, step=1000, path=LINKEDIN, **columns):
    """Stores events behind the receiver's back."""
    db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None, timeout=20)
    db.execute("BEGIN")
    row = {"endpoint": path, "secret": 1, "event": "message.received", "headers": "Content-Type: application/json\n", "account": "acc-1",
           "sender_id": "s1", "sender_name": "Jane Doe", "remote_addr": "127.0.0.1", **columns}
    for i in range(n):
        values = {**row, "received_at": first_at + i * step, "body": sender.message(f"urn:{first_at}:{i}", text=f"text {i}")}
        db.execute(f"INSERT INTO event({', '.join(values)}) VALUES({', '.join('?' * len(values))})", list(values.values()))
    db.execute("COMMIT")
    db.close()


def reject(home, n, first_at=1_700_000_000_500, step=1000, **columns):
    db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None, timeout=20)
    for i in range(n):
        row = {"endpoint": LINKEDIN, "code": "unauthorized", "reason": "wrong signature", "bytes": 5, "remote_addr": "198.51.100.7",
               "received_at": first_at + i * step, **columns}
        db.execute(f"INSERT INTO reject({', '.join(row)}) VALUES({', '.join('?' * len(row))})", list(row.values()))
    db.close()


def test_paging_in_both_directions_gives_each_row_once(shown):
    receiver, page = shown()
    insert(receiver.home, 37)
    reject(receiver.home, 30)
    whole_list = page.ids(limit=200)
    assert len(whole_list) == 67 and whole_list[:4] == ["37", "36", "35", "34"] and whole_list[7:11] == ["r30", "30", "r29", "29"]
    for limit in (1, 5, 66, 67):
        down, cursor = [], None
        for _ in range(100):
            part = page.whole(limit=limit, **({"before": cursor} if cursor else {}))
            down += [row["id"] for row in part["events"]]
            cursor = part["oldest"]
            if not part["more"]:
                break
        assert down == whole_list, limit
        up = []
        cursor = "0.0"
        for _ in range(100):
            part = page.whole(limit=limit, after=cursor)
            up = [row["id"] for row in part["events"]] + up
            cursor = part["newest"]
            if not part["more"]:
                break
        assert up == whole_list, limit
    assert page.events(after=page.events()["newest"])["events"] == []


def test_paging_with_a_clock_that_was_set_back(shown):
    receiver, page = shown()
    insert(receiver.home, 10, first_at=1_700_000_100_000)
    reject(receiver.home, 10, first_at=1_700_000_050_000)
    insert(receiver.home, 10, first_at=1_700_000_000_000)
    seen, cursor = [], "99.99"
    for _ in range(100):
        part = page.whole(limit=3, before=cursor)
        seen += [row["id"] for row in part["events"]]
        cursor = part["oldest"]
        if not part["more"]:
            break
    assert sorted(seen) == sorted([str(i) for i in range(1, 21)] + [f"r{i}" for i in range(1, 11)])


def test_filters(shown):
    receiver, page = shown(endpoint(), endpoint("/webhook/other"), endpoint("/webhook/a%20b"))
    home = receiver.home
    insert(home, 3)
    insert(home, 2, first_at=1_700_000_100_000, path="/webhook/other", event="contact.added", account="acc-2", sender_name="王小明", sender_id="s2")
    reject(home, 2, first_at=1_700_000_200_000)
    reject(home, 1, first_at=1_700_000_300_000, endpoint=None, code="not_found", reason=None, path="/wp-login.php")
    everything = ["r3", "r2", "r1", "5", "4", "3", "2", "1"]
    assert page.ids() == everything
    for query, wanted in (({"endpoint": "/webhook/other"}, ["5", "4"]), ({"endpoint": "/nothing"}, []), ({"outcome": "stored"}, everything[3:]),
                          ({"outcome": "refused"}, everything[:3]), ({"outcome": "not_found"}, ["r3"]), ({"outcome": "malformed"}, []),
                          ({"event": "contact.added"}, ["5", "4"]), ({"account": "acc-1"}, ["3", "2", "1"]), ({"sender": "小明"}, ["5", "4"]),
                          ({"sender": "jane"}, ["3", "2", "1"]), ({"sender": "s2"}, ["5", "4"]), ({"sender": "s"}, []),
                          ({"text": "TEXT 2"}, ["3"]), ({"text": "wp-login"}, ["r3"]), ({"text": "198.51"}, everything[:3]),
                          ({"since": "2023-11-14T22:15:00Z"}, everything[:5]), ({"until": "2023-11-14T22:14:00Z"}, ["3", "2", "1"]),
                          ({"since": "2023-11-14T22:13:21Z", "until": "2023-11-14T22:13:22Z"}, ["2"]), ({"since": "1h"}, []),
                          ({"event": "contact.added", "outcome": "refused"}, []), ({"endpoint": "/webhook/other", "text": "text 1"}, ["5"])):
        assert page.ids(**query) == wanted, query
        assert page.ids(limit=1, after="0.0", **query) == wanted[-1:], query


def test_letters_of_either_case_are_found(shown):
    receiver, page = shown()
    send(receiver, "ŽLUŤOUČKÝ kůň", sender="Žofie Nováková")
    assert page.ids(text="žluťoučký KŮŇ") == ["1"] and page.ids(sender="žofie") == ["1"] and page.ids(sender="zofie") == []


def wait_for_news(page, cursor, make):
    """The answer to a request that waits when make() is called, and the seconds from that to the answer."""
    got = {}

    def wait():
        got["answer"] = page.events(after=cursor, wait=20)
        got["at"] = time.monotonic()
    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    assert not got
    begin = time.monotonic()
    make()
    thread.join(60)
    return got["answer"], got["at"] - begin


def test_long_poll_answers_within_a_second(shown):
    """The quickest of some counts, on a busy machine. The receiver writes refused deliveries with its notes, once a second."""
    receiver, page = shown()
    send(receiver)
    cursor = page.events()["newest"]
    for make, limit in ((lambda: send(receiver, "news"), 1), (lambda: refuse(receiver), 2.5)):
        times = []
        while len(times) < 10 and min(times, default=limit) >= limit:
            answer, took = wait_for_news(page, cursor, make)
            assert len(answer["events"]) == 1
            cursor = answer["newest"]
            times.append(took)
        assert min(times) < limit, times


def test_long_poll_ends_at_its_time_and_passes_over_other_events(shown):
    receiver, page = shown()
    send(receiver)
    cursor = page.events()["newest"]
    timer = threading.Timer(0.3, lambda: send(receiver, "unwanted"))
    timer.start()
    begin = time.monotonic()
    found = page.events(after=cursor, wait=2, text="wanted in vain")
    assert found["events"] == [] and 1.8 < time.monotonic() - begin < 20 and found["newest"] != cursor
    timer.join()


def answered(connections):
    """Those of the connections that have an answer to be read."""
    readable, _, _ = select.select([connection.sock for connection in connections], [], [], 0)
    return [connection for connection in connections if connection.sock in readable]


def test_waiting_requests_are_bounded_and_hold_up_no_others(shown):
    receiver, page = shown()
    send(receiver)
    cursor = page.events()["newest"]
    waiting = []
    for _ in range(64 + 2):
        connection = Fcgi(page.socket, 30)
        connection.send(whole(variables("/events.json", f"after={cursor}&wait=20"), keep=False))
        waiting.append(connection)
    until(lambda: len(answered(waiting)) == 2, "all but two of them wait")
    for connection in answered(waiting):
        assert read_answer(connection).json["busy"]
        connection.sock.close()
        waiting.remove(connection)
    begin = time.monotonic()
    assert page.events(after=cursor, wait=20)["busy"] and page.get("/summary.json").status == 200
    assert time.monotonic() - begin < 15
    send(receiver, "news")
    for connection in waiting:
        with connection:
            assert [row["text"] for row in read_answer(connection).json["events"]] == ["news"]
    page.stop()


def test_stop_answers_what_waits(shown):
    receiver, page = shown()
    with Fcgi(page.socket, 10) as connection:
        connection.send(whole(variables("/events.json", "after=0.0&wait=20"), keep=False))
        time.sleep(0.5)
        page.stop()
        assert read_answer(connection).json["events"] == []


def test_kept_connection_serves_several_requests(shown):
    receiver, page = shown()
    send(receiver)
    with Fcgi(page.socket) as connection:
        for _ in range(3):
            connection.send(whole(variables("/events.json"), keep=True))
            assert len(read_answer(connection).json["events"]) == 1


# ---- one event

def test_detail_of_an_event(shown, target):
    receiver, page = shown(home=Home(sink("out", url=target.url), sink("later", url="http://127.0.0.1:9/"),
                                     endpoint(relay=["out", "later"], name="Lead → CRM")))
    body = send(receiver, "Hey — 👋")
    relay = Relay(receiver.home)
    target.until(1)
    page.until(lambda: {d["sink"]: d["state"] for d in page.get("/event/1.json").json["deliveries"]}.get("out") == "delivered", "it is delivered")
    event = page.get("/event/1.json").json
    relay.stop()
    assert event["body"].encode() == body and event["text"] == "Hey — 👋" and event["name"] == "Lead → CRM" and event["json_error"] is None
    assert event["secret"] == {"number": 1, "name": f"file {receiver.home.dir}/secret"} and "right" in event["verdict"]
    assert {"name": "Content-Type", "value": "application/json"} in event["headers"]
    one = {d["sink"]: d for d in event["deliveries"]}
    assert one["out"]["tries"][0]["status"] == 200 and one["later"]["state"] == "pending" and one["later"]["due"] and one["later"]["tries"][0]["error"]
    commands = {c["name"]: c["command"] for c in event["commands"]}
    assert commands["replay"] == "hookspool replay 1" and receiver.home.cli(*commands["show"].split()[1:]).returncode == 0


def test_how_often_an_event_came(shown):
    receiver, page = shown()
    send(receiver, urn="urn:li:other")
    for _ in range(3):
        send(receiver, urn="urn:li:thrice")
    page.until(lambda: page.get("/event/2.json").json["came"] == 3, "its duplicates are counted", 20)
    event = page.get("/event/2.json").json
    assert event["key"] and event["received_at"] < event["came_at"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    once = page.get("/event/1.json").json
    assert once["came"] == 1 and "came_at" not in once
    home = receiver.home
    assert b"came          3 times, the last at " in home.cli("show", "2").stdout and b"\ncame " not in home.cli("show", "1").stdout
    assert [json.loads(line).get("came") for line in home.cli("export").stdout.splitlines()] == [None, 3]
    assert [json.loads(line)["came"] for line in home.cli("list", "--json").stdout.splitlines()] == [1, 3]


def test_missing_events_are_404(shown):
    receiver, page = shown()
    send(receiver)
    assert page.get("/event/2.json").status == 404 and page.get("/event/r1.json").status == 404


def test_bytes_of_a_body_are_exact(shown):
    receiver, page = shown(endpoint(scheme="none"))
    for body in (b'{"event":"x","a":"\x00\x80\xff"}', b"[1,2", b'{"event":"x"} x', b'\n{"a":1,\n "b":}', b"event=x&b=%00", "{\"a\":\"‮\"}".encode()):
        deliver(receiver.socket, body, path=LINKEDIN)
    found = page.until(lambda: page.events()["events"], "they are there")
    assert found
    for row in found:
        event = page.get(f"/event/{row['id']}.json").json
        if event["body"] is None and "body_base64" not in event:
            continue
        shown_body = base64.b64decode(event["body_base64"]) if "body_base64" in event else event["body"].encode()
        stored = receiver.home.spool.query("SELECT body FROM event WHERE id = ?", row["id"]) if row["kind"] == "event" else None
        assert stored is None or bytes(stored[0]["body"]) == shown_body


@pytest.mark.parametrize("body, at, line, column", [(b'{"a":1,}', 7, 1, 8), (b'{"a":1', 6, 1, 7), (b'{"a":1}\n\n{"b":2}', 9, 3, 1), (b'{"a":"\xff"}', 6, 1, 7),
                                                    (b'[1,\n 2,\n 3', 9, 3, 3)])
def test_place_of_a_syntax_error(shown, body, at, line, column):
    receiver, page = shown()
    insert(receiver.home, 1)
    db = sqlite3.connect(receiver.home.spool.dir / "hookspool.db")
    db.execute("UPDATE event SET body = ?", [body])
    db.commit()
    error = page.get("/event/1.json").json["json_error"]
    assert abs(error["at"] - at) <= 1 and error["line"] == line and abs(error["column"] - column) <= 1, error


HOSTILE = "".join(chr(c) for c in [*range(1, 32), 127, *range(128, 160), 0x202E, 0x2066, 0x2028, 0xFEFF]) + '</script><img src=x onerror=alert(1)>"\'\\'


def test_hostile_texts_are_whole_in_json(shown):
    receiver, page = shown(reject_bodies=True)
    send(receiver, HOSTILE, sender=HOSTILE, event=HOSTILE)
    refuse(receiver, b"\x00\x1b[2J\xff" * 100)
    deliver(receiver.socket, b"", path="/\x1b]0;x\x07<script>", method="GET")
    page.until(lambda: len(page.ids(outcome="refused")) == 2, "both are there")
    raw = page.get("/events.json").body
    assert not any(c in raw for c in range(32) if c != 10) and "‮".encode() not in raw and b"\x7f" not in raw and "\u2028".encode() not in raw
    event = page.get("/event/1.json").json
    assert event["text"] == HOSTILE and event["sender"] == HOSTILE
    for row in page.events(outcome="refused")["events"]:
        one = page.get(f"/event/{row['id']}.json")
        assert one.status == 200 and one.json["id"] == row["id"] and not any(c in one.body for c in range(32) if c != 10)


# ---- a refused delivery

def test_explanation_of_a_refused_delivery(shown):
    receiver, page = shown(reject_bodies=True)
    body = sender.message(text="x")
    answer = deliver(receiver.socket, body + b"\n", path=LINKEDIN, headers=[("X-Webhook-Signature", sender.sign(body))])
    assert answer.status == 401
    page.until(page.ids, "it is there")
    found = page.get("/event/r1.json")
    one = found.json
    assert one["outcome"] == "unauthorized" and one["body"].encode() == body + b"\n" and one["meaning"]
    assert "line feed" in one["explain"]["cause"] and one["explain"]["verdict"] == "wrong signature" and one["explain"]["header"] == "X-Webhook-Signature"
    commands = {c["name"]: c["command"] for c in one["commands"]}
    for name, status in (("show", 0), ("explain", 1), ("accept", 0)):
        assert receiver.home.cli(*commands[name].split()[1:]).returncode == status, commands[name]
    # the right signature would let a reader of the page sign what a stranger sent
    right = sender.sign(body + b"\n")
    assert right.removeprefix("sha256=").encode() not in found.body and right.encode() not in page.get("/events.json").body


def test_refused_delivery_without_its_body(shown):
    receiver, page = shown()
    refuse(receiver)
    page.until(page.ids, "it is there")
    one = page.get("/event/r1.json").json
    assert one["body"] is None and one["headers"] is None and one["explain"] is None
    assert [c["name"] for c in one["commands"]] == ["show"]


def test_page_reads_no_secret(shown):
    """Its memory has none, and the vault's process alone has opened the file."""
    receiver, page = shown(reject_bodies=True)
    refuse(receiver)
    page.until(page.ids, "it is there")
    assert page.get("/event/r1.json").json["explain"]
    with open(f"/proc/{page.pid}/maps") as maps, open(f"/proc/{page.pid}/mem", "rb") as memory:
        for line in maps:
            area, rights = line.split()[:2]
            begin, end = (int(x, 16) for x in area.split("-"))
            if "rw" not in rights or end - begin > 1 << 28:  # a sanitizer's own
                continue
            memory.seek(begin)
            try:
                assert sender.SECRET.encode() not in memory.read(end - begin), line
            except OSError:
                pass


def test_page_is_in_a_sandbox(shown):
    """Both of its processes: no new privileges, and a filter of system calls."""
    receiver, page = shown()
    children = page.until(lambda: open(f"/proc/{page.pid}/task/{page.pid}/children").read().split(), "the second process")
    assert len(children) == 1
    for pid in (page.pid, *children):
        page.until(lambda: "Seccomp:\t2" in open(f"/proc/{pid}/status").read(), "the filter is on")
        assert "NoNewPrivs:\t1" in open(f"/proc/{pid}/status").read()
    assert os.readlink(f"/proc/{children[0]}/fd/0") == "/dev/null" and os.readlink(f"/proc/{children[0]}/fd/1") == "/dev/null" and len(os.listdir(f"/proc/{children[0]}/fd")) == 4
    page.stop()
    until(lambda: not alive(children[0]), "the other process ends, too")


# ---- copy as curl

@pytest.mark.parametrize("scheme, secret", [("connectsafely", sender.SECRET), ("github", "it's $(secret)"), ("stripe", "whsec_abc"), ("slack", "s"),
                                            ("standard-webhooks", "whsec_" + base64.b64encode(b"k" * 32).decode()), ("gitlab", "token"), ("shopify", "x"),
                                            ("none", None)])
def test_copy_as_curl_signs_anew(shown, served, scheme, secret):
    home = Home(endpoint("/webhook/x", scheme=scheme, **({"secret_file": ["s"]} if secret else {})),
                **({"files": {"s": secret}} if secret else {}))
    server = served("nginx", home)
    page = Page(home)
    page.until(lambda: home.spool.query("SELECT 1 FROM sqlite_master WHERE name = 'event'"), "the spool is made")
    headers = "Content-Type: application/json\nX-Odd: it's \"$HOME\" `id`\n"
    db = sqlite3.connect(home.spool.dir / "hookspool.db")
    body = b'{"event":"x","type":"x","n":"\xc3\xa9 \'$(id)\'"}'
    db.execute("INSERT INTO event(received_at, endpoint, secret, event, headers, body) VALUES(1700000000000, '/webhook/x', 1, 'x', ?, ?)", [headers, body])
    db.commit()
    db.close()
    event = page.get("/event/1.json", server={"HTTP_HOST": f"127.0.0.1:{server.port}"}).json
    script = {c["name"]: c["command"] for c in event["commands"]}["curl"].replace("https://", "http://")
    if secret:
        script = script.replace("SECRET='put the secret here'", "SECRET='" + secret.replace("'", "'\\''") + "'")
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=30)
    assert b"stored" in done.stdout, (script, done)
    assert bytes(home.spool.events()[-1]["body"]) == body


# ---- what is hidden

def test_page_bodies_false_hides_texts_and_names(shown):
    receiver, page = shown(page_bodies=False, reject_bodies=True)
    send(receiver, "very private text", sender="Jane Private")
    refuse(receiver, b'{"private":1}')
    page.until(lambda: len(page.ids()) == 2, "both are there")
    urn = receiver.home.spool.event()["key"]
    for path in ("/events.json", "/event/1.json", "/event/r1.json", "/summary.json", "/sinks.json", "/callers.json"):
        body = page.get(path).body
        for text in (b"rivate", urn.encode(), b"ACoAA1", b"messagingThread", b"X-Webhook-Signature", sender.sign(b"").encode()[:7]):
            assert text not in body, (path, text)
    for query in ({"text": "private"}, {"sender": "Jane"}):
        assert page.get("/events.json", **query).status == 400
    assert page.get("/summary.json").json["bodies"] is False
    assert "curl" not in [c["name"] for c in page.get("/event/1.json").json["commands"]]


# ---- sinks, secrets, callers, the top line

def test_sinks_by_age_and_dead_letters_by_cause(shown):
    receiver, page = shown(home=Home(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"])))
    for _ in range(5):
        send(receiver)
    db = sqlite3.connect(receiver.home.spool.dir / "hookspool.db")
    db.execute("UPDATE relay SET state = 2 WHERE id > 3")
    db.execute("INSERT INTO attempt(relay, at, ms, status, error) SELECT id, 1, 1, 410, 'gone' FROM relay WHERE state = 2")
    db.execute("UPDATE relay SET since = since - 3600000 WHERE id = 1")
    db.execute("INSERT INTO pause VALUES('out', ?, 7)", [int(time.time() * 1000) + 60000])
    db.commit()
    one = page.get("/sinks.json").json["sinks"][0]
    assert one["name"] == "out" and one["type"] == "http" and one["pending"] == 3 and one["dead_letters"] == 2 and one["paused_until"] and one["failures"] == 7
    assert sum(age["n"] for age in one["ages"]) == 3 and [age["n"] for age in one["ages"] if age["below_min"] == 80] == [1]
    assert one["dead"] == [{"n": 2, "status": 410, "error": "gone", "first_id": 4, "last_id": 5}]
    summary = page.get("/summary.json").json
    assert summary["sinks"][0]["dead"] == 2 and summary["sinks"][0]["pending"] == 3 and summary["today"]["stored"] == 5 and summary["relay"] == "down"
    assert summary["disk"]["spool_bytes"] > 0 and summary["endpoints"][0]["path"] == LINKEDIN and summary["token"] is None and not summary["actions"]


def test_secrets_in_use_and_removable(shown):
    receiver, page = shown(endpoint(secret_file=["secret", "secret2"]))
    body = sender.message()
    deliver(receiver.socket, body, path=LINKEDIN, headers=[("X-Webhook-Signature", sender.sign(body, sender.SECRET2))])
    page.until(lambda: receiver.home.spool.query("SELECT * FROM counter"), "the counter is written")
    states = {s["number"]: s for s in page.get("/secrets.json").json["secrets"]}
    assert states[1]["state"] == "unused" and states[2]["state"] == "in_use" and states[2]["deliveries"] == 1 and states[2]["name"].endswith("/secret2")
    send(receiver)
    db = sqlite3.connect(receiver.home.spool.dir / "hookspool.db", timeout=20)
    page.until(lambda: len(receiver.home.spool.query("SELECT * FROM counter")) == 2, "both are written")
    db.execute("UPDATE counter SET last_at = last_at - 4 * 86400000 WHERE last_at = (SELECT min(last_at) FROM counter)")
    db.commit()
    states = {s["number"]: s["state"] for s in page.get("/secrets.json").json["secrets"]}
    assert states == {1: "in_use", 2: "removable"}
    assert sender.SECRET.encode() not in page.get("/secrets.json").body


def test_callers(shown):
    receiver, page = shown()
    insert(receiver.home, 3, remote_addr="192.0.2.1")
    insert(receiver.home, 1, remote_addr=None)
    reject(receiver.home, 2)
    found = page.get("/callers.json").json
    assert [(c["address"], c["n"]) for c in found["stored"]] == [("192.0.2.1", 3), (None, 1)]
    assert [(c["address"], c["n"]) for c in found["refused"]] == [("198.51.100.7", 2)] and found["complete"]


# ---- actions

def act(page, what, user="jo", token=None, origin="https://page.example", **headers):
    token = token if token is not None else page.get("/summary.json", user=user).json["token"]
    given = {"Content-Type": "application/json", "X-Hookspool-Token": token, "Origin": origin, **headers}
    return page.get("/action", method="POST", user=user, body=json.dumps(what).encode(), headers={n: v for n, v in given.items() if v is not None})


@pytest.fixture
def acting(shown):
    """A page with actions, and a sink with three pending deliveries."""
    receiver, page = shown(home=Home(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"]), page_actions=True, reject_bodies=True))
    for _ in range(3):
        send(receiver)
    return receiver, page


def states(home):
    return [row["state"] for row in home.spool.query("SELECT state FROM relay ORDER BY id")]


def test_actions_are_off_without_the_option(shown):
    receiver, page = shown(home=Home(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"])))
    send(receiver)
    assert act(page, {"action": "drop", "sink": "out"}, token="1.00").status == 403 and states(receiver.home) == [0]
    assert not (receiver.home.spool.dir / "page.key").exists()


def test_drop_retry_and_replay(acting):
    receiver, page = acting
    answer = act(page, {"action": "drop", "id": 2})
    assert answer.status == 200 and answer.json == {"action": "drop", "changed": 1} and states(receiver.home) == [0, 2, 0]
    assert act(page, {"action": "drop", "sink": "out"}).json["changed"] == 2 and states(receiver.home) == [2, 2, 2]
    assert act(page, {"action": "retry", "id": "1"}).json["changed"] == 1 and states(receiver.home) == [0, 2, 2]
    assert act(page, {"action": "retry", "sink": "out"}).json["changed"] >= 2 and states(receiver.home) == [0, 0, 0]
    db = sqlite3.connect(receiver.home.spool.dir / "hookspool.db", timeout=20)
    db.execute("UPDATE relay SET state = 1 WHERE id = 3")
    db.commit()
    assert act(page, {"action": "replay", "id": "3"}).json["changed"] == 1 and states(receiver.home) == [0, 0, 0]
    assert act(page, {"action": "replay", "id": "3", "sink": "out"}).json["changed"] == 0
    entries = page.entries(msg="page action", user="jo", action="drop", id="2")
    assert len(entries) == 1 and entries[0]["changed"] == "1"


def test_accept_stores_what_passes_now(acting):
    receiver, page = acting
    body = sender.message(text="late secret")
    headers = [("X-Webhook-Signature", sender.sign(body, sender.SECRET2))]
    assert deliver(receiver.socket, body, path=LINKEDIN, headers=headers).status == 401
    page.until(lambda: page.ids(outcome="refused"), "it is there")
    answer = act(page, {"action": "accept", "id": "r1"})
    assert answer.status == 409 and "wrong signature" in answer.json["error"]
    receiver.home.configure(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"], secret_file=["secret", "secret2"]), page_actions=True,
                            reject_bodies=True)
    assert act(page, {"action": "accept", "id": "r1"}).json == {"action": "accept", "changed": 1, "event": 4}
    assert bytes(receiver.home.spool.events()[-1]["body"]) == body and page.ids(outcome="refused") == [] and page.get("/event/4.json").json["text"] == "late secret"


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_death_of_what_checks_a_delivery_is_answered_and_the_next_one_is_checked(acting):
    """Another process writes the database, so that the check waits, and is killed."""
    receiver, page = acting
    assert refuse(receiver).status == 401
    page.until(lambda: page.ids(outcome="refused"), "it is there")
    receiver.home.write("wrong", "wrong")
    receiver.home.configure(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"], secret_file=["secret", "wrong"]), page_actions=True,
                            reject_bodies=True)
    answers = []
    db = sqlite3.connect(receiver.home.spool.dir / "hookspool.db", timeout=20)
    db.execute("BEGIN IMMEDIATE")
    asking = threading.Thread(target=lambda: answers.append(act(page, {"action": "accept", "id": "r1"})))
    asking.start()
    worker = page.until(lambda: [one for vault in children_of(page.pid) for one in children_of(vault)], "a process checks it")
    status = Path(f"/proc/{worker[0]}/status")
    page.until(lambda: not int(re.search(r"SigBlk:\s*(\w+)", status.read_text())[1], 16) & 1 << signal.SIGALRM - 1, "the alarm that ends it at last can come")
    os.kill(worker[0], signal.SIGKILL)
    asking.join(10 * SLOW)
    assert answers and answers[0].status == 409, answers
    db.rollback()
    assert act(page, {"action": "accept", "id": "r1"}).json["changed"] == 1


def test_wrong_actions(acting):
    receiver, page = acting
    for what, status in (({"action": "purge", "id": 1}, 400), ({"action": "drop"}, 409), ({"action": "drop", "id": 99}, 409), ({"action": "drop", "id": "x"}, 400), ({"action": "drop", "id": "9" * 19}, 400),
                         ({"action": "replay", "id": "r1"}, 409), ({"action": "replay", "id": 99}, 409), ({"action": "replay", "id": 1, "sink": "no"}, 409),
                         ({"action": "accept", "id": 1}, 409), ({"action": "accept", "id": "r9"}, 409), ({"id": 1}, 400), ([], 400)):
        assert act(page, what).status == status, what
    assert act(page, {"action": "drop", "sink": "out", "pad": "x" * 20000}).status == 413
    for wrong in ("1" * 30, "1\0", [1], {"n": 1}, True, -1, 1.5, 2 ** 63):  # an id that cannot be read does not make it an action for all of the sink
        assert act(page, {"action": "drop", "id": wrong, "sink": "out"}).status == 400, wrong
    for wrong in ("x" * 300, "out\0", ["out"], {"n": 1}, True):
        assert act(page, {"action": "replay", "id": 1, "sink": wrong}).status == 400, wrong
    assert states(receiver.home) == [0, 0, 0]


def test_requests_of_other_sites_are_refused(acting):
    receiver, page = acting
    drop = {"action": "drop", "sink": "out"}
    good = page.get("/summary.json").json["token"]
    for how, status in (({"origin": "https://evil.example"}, 403), ({"origin": None}, 403), ({"origin": "null"}, 403), ({"origin": "https://page.example.evil"}, 403),
                        ({"origin": "https://page.example:444"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                        ({"Content-Type": "text/plain"}, 415), ({"Content-Type": "application/x-www-form-urlencoded"}, 415), ({"token": ""}, 403),
                        ({"token": good[:-1] + ("0" if good[-1] != "0" else "1")}, 403), ({"token": good.replace(".", "0.", 1)}, 403), ({"token": "1"}, 403),
                        ({"user": "eve", "token": good}, 403)):
        assert act(page, drop, **{"token": good, **how}).status == status, how
    assert states(receiver.home) == [0, 0, 0]
    assert act(page, drop, token=good, **{"Sec-Fetch-Site": "same-origin"}).status == 200


def test_tokens_are_good_in_another_process_and_not_after_a_day(acting):
    receiver, page = acting
    good = page.get("/summary.json").json["token"]
    other = Page(receiver.home)
    assert act(other, {"action": "drop", "id": 1}, token=good).status == 200
    hour = int(good.split(".")[0])
    assert hour == int(time.time() // 3600) + 24
    assert (receiver.home.spool.dir / "page.key").stat().st_mode & 0o777 == 0o600
    other.stop()


def test_reload(shown):
    receiver, page = shown()
    send(receiver)
    receiver.home.configure(page_access="open", page_bodies=False)
    page.signal(1)
    page.until(lambda: page.get("/events.json", user=None).status == 200, "the page is open now")
    assert page.events()["events"][0]["text"] is None
    receiver.home.write("hookspool.conf", "spool = 1 2 3")
    page.signal(1)
    page.until(lambda: "reload failed" in page.text(), "the reload fails")
    assert page.get("/events.json", user=None).status == 200


def test_expired_foreign_and_forged_tokens_are_refused(acting):
    """Each has the right form, and all but the forged ones the page's own key."""
    receiver, page = acting
    own = page.get("/summary.json", user="jo").json["token"]
    key, now = (receiver.home.spool.dir / "page.key").read_bytes(), int(time.time() // 3600)

    def token(hour, user="jo", key=key):
        return f"{hour}." + hmac.new(key, f"hookspool page {hour} {user}".encode(), "sha256").hexdigest()

    assert own in (token(now + 24), token(now + 25)), "the test makes tokens as the page does"
    drop = {"action": "drop", "id": 1}
    for name, wrong in (("expired", token(now - 1)), ("expired long ago", token(1)), ("of a day that is not yet", token(now + 48)), ("of another user", token(now + 24, "eve")),
                        ("of no user", token(now + 24, "")), ("of the user's beginning", token(now + 24, "j")), ("forged with another key", token(now + 24, key=bytes(32))),
                        ("forged with a shorter key", token(now + 24, key=key[:31])), ("for another hour", token(now + 23).replace(str(now + 23), str(now + 24), 1)),
                        ("cut", own[:-2]), ("longer", own + "00"), ("of two", own + own), ("with a sign", "+" + own), ("in capitals", own.upper() + "!")):
        assert act(page, drop, token=wrong).status == 403, name
    assert states(receiver.home) == [0, 0, 0]
    assert act(page, drop, user="eve", token=token(now + 24)).status == 403
    for right in (token(now + 24), token(now + 1)):
        assert act(page, {"action": "retry", "id": 2}, token=right).status == 200
    assert act(page, drop, token=own).status == 200


# ---- charts

def sums(chart):
    return {one["name"]: sum(one["values"]) for one in chart["series"]}


def test_charts(shown):
    receiver, page = shown(home=Home(sink("out", url="http://127.0.0.1:9/"), endpoint(relay=["out"])))
    for _ in range(3):
        send(receiver)
    refuse(receiver)
    for span, step in (("hour", 60), ("day", 300), ("week", 3600)):
        rate = page.until(lambda: sums(found := page.get("/chart.json", of="rate", span=span).json) == {"stored": 3, "refused": 1} and found, "all are counted")
        assert rate["step"] == step and rate["times"] == sorted(rate["times"]) and abs(rate["times"][-1] - time.time()) < 2 * step
        assert all(len(s["values"]) == len(rate["times"]) for s in rate["series"])
        latency = page.get("/chart.json", of="latency", span=span).json
        assert [s["name"] for s in latency["series"]] == ["median", "95 %", "99 %"] and \
            0 < max(value or 0 for value in latency["series"][0]["values"]) < 20_000  # the last minute may have begun since
    assert [s["name"] for s in page.get("/chart.json", of="outcomes", span="hour").json["series"]] == ["refused"]
    backlog = page.get("/chart.json", of="backlog", span="hour").json
    assert backlog["series"] == [] and backlog["times"]  # no relay has counted
    assert page.get("/chart.json", of="x", span="hour").status == 400 and page.get("/chart.json", of="rate").status == 400


def test_charts_without_measurements(shown):
    receiver, page = shown()
    receiver.stop()
    (receiver.home.spool.dir / "measure").unlink()
    for of in ("rate", "outcomes", "latency", "backlog"):
        assert page.get("/chart.json", of=of, span="day").status == 200


# ---- speed

EVENTS = int(os.environ.get("HOOKSPOOL_PAGE_EVENTS", 20000))  # 1000000 takes half a minute more


def test_many_events_are_as_fast_as_ten(shown):
    """Each answer within its time; one that could not look at all says how far it looked, and going on from there finds the rest."""
    receiver, page = shown()
    home, first = receiver.home, int(time.time() * 1000) - EVENTS * 1000
    db = sqlite3.connect(home.spool.dir / "hookspool.db", isolation_level=None, timeout=60)
    db.execute("PRAGMA synchronous=OFF")
    body = b'{"event":"message.received","data":{"body":"text %d ' + b"x" * 500 + b'"}}'
    for at in range(0, EVENTS, 20000):
        db.execute("BEGIN")
        db.executemany("INSERT INTO event(received_at, endpoint, secret, event, sender_name, headers, body) VALUES(?, ?, 1, 'message.received', 'Jane', '', ?)",
                       ((first + i * 1000, "/webhook/rare" if i == 7 else LINKEDIN, body % i) for i in range(at, min(at + 20000, EVENTS))))
        db.execute("COMMIT")
    db.close()
    for query in ({}, {"sender": "jane"}, {"since": "1h"}, {"until": "1h"}, {"endpoint": "/webhook/rare"}, {"text": "text 7 "}, {"sender": "nobody"},
                  {"outcome": "refused"}, {"after": "5.0"}):
        times, cursor, found = [], None, []
        for _ in range(10000):
            begin = time.monotonic()
            part = page.events(**{**query, **({"before": cursor} if cursor else {})})
            times.append(time.monotonic() - begin)
            found += part["events"]
            if part["complete"]:
                break
            assert part["searched_to"] and part["more"] and not part["events"][50:], query
            cursor = part["oldest"]
        assert min(times) < 0.3 * SLOW, (query, times)
        if query in ({"endpoint": "/webhook/rare"}, {"text": "text 7 "}):
            assert [row["id"] for row in found] == ["8"], query
    for path in ("/summary.json", "/sinks.json", "/callers.json", "/event/5.json"):
        times = []
        for _ in range(5):
            begin = time.monotonic()
            assert page.get(path).status == 200
            times.append(time.monotonic() - begin)
        assert min(times) < 0.3 * SLOW, (path, times)
