# SPDX-License-Identifier: ISC
"""Every provider's scheme on a real server: its own deliveries, its handshake, forms, schemes of one's own, and why one is wrong."""
import base64
import hashlib
import hmac
import json
import re
import struct
import subprocess
import time
from urllib.parse import parse_qsl, quote

import pytest

from outcomes import expect
from place import BIN, SOURCE, run
from receiver import Home, endpoint
from servers import nginx, serving

OPTIONS = json.loads(run([BIN / "hookspool", "check", "--options", "--json"]).stdout)["options"]
BUILT_IN = next(option["choices"] for option in OPTIONS if (option["section"], option["name"]) == ("endpoint", "scheme"))
# those that `hookspool send` has an event for; test_provider_files.py and test_providers.py have all
SCHEMES = sorted(set(re.findall(r'^\t\{"([a-z0-9-]+)", "', (SOURCE / "src/cli/sample_provider.c").read_text(), re.M)) | {
    "connectsafely", "unipile-v1", "unipile-v2", "basic", "bearer", "header", "none"})
TEXT, WHSEC, TOKEN = "It's a secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "verify me"
APP = "of an app whose handshake signs for strangers"
# RFC 8032 section 7.1, TEST 2
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SECRETS = {"standard-webhooks": WHSEC, "svix": WHSEC, "basic": "user:password", "discord": PUBLIC.hex(),
           "linkedin": APP, "x": APP,
           "standard-webhooks-ed25519": "whpk_" + base64.b64encode(PUBLIC).decode()}
PRIVATE = {"discord": SEED.hex(), "standard-webhooks-ed25519": "whsk_" + base64.b64encode(SEED + PUBLIC).decode()}
SIGN_THE_URL = ("twilio", "hubspot-v3")


def section(scheme, under="", **more):
    given = {"scheme": scheme, **more}
    if scheme != "none":
        given["secret_file"] = [f"{scheme}.key"]
    if scheme == "meta":
        given["verify_token_file"] = ["token"]
    if scheme in SIGN_THE_URL:
        given["url"] = f"https://example.com/{scheme}"
    return endpoint(f"{under}/{scheme}", **given)


ACME = """scheme "acme" {
  header = "Acme-Signature"
  separator = ","
  prefix = "sig="
  encoding = "base64"
  signs = "{timestamp}|{id}|{body}"
  timestamp-prefix = "at="
  timestamp-unit = "ms"
  tolerance = "60s"
  id-header = "Acme-Id"
  event = {"json:kind", "text:acme"}
  dedupe-key = {"header:Acme-Id"}
}
endpoint "/acme" { scheme = "acme" secret-file = {"plain"} bodies = {"any"} }
"""


def post(site, path, body, headers):
    return site.deliver(path, body, {"X-Webhook-Signature": None, **headers})


def mac(text, secret=TEXT, digest=hashlib.sha256):
    return hmac.new(secret.encode(), text if isinstance(text, bytes) else text.encode(), digest)


def test_every_scheme_is_tested():
    assert len(SCHEMES) >= 25 and set(SCHEMES) <= set(BUILT_IN)


@pytest.fixture(scope="module")
def front():
    """nginx with every scheme's endpoint, for hookspool send."""
    files = {f"{name}.key": SECRETS.get(name, TEXT) for name in SCHEMES} | {f"{name}.private": text for name, text in PRIVATE.items()}
    home = Home(*(section(name) for name in SCHEMES), files={**files, "token": TOKEN})
    server = nginx(home)
    yield server
    server.stop()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_round_trip(front, scheme):
    """What send signs is stored, once though it comes twice where there is a key; what it signs wrongly is refused."""
    home, url = front.home, f"http://127.0.0.1:{front.port}/{scheme}"
    private = ["--secret-file", home.dir / f"{scheme}.private"] if scheme in PRIVATE else []
    done = home.cli("send", *private, url)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    event = home.spool.event(endpoint=f"/{scheme}")
    assert event["event"] and event["secret"] == (scheme != "none")
    assert TEXT not in event["headers"] and "user:password" not in event["headers"]
    if scheme != "none":
        done = home.cli("send", "--bad-signature", url)
        assert done.returncode == 1 and b"401" in done.stdout, done.stdout.decode() + done.stderr.decode()
    if scheme not in ("none", "microsoft-graph", "unipile-v1", "gitlab", "telegram", "basic", "bearer", "header"):
        done = home.cli("verify", "--endpoint", f"/{scheme}", "--id", str(event["id"]))
        assert done.returncode == 0 and b"right, secret 1" in done.stdout, done.stdout.decode() + done.stderr.decode()
    listed = home.cli("list", "--endpoint", f"/{scheme}")
    assert listed.returncode == 0 and event["event"][:10] in listed.stdout.decode()


def stripe(body, at=None, secret=TEXT):
    at = str(int(time.time()) if at is None else at)
    return {"Stripe-Signature": f"t={at},v1={mac(at.encode() + b'.' + body, secret).hexdigest()}"}


