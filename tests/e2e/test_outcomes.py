# SPDX-License-Identifier: ISC
"""Every outcome of the design's table, through every web server: status, code, headers, and what is in the spool."""
from http.client import HTTPException

import pytest

import sender
from outcomes import expect
from place import until
from receiver import Home, endpoint
from sender import AUTHORIZATION, SECRET2, VECTORS, message, new_urn, sign
from servers import KINDS

LINKEDIN = "/webhook/linkedin"

def test_stored_and_duplicate(site):
    urn = new_urn()
    body = message(urn)
    first = expect(site.deliver(LINKEDIN, body), "stored", marker=urn)
    again = expect(site.deliver(LINKEDIN, body), "duplicate")
    assert first.json["id"] == again.json["id"]
    event = site.home.spool.event(key=urn)
    assert event["body"] == body
    assert event["id"] == first.json["id"]
    assert (event["endpoint"], event["event"], event["account"]) == (LINKEDIN, "message.received", "acc-1")
    assert (event["sender_name"], event["sender_id"]) == ("Žofie Nováková 李", "urn:li:fsd_profile:ACoAA1")
    assert (event["conversation"], event["sent_at"]) == ("urn:li:messagingThread:2-x", "2026-05-12T14:33:21.000Z")
    assert (event["remote_addr"], event["secret"]) == ("127.0.0.1", 1)
    assert f"X-Webhook-Signature: {sign(body)}\n" in event["headers"]


def test_same_key_on_another_endpoint_is_another_event(site):
    body = message()
    expect(site.deliver(LINKEDIN, body), "stored")
    expect(site.deliver("/webhook/near", body), "stored")


def test_query_does_not_change_the_endpoint(site):
    expect(site.deliver(LINKEDIN + "?source=dashboard&x=1", message()), "stored")


ACCEPTED = {
    "unknown event": message(event="invitation.accepted.v9"),
    "unknown fields": message(new_field={"a": [1, 2.5e300, None, True]}),
    "integers beyond 64 bits": message(big=10 ** 40),
    "white space around": b"\r\n\t " + message() + b" \n",
    "escaped lone surrogate": message(text="@").replace(b'"@"', b'"\\ud83d"'),
    "escaped NUL in a name": message(sender="@").replace(b'"@"', b'"a\\u0000b"'),
    "key order": b'{"data":{"sender":{"name":"Z"},"message_urn":"%s"},"event":"e"}' % new_urn().encode(),
    "depth 64": b'{"event":"deep","data":' + b"[" * 63 + b"]" * 63 + b"}",
    "no data": b'{"event":"ping"}',
    "byte order mark": b'\xef\xbb\xbf{"event":"e"}',
    "data is null": b'{"event":"ping","data":null}',
    "nested duplicate keys that route nothing": b'{"event":"e","data":{"x":{"id":1,"id":2}}}',
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted_bytes_are_stored_unchanged(site, body):
    reply = expect(site.deliver("/webhook/near", body), "stored")
    assert site.home.spool.event(id=reply.json["id"])["body"] == body


def test_without_an_id_the_bytes_are_the_key(site):
    """Every scheme has that last resort, but for those that say none."""
    body = b'{"event":"ping","object":"event","data":{}}'
    expect(site.deliver(LINKEDIN, body), "stored")
    expect(site.deliver(LINKEDIN, body), "duplicate")
    expect(site.deliver(LINKEDIN, body + b" "), "stored")


def test_data_id_is_the_second_key(site):
    urn = new_urn()
    body = b'{"event":"e","data":{"id":"%s"}}' % urn.encode()
    expect(site.deliver(LINKEDIN, body), "stored")
    expect(site.deliver(LINKEDIN, body), "duplicate")
    site.home.spool.event(key=urn)


@pytest.mark.parametrize("change", [{"event": "reaction.added"}, {"account_id": "acc-2"}, {"account_id": None}], ids=str)
def test_ignored(site, change):
    urn = new_urn()
    expect(site.deliver("/webhook/filtered", message(urn, **change)), "ignored")
    assert not site.home.spool.events(key=urn)
    expect(site.deliver("/webhook/filtered", message(urn)), "stored")


def test_challenge(site):
    reply = site.deliver("/webhook/dropbox?challenge=Az09-_.~", method="GET")
    assert (reply.status, reply.body) == (200, b"Az09-_.~")
    assert reply.headers["content-type"].split(";")[0] == "text/plain"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/webhook/dropbox?challenge=%3Cscript%3E", "/webhook/dropbox?challenge=",
                                  "/webhook/dropbox", "/webhook/linkedin?challenge=abc"])
