# SPDX-License-Identifier: ISC
"""Handshakes of one's own: each place of a question and each form of an answer, hostile questions, a secret that is kept; and answers of schemes."""
import base64
import hashlib
import hmac
import json

import pytest

from fcgi_client import Fcgi, params, whole
from outcomes import expect
from page import Page
from receiver import Home, endpoint
from sender import SECRET

JSON = {"X-Webhook-Signature": None, "Content-Type": "application/json"}
FORM = {"X-Webhook-Signature": None, "Content-Type": "application/x-www-form-urlencoded"}
NOTION, ASANA = "secret_sample0001", "sample0123456789abcdef"

# As the providers have them: developer.monday.com, learn.microsoft.com/azure/event-grid, developers.notion.com, developers.asana.com,
# dev.frontapp.com, developer.okta.com, CloudEvents' HTTP 1.1 Web Hooks; and one with an event, one with a form, one with an HMAC.
SECTIONS = r"""
handshake "monday" { question = "json:challenge" signed = false answer-type = "application/json" answer-body = '{"challenge":"{challenge}"}' }
handshake "grid" { question = "json:0.data.validationCode" signed = false event = "Validation" answer-type = "application/json"
  answer-body = '{"validationResponse":"{challenge}"}' }
handshake "notion" { question = "json:verification_token" signed = false keep = true }
handshake "asana" { question = "header:X-Hook-Secret" signed = false keep = true answer-headers = {"X-Hook-Secret: {challenge}"} }
handshake "front" { question = "header:X-Front-Challenge" answer-body = "{challenge}" }
handshake "okta" { method = "GET" question = "header:X-Okta-Verification-Challenge" answer-type = "application/json"
  answer-body = '{"verification":"{challenge}"}' }
handshake "cloud" { method = "OPTIONS" question = "header:WebHook-Request-Origin"
  answer-headers = {"WebHook-Allowed-Origin: {challenge}", "WebHook-Allowed-Rate: *", "Allow: POST"} }
handshake "form" { question = "form:echo" signed = false answer-body = "<{challenge}>" }
handshake "mac" { question = "json:token" event = "check" answer-type = "application/json"
  answer-body = '{"hex":"{hmac-hex}","base64":"{hmac-base64}"}' }
handshake "token" { method = "GET" question = "query:ask" verify-token = "query:token" answer-body = "{challenge}" }
scheme "monday" { header = "X-Signature" handshake = "monday" event = {"json:event.type"} }
scheme "grid" { header = "X-Signature" handshake = {"grid", "cloud"} event = {"json:0.eventType"} }
scheme "notion" { header = "X-Signature" handshake = {"notion"} event = {"json:type", "text:other"} }
scheme "asana" { header = "X-Hook-Signature" handshake = {"asana"} event = {"json:type", "text:heartbeat"} }
scheme "front" { header = "X-Signature" handshake = {"front"} }
scheme "okta" { like = "bearer" handshake = {"okta"} }
scheme "trello" { header = "X-Signature" handshake = "head" }
scheme "form" { header = "X-Signature" bodies = {"form"} handshake = {"form"} }
scheme "mac" { header = "X-Signature" handshake = {"mac", "token"} event = {"json:event"} }
"""
NAMES = ["monday", "grid", "notion", "asana", "front", "okta", "trello", "form", "mac"]


@pytest.fixture(scope="module")
def home():
    given = {name: {"verify_token_file": ["token"]} if name == "mac" else {} for name in NAMES}
    return Home(SECTIONS, *(endpoint(f"/{name}", scheme=name, **more) for name, more in given.items()), files={"token": "t k"}, log_bodies=True)


@pytest.fixture(scope="module")
def receiver(home):
    one = home.start()
    yield one
    one.stop()


def ask(receiver, path, body=b"", headers=JSON, method="POST", query=""):
    listed = [(name, value) for name, value in params(path, body, headers, method) if name != "QUERY_STRING"]
    with Fcgi(receiver.socket) as fcgi:
        fcgi.send(whole([*listed, ("QUERY_STRING", query)], body, keep=False))
        return fcgi.reply()


def mac(text):
    return hmac.new(SECRET.encode(), text.encode() if isinstance(text, str) else text, hashlib.sha256)


def signed(body, **more):
    return {**JSON, "X-Signature": mac(body).hexdigest(), **{name.replace("_", "-"): value for name, value in more.items()}}