def slack(body, **more):
    at = str(int(time.time()))
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": "v0=" + mac(f"v0:{at}:".encode() + body).hexdigest(), **more}


def signed_by(scheme, body):
    at = str(int(time.time()))
    return {"stripe": lambda: stripe(body), "slack": lambda: slack(body),
            "zoom": lambda: {"x-zm-request-timestamp": at, "x-zm-signature": "v0=" + mac(f"v0:{at}:".encode() + body).hexdigest()},
            "shopify": lambda: {"X-Shopify-Hmac-SHA256": base64.b64encode(mac(body).digest()).decode()}}[scheme]()


@pytest.mark.parametrize("scheme", ["stripe", "slack", "zoom", "shopify"])
def test_delivery_signed_by_the_test_verifies(front, scheme):
    body = json.dumps({"id": time.time_ns(), "type": "t", "event": "t"}).encode()
    headers = signed_by(scheme, body)
    expect(post(front, f"/{scheme}", body + b" ", headers), "unauthorized")
    expect(post(front, f"/{scheme}", body, headers), "stored")
    expect(post(front, f"/{scheme}", body, headers), "duplicate")


def test_old_timestamp(front):
    body = b'{"id":"evt_old","type":"t"}'
    for at in (time.time() - 400, time.time() + 400):
        expect(post(front, "/stripe", body, stripe(body, int(at))), "unauthorized")
    assert front.receivers[0].entries(outcome="unauthorized", endpoint="/stripe")[-1]["reason"].startswith("the signature is right")


@pytest.fixture(scope="module", params=["nginx", "mod_fcgid", "mod_proxy_fcgi", "mod_cgid"])
def site(request):
    """Each web server with the endpoints of the schemes that have a handshake, below /webhook."""
    names = ["dropbox", "meta", "linkedin", "x", "microsoft-graph", "slack", "zoom"]
    home = Home(*(section(name, "/webhook") for name in names), files={**{f"{name}.key": SECRETS.get(name, TEXT) for name in names}, "token": TOKEN})
    with serving(request.param, home) as server:
        yield server


def asked(site, path, query, method="GET"):
    return site.deliver(f"/webhook{path}?{query}", b"", {"X-Webhook-Signature": None}, method=method)


CODE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"


@pytest.mark.parametrize("path, query, method, kind, answer", [
    ("/dropbox", "challenge=abc-1", "GET", "text/plain", "abc-1"),
    ("/meta", f"hub.mode=subscribe&hub.verify_token={quote(TOKEN)}&hub.challenge=1158201444", "GET", "text/plain", "1158201444"),
    ("/linkedin", f"challengeCode={CODE}", "GET", "application/json",
     f'{{"challengeCode":"{CODE}","challengeResponse":"{mac(CODE, APP).hexdigest()}"}}'),
    ("/x", "crc_token=abc", "GET", "application/json", f'{{"response_token":"sha256={base64.b64encode(mac("abc", APP).digest()).decode()}"}}'),
    ("/microsoft-graph", "validationToken=Validation%3A+Testing+1", "POST", "text/plain", "Validation: Testing 1")])
def test_handshakes(site, path, query, method, kind, answer):
    reply = asked(site, path, query, method)
    assert (reply.status, reply.headers["content-type"], reply.body.decode()) == (200, kind, answer)
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["cache-control"] == "no-store"
    name = query.split("=")[0] if path != "/meta" else "hub.challenge"
    for wrong in (f"{query.replace(name + '=', 'x=')}&{name}=%3Cscript%3E", f"{query.replace(name + '=', 'x=')}&{name}={'a' * 513}"):
        reply = asked(site, path, wrong, method)
        assert reply.status in (400, 405, 415) and b"script" not in reply.body and b"aaaa" not in reply.body


def test_meta_with_a_wrong_token(site):
    expect(asked(site, "/meta", "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1"), "unauthorized")