def test_get_without_a_challenge_is_not_allowed(site, path):
    expect(site.deliver(path, method="GET"), "method_not_allowed", marker="script")


MALFORMED = {
    "empty": b"",
    "not JSON": b"event=message.received",
    "cut off": message()[:-1],
    "trailing garbage": message() + b"x",
    "two values": message() + message(),
    "array": b'[{"event":"e"}]',
    "string": b'"event"',
    "number": b"1",
    "depth 65": b'{"event":"deep","data":' + b"[" * 64 + b"]" * 64 + b"}",
    "very deep": b'{"event":"deep","data":' + b"[" * 100000,
    "no event": b'{"object":"event","data":{"id":"x"}}',
    "event is a number": b'{"event":1}',
    "event is empty": b'{"event":""}',
    "event only nested": b'{"data":{"event":"e"}}',
    "comment": b'{"event":"e"/* */}',
    "form feed": b'{"event":"e"}\f',
    "NUL": b'{"event":"e"}\0',
    "single quotes": b"{'event':'e'}",
    "raw control character": b'{"event":"a\x01b"}',
    "duplicate top-level key": b'{"event":"a","event":"b"}',
    "duplicate top-level key by escape": b'{"event":"a","e\\u0076ent":"b"}',
    "duplicate top-level key of no meaning": b'{"event":"a","x":1,"x":1}',
    "duplicate routing key": b'{"event":"e","data":{"message_urn":"a","message_urn":"b"}}',
    "duplicate account": b'{"event":"e","data":{"account_id":"a","account_id":"b"}}',
    "overlong UTF-8": b'{"event":"e","x":"\xc0\x80"}',
    "UTF-8 surrogate": b'{"event":"e","x":"\xed\xa0\x80"}',
    "UTF-8 above U+10FFFF": b'{"event":"e","x":"\xf5\x80\x80\x80"}',
    "UTF-8 cut off": b'{"event":"e","x":"\xe2\x82"}',
    "Latin-1": b'{"event":"e","x":"caf\xe9"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(site, body):
    """Where nothing proves the sender."""
    before = len(site.home.spool.events())
    expect(site.deliver("/webhook/open", body, {"X-Webhook-Signature": None}), "malformed")
    assert len(site.home.spool.events()) == before


@pytest.mark.parametrize("path", [LINKEDIN, "/webhook/filtered"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_signed_delivery_is_kept(site, body, path):
    """DESIGN.md, promise 5: what was signed right is kept with the event name "" and a note, also where a filter cannot be applied."""
    first = site.deliver(path, body)
    assert (first.status, first.code) in ((200, "stored"), (200, "duplicate"))
    event = site.home.spool.event(id=first.json["id"])
    assert (event["body"], event["event"], event["secret"]) == (body, "", 1) and event["note"], event
    expect(site.deliver(path, body, {"X-Webhook-Signature": sign(b"x")}), "unauthorized")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "nonsense"], ids=str)
def test_signed_delivery_of_any_type_is_kept(site, kind):
    """The body is read all the same: nothing signs the Content-Type."""
    urn = new_urn()
    body = message(urn)
    reply = expect(site.deliver(LINKEDIN, body, {"Content-Type": kind}), "stored")
    event = site.home.spool.event(id=reply.json["id"])
    assert (event["body"], event["event"], event["account"]) == (body, "message.received", "acc-1")
    assert (event["note"] is not None) == bool(kind)
    [logged] = until(lambda: site.entries(outcome="stored", id=str(event["id"]), endpoint=LINKEDIN), "the line of the log")
    assert logged.get("content_type", "") == (kind or "")
    expect(site.deliver(LINKEDIN, body), "duplicate")
    expect(site.deliver(LINKEDIN, body, {"Content-Type": kind, "X-Webhook-Signature": sign(b"x")}), "unauthorized")


def test_unread_events_are_listed_by_their_note(served):
    site = served("nginx", Home())
    for body in (b"\xff\x00", b"", b'{"a":1}'):
        expect(site.deliver(LINKEDIN, body), "stored")
    listed = site.home.cli("list").stdout.decode()
    assert "not UTF-8" in listed and "not JSON" in listed and "no name of the event" in listed, listed
    assert site.home.cli("show", "1").returncode == 0 and [row["body"] for row in site.home.spool.export()[1:]] == ["", '{"a":1}']


def test_authorized_delivery_is_kept_where_nothing_is_signed(served):
    site = served("nginx", Home(endpoint("/webhook/auth", scheme="none", authorization_file=["auth"])))
    good = {"Authorization": AUTHORIZATION, "X-Webhook-Signature": None}
    for body, kind in ((b"hello", "application/json"), (b"hello there", "text/plain"), (b'{"a":1}', "application/json")):
        reply = expect(site.deliver("/webhook/auth", body, {**good, "Content-Type": kind}), "stored")
        assert site.home.spool.event(id=reply.json["id"])["note"]
    expect(site.deliver("/webhook/auth", b"hello", {**good, "Authorization": "wrong", "Content-Type": "text/plain"}), "unauthorized")


def test_signed_event_without_a_name_is_filtered_by_account_alone(site):
    expect(site.deliver("/webhook/filtered", b'{"data":{"account_id":"acc-2","id":"nameless"}}'), "ignored")
    expect(site.deliver("/webhook/filtered", b'{"data":{"account_id":"acc-1","id":"nameless"}}'), "stored")


UNSIGNED = {
    "missing": lambda right: [],
    "of another body": lambda right: [sign(b"another body")],
    "of another secret": lambda right: [sign(BODY, SECRET2)],
    "empty": lambda right: [""],
    "without its prefix": lambda right: [right[7:]],
    "another prefix": lambda right: ["sha512=" + right[7:]],
    "cut short": lambda right: [right[:-1]],
    "one digit more": lambda right: [right + "0"],
    "not hexadecimal": lambda right: [right[:-1] + "g"],
    "twice, wrong first": lambda right: [sign(b"x"), right],
    "twice, right first": lambda right: [right, sign(b"x")],
    "twice, both right": lambda right: [right, right],
    "with a comma": lambda right: [f"{right}, {right}"],
    "in a list": lambda right: [f"{right},"],
}
BODY = message("urn:never-stored")


@pytest.mark.parametrize("values", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_unauthorized_by_signature(site, values):
    headers = [("X-Webhook-Signature", None), *(("X-Webhook-Signature", v) for v in values(sign(BODY)))]
    expect(site.deliver(LINKEDIN, BODY, headers), "unauthorized", marker=sign(BODY)[7:])
    assert not site.home.spool.events(key="urn:never-stored")


@pytest.mark.parametrize("value", [None, "", "Bearer", AUTHORIZATION + "x", AUTHORIZATION[:-1], AUTHORIZATION.lower(),
                                   AUTHORIZATION + ", " + AUTHORIZATION], ids=str)
def test_unauthorized_by_authorization(site, value):
    expect(site.deliver("/webhook/auth", BODY, {"Authorization": value}), "unauthorized", marker=AUTHORIZATION)
    assert not site.home.spool.events(key="urn:never-stored")


def test_authorization_and_signature_are_both_required(site):
    good = {"Authorization": AUTHORIZATION}
    bad_signature = expect(site.deliver("/webhook/auth", BODY, {**good, "X-Webhook-Signature": sign(b"x")}), "unauthorized")
    bad_authorization = expect(site.deliver("/webhook/auth", BODY, {"Authorization": "wrong"}), "unauthorized")
    assert bad_signature.body == bad_authorization.body
    # how the body is framed is Apache's to choose under CGI (2.4.59 and later ignore our Content-Length)
    framing = {"content-length", "transfer-encoding"}
    assert set(bad_signature.headers) - framing == set(bad_authorization.headers) - framing
    expect(site.deliver("/webhook/auth", message(), good), "stored", marker=AUTHORIZATION)


def test_forbidden(site):
    expect(site.deliver("/webhook/far", message()), "forbidden")
    # what a sender says about its address counts for nothing
    expect(site.deliver("/webhook/far", message(), {"X-Forwarded-For": "192.0.2.7", "Remote-Addr": "192.0.2.7"}), "forbidden")
    expect(site.deliver("/webhook/near", message()), "stored")


@pytest.mark.parametrize("path", ["/webhook/", "/webhook/LinkedIn", "/webhook/linkedin/", "/webhook/linkedin2",
                                  "/webhook/<script>", "/webhook/" + "x" * 2000],
                         ids=lambda path: path[9:30])
def test_not_found(site, path):
    expect(site.deliver(path, message()), "not_found", marker=path[9:] or None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_wrong_method_is_refused(site, method):
    reply = site.deliver(LINKEDIN, b"" if method in ("GET", "HEAD") else message(), method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        expect(reply, "method_not_allowed")


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                                  "application/json, text/plain", "text/application/json"], ids=str)
def test_unsupported_type(site, kind):
    """Where nothing of a delivery can prove its sender."""
    for path in (LINKEDIN, "/webhook/open"):
        expect(site.deliver(path, message(), {"Content-Type": kind, "X-Webhook-Signature": None}), "unsupported_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y", "text/json",
                                  "application/cloudevents+json; charset=UTF-8", "application/vnd.api+json"])
def test_supported_type(site, kind):
    expect(site.deliver(LINKEDIN, message(), {"Content-Type": kind}), "stored")


@pytest.mark.parametrize("kind", KINDS)
def test_unavailable(served, kind):
    """The spool can't be made: the sender is told to come again, through every server."""
    site = served(kind, Home(spool="/proc/nowhere/spool"))
    for _ in range(2):
        expect(site.deliver(LINKEDIN, message()), "unavailable", marker="/proc")
    expect(site.deliver(LINKEDIN, b"{}"), "unavailable")
    expect(site.deliver(LINKEDIN, b"{}", {"X-Webhook-Signature": sign(b"x")}), "unauthorized")


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half-closed"])
def test_sender_gives_up_inside_the_body(site, half):
    urn = new_urn()
    body = message(urn)
    with site.connect() as http:
        http.send(sender.head(LINKEDIN, sender.signed_headers(body) + [("Content-Length", str(len(body)))]) + body[:-10])
        if half:
            http.sock.shutdown(1)
            try:
                http.reply()
            except (OSError, EOFError, HTTPException):
                pass
    assert site.deliver(LINKEDIN, message()).status == 200
    assert not site.home.spool.events(key=urn)
    expect(site.deliver(LINKEDIN, body), "stored")


def test_rotation(site):
    """Both secrets are good while they are both configured, and the spool and the log say which it was."""
    for number, secret in ((1, sender.SECRET), (2, SECRET2)):
        urn = new_urn()
        expect(site.deliver("/webhook/rotating", message(urn), secret=secret), "stored")
        assert site.home.spool.event(key=urn)["secret"] == number
        until(lambda: site.entries(key=urn, secret=str(number)), f"secret={number} in the log")


def test_github_signature(site):
    body = message()
    headers = {"X-Webhook-Signature": None, "X-Hub-Signature-256": sign(body), "X-GitHub-Event": "issues"}
    expect(site.deliver("/webhook/github", body, headers), "stored")
    assert site.home.spool.events(event="issues")
    expect(site.deliver("/webhook/github", message()), "unauthorized")


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors(site, name):
    """Where the body is no JSON, it is kept all the same."""
    vector = VECTORS[name]
    headers = {"X-Webhook-Signature": None, vector.header: vector.signature}
    expect(site.deliver(f"/webhook/{name}", vector.body, headers), "stored")
    expect(site.deliver(f"/webhook/{name}", vector.body + b" ", headers), "unauthorized")