def answered(reply, body, kind, **headers):
    assert (reply.status, reply.body.decode(), reply.headers.get("content-type")) == (200, body, kind), reply
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["cache-control"] == "no-store"
    for name, value in headers.items():
        assert reply.headers[name.replace("_", "-")] == value


GRID = b'[{"eventType":"%s","data":{"validationCode":"%s"}}]'


@pytest.mark.parametrize("path, body, kind", [("/monday", '{"challenge":"%s"}', "application/json"),
                                              ("/grid", GRID.decode() % ("Validation", "%s"), "application/json")])
def test_question_in_unsigned_json(receiver, home, path, body, kind):
    before = len(home.spool.events())
    answer = '{"challenge":"ab-1"}' if path == "/monday" else '{"validationResponse":"ab-1"}'
    answered(ask(receiver, path, (body % "ab-1").encode()), answer, kind)
    answered(ask(receiver, path, (body % "ab-1").encode() + b" " * 3900), answer, kind)
    expect(ask(receiver, path, (body % "ab-1").encode() + b" " * 4096), "unauthorized")
    expect(ask(receiver, path, (body % "ab-1").encode(), {**JSON, "X-Signature": "0" * 64}), "unauthorized")
    expect(ask(receiver, path, (body % "ab-1").encode()[:-1]), "unauthorized")
    expect(ask(receiver, path, b'{"challenge":"a","challenge":"b"}'), "unauthorized")
    assert len(home.spool.events()) == before and not [r for r in home.spool.rejects() if r["code"] == "challenge" and r["endpoint"] == path]


HOSTILE = ["<script>alert(1)</script>", "a\r\nSet-Cookie: a=1", "a\nb", "\0", "é", "\u202e", 'zq"', "zq'", "zq\\", "{}", "%0d%0a", "a&b", "a" * 513, ""]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_question_is_not_answered(receiver, text):
    for path, body in (("/monday", json.dumps({"challenge": text})), ("/grid", GRID.decode() % ("Validation", "%s") % json.dumps(text)[1:-1])):
        expect(ask(receiver, path, body.encode()), "unauthorized", text or None)
    expect(ask(receiver, "/form", b"echo=" + "".join(f"%{c:02x}" for c in text.encode()).encode(), FORM), "unauthorized")
    for path, name, method in (("/okta", "X-Okta-Verification-Challenge", "GET"), ("/grid", "WebHook-Request-Origin", "OPTIONS"), ("/asana", "X-Hook-Secret", "POST")):
        reply = ask(receiver, path, b"", {**JSON, name: text.encode()}, method)
        assert reply.status in (401, 405) and (not text or text not in reply.body.decode() + str(reply.headers)), reply


@pytest.mark.parametrize("body", [b'{"challenge":"\xff"}', b'{"challenge":"\xc0\xaf"}', b'{"challenge":"\\ud800"}', b'{"challenge":["a"]}', b'{"challenge":1}',
                                  b'{"challenge":true}', b'{"a":{"challenge":"a"}}', b"[" * 4000, b'{"challenge":"' + b"a" * 1_000_000 + b'"}'],
                         ids=lambda body: repr(body[:24]))
def test_broken_question_is_not_answered(receiver, body):
    expect(ask(receiver, "/monday", body), "unauthorized")


def test_question_of_another_event(receiver):
    expect(ask(receiver, "/grid", GRID % (b"Other", b"ab-1")), "unauthorized")


def test_event_with_the_signature_of_a_handshake_is_stored(receiver):
    body = b'{"event":{"type":"create"}}'
    expect(ask(receiver, "/monday", body, signed(body)), "stored")


def test_question_in_a_form(receiver):
    answered(ask(receiver, "/form", b"echo=a%20b&x=1", FORM), "<a b>", "text/plain")
    expect(ask(receiver, "/form", b"echo=a&x=" + b"a" * 512, FORM), "unauthorized")
    expect(ask(receiver, "/form", b'{"echo":"a"}', FORM), "unauthorized")


def test_question_in_a_header(receiver):
    answered(ask(receiver, "/okta", headers={**JSON, "X-Okta-Verification-Challenge": "sample-1"}, method="GET"), '{"verification":"sample-1"}', "application/json")
    expect(ask(receiver, "/okta", headers={**JSON, "X-Okta-Verification-Challenge": "sample-1"}), "unauthorized")
    answered(ask(receiver, "/grid", headers={**JSON, "WebHook-Request-Origin": "e.example.com"}, method="OPTIONS"), "", None,
             webhook_allowed_origin="e.example.com", webhook_allowed_rate="*", allow="POST")


