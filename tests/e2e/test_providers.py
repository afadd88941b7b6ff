# SPDX-License-Identifier: ISC
"""Deliveries as providers send them, in schemes/samples: the answer, each field, what a second delivery is, and what is refused."""
import base64
import datetime
import gzip
import hashlib
import hmac
import json
import re
import time
from pathlib import Path

import pytest

from place import BIN, SANITIZER, SOURCE, USER, run
from receiver import Home
from sender import SECRET, message, sign
from test_cgi import PROGRAM, parsed, request

FILES = {path.stem: path for path in sorted((SOURCE / "schemes/samples").glob("*.json"))}
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


def load(name):
    return json.loads(FILES[name].read_text())


def home_for(sample, more=""):
    """An endpoint for the sample. Under a sanitizer no clock is at the sample's time: a scheme that is like its takes any time."""
    scheme = sample["scheme"]
    conf = f'scheme "sample" {{ like = "{scheme}" tolerance = "0s" }}\n' if SANITIZER else ""
    conf += f'endpoint "{sample["path"]}" {{ scheme = "{"sample" if SANITIZER else scheme}"\n'
    files = {}
    for option, texts in (("secret", sample.get("secrets") or [sample["secret"]]), ("verify-token", [sample.get("verify_token")]),
                          ("authorization", [sample.get("authorization")])):
        texts = [text for text in texts if text]
        files.update({f"{option}{i}": text for i, text in enumerate(texts)})
        if texts:
            conf += option + "-file = {" + ", ".join(f'"{option}{i}"' for i in range(len(texts))) + "}\n"
    if sample.get("url"):
        conf += f'url = "{sample["url"]}"\n'
    return Home(conf + more + "}\n", files=files)


def at_time(sample):
    """What makes the sample's time that of the receiver's clock."""
    if SANITIZER:
        return {}
    at = datetime.datetime.fromtimestamp(sample.get("at") or time.time(), datetime.timezone.utc)
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": at.strftime("@%Y-%m-%d %H:%M:%S"), "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def post(home, sample, headers=None):
    body = sample["body"].encode()
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": sample["method"], "SCRIPT_NAME": sample["path"], "HTTPS": "on",
           "QUERY_STRING": sample["query"], "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1",
           "HTTP_HOST": "hooks.example.com", "HOOKSPOOL_CONF": str(home.conf), "CONTENT_TYPE": sample["content_type"]}
    env.update({"HTTP_" + name.upper().replace("-", "_"): value for name, value in (headers or sample["headers"]).items()})
    env.update(at_time(sample))
    done = run([PROGRAM, "-c", home.conf, "--mode", "cgi"], stdin=body, env=env, user=USER, within=20)
    return parsed(done.stdout), done.stderr.decode()


def outcome(log):
    return log.split("outcome=")[1].split()[0]


def rows(home):
    return [json.loads(line) for line in home.cli("list", "--json").stdout.splitlines()]


def text_of(value):
    return None if value in ("", None) else str(value)


def is_delivery(name):
    """The others are handshakes, which have an answer and are not stored."""
    return load(name)["kind"] == "delivery" or not load(name).get("answer")


@pytest.mark.parametrize("name", [name for name in FILES if is_delivery(name)])
def test_sample_is_delivered(name):
    sample = load(name)
    home = home_for(sample)
    reply, log = post(home, sample)
    assert reply.status // 100 == 2 and outcome(log) == "stored", log
    if sample.get("answer"):
        assert reply.status == sample["answer"]["status"] and reply.body.decode() == sample["answer"]["body"]
    row = rows(home)[-1]
    for field, want in sample["expect"].items():
        got = text_of(row.get(field))
        if field == "key":
            assert want is None or str(want) in got, (field, got, want)
        elif field != "event" or want is not None:
            assert got == text_of(want), (field, got, want)
    reply, log = post(home, sample)
    assert reply.status // 100 == 2, log
    assert outcome(log) == ("stored" if sample["key_names"] is None else "duplicate"), log


@pytest.mark.parametrize("name", [name for name in FILES if not is_delivery(name)])
def test_sample_gets_the_providers_answer(name):
    sample = load(name)
    home, right = home_for(sample), sample["answer"]
    reply, log = post(home, sample)
    assert reply.status == right["status"], log
    assert right.get("body") is None or reply.body.decode().strip() == right["body"]
    for header, value in right.get("headers", {}).items():
        assert reply.headers[header.lower()].split(";")[0] == value
    assert rows(home) == []