@pytest.mark.parametrize("scheme, body, answer", [
    ("slack", b'{"type":"url_verification","challenge":"3eZbrw1aB"}', b"3eZbrw1aB"),
    ("zoom", b'{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}',
     json.dumps({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": mac("qgg8vlvZRS6UYooatFL8Aw").hexdigest()},
                separators=(",", ":")).encode())])
def test_signed_handshakes(site, scheme, body, answer):
    headers = signed_by(scheme, body)
    reply = post(site, f"/webhook/{scheme}", body, headers)
    assert (reply.status, reply.body, reply.headers["x-content-type-options"]) == (200, answer, "nosniff")
    expect(post(site, f"/webhook/{scheme}", body, {name: "v0=" + "0" * 64 if "ignature" in name else value
                                            for name, value in headers.items()}), "unauthorized")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("body", [b"ssl_check=1&token=invented", b"token=invented&ssl_check=1", b"ssl_check=1"], ids=bytes.decode)
def test_slack_ssl_check(front, body):
    """Unsigned, answered with nothing, and nothing is taken from it."""
    before = len(front.home.spool.events())
    reply = post(front, "/slack", body, FORM)
    assert (reply.status, reply.body, reply.headers.get("content-length")) == (200, b"", "0"), reply
    assert len(front.home.spool.events()) == before
    expect(post(front, "/github", body, FORM), "unauthorized")


@pytest.mark.parametrize("body", [b"ssl_check=1&command=%2Fx&token=abc", b"ssl_check=0&token=abc", b"token=abc", b"ssl_check=1&token=" + b"a" * 600,
                                  b"ssl_check=1&payload=%7B%7D", b'{"ssl_check":1}', b""], ids=lambda body: body.decode()[:40])
def test_no_slack_ssl_check(front, body):
    expect(post(front, "/slack", body, FORM), "unauthorized")


def by_discord(front, body, at=None):
    """Signed with Discord's key, as hookspool send is given it."""
    pem = front.home.dir / "discord.pem"
    der = bytes.fromhex("302e020100300506032b657004220420") + SEED  # RFC 8410 section 7
    pem.write_text("-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PRIVATE KEY-----\n")
    at = str(int(time.time() if at is None else at))
    message = front.home.dir / "message"
    message.write_bytes(at.encode() + body)
    made = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", pem, "-in", message], check=True, capture_output=True).stdout
    return {"X-Signature-Timestamp": at, "X-Signature-Ed25519": made.hex()}


@pytest.mark.parametrize("body, status, answer", [
    ({"version": 1, "application_id": "1", "type": 0}, 204, b""), ({"id": "5", "application_id": "1", "token": "t", "type": 1}, 200, b'{"type":1}')],
    ids=["webhook event", "interaction"])
def test_discord_ping(front, body, status, answer):
    """Answered as Discord asks before it takes a URL, and not stored."""
    before, body = len(front.home.spool.events()), json.dumps(body).encode()
    right = by_discord(front, body)
    reply = post(front, "/discord", body, right)
    assert (reply.status, reply.body) == (status, answer), reply
    wrong = right["X-Signature-Ed25519"]
    expect(post(front, "/discord", body, {**right, "X-Signature-Ed25519": wrong[:-1] + ("0" if wrong[-1] != "0" else "1")}), "unauthorized")
    expect(post(front, "/discord", body, {}), "unauthorized")
    assert len(front.home.spool.events()) == before


def test_discord_has_no_bound_of_age(front):
    body = b'{"type":1,"event":{"type":"LATE","timestamp":"2026-06-01T12:00:00"}}'
    reply = post(front, "/discord", body, by_discord(front, body, time.time() - 3600))
    assert (reply.status, reply.body, front.home.spool.event(body=body)["event"]) == (204, b"", "LATE")


def twilio(body, url="https://example.com/twilio", digest=hashlib.sha1):
    form = "".join(name + value for name, value in sorted(parse_qsl(body.decode(), keep_blank_values=True)))
    return {"X-Twilio-Signature": base64.b64encode(mac(url + form, digest=digest).digest()).decode(), **FORM}


TWIML = "text/xml", b"<Response/>"


@pytest.mark.parametrize("scheme, sign, answer", [("slack", lambda body: slack(body, **FORM), (None, b"")), ("twilio", twilio, TWIML),
                                                  ("twilio", lambda body: twilio(body, digest=hashlib.sha256), TWIML)])
def test_forms_get_the_providers_answer(front, scheme, sign, answer):
    body = f"command=%2Fweather&trigger_id={time.time_ns()}&SmsStatus=received".encode()
    for _ in "stored", "duplicate":
        reply = post(front, f"/{scheme}", body, sign(body))
        assert (reply.status, reply.headers.get("content-type"), reply.body) == (200, *answer), reply
    assert front.home.spool.event(body=body)


@pytest.mark.parametrize("scheme, headers", [("bearer", {"Authorization": f"Bearer {TEXT}"}), ("gitlab", {"X-Gitlab-Token": TEXT}),
                                              ("telegram", {"X-Telegram-Bot-Api-Secret-Token": TEXT}), ("unipile-v1", {"Unipile-Auth": TEXT})])
def test_secret_in_a_header_proves_a_delivery_too(front, scheme, headers):
    for i, (body, kind) in enumerate([(b"{", "application/json"), (b"<a/>", "text/xml"), (b"\xff", None)]):
        body += str(time.time_ns()).encode()
        reply = post(front, f"/{scheme}", body, {**headers, "Content-Type": kind})
        expect(reply, "stored")
        event = front.home.spool.event(id=reply.json["id"])
        assert (event["body"], event["event"]) == (body, "") and event["note"]
        expect(post(front, f"/{scheme}", body, {**{name: value + "x" for name, value in headers.items()}, "Content-Type": kind}), "unauthorized")


def test_answer_of_the_endpoint_overrides_the_providers():
    home = Home(section("twilio", answer_body="<Response/>", answer_type="text/xml"), endpoint("/plain", scheme="twilio", answer_status=200,
                secret_file=["twilio.key"], url="https://example.com/twilio"), files={"twilio.key": TEXT})
    server = nginx(home)
    try:
        body = b"SmsStatus=received&MessageSid=SM1"
        reply = post(server, "/twilio", body, twilio(body))
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/xml", b"<Response/>")
        expect(post(server, "/plain", body, twilio(body)), "stored")
    finally:
        server.stop()


def test_twilio_by_get(front):
    """The parameters stand in the signed query, which has no body."""
    query = f"Body=hi&From=%2B15550100&SmsStatus=received&MessageSid=SM{time.time_ns()}&AccountSid=AC1"
    right = {**twilio(b"", f"https://example.com/twilio?{query}"), "Content-Type": None}
    asked = lambda headers, query=query: front.deliver(f"/twilio?{query}", b"", {"X-Webhook-Signature": None, **headers}, method="GET")
    assert asked(right).status == 200
    event = [event for event in front.home.spool.events(endpoint="/twilio") if query in event["headers"]][0]
    assert (event["event"], event["sender_id"], event["account"], event["body"]) == ("received", "+15550100", "AC1", b"")
    expect(asked(right, query + "&x=1"), "unauthorized")
    expect(asked({}), "unauthorized")
    done = front.home.cli("verify", "--endpoint", "/twilio", "--id", str(event["id"]))
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    expect(front.deliver("/slack", b"", {}, method="GET"), "method_not_allowed")
    reply = front.deliver("/twilio", b"x", {}, method="PUT")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("asked, param", [("/x", "crc_token"), ("/linkedin", "challengeCode")])
@pytest.mark.parametrize("path, header, before", [("/x", "x-twitter-webhooks-signature", ""), ("/linkedin", "X-LI-Signature", "hmacsha256=")])
def test_handshake_forges_no_delivery(front, asked, param, path, header, before):
    """A stranger has texts signed by one handshake, and sends them to each endpoint of that secret. Nothing of it is kept."""
    stored = len(front.home.spool.events())
    for body in (b"forged", b"amount=1000", b"1", b"a" * (512 - len(before)), b"hmacsha256=forged"):
        answer = front.deliver(f"{asked}?{param}={quote(before)}{quote(body.decode())}", b"", {"X-Webhook-Signature": None}, method="GET").json
        made = answer["challengeResponse"] if param == "challengeCode" else base64.b64decode(answer["response_token"][7:]).hex()
        value = made if path == "/linkedin" else "sha256=" + base64.b64encode(bytes.fromhex(made)).decode()
        assert made == mac(before.encode() + body, APP).hexdigest()
        for kind in "application/json", "text/plain", "application/x-www-form-urlencoded", None:
            expect(post(front, path, body, {header: value, "Content-Type": kind}), "unauthorized")
    assert len(front.home.spool.events()) == stored
    for body in b"{}", b"[1]", b'"a"':
        assert front.deliver(f"{asked}?{param}={quote(body.decode())}", b"", {"X-Webhook-Signature": None}, method="GET").status == 405


def test_twilio_duplicate_is_known_by_its_signed_bytes():
    """Not by the body: of a GET it is empty, and the same form can be written in several ways."""
    home = Home(section("twilio", replay_window="1d"), files={"twilio.key": TEXT})
    server = nginx(home)
    token = lambda: {"I-Twilio-Idempotency-Token": str(time.time_ns()), "X-Webhook-Signature": None}
    def ask(query):
        headers = {**twilio(b"", f"https://example.com/twilio?{query}"), "Content-Type": None, **token()}
        assert server.deliver(f"/twilio?{query}", b"", headers, method="GET").status == 200
    try:
        for query in "Body=one&SmsStatus=received", "Body=two&SmsStatus=received", "Body=one&SmsStatus=received":
            ask(query)
        assert len(home.spool.events()) == 2 and {event["note"] for event in home.spool.events()} == {None}
        for body in b"Body=a+b&From=%2B1", b"From=%2b1&Body=a%20b&", b"&Body=%61+b&&From=%2B1", b"Body=other&From=%2B1":
            assert server.deliver("/twilio", body, {**twilio(body), **token()}).status == 200
        assert [event["body"] for event in home.spool.events()][2:] == [b"Body=a+b&From=%2B1", b"Body=other&From=%2B1"]
    finally:
        server.stop()


def test_unread_body_beside_an_id_is_not_kept():
    """Nothing separates id and body here: a part of the id could be taken for a body that cannot be read."""
    home = Home('scheme "beside" { header = "X-S" signs = "{id}{body}" id-header = "X-I" event = {"json:event"} }\n', endpoint("/w", scheme="beside",
                secret_file=["plain"]), files={"plain": TEXT})
    server = nginx(home)
    try:
        signed = {"X-S": mac(b'abc{"event":"e"}').hexdigest()}
        expect(post(server, "/w", b'c{"event":"e"}', {**signed, "X-I": "ab"}), "malformed")
        expect(post(server, "/w", b'{"event":"e"}', {**signed, "X-I": "abc"}), "stored")
    finally:
        server.stop()


@pytest.mark.parametrize("states, code", [
    (["one"], "stored"), (["one", "one"], "stored"), (["one", "two"], "stored"), (["two", "one", "two", "one"], "stored"),
    (["one", "wrong"], "unauthorized"), (["wrong", "one"], "unauthorized"), (["one", "two", "on"], "unauthorized"),
    (["one", None], "unauthorized"), ([None, "one", "two"], "unauthorized"), (["one", "two", None, "one"], "unauthorized"),
    (["one", ""], "unauthorized"), (["one", "two", 1], "unauthorized"), (["one", "two", ["one"]], "unauthorized"), ([], "unauthorized"),
    (["one", "two"] * 2000, "stored"), (["one", "two"] * 2000 + ["wrong"], "unauthorized")], ids=lambda value: str(value)[:40])
def test_each_notification_has_a_right_secret(graph, states, code):
    """Microsoft Graph puts the notifications of several subscriptions into one request."""
    value = [{"changeType": "created", "id": f"{time.time_ns()}-{i}", **({} if state is None else {"clientState": state})}
             for i, state in enumerate(states)]
    expect(post(graph, "/graph", json.dumps({"value": value}).encode(), {}), code)


@pytest.fixture(scope="module")
def graph():
    server = nginx(Home(endpoint("/graph", scheme="microsoft-graph", secret_file=["one.key", "two.key"]), files={"one.key": "one", "two.key": "two"}))
    yield server
    server.stop()


def test_order_of_parameters_cannot_choose_a_value(front):
    """Twilio signs them sorted: of two values of one name none is the first."""
    body = b"SmsStatus=received&From=%2B1&From=%2B2&Body=two"
    assert post(front, "/twilio", body, twilio(body)).status == 200
    event = front.home.spool.event(body=body)
    assert (event["event"], event["sender_id"]) == ("received", None)


def test_content_type_cannot_choose_the_parser(front):
    """One signed body has the same fields whatever its unsigned Content-Type: a captured delivery cannot be bent by it."""
    for scheme, body, make in (
            ("slack", b"command=%2Fx&trigger_id=T1&user_id=U1", slack), ("slack", b'{"type":"event_callback","event_id":"E1","event":{"type":"message"}}', slack),
            ("github", b"payload=%7B%22sender%22%3A%7B%22login%22%3A%22octocat%22%7D%7D",
             lambda body: {"X-Hub-Signature-256": "sha256=" + mac(body).hexdigest(), "X-GitHub-Event": "push", "X-GitHub-Delivery": "D1"}),
            ("twilio", b"SmsStatus=received&From=%2B1&Body=hi", lambda body: twilio(body))):
        for kind in "application/json", "application/x-www-form-urlencoded", "text/plain", None:
            assert post(front, f"/{scheme}", body, {**make(body), "Content-Type": kind}).status == 200
        stored = front.home.spool.event(body=body)
        assert stored["event"] in ("/x", "message", "push", "received") and stored["note"] is None


def test_forms(front):
    form = FORM
    body = b"payload=" + quote('{"sender":{"login":"octocat"},"action":"opened"}').encode()
    headers = {"X-Hub-Signature-256": "sha256=" + mac(body).hexdigest(), "X-GitHub-Event": "issues", "X-GitHub-Delivery": "form-1"}
    expect(post(front, "/github", body, {**form, **headers}), "stored")
    event = front.home.spool.event(key="form-1")
    assert (event["event"], event["sender_name"], event["body"]) == ("issues", "octocat", body)
    body = b"command=%2Fweather&text=94070&trigger_id=13345224609.8534564800&user_id=U2"
    assert post(front, "/slack", body, slack(body, **form)).status == 200
    assert front.home.spool.event(key="13345224609.8534564800")["event"] == "/weather"
    body = b"payload=%7B"
    expect(post(front, "/github", body, {**form, **headers, "X-Hub-Signature-256": "sha256=" + mac(body).hexdigest(), "X-GitHub-Delivery": "form-2"}), "stored")
    assert front.home.spool.event(body=body)["note"] == "not JSON"


def test_custom_scheme_with_any_body():
    home = Home(ACME, endpoint(), files={"plain": TEXT})
    server = nginx(home)
    try:
        body, at = b"<xml kind='no JSON'/>\xff", str(time.time_ns() // 1_000_000)
        signature = base64.b64encode(mac(at.encode() + b"|id-1|" + body).digest()).decode()
        headers = {"Content-Type": "text/xml", "Acme-Id": "id-1", "Acme-Signature": f"at={at},sig={signature}"}
        expect(post(server, "/acme", body, headers), "stored")
        expect(post(server, "/acme", body, headers), "duplicate")
        expect(post(server, "/acme", body, {**headers, "Acme-Id": "id-2"}), "unauthorized")
        event = home.spool.event(key="id-1")
        assert (event["event"], event["body"]) == ("acme", body)
        expect(server.deliver("/webhook/linkedin", body, {"Content-Type": "text/xml", "X-Webhook-Signature": None}), "unsupported_type")
        done = home.cli("verify", "--endpoint", "/acme", "--id", str(event["id"]))
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    finally:
        server.stop()


@pytest.mark.parametrize("text, words", [
    ('header = "X"\nsigns = "{nonsense}"', "in braces"), ('header = "X"\nsigns = "{timestamp}.{body}"', "from nowhere"),
    ('header = "X"\ntimestamp-header = "Y"', "isn't signed"), ('header = "X"\nsigns = "{timestamp}"\ntimestamp-header = "Y"', "not signed"),
    ('like = "strype"', "no such built-in"), ('algorithm = "md5"', "hmac-sha256"), ("", "needs a header"), ('header = "X Y"', "letters"),
    ('header = "X"\nevent = {"xml:a"}', "json:PATH"), ('header = "X"\nevent = {"json:a..b"}', "json:PATH"),
    ('header = "X"\nevent = {"body"}', "json:PATH"), ('header = "X"\nseparator = ":"', "separator"),
    ('header = "X"\ntolerance = "soon"', "no time"), ('header = "X"\nbodies = {"xml"}', '"any"'),
    ('like = "slack"\nhandshake = "crc"', "crc-token"), ('header = "X"\nsigns = "{id}.{body}"', "id from nowhere")])
def test_wrong_schemes(text, words):
    home = Home()
    home.write("hookspool.conf", f'scheme "acme" {{\n{text}\n}}\nendpoint "/w" {{\nscheme = "acme"\nsecret-file = {{"secret"}}\n}}\n')
    done = home.cli("check")
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 2 and words in said and re.search(rf"{re.escape(str(home.conf))}:\d", said), said


@pytest.mark.parametrize("given, words", [
    ({"scheme": "stripes"}, "comes further down"), ({"scheme": "standard-webhooks"}, "not base64"), ({"scheme": "discord"}, "hexadecimal"),
    ({"scheme": "twilio"}, "signs the URL"), ({"scheme": "meta"}, "verify-token-file"), ({"url": "example.com"}, "https://example.com")])
def test_wrong_endpoints(given, words):
    home = Home(endpoint(**given))
    done = home.cli("check")
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 2 and words in said and re.search(rf"{re.escape(str(home.conf))}:\d", said), said
    assert "whsec-7f1c" not in said


BODY = {"event": "e", "name": "Zoë", "path": "a/b"}
COMPACT = json.dumps(BODY, separators=(",", ":"), ensure_ascii=False).encode()


def hex_header(signed, secret=TEXT):
    return "X-Webhook-Signature: sha256=" + mac(signed, secret).hexdigest()


@pytest.mark.parametrize("scheme, body, header, words", [
    ("connectsafely", COMPACT, hex_header(json.dumps(BODY)), "parsed and written again"),
    ("connectsafely", json.dumps(BODY, indent=2).encode(), hex_header(COMPACT), "parsed and written again"),
    ("connectsafely", COMPACT, hex_header(json.dumps(BODY, separators=(",", ":")).replace("/", "\\/")), "parsed and written again"),
    ("connectsafely", COMPACT + b"\n", hex_header(COMPACT), "line feed at the end"),
    ("connectsafely", COMPACT, hex_header(COMPACT + b"\n"), "line feed is missing"),
    ("connectsafely", COMPACT, hex_header(COMPACT, TEXT + "\n"), "secret ends with a line feed"),
    ("connectsafely", COMPACT, "X-Webhook-Signature: sha256=" + base64.b64encode(mac(COMPACT).digest()).decode(), "in base64"),
    ("connectsafely", COMPACT, "X-Webhook-Signature: " + mac(COMPACT).hexdigest(), "prefix"),
    ("connectsafely", COMPACT, "X-Hub-Signature-256: sha256=" + mac(COMPACT).hexdigest(), 'signed as GitHub signs (scheme = "github")'),
    ("connectsafely", COMPACT, "X-Webhook-Signature: sha256=" + mac(COMPACT, digest=hashlib.sha512).hexdigest(), "signed with HMAC-SHA512 and not with HMAC-SHA256"),
    ("connectsafely", COMPACT, hex_header(COMPACT, "another secret"), "not found"),
    ("shopify", COMPACT, "X-Shopify-Hmac-SHA256: " + mac(COMPACT).hexdigest(), "in hexadecimal"),
    ("stripe", COMPACT, f"Stripe-Signature: t=1700000000,v1={mac(b'1700000000.' + COMPACT).hexdigest()}", "too old"),
    ("standard-webhooks", COMPACT, "webhook-id: a\nwebhook-timestamp: 1\nwebhook-signature: v1,"
     + base64.b64encode(mac(b"a.1." + COMPACT, WHSEC).digest()).decode(), "without decoding it"),
    ("x", b"forged", "x-twitter-webhooks-signature: sha256=" + base64.b64encode(mac(b"forged", APP).digest()).decode(), "the body is no JSON: the handshake"),
    ("svix", COMPACT, "webhook-id: a\nwebhook-timestamp: 1\nwebhook-signature: v1,AAAA", "not found"),
    ("twilio", b"a=1", "Content-Type: application/x-www-form-urlencoded\nX-Twilio-Signature: "
     + base64.b64encode(mac("http://example.com/twilioa1", digest=hashlib.sha1).digest()).decode(), "http and https")])
def test_explain(scheme, body, header, words):
    home = Home(section(scheme), files={f"{scheme}.key": SECRETS.get(scheme, TEXT)})
    (home.dir / "body").write_bytes(body)
    home.write("headers", header)
    done = home.cli("verify", "--explain", "--headers", home.dir / "headers", home.dir / "body")
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 1 and words in said, said
    assert TEXT not in said and WHSEC not in said


def token(claims, header=None, secret=TEXT):
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header or {"alg": "HS256"}, claims)]
    signature = base64.urlsafe_b64encode(mac(b".".join(parts), secret).digest()).rstrip(b"=")
    return "Authorization: Bearer " + b".".join(parts + [signature]).decode()


