# SPDX-License-Identifier: ISC
"""Bodies: chunked, of every size around the limits, slow, short, and the connection after them."""
import time

import pytest

import fcgi_client
import sender
from conftest import site_home
from fcgi_client import ABORT, PARAMS, STDIN, Fcgi, opening, params, record, stdin, whole
from outcomes import expect
from page import Page
from place import SLOW
from receiver import Home, endpoint
from sender import message, new_urn, padded

LINKEDIN, SMALL = "/webhook/linkedin", "/webhook/small"
LIMIT = 2048  # of SMALL


def stored(site, reply, body):
    assert site.home.spool.event(id=expect(reply, "stored").json["id"])["body"] == body


@pytest.mark.parametrize("size", [600, 40_000, 300_000])
def test_chunked(site, size):
    body = padded(size)
    stored(site, site.deliver(LINKEDIN, body, chunked=True), body)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_sizes_around_the_limit_on_a_kept_connection(site, chunked):
    """One byte under, at and over max-body; each is followed by a good request on the same connection."""
    with site.connect() as http:
        for size, code in ((LIMIT - 1, "stored"), (LIMIT, "stored"), (LIMIT + 1, "too_large"), (60_000, "too_large")):
            reply = expect(http.deliver(SMALL, padded(size), chunked=chunked), code)
            if reply.headers.get("connection") == "close":  # as Apache says after each 413
                assert code == "too_large" and site.kind.startswith("mod_")
                http.again()
            stored(site, http.deliver(LINKEDIN, body := padded(700)), body)


def test_sizes_around_the_default_limit(site):
    """1m is 1048576 bytes."""
    for size, code in ((1 << 20, "stored"), ((1 << 20) + 1, "too_large")):
        expect(site.deliver(LINKEDIN, padded(size)), code)


def test_small_and_large_bodies_are_read_at_once(site):
    """Whatever buffer a body just doesn't fit into, there is no pause of a timer in its answer."""
    for size in (20_000, 70_000, 100_000, 130_000, 160_000, 200_000, 260_000, 500_000, 1_000_000):
        best = min(timed(site, size) for _ in range(5))
        assert best < 0.5 * SLOW, f"{size} bytes took {best:.3f} s"


def timed(site, size):
    body = padded(size)
    start = time.monotonic()
    expect(site.deliver(LINKEDIN, body), "stored")
    return time.monotonic() - start


def test_slow_body_through_an_unbuffered_proxy(served):
    site = served("nginx-streaming", site_home())
    body = message()
    with site.connect() as http:
        http.send(sender.head(LINKEDIN, sender.signed_headers(body) + [("Content-Length", str(len(body)))]) + body[:-10])
        expect(http.reply(), "timeout")
    assert not site.home.spool.events()


@pytest.fixture
def raw(receiver):
    return receiver(endpoint(), endpoint("/webhook/small", max_body="2k"), body_timeout="1s", params_timeout="1s")


@pytest.mark.parametrize("sent", [0, 1, 500])
def test_slow_body(raw, sent):
    body = message()
    start = time.monotonic()
    with Fcgi(raw.socket) as fcgi:
        fcgi.send(opening(params(body=body)) + stdin(body[:sent]))
        expect(fcgi.reply(), "timeout")
        assert 0.9 < time.monotonic() - start < 20
    assert not raw.home.spool.events()
    expect(fcgi_client.deliver(raw.socket, body), "stored")


def test_slow_bytes_do_not_extend_the_deadline(raw):
    """The deadline is the body's, not the next byte's."""
    body = message()
    start = time.monotonic()
    with Fcgi(raw.socket) as fcgi:
        fcgi.send(opening(params(body=body)))
        fcgi.sock.settimeout(0.1)
        for byte in body:
            try:
                fcgi.send(record(STDIN, bytes([byte])))
                reply = fcgi.reply()
                break
            except TimeoutError:
                continue
    expect(reply, "timeout")
    assert time.monotonic() - start < 30


INCOMPLETE = {
    "shorter": lambda body: whole(params(body=body, size=len(body) + 1), body),
    "empty": lambda body: opening(params(body=body)) + record(STDIN),
    "longer": lambda body: whole(params(body=body, size=len(body) - 1), body),
    "no number": lambda body: whole(params(body=body, size="12x"), body),
    "negative": lambda body: whole(params(body=body, size=-2), body),
    "hexadecimal": lambda body: whole(params(body=body, size="0x100"), body),
    "huge": lambda body: whole(params(body=body, size=10 ** 30), body),
}


def test_length_of_minus_one(raw):
    """What Caddy passes for a chunked body: its length is unknown."""
    body = message()
    with Fcgi(raw.socket) as fcgi:
        fcgi.send(whole(params(body=body, size=-1), body))
        expect(fcgi.reply(), "stored")