SCHEME = {one["name"]: one for one in map(json.loads, run([BIN / "hookspool", "schemes", "--json"]).stdout.decode().splitlines())}


def flip(text):
    """The text with one bit changed: of a letter or digit in its middle."""
    middle = len(text) // 2
    at = next(i for i in [*range(middle, len(text)), *range(middle)] if text[i].isalnum())
    return text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1:]


def flipped(sample):
    """The sample as nothing proves it: each signed part with one bit changed; of several signatures each of them."""
    about = SCHEME[sample["scheme"]]
    several = [name.lower() for name in re.findall(r"header:([\w-]+)", "".join(re.findall(r"signature = \{[^}]*\}", about["scheme"])))]
    proof = {name.lower() for name in about["proof_headers"]}
    headers = sample["headers"]

    def wrong(value):
        changed = re.sub(r"[\w+/=-]{20,}", lambda one: flip(one[0]), value)
        return changed if changed != value else flip(value)
    if several:
        yield "all signatures", {**sample, "headers": {name: wrong(value) if name.lower() in several else value for name, value in headers.items()}}
    for name, value in headers.items():
        if name.lower() in proof and name.lower() not in several:
            yield f"header {name}", {**sample, "headers": {**headers, name: wrong(value)}}
        if name.lower() in proof and (time_in := re.search(r"\b(?:t|ts|v)=(\d{9,})", value)):
            yield f"time in {name}", {**sample, "headers": {**headers, name: value.replace(time_in[1], flip(time_in[1]))}}
    if about["algorithm"] == "client-state":
        yield "secret in the body", {**sample, "body": sample["body"].replace(sample["secret"], flip(sample["secret"]))}
    if "query:" in about["scheme"]:
        yield "query", {**sample, "query": flip(sample["query"])}
    if "signature = {\"json:" in about["scheme"]:
        yield "signature in the body", {**sample, "body": re.sub(r"[\w+/=]{40,}", lambda one: flip(one[0]), sample["body"])}
    if sample["body"] and about["signs_body"]:
        yield "body", {**sample, "body": flip(sample["body"])}


def secret_changed(sample):
    secrets = sample.get("secrets") or [sample["secret"]]
    return {**sample, "secrets": [flip(secret) for secret in secrets]}


PROVEN = [name for name in FILES if is_delivery(name) and SCHEME[load(name)["scheme"]]["algorithm"] != "none"]


@pytest.mark.parametrize("name", PROVEN)
def test_sample_with_one_bit_changed_is_refused(name):
    """In its body, its signature, its time, its id, and in the secret."""
    sample = load(name)
    home, tried = home_for(sample), 0
    for what, wrong in flipped(sample):
        reply, log = post(home, wrong)
        assert reply.status in (400, 401), (what, log)
        tried += 1
    reply, log = post(home_for(secret_changed(sample)), sample)
    assert reply.status in (401, 503), log
    assert tried and rows(home) == []


@pytest.mark.parametrize("name", [name for name in PROVEN if SCHEME[load(name)["scheme"]]["tolerance"]
                                  and not SCHEME[load(name)["scheme"]]["algorithm"].startswith("jwt-")])
@pytest.mark.skipif(bool(SANITIZER), reason="libfaketime and a sanitizer don't go together")
def test_sample_outside_the_tolerance_is_refused(name):
    """At a time before and behind it, with the signature right."""
    sample = load(name)
    off = 2 * SCHEME[sample["scheme"]]["tolerance"] + 60
    home = home_for(sample)
    for at in (sample["at"] - off, sample["at"] + off):
        reply, log = post(home, {**sample, "at": at})
        assert reply.status == 401 and "the signature is right" in log, log


@pytest.mark.parametrize("name", PROVEN)
def test_delivery_of_another_provider_is_refused(name):
    sample = load(name)
    home, other = home_for(sample), load("github-push" if load(name)["scheme"] == "stripe" else "stripe-snapshot")
    reply, log = post(home, {**other, "path": sample["path"]})
    assert reply.status in (400, 401, 405, 415), log
    assert rows(home) == []


def outcomes(names):
    """Those of deliveries to one endpoint, in this order."""
    home = home_for(load(names[0]))
    return [outcome(post(home, {**load(name), "path": load(names[0])["path"]})[1]) for name in names]


