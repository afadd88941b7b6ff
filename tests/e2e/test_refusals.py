# SPDX-License-Identifier: ISC
"""What is kept of refused deliveries: what each was asked with, and shares that a stranger's junk cannot take."""
import hashlib
import hmac
import json
import random

import fcgi_client
from outcomes import expect
from place import until
from receiver import Home, endpoint
from sender import message

PATH = "/webhook/linkedin"


def ask(fcgi, body=b"", address="127.0.0.1", **how):
    """A delivery that the web server passes for that address, and its answer."""
    listed = [(name, address if name == "REMOTE_ADDR" else value) for name, value in fcgi_client.params(body=body, **how)]
    fcgi.send(fcgi_client.whole(listed, body))
    return fcgi.reply()


def signature(body, secret):
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def rejects(home, *args):
    done = home.cli("rejects", "--json", "-n", "0", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def until_counted(home, n):
    until(lambda: sum(home.spool.counters().values()) == n, f"{n} counted deliveries")


def test_junk_takes_only_its_own_share(receiver):
    """Real deliveries that a wrong secret refused outlive strangers' junk of every kind, and can be accepted."""
    other = "/webhook/other"
    home = Home(endpoint(), endpoint(other), reject_bodies=True, reject_keep=160, log_level="error")
    one = receiver(home=home)
    real = [message() for _ in range(30)]
    chance = random.Random(15)
    with fcgi_client.Fcgi(one.socket) as fcgi:
        for body in real:
            expect(ask(fcgi, body, headers=[("X-Webhook-Signature", signature(body, "the-secret-that-comes"))]), "unauthorized")
        until_counted(home, len(real))
        for i in range(900):
            address = f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.{i % 256}"
            junk = b'{"event":"junk"}' * chance.randrange(1, 50)
            no_signature = {"headers": [("X-Webhook-Signature", None)]}
            ask(fcgi, junk, address, **chance.choice([
                {"path": f"/no/{i}", "method": "GET"}, {"path": PATH, "method": chance.choice(["GET", "PUT", "DELETE"])},
                {"path": PATH, **no_signature}, {"path": PATH, "headers": [("Content-Type", f"text/x-{i}"), ("X-Webhook-Signature", None)]},
                {"path": other, **no_signature}, {"path": other, "headers": [("X-Webhook-Signature", "sha256=" + "0" * 64)]}]))
        for i in range(300):  # a stranger of one address, with signatures of the right form
            ask(fcgi, b"{}", "198.51.100.7", headers=[("X-Webhook-Signature", "sha256=" + f"{i:064x}")])
    until_counted(home, len(real) + 1200)
    kept = rejects(home)
    assert len(kept) == 160
    assert sum(r.get("body") in {body.decode() for body in real} for r in kept) == len(real)
    home.write("new", "the-secret-that-comes")
    home.configure(endpoint(secret_file=["secret", "new"]), endpoint(other), reject_bodies=True, reject_keep=160)
    done = home.cli("rejects", "--accept")
    assert done.returncode == 0, done.stderr
    assert {event["body"] for event in home.spool.events()} == set(real)


def test_rejects_name_path_method_and_type(receiver):
    """Each as it was asked, and safe on a terminal."""
    home = Home(endpoint())
    one = receiver(home=home)
    expect(fcgi_client.deliver(one.socket, b"", path="/wp-login.php\x1b[31m"), "not_found")
    expect(fcgi_client.deliver(one.socket, b"", method="DELETE"), "method_not_allowed")
    expect(fcgi_client.deliver(one.socket, b"<a/>", headers=[("Content-Type", "text/xml"), ("X-Webhook-Signature", None)]), "unsupported_type")
    until_counted(home, 3)
    path, method, kind = rejects(home)
    assert (path["outcome"], path["path"], path["endpoint"]) == ("not_found", "/wp-login.php\x1b[31m", None)
    assert (method["outcome"], method["method"], method["path"]) == ("method_not_allowed", "DELETE", None)
    assert (kind["outcome"], kind["content_type"], kind["endpoint"]) == ("unsupported_type", "text/xml", PATH)
    shown = home.cli("rejects").stdout.decode()
    assert all(text in shown for text in ("/wp-login.php", "DELETE", "text/xml")) and "\x1b" not in shown
    assert "body          0 bytes, not kept; reject-bodies = true keeps the next ones" in home.cli("rejects", str(kind["id"])).stdout.decode()
    assert one.entries(outcome="method_not_allowed")[0]["method"] == "DELETE"
    assert one.entries(outcome="unsupported_type")[0]["content_type"] == "text/xml"


def test_long_path_is_kept_cut(receiver):
    home = Home(endpoint())
    one = receiver(home=home)
    for path in ("/" + "a" * 900, "/" + "a" * 2000):
        expect(fcgi_client.deliver(one.socket, b"", path=path), "not_found")
    until_counted(home, 2)
    cut, none = rejects(home)
    assert cut["path"] == "/" + "a" * 511
    assert "1023 bytes" in none["reason"]


def test_wrong_slash_in_the_path_is_explained(receiver):
    home = Home(endpoint("/a"), endpoint("/b/"))
    one = receiver(home=home)
    for path in ("/a/", "/a///", "/b", "/c/", "/"):
        expect(fcgi_client.deliver(one.socket, message(), path=path), "not_found")
    until_counted(home, 5)
    reasons = [r["reason"] for r in rejects(home)]
    assert reasons == ["endpoint /a exists without the slash"] * 2 + ["endpoint /b/ exists with a slash at its end", None, None]
    assert one.entries(path="/a/")[0]["reason"] == reasons[0]