@pytest.mark.parametrize("request_of", INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_incomplete(raw, request_of):
    body = message()
    with Fcgi(raw.socket) as fcgi:
        fcgi.send(request_of(body))
        reply = fcgi.reply()
        expect(reply, "incomplete")
    assert not raw.home.spool.events()
    expect(fcgi_client.deliver(raw.socket, body), "stored")


def test_aborted_body_is_not_stored(raw):
    body = message()
    with Fcgi(raw.socket) as fcgi:
        fcgi.send(opening(params(body=body)) + stdin(body) + record(ABORT))
        fcgi.rest()
    with Fcgi(raw.socket) as fcgi:
        fcgi.send(opening(params(body=body)) + stdin(body))
        fcgi.sock.shutdown(1)
        fcgi.rest()
    assert not raw.home.spool.events()
    expect(fcgi_client.deliver(raw.socket, body), "stored")


@pytest.mark.parametrize("size", ["", None], ids=["empty CONTENT_LENGTH", "no CONTENT_LENGTH"])
def test_unknown_length(raw, size):
    """As nginx and Apache pass a chunked body: to its end, and not past the limit."""
    def listed(body):
        return [p for p in params("/webhook/small", body, size=size or "") if size is not None or p[0] != "CONTENT_LENGTH"]
    with Fcgi(raw.socket) as fcgi:
        for length, code in ((LIMIT, "stored"), (LIMIT + 1, "too_large"), (LIMIT - 1, "stored")):
            body = padded(length)
            fcgi.send(whole(listed(body), body))
            expect(fcgi.reply(), code)


def test_records_of_any_size(raw):
    """A request in records of one byte, in writes that end anywhere, is the same request."""
    urn = new_urn()
    body = message(urn)
    listed = fcgi_client.pairs(params(body=body))
    data = b"".join([fcgi_client.begin(),
                     *(record(PARAMS, listed[i:i + 1], padding=i % 8) for i in range(len(listed))), record(PARAMS),
                     *(record(STDIN, body[i:i + 1], padding=i % 3) for i in range(len(body))), record(STDIN)])
    with Fcgi(raw.socket) as fcgi:
        for i in range(0, len(data), 997):
            fcgi.send(data[i:i + 997])
        expect(fcgi.reply(), "stored")
    assert raw.home.spool.event(key=urn)["body"] == body


def test_body_that_never_arrives_times_out(raw):
    """A connection that never says anything, or half a request's parameters, is closed in the end."""
    for start in (fcgi_client.begin(), fcgi_client.begin() + record(PARAMS, b"\x0e\x04REQUEST_METHODPO"[:9])):
        with Fcgi(raw.socket, timeout=10) as fcgi:
            fcgi.send(start)
            assert fcgi.rest() == b""


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"], ids=repr)
def test_content_type_of_two_lines(receiver, end):
    """No web server passes one on. It would be stored with, and sent to sinks with, a header of the sender's choice."""
    one = receiver()
    expect(fcgi_client.deliver(one.socket, message(), headers={"Content-Type": f"application/json;{end}X-More: x"}), "stored")
    assert "X-More" not in one.home.spool.events()[0]["headers"]


MULTIPART = {"X-Webhook-Signature": None, "Content-Type": "multipart/form-data; boundary=other"}
PART = '--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


def test_multipart():
    """A field that is JSON, as Jotform and Dropbox Sign send it; the body is kept as it came, and verified before it is read."""
    home = Home('scheme "own" { header = "X-Own" bodies = {"multipart"} json-field = "raw" event = {"json:kind"} dedupe-key = {"form:id"}'
                ' conversation = {"json:text"} }\n', endpoint("/own", scheme="own"))
    one = home.start()
    body = (PART % ("id", "7") + PART % ('f"; filename="x', "\0\x01") + PART % ("raw", '{"kind":"sent","text":"Ahoj"}') + "--b--\r\n").encode()
    for data, code in ((body, "stored"), (body, "duplicate"), (body[:-6], "stored"), (body.replace(b"--b--", b"--b--x"), "stored")):
        expect(fcgi_client.deliver(one.socket, data, path="/own", headers={**MULTIPART, "X-Own": sender.sign(data, prefix="")}), code)
        expect(fcgi_client.deliver(one.socket, data, path="/own", headers={**MULTIPART, "X-Own": sender.sign(data + b" ", prefix="")}), "unauthorized")
    first, *broken = home.spool.events()
    assert (first["event"], first["key"], first["conversation"], first["body"]) == ("sent", "7", "Ahoj", body)
    assert len(broken) == 2 and all((event["event"], event["note"]) == ("", "not a form") for event in broken)
    one.stop()


def test_json_under_text_plain():
    """As Amazon SNS sends it; without the word text it is no body of the endpoint."""
    home = Home('scheme "own" { header = "X-Own" bodies = {"text"} event = {"json:Type"} }\n', endpoint("/own", scheme="own"))
    one = home.start()
    headers = {"X-Webhook-Signature": None, "Content-Type": "text/plain; charset=UTF-8"}
    body = b'{"Type":"Notification"}'
    expect(fcgi_client.deliver(one.socket, body, path="/own", headers={**headers, "X-Own": sender.sign(body, prefix="")}), "stored")
    expect(fcgi_client.deliver(one.socket, body, path="/own", headers=headers), "unauthorized")
    expect(fcgi_client.deliver(one.socket, body, path="/own", headers={**headers, "Content-Type": "text/html"}), "unsupported_type")
    assert [(event["event"], event["note"]) for event in home.spool.events()] == [("Notification", None)]
    one.stop()


SECRET_QUERY = "key=Zq8-secret_of+the%20query"


@pytest.mark.parametrize("scheme", ['algorithm = "secret" signature = {"query:key"}', 'algorithm = "hmac-sha256" signature = {"query:key"} signs = "{body}{query:a}"'])
def test_secret_in_the_query_is_never_kept(scheme):
    """Not in the spool, the log, the answers, the page or an export; also where the web server repeats the URL in a header."""
    home = Home(f'scheme "own" {{ {scheme} }}\n', endpoint("/own", scheme="own", secret_file=["own.key"]), files={"own.key": "Zq8-secret_of the query"},
                reject_bodies=True, page_access="open", log_level="debug")
    one, body = home.start(), b'{"event":"e","n":%d}'
    value = sender.sign(body % 1 + b"1", "Zq8-secret_of the query", prefix="") if "hmac" in scheme else SECRET_QUERY[4:]
    wrong = value[:-1] + ("0" if value[-1] != "0" else "1")
    texts = []

    def ask(query, n=1, method="POST"):
        url = f"/own?{query}"
        listed = [(name, v) for name, v in params("/own", body % n, {"X-Webhook-Signature": None, "X-Original-URL": url, "Referer": "https://e.com" + url}, method)
                  if name not in ("QUERY_STRING", "REQUEST_URI")]
        with Fcgi(one.socket) as fcgi:
            fcgi.send(whole([*listed, ("QUERY_STRING", query), ("REQUEST_URI", url)], body % n, keep=False))
            reply = fcgi.reply()
        texts.append(str(reply))
        return reply

    expect(ask(f"a=1&key={value}"), "stored")
    expect(ask(f"k%65y={value}&a=1"), "duplicate")
    expect(ask(f"a=1&key={wrong}"), "unauthorized")
    expect(ask(f"a=1&key={value}", 2) if "hmac" in scheme else ask(f"a=1&key={wrong}", 2), "unauthorized")
    expect(ask(f"a=%zz&key={value}"), "unauthorized")
    expect(ask(f"a=1&key={value}&key={wrong}"), "unauthorized")
    assert ask(f"a=1&key={value}", method="GET").status == 405
    one.until(lambda: len(home.spool.rejects()) >= 4, "the refused ones are written")
    page = Page(home)
    event = home.spool.events()[0]["id"]
    texts += [str(page.get(path).json) for path in ("/events.json", f"/event/{event}.json", "/summary.json",
                                                    *(f"/event/r{r['id']}.json" for r in home.spool.rejects()))]
    page.stop()
    texts += [home.cli(*args).stdout.decode() for args in (["export"], ["list", "--json"], ["show", str(event)], ["rejects", "--json"], ["stats", "--json"],
                                                           ["rejects", "--verify"])]
    one.stop()
    texts += [one.text()] + [path.read_bytes().decode("latin-1") for path in home.spool.dir.iterdir() if path.is_file()]
    assert "unauthorized" in "".join(texts) and len(texts) > 20
    for secret in {value, wrong, "Zq8-secret_of the query", "Zq8-secret_of+the", "Zq8-secret_of%20the"}:
        assert not [text for text in texts if secret in text], secret


def test_fields_of_the_query():
    """A parameter that nothing signs is a field's value, and is kept for a second look; one with two values is none."""
    home = Home('scheme "own" { header = "X-Own" event = {"query:event", "text:none"} account = {"query:account"} }\n', endpoint("/own", scheme="own"))
    one, body = home.start(), b'{"n":%d}'
    for n, query in enumerate(("event=a&account=x%20y", "account=1&account=2", "event=%zz", "")):
        listed = [(name, v) for name, v in params("/own", body % n, {"X-Webhook-Signature": None, "X-Own": sender.sign(body % n, prefix="")}) if name != "QUERY_STRING"]
        with Fcgi(one.socket) as fcgi:
            fcgi.send(whole([*listed, ("QUERY_STRING", query)], body % n, keep=False))
            expect(fcgi.reply(), "stored")
    assert [(event["event"], event["account"]) for event in home.spool.events()] == [("a", "x y"), ("none", None), ("none", None), ("none", None)]
    assert ":query: event=a&account=x%20y" in home.spool.events()[0]["headers"]
    one.stop()
    home = Home('scheme "own" { algorithm = "secret" signature = {"query:key"} account = {"query:key"} }\n', endpoint("/own", scheme="own"))
    done = home.cli("check")
    assert done.returncode != 0 and b"never kept" in done.stdout + done.stderr, done