def test_head(receiver):
    reply = ask(receiver, "/trello", method="HEAD")
    assert (reply.status, reply.headers["content-length"]) == (200, "0")
    for method in ("GET", "OPTIONS", "PUT"):
        assert ask(receiver, "/trello", method=method).status == 405
    assert ask(receiver, "/monday", method="HEAD").status == 405


def test_signed_question_in_a_header(receiver, home):
    body, before = b'{"type":"sync"}', len(home.spool.events(endpoint="/front"))
    answered(ask(receiver, "/front", body, signed(body, X_Front_Challenge="sample-1")), "sample-1", "text/plain")
    signature = bytearray(mac(body).digest())
    for bit in range(0, len(signature) * 8, 8):
        signature[bit // 8] ^= 1 << bit % 7
        expect(ask(receiver, "/front", body, signed(body, X_Front_Challenge="sample-1", X_Signature=signature.hex())), "unauthorized", "sample-1")
        signature[bit // 8] ^= 1 << bit % 7
    expect(ask(receiver, "/front", body + b" ", signed(body, X_Front_Challenge="sample-1")), "unauthorized", "sample-1")
    expect(ask(receiver, "/front", body, {**JSON, "X-Front-Challenge": "sample-1"}), "unauthorized", "sample-1")
    assert len(home.spool.events(endpoint="/front")) == before
    expect(ask(receiver, "/front", body, signed(body, X_Front_Challenge="<b>")), "stored")


def test_hmac_of_a_question(receiver):
    body = b'{"event":"check","token":"qgg8"}'
    answered(ask(receiver, "/mac", body, signed(body)), json.dumps({"hex": mac("qgg8").hexdigest(), "base64": base64.b64encode(mac("qgg8").digest()).decode()},
                                                                   separators=(",", ":")), "application/json")
    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]
        reply = expect(ask(receiver, "/mac", changed, signed(body)), "unauthorized")
        assert mac("qgg8").hexdigest() not in str(reply)
    expect(ask(receiver, "/mac", body), "unauthorized")


def test_verify_token(receiver):
    answered(ask(receiver, "/mac", method="GET", query="ask=1&token=t+k"), "1", "text/plain")
    expect(ask(receiver, "/mac", method="GET", query="ask=1&token=t"), "unauthorized")
    expect(ask(receiver, "/mac", method="GET", query="ask=1"), "unauthorized")


@pytest.mark.parametrize("path, headers, body, secret", [("/notion", {}, b'{"verification_token":"%s"}' % NOTION.encode(), NOTION),
                                                         ("/asana", {"X-Hook-Secret": ASANA}, b"", ASANA)])
def test_secret_that_a_handshake_brings(receiver, home, path, headers, body, secret):
    """`hookspool rejects` shows it, and nothing else does."""
    reply = ask(receiver, path, body, {**JSON, **headers})
    answered(reply, "", None, **({"x_hook_secret": ASANA} if path == "/asana" else {}))
    receiver.until(lambda: [r for r in home.spool.rejects() if r["endpoint"] == path and r["code"] == "challenge"], "the row is there")
    rejects = [json.loads(line) for line in home.cli("rejects", "--json", "--endpoint", path).stdout.splitlines()]
    row = next(r for r in rejects if r["outcome"] == "challenge")
    assert row["body"] == secret
    assert secret in home.cli("rejects", str(row["id"])).stdout.decode()
    assert secret not in home.cli("rejects", "--endpoint", path).stdout.decode() and secret not in receiver.text()
    assert b"not kept whole" in home.cli("rejects", "--verify", str(row["id"])).stdout
    home.configure(SECTIONS, *(endpoint(f"/{name}", scheme=name, **({"verify_token_file": ["token"]} if name == "mac" else {})) for name in NAMES), page_access="open")
    page = Page(home)
    answer = page.get(f"/event/r{row['id']}.json")
    assert answer.status == 200 and secret not in str(answer.json) and answer.json["outcome"] == "challenge"
    page.stop()
    lines = [{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}]
    lines += [{"jsonrpc": "2.0", "id": 2 + i, "method": "tools/call", "params": {"name": tool, "arguments": {key: row["id"]}}}
              for i, (tool, key) in enumerate((("list_refused", "id"), ("explain_signature", "refused")))]
    told = home.cli("mcp", stdin="".join(json.dumps(line) + "\n" for line in lines).encode()).stdout.decode()
    assert "challenge" in told and secret not in told
    assert secret.encode() not in home.cli("export").stdout
    body = b'{"type":"page"}'
    expect(ask(receiver, path, body, {**signed(body), "X-Hook-Signature": mac(body).hexdigest()}), "stored")


def test_flood_of_kept_secrets_is_bounded():
    """Rows of one stranger push out rows of one stranger."""
    home = Home(SECTIONS, endpoint("/notion", scheme="notion"), reject_keep=20)
    one = home.start()
    for i in range(60):
        ask(one, "/notion", b'{"verification_token":"t%d"}' % i)
    one.stop()
    assert 0 < len(home.spool.rejects()) <= 21


def test_questions_are_rate_limited():
    home = Home(SECTIONS, endpoint("/monday", scheme="monday", rate="2/m", rate_burst=2))
    one = home.start()
    statuses = [ask(one, "/monday", b'{"challenge":"a"}').status for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    one.stop()


@pytest.mark.parametrize("section, words", [
    ('question = "body:x"', "json:PATH"), ('question = "json:a..b"', "json:PATH"), ('signed = false', "every delivery"), ("", "every delivery"),
    ('method = "GET" question = "json:a"', "no body"), ('method = "GET" question = "query:a" signed = true', "only a POST is signed"),
    ('question = "query:a"', "signed = false"), ('method = "HEAD" event = "x"', "remove event"), ('method = "HEAD" keep = true', "no question"),
    ('method = "GET" answer-body = "{challenge}"', "no question"), ('question = "json:a" answer-body = "{chalenge}"', "no placeholder"),
    ('question = "json:a" answer-body = "{challenge}{hmac-sha1}"', "no placeholder"), ('question = "json:a" answer-body = "{Challenge}"', "no placeholder"),
    ('question = "json:a" answer-type = "text/html" answer-body = "x"', "unknown"), ('question = "json:a" answer-type = "text/plain"', "media type"),
    ('question = "json:a" answer-status = 201', "200 or 204"), ('question = "json:a" answer-status = 204 answer-body = "x"', "no body"),
    ('question = "json:a" answer-headers = {"X-Accel-Redirect: {challenge}"}', "may have the header"),
    ('question = "json:a" answer-headers = {"Location: x"}', "may have the header"), ('question = "json:a" answer-headers = {"Allow: {challenge}"}', "may have"),
    *((f'question = "header:{name}" answer-headers = {{"{name}: {{challenge}}"}}', "Hook, Challenge or Verification in it")
      for name in ("X-Accel-Redirect", "X-Sendfile", "Status", "Location", "Set-Cookie", "Content-Length", "Transfer-Encoding", "X-LiteSpeed-Location")),
    ('question = "header:X-A" answer-headers = {"X-A:x"}', "Name: value"), ('question = "json:a" verify-token = "query:t"', "goes with"),
    ('question = "header:X-A" signed = false event = "x"', "remove event"), ('method = "PUT" question = "query:a"', "unknown")])
def test_wrong_section_is_refused(section, words):
    done = Home(f'handshake "own" {{ {section} }}\n' + endpoint()).cli("check")
    assert done.returncode != 0 and words in done.stderr.decode() + done.stdout.decode(), done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("sections, words", [
    ('scheme "own" { header = "X" handshake = "later" }', "no handshake, or comes further down"),
    ('handshake "hub" { question = "json:a" }', "built in"), ('handshake "none" { question = "json:a" }', "built in"),
    ('handshake "a" { question = "json:a" } handshake "b" { question = "json:b" } scheme "own" { header = "X" handshake = {"a", "b"} }', "add event"),
    ('scheme "own" { header = "X" handshake = {"ping", "url-verification", "head"} }', "more than 4"),
    ('handshake "a" { question = "json:a" answer-body = "{hmac-hex}" } scheme "own" { like = "bearer" handshake = "a" }', "hmac-sha256"),
    ('handshake "a" { question = "header:X-A" answer-body = "{hmac-hex}" } scheme "own" { header = "X" handshake = "a" }', "nothing signs"),
    ('handshake "a" { question = "json:a" signed = false answer-body = "{hmac-hex}" } scheme "own" { header = "X" bodies = {"any"} handshake = "a" }\n'
     'endpoint "/o" { scheme = "own" secret-file = {"secret"} }', 'bodies = {"json"}')])
def test_wrong_scheme_of_a_handshake_is_refused(sections, words):
    done = Home(sections + "\n" + endpoint()).cli("check")
    assert done.returncode != 0 and words in done.stderr.decode() + done.stdout.decode(), done.stdout.decode() + done.stderr.decode()


# Adyen's, Dropbox Sign's, Twilio's; an empty 200, a 204, and a status alone
ANSWERS = {"adyen": ('answer-body = "[accepted]"', 200, b"[accepted]", "text/plain"),
           "sign": ('answer-body = "Hello API Event Received"', 200, b"Hello API Event Received", "text/plain"),
           "twiml": ('answer-type = "text/xml" answer-body = "<Response/>" answer-to = "all"', 200, b"<Response/>", "text/xml"),
           "empty": ('answer-body = ""', 200, b"", None), "no-content": ("answer-status = 204", 204, b"", None)}


def test_answers_of_schemes():
    """Accepted deliveries and duplicates get it, refused ones do not; an endpoint's own answer comes first, and forms alone can have it."""
    text = "".join(f'scheme "{name}" {{ {more} header = "X-Signature" }}\n' for name, (more, *_) in ANSWERS.items())
    text += 'scheme "forms" { header = "X-Signature" bodies = {"json", "form"} answer-to = "forms" answer-body = "form" }\n'
    text += 'scheme "other" { header = "X-Signature" answer-status = 202 }\n'
    home = Home(text, *(endpoint(f"/{name}", scheme=name) for name in [*ANSWERS, "forms", "other"]), endpoint("/own", scheme="adyen", answer_status=202, answer_body="mine"))
    one, body = home.start(), b'{"event":"e"}'
    for name, (_, status, answer, kind) in ANSWERS.items():
        for _ in range(2):
            reply = ask(one, f"/{name}", body, signed(body))
            assert (reply.status, reply.body, reply.headers.get("content-type")) == (status, answer, kind), (name, reply)
        refused = ask(one, f"/{name}", body, signed(body + b" "))
        if name == "empty":  # developer.xero.com: 401, and no body in the response
            assert (refused.status, refused.body, refused.headers.get("content-type")) == (401, b"", None), refused
        else:
            expect(refused, "unauthorized")
    assert (ask(one, "/own", body, signed(body)).status, ask(one, "/own", body, signed(body)).body) == (202, b"mine")
    reply = ask(one, "/other", body, signed(body))
    assert (reply.status, reply.code) == (202, "stored")
    expect(ask(one, "/forms", body, signed(body)), "stored")
    assert ask(one, "/forms", b"a=1", {**signed(b"a=1"), "Content-Type": FORM["Content-Type"]}).body == b"form"
    one.stop()


@pytest.mark.parametrize("more, words", [('answer-type = "text/xml"', "media type"), ('answer-status = 500', "200, 201"), ('answer-status = 204 answer-body = "x"', "no body"),
                                         ('answer-body = "x" answer-type = "a\\r\\nb"', "media type"), ('answer-to = "some"', "unknown")])
def test_wrong_answer_of_a_scheme_is_refused(more, words):
    done = Home(f'scheme "own" {{ header = "X" {more} }}\n' + endpoint()).cli("check")
    assert done.returncode != 0 and words in done.stderr.decode() + done.stdout.decode(), done.stdout.decode() + done.stderr.decode()


def test_joined_names_choose_events():
    """Names of several sources, as Pipedrive and Linear need them, can be told apart by the endpoint's events."""
    home = Home('scheme "own" { header = "X-Signature" event = {"json:meta.entity + text:. + json:meta.action", "json:meta.entity"} }\n',
                endpoint("/own", scheme="own", events=["deal.updated", "ping"]))
    one = home.start()
    for meta, code in (({"entity": "deal", "action": "updated"}, "stored"), ({"entity": "deal", "action": "deleted"}, "ignored"), ({"entity": "ping"}, "stored")):
        body = json.dumps({"meta": meta}).encode()
        expect(ask(one, "/own", body, signed(body)), code)
    assert [event["event"] for event in home.spool.events()] == ["deal.updated", "ping"]
    one.stop()