JWT = 'algorithm = "jwt-hs256" header = "Authorization" prefix = "Bearer " claims = {"exp", "aud={url}", "hash={body-sha256}"}'
IN_BODY = 'algorithm = "hmac-sha256" signature = {"json:s"} signs = "{json:a}:{json:b}"'
RIGHT = {"exp": 4000000000, "aud": "https://hooks.example.com/w", "hash": hashlib.sha256(COMPACT).hexdigest()}


@pytest.mark.parametrize("scheme, body, header, status, words", [
    (JWT, COMPACT, token(RIGHT), 0, ["right, secret 1"]),
    (JWT, COMPACT, token(RIGHT | {"exp": 1}), 1, ["has expired", '\\"exp\\": 1']),
    (JWT, COMPACT, token(RIGHT | {"aud": ["https://other.example.com/"]}), 1, ["claim aud is not what the scheme wants", "aud={url}", "other.example.com"]),
    (JWT, COMPACT + b"\n", token(RIGHT), 1, ["claim hash is not", "line feed at the end"]),
    (JWT, COMPACT, token(RIGHT, {"alg": "none"}), 1, ["alg is not HS256", "none"]),
    (JWT, COMPACT, token(RIGHT, secret="another"), 1, ["wrong signature", "expected"]),
    (JWT, COMPACT, "Authorization: Basic eA==", 1, ["the prefix before the token is missing"]),
    (IN_BODY, json.dumps({"a": 1, "b": "x", "s": mac("1:x").hexdigest()}).encode(), "", 0, ["right, secret 1", "{json:a}:{json:b}"]),
    (IN_BODY, json.dumps({"a": 1, "s": mac("1:x").hexdigest()}).encode(), "", 1, ['"1:"', "the body has nothing at b"]),
    (IN_BODY, json.dumps({"a": 1, "b": "x"}).encode(), "", 1, ["nothing is where the scheme has the proof"]),
    (IN_BODY, b"not json", "", 1, ["the proof in the body cannot be read: not JSON"])])