SEQUENCES = {
    "a message of Unipile's and what comes of it": (
        [f"unipile-v1-message-{event}" for event in ("received", "reaction", "read", "edited", "deleted", "delivered", "received")],
        ["stored"] * 6 + ["duplicate"]),
    "two events of a message of ConnectSafely's": (
        ["connectsafely-message", "connectsafely-other-event-same-message", "connectsafely-message"], ["stored", "stored", "duplicate"]),
    "a drive of Microsoft's, twice": (["microsoft-graph-drive"] * 2, ["stored"] * 2),
    "a lifecycle of Microsoft's, twice": (["microsoft-graph-lifecycle"] * 2, ["stored"] * 2),
    "an event of Slack's, and its retry": (["slack-event-message", "slack-event-message-retry"], ["stored", "duplicate"]),
    "a status of WhatsApp's": (["meta-whatsapp-status-delivered", "meta-whatsapp-status-read"], ["stored"] * 2),
    "a status of Twilio's": (["twilio-sms-status-sent", "twilio-sms-status-delivered"], ["stored"] * 2),
}


@pytest.mark.parametrize("names, right", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_samples_in_sequence(names, right):
    assert outcomes(names) == right


def test_delivery_for_several_accounts_passes_accounts():
    """One of its accounts may be the wanted one; a delivery for one other account is left out."""
    only = 'accounts = {"1020000000000002"}\n'
    assert outcome(post(home_for(load("meta-two-entries"), only), load("meta-two-entries"))[1]) == "stored"
    assert outcome(post(home_for(load("meta-whatsapp-message"), only), load("meta-whatsapp-message"))[1]) == "ignored"


@pytest.mark.parametrize("name, relayed", [("microsoft-graph-several", ["both", "updates"]), ("microsoft-graph-mail", ["both"])])
def test_delivery_of_several_events_goes_to_the_sink_of_each(name, relayed):
    """One notification is created, and one updated; of the other delivery the only one is created."""
    sample = load(name)
    home = Home('sink "both" { url = "http://127.0.0.1:9/" allow-private = true events = {"created", "updated"} }\n'
                'sink "updates" { url = "http://127.0.0.1:9/" allow-private = true events = {"updated"} }\n'
                f'endpoint "{sample["path"]}" {{ scheme = "microsoft-graph" secret-file = {{"own"}} relay = {{"both", "updates"}} }}\n',
                files={"own": sample["secret"]})
    assert outcome(post(home, sample)[1]) == "stored"
    assert sorted(row["sink"] for row in home.spool.query("SELECT sink FROM relay")) == relayed


def graph(**more):
    return {"clientState": SECRET, "subscriptionId": "s", **more}


PAGE = {"id": "P", "messaging": [{"sender": {"id": "1"}, "read": {"watermark": 1}}]}
FEED = {"id": "P", "changes": [{"field": "feed", "value": {}}]}
MIXED = {
    "a change and a lifecycle of Microsoft's": ("microsoft-graph", 'events = {"missed"}', {"value": [graph(changeType="created"), graph(lifecycleEvent="missed")]}),
    "a notification without a tenant": ("microsoft-graph", 'accounts = {"b"}', {"value": [graph(changeType="c", tenantId="a"), graph(changeType="c")]}),
    "a message and a change of Meta's": ("meta", 'events = {"feed"}', {"object": "page", "entry": [PAGE, FEED]}),
    "a change and a message of Meta's": ("meta", 'events = {"read"}', {"object": "page", "entry": [FEED, PAGE]}),
    "an event without a portal": ("hubspot-v3", 'accounts = {"2"}', [{"subscriptionType": "a", "portalId": 1}, {"subscriptionType": "a"}]),
}


@pytest.mark.parametrize("scheme, only, body", MIXED.values(), ids=MIXED.keys())
def test_delivery_of_different_events_passes_filters(scheme, only, body):
    """One of them may be the wanted one; a delivery of others alone is left out."""
    home = with_secret(scheme, only, "") if scheme == "microsoft-graph" else with_secret(scheme, only)
    first = body[:1] if isinstance(body, list) else {name: value[:1] for name, value in body.items()}
    codes = [request(home, json.dumps(b).encode(), path="/w", headers={"X-Own": SECRET})[0].code for b in (body, first)]
    assert codes == ["stored", "ignored"]


def test_header_of_two_fields_is_kept_once():
    """Twice, it could not be read again."""
    home = Home('scheme "own" { header = "X-Sig" event = {"header:X-Topic"} account = {"header:x-topic"} }\n'
                'endpoint "/w" { scheme = "own" secret-file = {"secret"} }\n')
    reply, _ = request(home, b"{}", path="/w", headers={"X-Sig": sign(b"{}", prefix=""), "X-Topic": "t"})
    assert reply.code == "stored"
    assert home.spool.event()["headers"].lower().count("x-topic") == 1


def repeated(scheme, headers, *bodies):
    """What becomes of these bodies, where the header is the secret."""
    home = Home(f'endpoint "/w" {{ scheme = "{scheme}" secret-file = {{"own"}} }}\n', files={"own": "a-secret-of-thirty-two-characters"})
    sample = {"path": "/w", "method": "POST", "query": "", "content_type": "application/json", "headers": headers}
    return [outcome(post(home, {**sample, "body": json.dumps(body)})[1]) for body in bodies]


def test_second_event_of_one_message_is_stored():
    """A second reaction, and a second edit, have the message's id and the same name."""
    secret = {"Unipile-Auth": "a-secret-of-thirty-two-characters"}
    event = {"event": "message_reaction", "account_id": "a", "message_id": "m", "reaction": "+1"}
    assert repeated("unipile-v1", secret, event, {**event, "reaction": "-1"}, event) == ["stored", "stored", "duplicate"]
    event = {"event": "message_received", "account_id": "a", "message_id": "m"}
    assert repeated("unipile-v1", secret, event, {**event, "account_id": "b"}, {**event, "x": 1}) == ["stored", "stored", "duplicate"]


def test_second_event_of_one_unipile_mail_is_stored():
    """A mail is opened twice; it comes only once."""
    secret = {"Unipile-Auth": "a-secret-of-thirty-two-characters"}
    event = {"event": "mail_opened", "account_id": "a", "email_id": "m", "date": "2026-06-01T12:00:00Z"}
    assert repeated("unipile-v1", secret, event, {**event, "date": "2026-06-01T13:00:00Z"}, event) == ["stored", "stored", "duplicate"]
    event = {"event": "mail_received", "account_id": "a", "email_id": "m"}
    assert repeated("unipile-v1", secret, event, {**event, "x": 1}) == ["stored", "duplicate"]


def test_each_unipile_account_status_is_stored():
    """It has neither id nor time: the account may be lost, come back, and be lost again."""
    lost, back = ({"AccountStatus": {"account_id": "a", "message": message}} for message in ("CREDENTIALS", "RECONNECTED"))
    secret = {"Unipile-Auth": "a-secret-of-thirty-two-characters"}
    assert repeated("unipile-v1", secret, lost, back, lost, back) == ["stored"] * 4


def with_secret(scheme, more="", algorithm='algorithm = "secret" header = "X-Own" prefix = "" encoding = "hex" signs = "{body}"'):
    """An endpoint that reads its events as that scheme does, and whose secret is a header, or where the scheme has it."""
    return Home(f'scheme "own" {{ like = "{scheme}" {algorithm} handshake = "none" }}\n'
                f'endpoint "/w" {{ scheme = "own" secret-file = {{"secret"}} {more} }}\n')


def field(scheme, name, body):
    home = with_secret(scheme)
    reply, _ = request(home, json.dumps(body).encode(), path="/w", headers={"X-Own": SECRET})
    assert reply.code == "stored"
    return rows(home)[-1][name]


META = {"sender": {"id": "U"}, "recipient": {"id": "P"}, "timestamp": 1}
WHATSAPP = {"messages": [{"from": "1", "id": "wamid.1", "timestamp": "1", "type": "image", "image": {"id": "2", "caption": "Look"}}]}


@pytest.mark.parametrize("scheme, name, want, body", [
    ("meta", "event", "message", {"object": "page", "entry": [{"id": "P", "messaging": [
        {**META, "prior_message": {"source": "checkbox_plugin"}, "message": {"mid": "m", "text": "t"}}]}]}),
    ("meta", "text", "Look", {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": WHATSAPP}]}]}),
    ("slack", "sender_id", "B1", {"type": "event_callback", "event_id": "E", "event": {"type": "message", "bot_id": "B1", "username": "bot"}}),
    ("slack", "sender_name", "bot", {"type": "event_callback", "event_id": "E", "event": {"type": "message", "bot_id": "B1", "username": "bot"}}),
    ("x", "account", "6", {"user_event": {"revoke": {"date_time": "2026", "target": {"app_id": "1"}, "source": {"user_id": "6"}}}}),
    ("hubspot-v3", "account", "1", {"callbackId": "c", "origin": {"portalId": 1, "actionDefinitionId": 2}, "object": {"objectId": 4}}),
], ids=["a message with a prior one", "a caption", "a bot", "a bot's name", "a revocation", "a workflow's action"])
def test_fields_of_a_sample(scheme, name, want, body):
    assert field(scheme, name, body) == want


def test_second_like_of_one_post_is_stored():
    """The id of a like is made of the user and the post."""
    like = {"for_user_id": "3", "favorite_events": [{"id": "f", "timestamp_ms": 1, "user": {"id_str": "1"}}]}
    body = [json.dumps(like).encode(), json.dumps(like).replace(": 1,", ": 2,").encode()]
    home = with_secret("x")
    assert [request(home, b, path="/w", headers={"X-Own": SECRET})[0].code for b in (*body, body[0])] == ["stored", "stored", "duplicate"]


def twilio(home, query, token):
    """A GET, whose signature covers the URL."""
    proof = base64.b64encode(hmac.new(SECRET.encode(), f"https://hooks.example.com/tw?{query}".encode(), hashlib.sha1).digest()).decode()
    sample = {"path": "/tw", "method": "GET", "query": query, "content_type": "", "body": ""}
    return outcome(post(home, {**sample, "headers": {"X-Twilio-Signature": proof, "I-Twilio-Idempotency-Token": token}})[1])


def test_gets_with_different_queries_are_different_events():
    """They have no body: the signed query tells them apart, also under one token and inside the replay window."""
    home = Home('endpoint "/tw" { scheme = "twilio" url = "https://hooks.example.com/tw" secret-file = {"secret"} replay-window = "1d" }\n')
    sent = [("SmsStatus=sent", "a"), ("SmsStatus=delivered", "a"), ("SmsStatus=read", "b"), ("SmsStatus=sent", "a"), ("SmsStatus=sent", "c")]
    assert [twilio(home, *delivery) for delivery in sent] == ["stored", "stored", "stored", "duplicate", "duplicate"]
    assert [row.get("note") for row in rows(home)] == [None] * 3


def test_signed_url_is_part_of_the_identity():
    """Also in a scheme of one's own: equal bodies to two URLs are two deliveries."""
    home = Home('scheme "own" { header = "X-Sig" signs = "{url}{body}" dedupe-key = {"header:X-Id"} }\n'
                'endpoint "/w" { scheme = "own" url = "https://hooks.example.com/w" secret-file = {"secret"} replay-window = "1d" }\n')

    def ask(query, name):
        headers = {"X-Sig": sign(f"https://hooks.example.com/w?{query}{{}}".encode(), prefix=""), "X-Id": name}
        return request(home, b"{}", path="/w", headers=headers, QUERY_STRING=query)[0].code
    assert [ask(*delivery) for delivery in (("a=1", "1"), ("a=2", "1"), ("a=3", "2"), ("a=1", "1"), ("a=1", "3"))] == \
        ["stored"] * 3 + ["duplicate"] * 2


def test_differently_packed_body_is_a_duplicate():
    """Where the bytes are the identity they are the unpacked ones: no other bytes are told of."""
    home = Home('scheme "own" { header = "X-Sig" }\nendpoint "/w" { scheme = "own" secret-file = {"secret"} }\n')
    packed = [gzip.compress(b'{"event":"a"}', level, mtime=level) for level in (1, 9)]
    sent = [request(home, body, path="/w", headers={"X-Sig": sign(body, prefix=""), "Content-Encoding": "gzip"}) for body in packed]
    assert [reply.code for reply, _ in sent] == ["stored", "duplicate"]
    assert home.cli("stats", "--json").stdout.count(b"altered") == 0


def test_connectsafelys_message_for_another_account_is_stored():
    home = Home()
    sent = [message("urn:1"), message("urn:1", event="message.updated"), message("urn:1", account_id="acc-2"), message("urn:1")]
    assert [request(home, body)[0].code for body in sent] == ["stored", "stored", "stored", "duplicate"]


def test_ids_with_invalid_unicode_stay_different():
    """Surrogates without their other half; the listing takes them."""
    home = Home()
    sent = [b'{"event":"e","data":{"id":"%s"}}' % name for name in (rb"\ud800", rb"\ud801", rb"\udc00", b"?", rb"\ud800")]
    assert [request(home, body)[0].code for body in sent] == ["stored"] * 4 + ["duplicate"]
    assert [row["key"] for row in rows(home)] == ["\\ud800", "\\ud801", "\\udc00", "?"]
    assert len(home.spool.export()) == 4


def test_all_samples_are_there():
    assert len(FILES) >= 190
