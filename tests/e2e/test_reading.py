# SPDX-License-Identifier: ISC
"""What schemes of one's own read: bodies of many kinds, and what makes a duplicate."""
import json

import pytest

from receiver import Home, endpoint
from sender import sign
from test_cgi import request

BATCH = b'[{"event":"open","id":1},{"event":"click","id":2}]'


def home_with(scheme, **given):
    return Home(f'scheme "own" {{ header = "X-Sig"\n{scheme} }}\n' + endpoint("/w", scheme="own", **given))


def send(home, body, content_type="application/json", **headers):
    reply, _ = request(home, body, path="/w", headers={"X-Sig": sign(body, prefix=""), "Content-Type": content_type, **headers})
    return reply.code


def test_empty_bodies_are_no_duplicates():
    """Google's push messages: all is in the headers."""
    home = home_with('event = {"header:X-Goog-Resource-State"}', bodies=["any"])
    state = {"X-Goog-Resource-State": "change"}
    assert [send(home, b"", "", **state) for _ in range(3)] == ["stored"] * 3


@pytest.mark.parametrize("key", ['"none"', '{"none"}', '{"json:id", "none"}'])
def test_dedupe_none_stores_every_delivery(key):
    home = home_with(f"dedupe-key = {key}")
    assert [send(home, b'{"event":"e"}') for _ in range(2)] == ["stored"] * 2


def test_custom_key_is_joined():
    home = home_with('dedupe-key = {"json:id + json:event + json:account"}')
    sent = [{"id": "m", "event": event, "account": account} for event, account in (("new", "a"), ("read", "a"), ("new", "b"), ("new", "a"))]
    assert [send(home, json.dumps(body).encode()) for body in sent] == ["stored"] * 3 + ["duplicate"]
    assert send(home, b'{"id":"m","event":"new"}') == "stored"


@pytest.mark.parametrize("content_type", ["application/cloudevents+json; charset=utf-8", "application/vnd.acme.v1+json", "text/json",
                                          "Application/JSON"])
def test_json_has_many_types(content_type):
    home = home_with('dedupe-key = {"json:id"}')
    assert send(home, b'{"type":"order.paid","id":"42"}', content_type) == "stored"
    assert [(row["event"], row["key"]) for row in home.spool.query("SELECT event, key FROM event")] == [("order.paid", "42")]


def test_json_of_a_type_that_is_not_json():
    """SNS sends its JSON as text/plain."""
    home = home_with('event = {"json:Type"} dedupe-key = {"json:MessageId"}', bodies=["any"])
    assert send(home, b'{"Type":"Notification","MessageId":"m-1"}', "text/plain; charset=UTF-8") == "stored"
    assert [(row["event"], row["key"]) for row in home.spool.query("SELECT event, key FROM event")] == [("Notification", "m-1")]


@pytest.mark.parametrize("scheme, event, key", [
    ('event = {"text:batch"}', "batch", None), ('event = {"json:0.event"} dedupe-key = {"json:1.id"}', "open", "2"), ("", "event", None)])
def test_array_is_one_event(scheme, event, key):
    home = home_with(scheme)
    assert [send(home, BATCH), send(home, BATCH)] == ["stored", "duplicate"]
    assert home.spool.event()["event"] == event and key in (None, home.spool.event()["key"])


def test_form_with_many_fields():
    """The body's size alone bounds their number; one that is there twice is still seen."""
    home = Home('max-body = "2m"\nscheme "own" { header = "X-Sig" event = {"json:event", "form:event"} bodies = {"json", "form"} }\n'
                + endpoint("/w", scheme="own"))
    fields = {f"k{i}": i for i in range(50000)}
    assert send(home, json.dumps({**fields, "event": "e"}).encode()) == "stored"
    form = "&".join(f"{name}={value}" for name, value in fields.items()) + "&event=f"
    assert send(home, form.encode(), "application/x-www-form-urlencoded") == "stored"
    assert [event["event"] for event in home.spool.events()] == ["e", "f"]