def test_proof_in_a_token_or_the_body_is_explained(scheme, body, header, status, words):
    home = Home(files={"key": TEXT})
    home.write("hookspool.conf", f'spool = "spool"\nscheme "own" {{ {scheme} }}\n'
               'endpoint "/w" { scheme = "own" secret-file = {"key"} url = "https://hooks.example.com/w" }\n')
    (home.dir / "body").write_bytes(body)
    home.write("headers", header + "\n")
    done = home.cli("verify", "--explain", "--headers", home.dir / "headers", home.dir / "body")
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == status and all(word in said for word in words), said
    assert TEXT not in said


# FIPS 180-4, section 4.2.2
PRIMES = [n for n in range(2, 312) if all(n % k for k in range(2, n))]
ROUND = [int(n ** (1 / 3) % 1 * 2 ** 32) for n in PRIMES]


def rotated(x, n):
    return (x >> n | x << 32 - n) & 0xFFFFFFFF


def compress(state, block):
    """One block of SHA-256: FIPS 180-4, section 6.2.2."""
    w = list(struct.unpack("!16I", block))
    for t in range(16, 64):
        low, high = w[t - 15], w[t - 2]
        w.append((w[t - 16] + (rotated(low, 7) ^ rotated(low, 18) ^ low >> 3) + w[t - 7]
                  + (rotated(high, 17) ^ rotated(high, 19) ^ high >> 10)) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = state
    for t in range(64):
        one = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + (e & f ^ ~e & g) + ROUND[t] + w[t]
        two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (one + two) & 0xFFFFFFFF, a, b, c, (d + one) & 0xFFFFFFFF, e, f, g
    return [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def padding(n):
    return b"\x80" + bytes(-(n + 9) % 64) + struct.pack("!Q", 8 * n)


def test_lengthened_body_under_a_plain_hash_is_refused():
    """A stranger has one delivery, and makes the right hash of a longer one without the secret."""
    home = Home('scheme "hash" { algorithm = "sha256" header = "X-Hash" bodies = {"json", "form"} event = {"json:e", "form:e"} dedupe-key = {"body"} }\n',
                endpoint("/w", scheme="hash", secret_file=["key"]), files={"key": TEXT})
    body, more = b'{"e":"one"}', b'{"e":"two"}'
    right = hashlib.sha256(TEXT.encode() + body).hexdigest()
    glue = padding(len(TEXT) + len(body))
    state = list(struct.unpack("!8I", bytes.fromhex(right)))
    tail = more + padding(len(TEXT) + len(body) + len(glue) + len(more))
    for at in range(0, len(tail), 64):
        state = compress(state, tail[at:at + 64])
    longer, forged = body + glue + more, struct.pack("!8I", *state).hex()
    assert forged == hashlib.sha256(TEXT.encode() + longer).hexdigest()
    server = nginx(home)
    expect(post(server, "/w", body, {"X-Hash": right}), "stored")
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        reply = post(server, "/w", longer, {"X-Hash": forged, "Content-Type": kind})
        assert reply.status in (400, 415), reply
    expect(post(server, "/w", body, {"X-Hash": right}), "duplicate")
    server.stop()


def test_send_says_which_proof_it_cannot_make():
    home = Home(files={"key": TEXT})
    home.write("hookspool.conf", f'spool = "spool"\nscheme "own" {{ {JWT} }}\n'
               'endpoint "/w" { scheme = "own" secret-file = {"key"} url = "https://hooks.example.com/w" }\n')
    done = home.cli("send", "http://127.0.0.1:9/w")
    assert done.returncode == 64 and b"is a token; send makes none of these" in done.stderr, done.stderr


def test_check_names_what_a_proof_in_the_body_leaves_unsigned():
    home = Home(files={"key": TEXT})
    home.write("hookspool.conf", f'spool = "spool"\nscheme "own" {{ {IN_BODY} event = {{"json:a"}} dedupe-key = {{"json:id"}} text = {{"json:b"}} account = {{"json:c"}} }}\n'
               'endpoint "/w" { scheme = "own" secret-file = {"key"} }\n')
    said = home.cli("check").stdout.decode()
    assert "nothing signs dedupe-key, account;" in said, said


@pytest.mark.parametrize("signs, apart", [
    ("{timestamp}.{form:a}{form:id}", False), ("{timestamp}.{form:id}{form:a}", False), ("{timestamp}.{if form:id}{form:id}{end}{form:a}", False),
    ("{timestamp}.{form:a}.{form:id}", True), ("{timestamp}{form:id}", True), ("{timestamp}.{form:a}{form:id}.{form:id}", True), ("{form:id}{timestamp}", True)])
def test_value_is_signed_where_nothing_can_be_moved_into_it(signs, apart):
    """Two values without a text between them: of a captured delivery, bytes of one can be moved into the other."""
    home = Home(files={"key": TEXT})
    home.write("hookspool.conf", 'spool = "spool"\nscheme "own" { signature = {"form:sig"} timestamp = "form:time" bodies = {"form"} '
               f'signs = "{signs}" event = {{"text:e"}} dedupe-key = {{"form:id"}} }}\nendpoint "/w" {{ scheme = "own" secret-file = {{"key"}} }}\n')
    said = home.cli("check").stdout.decode()
    assert ("all fields come from" if apart else "nothing signs dedupe-key;") in said, said


def test_token_signs_no_id_beside_it():
    home = Home(files={"key": TEXT})
    home.write("hookspool.conf", f'spool = "spool"\nscheme "own" {{ {JWT} id-header = "X-Id" dedupe-key = {{"header:X-Id"}} }}\n'
               'endpoint "/w" { scheme = "own" secret-file = {"key"} url = "https://hooks.example.com/w" }\n')
    done = home.cli("check")
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 2 and "remove id-header" in said and re.search(rf"{re.escape(str(home.conf))}:\d", said), said


def test_check_warns_once_of_a_secret_in_several_endpoints():
    """One finding a secret names all of its endpoints, and not one for each two of them."""
    names = ["github", "stripe", "shopify", "calendly", "typeform"]
    home = Home(*map(section, names), files={f"{name}.key": TEXT for name in names} | {"shopify.key": "another", "calendly.key": "another"})
    said = home.cli("check").stdout.decode()
    warnings = [line for line in said.splitlines() if line.startswith("warn") and "also stands in endpoint" in line]
    assert len(warnings) == 2 and TEXT not in said, said
    assert "endpoint /github: " in warnings[0] and "endpoint /stripe, /typeform, and" in warnings[0]
    assert "endpoint /shopify: " in warnings[1] and "endpoint /calendly, and" in warnings[1]


@pytest.mark.parametrize("scheme, more, words", [
    ("x", {"bodies": ["json", "any"]}, "write bodies"), ("linkedin", {"bodies": ["form"]}, "write bodies")])
def test_handshake_that_signs_for_strangers_takes_json_only(scheme, more, words):
    home = Home(section(scheme, **more), files={f"{scheme}.key": TEXT})
    done = home.cli("check")
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 2 and words in said and re.search(rf"{re.escape(str(home.conf))}:\d", said), said


def test_secret_of_a_handshake_that_signs_for_strangers_stands_alone():
    home = Home(section("x"), section("slack"), files={"x.key": APP, "slack.key": APP})
    done = home.cli("check")
    assert done.returncode == 2 and b"a secret of its own" in done.stdout + done.stderr
